"""neospice (PyPI ``neospice``, MIT): a third reader of the netlists that ngspice gets.

It needs no program beside Python's packages, and no compiler. It evaluates the same behavioural
sources as ngspice with a solver of its own; see :mod:`netlists.neospice` for what is written
differently. Tried and trusted with version 0.2.0, a beta: what it does not read it leaves out
with a warning, and such a run is refused here.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulatorNotFound
from cosim.simulators.base import ProcessSettings, Result
from cosim.simulators.outside import RAW_NAME, Program, run_outside
from cosim.simulators.raw import Plot

if TYPE_CHECKING:
    from netlists.osdi import CompiledNetlist
    from netlists.testbench import Testbench

NETLIST_NAME = "circuit.cir"
NAMES = "names.json"
_WORKER = Path(__file__).with_name("neospice_worker.py")
_HOW_TO_INSTALL = "pip install 'reram-cosim[neospice]'"


@dataclass(frozen=True, kw_only=True)
class NeospiceSimulator(ProcessSettings):
    """Runs testbenches in neospice: one process per run.

    Parameters
    ----------
    **settings
        Of :class:`cosim.simulators.base.ProcessSettings`.
    """

    @property
    def name(self) -> str:
        """``"neospice"``."""
        return "neospice"

    @property
    def version(self) -> str:
        """Version of the package.

        Raises
        ------
        SimulatorNotFound
        """
        try:
            return version("neospice")
        except PackageNotFoundError as error:
            raise SimulatorNotFound(
                thing="neospice is not installed", next_step=_HOW_TO_INSTALL
            ) from error

    @property
    def program(self) -> Program:
        """How it is run.

        Raises
        ------
        SimulatorNotFound
        """
        self.version  # noqa: B018
        return Program(
            label="neospice",
            # -P: this folder holds a file of the library's own name.
            command=(sys.executable, "-P", str(_WORKER), NETLIST_NAME, NAMES, RAW_NAME),
            netlist_name=NETLIST_NAME,
            how_to_install=_HOW_TO_INSTALL,
            devices="subcircuit",
            diverged=lambda log: "analysis failed" in log,
            refused=_refused,
            warning=r"\[topology WARNING\] (.*)",
            names=NAMES,
        )

    def run(self, testbench: Testbench) -> Result:
        """Run a testbench; see :class:`cosim.simulators.base.Simulator`.

        Raises
        ------
        NetlistError
            It breaks an electrical rule, or holds what neospice does not read.
        SimulatorNotFound, NetlistRejected, NotConverged, SimulationTimeout, SimulatorKilled,
        DiskFull, IncompleteResult, InconsistentResult
        """
        return run_outside(self, testbench, self.program, _netlist, _axis)


def _netlist(testbench: Testbench) -> CompiledNetlist:
    from netlists.neospice import neospice_netlist

    return neospice_netlist(testbench)


def _refused(log: str) -> bool:
    """A line that was left out, or read as something else."""
    return re.search(r"(?m)^Warning: ", log) is not None


def _axis(testbench: Testbench, plot: Plot) -> NDArray[np.float64]:
    return plot.axis
