"""Converters between numbers and lines: finite bits, finite range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Converter:
    """A uniform, symmetric, mid-tread converter (DAC or ADC).

    Parameters
    ----------
    bits : int or None
        Resolution. ``2**bits - 1`` levels, symmetric about zero, so that zero is
        exact. None stands for an ideal converter, which still clips at `bound`.
    bound : float
        Largest magnitude it can represent, in the unit of what it converts.
        Infinite only together with ``bits=None``.
    """

    bits: int | None = None
    bound: float = 1.0

    def __post_init__(self) -> None:
        if self.bits is not None and not 2 <= self.bits <= 24:
            raise ParameterError(
                thing="converter bits",
                value=self.bits,
                limit="2 to 24, or None for an ideal converter",
                next_step="The published array reads with 6 bits in and 8 bits out.",
            )
        if not self.bound > 0.0 or (self.bits is not None and not np.isfinite(self.bound)):
            raise ParameterError(
                thing="converter bound", value=self.bound, limit="> 0, finite when bits are given"
            )

    @property
    def step(self) -> float:
        """Distance of two neighbouring levels; 0 for an ideal converter."""
        return 0.0 if self.bits is None else 2.0 * self.bound / (2**self.bits - 2)

    def convert(self, values: FloatArray) -> FloatArray:
        """Round to the nearest level and clip.

        Parameters
        ----------
        values : ndarray
            Any shape.

        Returns
        -------
        ndarray
            Same shape and float type.
        """
        values = np.asarray(values)
        if self.bits is None and not np.isfinite(self.bound):
            return values
        kind = values.dtype.type
        if self.bits is None:
            out = np.minimum(values, kind(self.bound))
        else:
            step = kind(self.step)
            out = values / step
            np.rint(out, out=out)
            out *= step
            np.minimum(out, kind(self.bound), out=out)
        return np.asarray(np.maximum(out, kind(-self.bound), out=out))
