"""The ngspice that runs somebody's compiled devices."""

from __future__ import annotations

from cosim.simulators.compiled import that_runs
from cosim.simulators.ngspice import NgspiceSimulator


def simulator_of(simulator: NgspiceSimulator | None, *, compiled: bool) -> NgspiceSimulator:
    """An ngspice, by default the usual one, which loads compiled devices if it must.

    Raises
    ------
    SimulatorNotFound
        It must, and neither the usual one does nor that of ``$COSIM_NGSPICE_OSDI``, or the
        compiler is missing.
    """
    return that_runs(simulator or NgspiceSimulator(), compiled=compiled)
