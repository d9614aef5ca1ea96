"""One run of an outside program that is not ngspice: netlist in, checked result out."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
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
    SimulatorError,
    SimulatorNotFound,
)
from cosim.simulators.base import Result, RunProvenance
from cosim.simulators.check import Checker
from cosim.simulators.checked_cells import cells_to_check, check_probes
from cosim.simulators.failures import disk_full, log_tail, stopped
from cosim.simulators.osdi import compile_module
from cosim.simulators.process import Outcome, run_directory, run_process
from cosim.simulators.raw import Plot, check_plot, read_raw

if TYPE_CHECKING:
    from netlists.osdi import CompiledNetlist
    from netlists.testbench import Testbench

RAW_NAME = "result.raw"

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
    folder = run_directory(f"cosim-{simulator.name}-", simulator.work_directory, simulator.keep)
    with folder as directory:
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
    ended = stopped(program.label, outcome, directory)
    if ended is not None:
        return ended
    tail = log_tail(outcome.log)
    told: dict[str, Any] = {"run_directory": str(directory), "log_tail": tail}
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
    stop = analysis.stop if isinstance(analysis, Transient) else None
    check_plot(plot, expect=expected, stop=stop, **told)
    if isinstance(analysis, DcSweep) and len(plot.values) != len(analysis.points):
        raise IncompleteResult(
            thing="the sweep did not solve all of its points",
            value=len(plot.values),
            limit=str(len(analysis.points)),
            **told,
        )
    return plot
