"""One run of an outside program that is not ngspice: netlist in, checked result out."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosim.errors import (
    IncompleteResult,
    NetlistRejected,
    NotConverged,
    SimulationTimeout,
    SimulatorError,
    SimulatorKilled,
    SimulatorNotFound,
)
from cosim.simulators.base import Result, RunProvenance
from cosim.simulators.check import Checker, cells_to_check, check_probes
from cosim.simulators.ngspice_log import disk_full, log_tail
from cosim.simulators.osdi import compile_module
from cosim.simulators.process import Outcome, run_process
from cosim.simulators.raw import Plot, read_raw

if TYPE_CHECKING:
    from netlists.osdi import CompiledNetlist
    from netlists.testbench import Testbench

RAW_NAME = "result.raw"
_FULL = ("no space left on device", "file too large", "quota exceeded")

Axis = NDArray[np.float64]


class Settings(Protocol):
    """What the simulators that run through this module have in common."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def deadline(self) -> float: ...
    @property
    def work_directory(self) -> str | None: ...
    @property
    def keep(self) -> str: ...
    @property
    def check(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Program:
    """How one program is started, and how its log is read.

    Parameters
    ----------
    label : str
        Its name in messages.
    command : tuple of str
        Runs the netlist of that name in the working folder and writes ``result.raw``.
    netlist_name : str
    how_to_install : str
    devices : str
        How it evaluates devices, for the provenance.
    diverged : callable
        Whether a log says that there is no solution; else a run without a result was refused.
    refused : callable
        Whether a log says that the netlist was not taken as it is, though there is a result.
    warning : str
        Regular expression of a warning, with one group.
    names : str
        File with the vectors that shall come back, as a JSON list, for a program that needs one.
    """

    label: str
    command: tuple[str, ...]
    netlist_name: str
    how_to_install: str
    devices: str
    diverged: Callable[[str], bool]
    refused: Callable[[str], bool] = lambda log: False
    warning: str = r"(?i)warning: (.*)"
    names: str = ""


def run_outside(
    simulator: Settings,
    testbench: Testbench,
    program: Program,
    write: Callable[[Testbench], CompiledNetlist],
    axis_of: Callable[[Testbench, Plot], Axis],
) -> Result:
    """Run a testbench; see :class:`cosim.simulators.base.Simulator`."""
    from netlists.testbench import OperatingPoint

    testbench.check()
    wanted = testbench
    chosen = cells_to_check(testbench) if simulator.check else None
    if chosen is not None:
        extra = check_probes(testbench, chosen)
        wanted = replace(testbench, probes=tuple(dict.fromkeys((*testbench.probes, *extra))))
    netlist = write(wanted)
    if simulator.work_directory:
        Path(simulator.work_directory).mkdir(parents=True, exist_ok=True)
    prefix = f"cosim-{simulator.name}-"
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=simulator.work_directory))
    done = False
    try:
        outcome = execute(program, netlist, directory, simulator.deadline)
        plot = checked_plot(testbench, tuple(netlist.vectors.values()), outcome, directory)
        found = plot.columns()
        values = np.asarray(plot.values, dtype=np.float64)
        resting = isinstance(testbench.analysis, OperatingPoint)
        axis = np.zeros(len(values)) if resting else axis_of(testbench, plot)
        columns = {name: found[new] for name, new in netlist.vectors.items()}
        probes = {n: v.evaluate(values, columns) for n, v in wanted.vectors().items()}
        if chosen is not None:
            Checker(wanted, chosen, axis, probes, str(directory)).check()
        done = True
    finally:
        if simulator.keep == "never" or (done and simulator.keep == "failed"):
            shutil.rmtree(directory, ignore_errors=True)
    return Result(
        axis=axis,
        data={name: probes[name] for name in testbench.probes},
        provenance=RunProvenance(
            simulator=simulator.name,
            version=simulator.version,
            netlist_sha256=hashlib.sha256(netlist.text.encode()).hexdigest(),
            wall_time=outcome.wall_time,
            warnings=tuple(dict.fromkeys(re.findall(program.warning, outcome.log)))[:10],
            devices=program.devices,
        ),
    )


