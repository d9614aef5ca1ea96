"""Which of the published statistical laws a behavioural device follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise as laws
from compact_models.errors import ParameterError, best_matches

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class NoiseLaws:
    """Programming, relaxation and read noise of a conductance.

    The laws are those of `compact_models.noise`; here they can be switched off one by one.

    Parameters
    ----------
    acceptance_range : float
        Relative half width of the closed loop's acceptance window, 0.002 to 0.02.
    programming, relaxation, read : bool
        Switches.
    coefficients : tuple of (str, float)
        Coefficients that were fitted, by their names in ``noise_cmo_hfox``; the others are
        the published ones.
    """

    acceptance_range: float = 0.002
    programming: bool = True
    relaxation: bool = True
    read: bool = True
    coefficients: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name, _ in self.coefficients if name not in laws.noise_parameters()]
        if unknown:
            raise ParameterError(
                thing="coefficient of the noise laws",
                value=unknown[0],
                next_step=best_matches(unknown[0], laws.noise_parameters()),
            )
        laws.programming_sigma(1e-5, self.acceptance_range, self._parameters)

    @cached_property
    def _parameters(self) -> dict[str, float] | None:
        """All coefficients; None for the published ones."""
        if not self.coefficients:
            return None
        return {**laws.noise_parameters(), **dict(self.coefficients)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NoiseLaws:
        """Inverse of ``dataclasses.asdict``."""
        pairs = tuple((str(name), float(value)) for name, value in data["coefficients"])
        return cls(**{**data, "coefficients": pairs})

    @classmethod
    def none(cls) -> NoiseLaws:
        """No noise at all."""
        return cls(programming=False, relaxation=False, read=False)

    def programming_sigma(self, target: FloatArray) -> FloatArray:
        """Standard deviation of what programming leaves for `target` [S]; zero when off."""
        if not self.programming:
            return np.zeros_like(target)
        return np.asarray(laws.programming_sigma(target, self.acceptance_range, self._parameters))

    def program(self, target: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Conductances [S] that closed-loop programming leaves for `target` [S]."""
        if not self.programming:
            return np.array(target, dtype=float)
        found = laws.programmed(target, rng, self.acceptance_range, self._parameters)
        return np.maximum(found, 0.0)

    def relax(self, programmed: FloatArray, time: float, draw: FloatArray) -> FloatArray:
        """Conductances [S] at `time` seconds after programming.

        `draw` is one standard normal number per device, kept by the caller so that the
        same device drifts along one path when asked at several times.
        """
        if not self.relaxation:
            return np.array(programmed, dtype=float)
        return np.asarray(laws.relaxed(programmed, time, draw, self._parameters))

    def read_sigma(self, conductance: FloatArray, time: float) -> FloatArray:
        """Standard deviation of one read [S]; zero when read noise is off."""
        if not self.read:
            return np.zeros_like(conductance)
        return np.asarray(laws.read_sigma(conductance, time, self._parameters))
