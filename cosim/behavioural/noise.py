"""Which of the published statistical laws a behavioural device follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise as laws

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class NoiseLaws:
    """Programming, relaxation and read noise of a conductance.

    The laws and their coefficients are those of `compact_models.noise`; here they can be
    switched off one by one.

    Parameters
    ----------
    acceptance_range : float
        Relative half width of the closed loop's acceptance window, 0.002 to 0.02.
    programming, relaxation, read : bool
        Switches.
    """

    acceptance_range: float = 0.002
    programming: bool = True
    relaxation: bool = True
    read: bool = True

    def __post_init__(self) -> None:
        laws.programming_sigma(1e-5, self.acceptance_range)

    @classmethod
    def none(cls) -> NoiseLaws:
        """No noise at all."""
        return cls(programming=False, relaxation=False, read=False)

    def program(self, target: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Conductances [S] that closed-loop programming leaves for `target` [S]."""
        if not self.programming:
            return np.array(target, dtype=float)
        return np.maximum(laws.programmed(target, rng, self.acceptance_range), 0.0)

    def relax(self, programmed: FloatArray, time: float, draw: FloatArray) -> FloatArray:
        """Conductances [S] at `time` seconds after programming.

        `draw` is one standard normal number per device, kept by the caller so that the
        same device drifts along one path when asked at several times.
        """
        if not self.relaxation:
            return np.array(programmed, dtype=float)
        return np.asarray(laws.relaxed(programmed, time, draw))

    def read_sigma(self, conductance: FloatArray, time: float) -> FloatArray:
        """Standard deviation of one read [S]; zero when read noise is off."""
        if not self.read:
            return np.zeros_like(conductance)
        return np.asarray(laws.read_sigma(conductance, time))
