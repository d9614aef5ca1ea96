"""One number of a device: its value, unit, source and spread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import ParameterError


class Provenance(StrEnum):
    """How far a number can be trusted."""

    PUBLISHED = "published"
    COMPUTED = "computed"
    CALIBRATED = "calibrated"
    LITERATURE = "literature"
    ASSUMED = "assumed"


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Statistical spread of a parameter.

    Parameters
    ----------
    sigma : float
        Standard deviation; in units of the value when `relative`, of ln(value)
        when the distribution is lognormal.
    relative : bool
        Whether `sigma` is a fraction of the value.
    distribution : {"normal", "lognormal"}
    source : str
    """

    sigma: float
    relative: bool = True
    distribution: Literal["normal", "lognormal"] = "normal"
    source: str = ""

    def draw(
        self, value: float, rng: np.random.Generator, shape: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Draw samples around `value`, in the unit of `value`."""
        return self.deviate(value, rng.standard_normal(shape))

    def deviate(self, value: ArrayLike, z: ArrayLike) -> NDArray[np.float64]:
        """Return `value` at the standard normal deviation `z`; shapes broadcast."""
        base, steps = np.asarray(value, dtype=float), np.asarray(z, dtype=float) * self.sigma
        if self.distribution == "lognormal":
            return np.asarray(base * np.exp(steps))
        return np.asarray(base + steps * (np.abs(base) if self.relative else 1.0))


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One number of a device.

    Parameters
    ----------
    name, unit, description : str
    value : float
        In SI.
    source : str
        Paper, table, or the reason for the choice.
    provenance : Provenance
    calibrated_to : str
        What a calibrated value was fitted to; required when it is calibrated.
    dtod, ctoc : Spread, optional
        Device-to-device and cycle-to-cycle spread.
    minimum, maximum : float
        Limits the equations are valid in.
    """

    name: str
    value: float
    unit: str
    source: str
    provenance: Provenance
    description: str = ""
    calibrated_to: str = ""
    dtod: Spread | None = None
    ctoc: Spread | None = None
    minimum: float = -np.inf
    maximum: float = np.inf

    def __post_init__(self) -> None:
        if not np.isfinite(self.value) or not self.minimum <= self.value <= self.maximum:
            raise ParameterError(
                thing=f"parameter '{self.name}' [{self.unit}] is out of range",
                value=self.value,
                limit=f"{self.minimum:g} to {self.maximum:g}",
                next_step="Correct the value or the parameter file",
            )
        if not self.source:
            raise ParameterError(
                thing=f"parameter '{self.name}' has no source",
                next_step="Name the paper, or the reason for an assumed value",
            )
        if self.provenance is Provenance.CALIBRATED and not self.calibrated_to:
            raise ParameterError(
                thing=f"calibrated parameter '{self.name}' does not say what it was fitted to",
                next_step="Add calibrated_to = '...'",
            )
