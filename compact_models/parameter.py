"""One number of a device: its value, unit, source and spread."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import ParameterError, best_matches
from compact_models.units import check_unit


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

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < np.inf:
            raise ParameterError(thing="sigma of a spread", value=self.sigma, limit=">= 0")
        if self.distribution not in ("normal", "lognormal"):
            raise ParameterError(
                thing="distribution of a spread",
                value=self.distribution,
                limit="normal or lognormal",
            )

    def in_units(self, factor: float) -> Spread:
        """Return the spread of a value that is written in other units, `factor` times as large."""
        if self.relative or self.distribution == "lognormal":
            return self
        return replace(self, sigma=self.sigma * factor)

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

    def in_units(self, unit: str, factor: float) -> Parameter:
        """Return the same parameter in another unit: everything in it times `factor`."""
        return replace(
            self,
            unit=unit,
            value=self.value * factor,
            minimum=self.minimum * factor,
            maximum=self.maximum * factor,
            dtod=self.dtod and self.dtod.in_units(factor),
            ctoc=self.ctoc and self.ctoc.in_units(factor),
        )

    @classmethod
    def read(cls, name: str, entry: Any, path: Path) -> Self:
        """Make a parameter from its table in a file.

        Parameters
        ----------
        name : str
        entry : dict
            With value, unit, source, provenance, and what else a Parameter has.
        path : Path
            Named in errors.

        Raises
        ------
        ParameterError
            If a key is unknown or missing, or what it holds is of the wrong kind.
        """
        where = f"{path}: parameter '{name}'"
        if not isinstance(entry, dict):
            raise ParameterError(
                thing=f"{where} is not a table",
                value=entry,
                next_step=f"Write [parameters.{name}] with value, unit, source, provenance",
            )
        known = {f.name for f in fields(cls)} - {"name"}
        for key in entry:
            if key not in known:
                raise ParameterError(
                    thing=f"{where} has an unknown key",
                    value=key,
                    next_step=best_matches(key, known),
                )
        for key in ("value", "unit", "source", "provenance"):
            if key not in entry:
                raise ParameterError(thing=f"{where} has no {key}", next_step=f"Add {key} = ...")
        for key in ("unit", "source", "description", "calibrated_to"):
            if not isinstance(entry.get(key, ""), str):
                raise ParameterError(thing=f"{where}: {key} is no text", value=entry[key])
        check_unit(name, entry["unit"])
        given = dict(entry)
        try:
            given["provenance"] = Provenance(entry["provenance"])
        except ValueError:
            raise ParameterError(
                thing=f"{where} has an unknown provenance",
                value=entry["provenance"],
                limit=", ".join(Provenance),
            ) from None
        try:
            given |= {kind: Spread(**entry[kind]) for kind in ("dtod", "ctoc") if kind in entry}
            return cls(name=name, **{**given, "value": float(entry["value"])})
        except (TypeError, ValueError) as error:
            raise ParameterError(
                thing=f"{where} holds what is no number: {error}",
                limit="value, minimum, maximum: numbers; dtod, ctoc: tables with sigma",
            ) from None
