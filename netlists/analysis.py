"""What a testbench asks of a simulator."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import NetlistError
from netlists.names import check_number

MOST_POINTS = 10_000_000
"""Of a sweep; what comes back of one driver is then 80 MB."""


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """DC solution with every drive at its t = 0 value; held states stay at their start."""


@dataclass(frozen=True, kw_only=True)
class DcSweep:
    """DC solutions along a sweep value s; held states stay at their start.

    Every drive is its waveform with s in the place of time, so that one sweep can move any
    number of drivers: ``Waveform((0, 1.5), (0, 1.5))`` is the voltage s itself, and
    ``Waveform.steps(values)`` with ``DcSweep(stop=n - 1)`` goes through n input vectors.

    Parameters
    ----------
    start, stop, step : float
    """

    start: float = 0.0
    stop: float
    step: float = 1.0

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(
                self, item.name, check_number(getattr(self, item.name), f"sweep {item.name}")
            )
        if self.step == 0 or (self.stop - self.start) * self.step < 0:
            raise NetlistError(
                thing="sweep step leads away from the stop value",
                value=self.step,
                limit=f"from {self.start:g} towards {self.stop:g}",
            )
        if (self.stop - self.start) / self.step > MOST_POINTS:
            raise NetlistError(
                thing="points of a sweep",
                value=(self.stop - self.start) / self.step,
                limit=f"at most {MOST_POINTS}",
                next_step="Take larger steps",
            )

    @property
    def points(self) -> NDArray[np.float64]:
        """Values of s that are solved, shape (n,)."""
        count = int(np.floor((self.stop - self.start) / self.step * (1 + 1e-12) + 1e-9)) + 1
        return np.asarray(self.start + self.step * np.arange(count), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Transient:
    """Response in time from t = 0.

    Parameters
    ----------
    stop : float
        [s]
    step : float
        Suggested step [s]; the simulator chooses its own from the tolerances.
    max_step : float, optional
        Longest step [s]; default: the simulator's.
    save_from : float
        Keep only what is later [s].
    """

    stop: float
    step: float
    max_step: float | None = None
    save_from: float = 0.0

    def __post_init__(self) -> None:
        for name in ("stop", "step"):
            value = check_number(getattr(self, name), f"transient {name}")
            object.__setattr__(self, name, value)
            if value <= 0:
                raise NetlistError(thing=f"transient {name}", value=value, limit="> 0 s")
        if self.step > self.stop:
            raise NetlistError(thing="transient step", value=self.step, limit=f"<= {self.stop:g} s")
        if self.max_step is not None and check_number(self.max_step, "longest step") <= 0:
            raise NetlistError(thing="longest step", value=self.max_step, limit="> 0 s")
        if not 0 <= check_number(self.save_from, "save_from") < self.stop:
            raise NetlistError(thing="save_from", value=self.save_from, limit=f"< {self.stop:g} s")


Analysis = OperatingPoint | DcSweep | Transient


@dataclass(frozen=True, kw_only=True)
class Options:
    """Tolerances and methods of the simulator.

    Parameters
    ----------
    reltol : float
        Relative tolerance; ngspice's own 1e-3 leaves nA errors on unselected cells.
    abstol, vntol : float
        Absolute tolerances [A], [V].
    step_tolerance : float
        Local error of a time step over the tolerances (ngspice ``trtol``). Its own 7
        takes steps into a forming breakdown from which Newton does not return.
    method : {"trap", "gear"}
        Integration; gear damps what trap lets ring when rates are extreme.
    gmin : float
        Conductance that ngspice adds to junctions, here also across every selector [S].
    max_iterations : int, optional
        Newton iterations per time point (ngspice ``itl4``).
    """

    reltol: float = 1e-4
    abstol: float = 1e-12
    vntol: float = 1e-6
    step_tolerance: float = 1.0
    method: Literal["trap", "gear"] = "gear"
    gmin: float = 1e-12
    max_iterations: int | None = None

    def __post_init__(self) -> None:
        for name in ("reltol", "abstol", "vntol", "gmin", "step_tolerance"):
            if check_number(getattr(self, name), name) <= 0:
                raise NetlistError(thing=name, value=getattr(self, name), limit="> 0")
        if self.reltol >= 0.1:
            raise NetlistError(thing="reltol", value=self.reltol, limit="< 0.1")
        if self.method not in ("trap", "gear"):
            raise NetlistError(thing="method", value=self.method, limit="trap or gear")
        if self.max_iterations is not None and (
            not isinstance(self.max_iterations, int) or self.max_iterations < 1
        ):
            raise NetlistError(thing="max_iterations", value=self.max_iterations, limit=">= 1")
