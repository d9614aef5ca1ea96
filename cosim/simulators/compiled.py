"""Which ngspice runs a circuit whose devices exist as compiled Verilog-A only."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from compact_models.foreign_model import ForeignModel
from cosim.errors import SimulatorNotFound
from cosim.simulators.ngspice_program import NgspiceProgram
from cosim.simulators.osdi import chosen_devices, loads_compiled_models

if TYPE_CHECKING:
    from netlists.testbench import Testbench

Ngspice = TypeVar("Ngspice", bound=NgspiceProgram)


def needs_compiled(testbench: Testbench) -> bool:
    """Whether a device of a testbench exists as compiled Verilog-A only."""
    cell = testbench.array.cell
    return isinstance(cell.reram, ForeignModel) or bool(getattr(cell.selector, "modules", {}))


def that_runs(simulator: Ngspice, *, compiled: bool) -> Ngspice:
    """The simulator itself, or where devices are compiled one that loads them.

    That is the one of ``$COSIM_NGSPICE_OSDI`` where the usual one does not, and none was named.

    Raises
    ------
    SimulatorNotFound
        Neither loads compiled devices, or the compiler is missing.
    """
    if not compiled:
        return simulator
    named = os.environ.get("COSIM_NGSPICE_OSDI")
    usual = shutil.which(os.environ.get("COSIM_NGSPICE") or "ngspice")
    able = usual is not None and loads_compiled_models(usual)
    if named and simulator.executable is None and not able:
        simulator = replace(simulator, executable=named)
    simulator = replace(simulator, devices="osdi")
    try:
        chosen_devices(simulator)
    except SimulatorNotFound as error:
        raise SimulatorNotFound(
            thing="a device of this circuit exists as compiled Verilog-A only, and " + error.thing,
            value=error.value,
            limit=error.limit,
            next_step="`.ci/ngspice-backports DIR` gets an ngspice that does (name it in "
            "COSIM_NGSPICE_OSDI), pip install 'reram-cosim[verilog-a]' the compiler",
        ) from error
    return simulator
