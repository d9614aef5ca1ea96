"""How the native solver is told to work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosim.errors import ConfigError, SimulationTimeout
from cosim.simulators.base import check_deadline

if TYPE_CHECKING:
    from compact_models.parameters import ParameterSet


@dataclass(frozen=True, kw_only=True, eq=False)
class ParameterChange:
    """Other values of device parameters from some time on, e.g. for cycle-to-cycle spread.

    Parameters
    ----------
    time : float
        [s]
    values : mapping of str to ndarray, shape (rows, cols)
        Parameters of the memory device, SI; initial states have no effect.
    """

    time: float
    values: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        if not np.isfinite(self.time):
            raise ConfigError(
                thing="time of a change of parameters [s]", value=self.time, limit="finite"
            )


@dataclass(frozen=True, kw_only=True)
class NativeSettings:
    """Tolerances and ways of the native solver.

    Parameters
    ----------
    tolerance : float
        Largest imbalance of currents at any node, relative to the largest branch current.
    state_tolerance : float
        Error of a held state per time step, relative to its normalised size plus 0.01.
    deadline : float
        Seconds after which a run is stopped.
    threads : int
        Threads that share the cells of arrays from 64 x 64 up.
    keep_max_step : bool
        Take no step longer than the analysis' ``max_step`` at constant voltages either. By
        default it holds on ramps, whose points are a curve; elsewhere the error of the states
        alone decides, and a plateau is as few points as that allows.
    line_capacitance : bool
        Charge the capacitances of the lines and of the devices in transients, and let the
        temperature lag. Otherwise all of it is quasi-static: word lines are at their drivers'
        voltages and no displacement current flows.
    train_from : int
        Trains of at least so many equal pulses are taken by jumps over the pulses between which
        little changes, with control of the error; 0: every pulse is integrated. The provenance
        says where this was done, how and with what error. Of the pulses within a jump only some
        come back, and of those only the end of the period.
    train_tolerance : float
        Error of a held state per jump, relative to its normalised size plus 0.01.
    stand_in : bool, str or ParameterSet
        Parameters of ``nmos_3v3`` that stand for a foundry's transistor, which only ngspice runs:
        True takes the set that is shipped for the card. The provenance says so.
    changes : tuple of ParameterChange
        Steps of device parameters in the course of a transient.

    Raises
    ------
    ConfigError
        For tolerances, a deadline or a number of threads that nothing could be solved with.
    """

    tolerance: float = 1e-10
    state_tolerance: float = 1e-4
    deadline: float = 3600.0
    threads: int = 1
    keep_max_step: bool = False
    line_capacitance: bool = False
    stand_in: bool | str | ParameterSet = False
    train_from: int = 0
    train_tolerance: float = 3e-5
    changes: tuple[ParameterChange, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tolerance", "state_tolerance", "train_tolerance"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0.0 < value < 1.0:
                raise ConfigError(
                    thing=f"{name} of the native simulator", value=value, limit="above 0, below 1"
                )
        check_deadline(self.deadline)
        if not isinstance(self.threads, int) or self.threads < 1:
            raise ConfigError(
                thing="threads of the native simulator", value=self.threads, limit=">= 1"
            )

    def check_deadline(self, start: float) -> None:
        """Raise SimulationTimeout once the deadline has passed."""
        if time.perf_counter() - start > self.deadline:
            raise SimulationTimeout(
                thing="the native simulator passed its deadline and was stopped",
                value=self.deadline,
                limit="seconds",
                next_step="Give it a longer deadline, a smaller array or fewer pulses a run",
            )