def execute(
    program: Program, netlist: CompiledNetlist, directory: Path, deadline: float
) -> Outcome:
    """Write the netlist into `directory` and run it; raises what a failed run stands for."""
    try:
        for stem, text in netlist.modules.items():
            (directory / f"{stem}.osdi").symlink_to(compile_module(text, name=stem))
        (directory / program.netlist_name).write_text(netlist.text, encoding="utf-8")
        if program.names:
            wanted = json.dumps(list(netlist.vectors.values()))
            (directory / program.names).write_text(wanted, encoding="utf-8")
        outcome = run_process(
            list(program.command),
            directory=directory,
            deadline=deadline,
            log_name="simulator.log",
            environment={**os.environ, "LC_ALL": "C", "OMP_NUM_THREADS": "1"},
        )
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise disk_full(directory, "") from error
        raise SimulatorNotFound(
            thing=f"{program.label} cannot be started: {error}",
            value=program.command[0],
            next_step=program.how_to_install,
            run_directory=str(directory),
        ) from error
    failure = failure_of(program, outcome, directory)
    if failure is not None:
        raise failure
    return outcome


def failure_of(program: Program, outcome: Outcome, directory: Path) -> SimulatorError | None:
    """The error that a finished process stands for, or None."""
    tail = log_tail(outcome.log)
    told: dict[str, Any] = {"run_directory": str(directory), "log_tail": tail}
    if outcome.timed_out:
        return SimulationTimeout(
            thing=f"{program.label} passed its deadline and was stopped",
            value=f"{outcome.wall_time:.3g} s",
            next_step="Give it a longer deadline, a smaller array or fewer pulses a run",
            **told,
        )
    low = outcome.log.lower()
    if outcome.code == -signal.SIGXFSZ or any(word in low for word in _FULL):
        return disk_full(directory, tail)
    if outcome.code < 0:
        return SimulatorKilled(
            thing=f"{program.label} was ended by a signal",
            value=signal.Signals(-outcome.code).name,
            next_step="SIGKILL often means that memory ran out: use a smaller array or fewer "
            "runs at a time",
            **told,
        )
    written = (directory / RAW_NAME).is_file() and outcome.code == 0
    last = "; ".join(tail.splitlines()[-3:])[:300]
    if program.refused(outcome.log) or not (written or program.diverged(outcome.log)):
        return NetlistRejected(
            thing=f"{program.label} refused the netlist: {last}",
            next_step=f"Read {program.netlist_name} in the run directory",
            **told,
        )
    if not written:
        return NotConverged(
            thing=f"{program.label} found no solution: {last}",
            next_step="Use slower edges, a smaller maximum step or method=gear",
            **told,
        )
    return None


def checked_plot(
    testbench: Testbench, expected: tuple[str, ...], outcome: Outcome, directory: Path
) -> Plot:
    """The plot of a run, refused where something is missing, not finite or ends early."""
    from netlists.testbench import DcSweep, Transient

    told: dict[str, Any] = {"run_directory": str(directory), "log_tail": log_tail(outcome.log)}
    analysis = testbench.analysis
    try:
        plot = read_raw(directory / RAW_NAME)[-1]
    except IncompleteResult as error:
        if shutil.disk_usage(directory).free < 65536:
            raise disk_full(directory, told["log_tail"]) from error
        error.log_tail = told["log_tail"]
        raise
    found = plot.columns()
    missing = [name for name in expected if name not in found]
    if missing or not len(plot.values):
        raise IncompleteResult(
            thing=f"{len(missing)} of {len(expected)} vectors did not come back",
            value=missing[:5],
            **told,
        )
    finite = np.isfinite(plot.values).all(axis=0)
    if not finite.all():
        bad = [plot.names[k] for k in np.flatnonzero(~finite)[:5]]
        raise IncompleteResult(thing="vectors are not finite", value=bad, **told)
    if isinstance(analysis, Transient):
        end, stop = float(plot.axis[-1]), analysis.stop
        if abs(end - stop) > 1e-6 * stop:
            raise IncompleteResult(
                thing="the run ended before its stop value", value=end, limit=f"{stop:g}", **told
            )
    elif isinstance(analysis, DcSweep) and len(plot.values) != len(analysis.points):
        raise IncompleteResult(
            thing="the sweep did not solve all of its points",
            value=len(plot.values),
            limit=str(len(analysis.points)),
            **told,
        )
    return plot
