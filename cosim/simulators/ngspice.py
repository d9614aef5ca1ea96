"""ngspice as a simulator of testbenches; how it is run: :mod:`.ngspice_program`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosim.simulators.ngspice_program import NgspiceProgram, RawRun

if TYPE_CHECKING:
    from cosim.simulators.base import Result
    from netlists.testbench import Testbench

__all__ = ["NgspiceSimulator", "RawRun"]


@dataclass(frozen=True, kw_only=True)
class NgspiceSimulator(NgspiceProgram):
    """Runs testbenches, and complete netlists, in ngspice.

    Parameters
    ----------
    **settings
        Of :class:`cosim.simulators.ngspice_program.NgspiceProgram`.
    """

    def run(self, testbench: Testbench) -> Result:
        """Run a testbench; see :class:`cosim.simulators.base.Simulator`."""
        from cosim.simulators.ngspice_testbench import run_testbench

        return run_testbench(self, testbench)
