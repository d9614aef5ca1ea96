"""The mean answer of a device to one pulse, as a function of where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class PulseResponse:
    """Conductance step of one pulse against normalised conductance.

    The window is ``u = (G - conductance_min) / (conductance_max - conductance_min)`` of
    the device that holds this response; steps are magnitudes in units of that window.

    Parameters
    ----------
    polarity : int
        +1 raises the conductance (SET), -1 lowers it (RESET).
    steps : tuple of float
        Step magnitude at equally spaced u from `low` to `high`, at least two; linear between.
    noise : float
        Cycle-to-cycle standard deviation relative to the mean step.
    noise_floor : float
        Standard deviation that does not scale with the step, in units of the window.
    amplitude, width, gate : float or None
        The pulse [V, s, V] this was measured with; None when not known.
    low, high : float
        First and last u of `steps`.
    """

    polarity: int
    steps: tuple[float, ...]
    noise: float = 0.0
    noise_floor: float = 0.0
    amplitude: float | None = None
    width: float | None = None
    gate: float | None = None
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.polarity not in (1, -1):
            raise ParameterError(thing="pulse polarity", value=self.polarity, limit="+1 or -1")
        if len(self.steps) < 2 or not all(np.isfinite(s) and s >= 0.0 for s in self.steps):
            raise ParameterError(
                thing="steps of a pulse response",
                value=self.steps[:4],
                limit="at least two finite values, none negative",
            )
        if not (self.noise >= 0.0 and self.noise_floor >= 0.0):
            raise ParameterError(
                thing="noise of a pulse response",
                value=(self.noise, self.noise_floor),
                limit=">= 0",
            )
        if not self.low < self.high:
            raise ParameterError(
                thing="range of a pulse response", value=(self.low, self.high), limit="low < high"
            )

    @classmethod
    def from_function(
        cls, polarity: int, steps: Sequence[float] | FloatArray, **fields: Any
    ) -> PulseResponse:
        """Build from any sequence of step magnitudes on equally spaced u."""
        return cls(polarity=polarity, steps=tuple(float(s) for s in steps), **fields)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PulseResponse:
        """Inverse of ``dataclasses.asdict``."""
        return cls(**{**data, "steps": tuple(data["steps"])})

    def step(self, u: FloatArray | float) -> FloatArray:
        """Mean signed step in units of the window at `u` (any shape); flat beyond the table."""
        grid = np.linspace(self.low, self.high, len(self.steps))
        return self.polarity * np.interp(u, grid, np.asarray(self.steps))

    def apply(
        self, u: FloatArray, rng: np.random.Generator | None = None, scale: FloatArray | float = 1.0
    ) -> FloatArray:
        """Normalised conductance after one pulse; noisy when `rng` is given."""
        mean = self.step(u) * scale
        if rng is None or (self.noise == 0.0 and self.noise_floor == 0.0):
            return u + mean
        step = mean * (1.0 + self.noise * rng.standard_normal(np.shape(u)))
        return u + step + self.noise_floor * rng.standard_normal(np.shape(u))
