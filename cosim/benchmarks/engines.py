"""The ngspice programs of this machine, as peers."""

from __future__ import annotations

import os
from functools import lru_cache

from cosim.errors import SimulatorNotFound
from cosim.simulators.ngspice import NgspiceSimulator

GET_PLAIN = "apt-get install ngspice, or name the program in COSIM_NGSPICE"
GET_COMPILED = (
    "an ngspice with the command osdi (.ci/ngspice-backports DIR; name it in COSIM_NGSPICE_OSDI) "
    "and pip install 'reram-cosim[verilog-a]'"
)


@lru_cache(maxsize=1)
def plain() -> NgspiceSimulator | None:
    """The ngspice that every run takes, with devices as B-source subcircuits."""
    simulator = NgspiceSimulator(check=False, keep="never", devices="subcircuit")
    try:
        _ = simulator.program
    except SimulatorNotFound:
        return None
    return simulator


@lru_cache(maxsize=1)
def compiled() -> NgspiceSimulator | None:
    """An ngspice that loads compiled Verilog-A: ``$COSIM_NGSPICE_OSDI``, or the usual one."""
    from cosim.simulators.osdi import compiler_works, loads_compiled_models

    for executable in (os.environ.get("COSIM_NGSPICE_OSDI"), None):
        simulator = NgspiceSimulator(
            executable=executable, check=False, keep="never", devices="osdi"
        )
        try:
            program = simulator.program
        except SimulatorNotFound:
            continue
        if loads_compiled_models(program) and compiler_works():
            return simulator
    return None


def title(simulator: NgspiceSimulator) -> str:
    """Name of a row, e.g. ``"ngspice 46 OSDI"``."""
    return f"ngspice {simulator.version}" + (" OSDI" if simulator.devices == "osdi" else "")
