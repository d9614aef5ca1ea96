"""ngspice, one process per run.

Its exit status is not used to decide anything but "ended by a signal": version 39 ends with 1
on right answers and with 0 when the disk was full. What counts is what it printed and what is
in the raw file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from cosim.errors import ConfigError, IncompleteResult, SimulatorNotFound
from cosim.simulators.base import ProcessSettings
from cosim.simulators.failures import disk_full, log_tail
from cosim.simulators.ngspice_log import NETLIST_NAME, failure_of, warnings_in
from cosim.simulators.process import run_directory, run_process
from cosim.simulators.raw import Plot, check_plot, read_raw

RAW_NAME = "result.raw"
LOG_NAME = "ngspice.log"
# Read instead of the user's own ~/.spiceinit, so that a run does not depend on it.
# Threads make small circuits slower; binary is what the reader reads.
_INIT = "set num_threads=1\nset filetype=binary\nset nomoremode\n"
_HOW_TO_INSTALL = (
    "Install it (Debian, Ubuntu: `apt-get install ngspice`; macOS: `brew install ngspice`), or "
    "name the program in the environment variable COSIM_NGSPICE"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class RawRun:
    """What one ngspice process left behind.

    Parameters
    ----------
    plots : list of Plot
    log : str
    wall_time : float
        Seconds.
    netlist_sha256 : str
    warnings : tuple of str
        Warnings ngspice printed, without repetition.
    run_directory : str
        Empty when it was removed.
    """

    plots: list[Plot]
    log: str
    wall_time: float
    netlist_sha256: str
    warnings: tuple[str, ...]
    run_directory: str


@lru_cache(maxsize=8)
def _version(program: str) -> str:
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"ngspice-(\S+)", done.stdout.decode(errors="replace"))
    return match.group(1) if match else ""


@dataclass(frozen=True, kw_only=True)
class NgspiceProgram(ProcessSettings):
    """Runs complete netlists in ngspice.

    Parameters
    ----------
    executable : str, optional
        Program; default is ``$COSIM_NGSPICE``, else ``ngspice`` on the path.
    devices : {"auto", "subcircuit", "osdi"}
        Devices as behavioural subcircuits, which every ngspice runs, or as compiled Verilog-A,
        10 to 25 times faster. By default compiled where this ngspice loads compiled models and
        the compiler is installed (see :mod:`cosim.simulators.osdi`).
    **settings
        Of :class:`cosim.simulators.base.ProcessSettings`.
    """

    executable: str | None = None
    devices: Literal["auto", "subcircuit", "osdi"] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.devices not in ("auto", "subcircuit", "osdi"):
            raise ConfigError(
                thing="how ngspice shall evaluate devices",
                value=self.devices,
                limit="auto, subcircuit, osdi",
                next_step="osdi is compiled Verilog-A; subcircuit runs in every ngspice",
            )

    @property
    def name(self) -> str:
        """``"ngspice"``."""
        return "ngspice"

    @property
    def program(self) -> str:
        """Path of the program.

        Raises
        ------
        SimulatorNotFound
        """
        wanted = self.executable or os.environ.get("COSIM_NGSPICE") or "ngspice"
        found = shutil.which(wanted)
        if found is None:
            raise SimulatorNotFound(
                thing="ngspice cannot be found",
                value=wanted,
                limit="a program on the path",
                next_step=_HOW_TO_INSTALL,
            )
        return found

    @property
    def version(self) -> str:
        """Version as ngspice prints it, e.g. ``"39"``; empty when it does not answer."""
        return _version(self.program)

    def run_text(
        self,
        netlist: str,
        *,
        expect: Sequence[str] = (),
        stop: float | None = None,
        files: Mapping[str, Path] = MappingProxyType({}),
    ) -> RawRun:
        """Run a complete netlist and return what it wrote.

        Parameters
        ----------
        netlist : str
            Complete file, first line is the title. Vectors named in its ``.save`` lines come back;
            a ``.control`` block must write ``result.raw`` itself.
        expect : sequence of str
            Vectors, e.g. ``"v(a)"``, that must be in the last plot.
        stop : float, optional
            Axis value that the last plot must reach.
        files : mapping of str to Path
            Linked into the run's folder under these names, for the netlist to load.

        Raises
        ------
        SimulatorNotFound, NetlistRejected, NotConverged, SimulationTimeout, SimulatorKilled,
        DiskFull, IncompleteResult
        """
        program = self.program
        with run_directory("cosim-ngspice-", self.work_directory, self.keep) as directory:
            for name, path in files.items():
                (directory / name).symlink_to(path)
            run = self._run_in(directory, program, netlist)
            check_plot(
                run.plots[-1],
                expect=expect,
                stop=stop,
                next_step="The result is not used; read the log and the netlist",
                run_directory=run.run_directory,
                log_tail=log_tail(run.log),
            )
        return run if self.keep == "always" else replace(run, run_directory="")

    def _run_in(self, directory: Path, program: str, netlist: str) -> RawRun:
        try:
            (directory / ".spiceinit").write_text(_INIT, encoding="utf-8")
            (directory / NETLIST_NAME).write_text(netlist, encoding="utf-8")
            environment = {k: v for k, v in os.environ.items() if not k.startswith("SPICE_ASCII")}
            environment["LC_ALL"] = "C"
            # With -r, ngspice deletes what a .control block wrote to the same file.
            has_control = re.search(r"(?im)^\s*\.control\b", netlist) is not None
            output = [] if has_control else ["-r", RAW_NAME]
            outcome = run_process(
                [program, "-b", *output, NETLIST_NAME],
                directory=directory,
                deadline=self.deadline,
                log_name=LOG_NAME,
                environment=environment,
            )
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise disk_full(directory, "") from error
            raise SimulatorNotFound(
                thing=f"ngspice cannot be started: {error}",
                value=program,
                next_step=_HOW_TO_INSTALL,
                run_directory=str(directory),
            ) from error
        failure = failure_of(outcome, directory)
        if failure is not None:
            raise failure
        try:
            plots = read_raw(directory / RAW_NAME)
        except IncompleteResult as error:
            if shutil.disk_usage(directory).free < 65536:
                raise disk_full(directory, log_tail(outcome.log)) from error
            error.log_tail = log_tail(outcome.log)
            raise
        return RawRun(
            plots=plots,
            log=outcome.log,
            wall_time=outcome.wall_time,
            netlist_sha256=hashlib.sha256(netlist.encode()).hexdigest(),
            warnings=warnings_in(outcome.log),
            run_directory=str(directory),
        )
