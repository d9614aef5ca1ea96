"""B-splines on equal intervals, and the penalty of their bends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

FloatArray = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """B-splines of `degree` on equal `intervals` of a range; no interval: one constant."""

    low: float
    high: float
    intervals: int
    degree: int

    @classmethod
    def of(cls, values: FloatArray, most: int) -> Axis:
        """As many pieces as the different values allow, at most `most`."""
        different = np.unique(np.round(values, 6)).size
        degree = min(different - 1, 3)
        intervals = 0 if degree == 0 else int(np.clip(different - degree, 1, most))
        low, high = float(values.min()), float(values.max())
        return cls(low=low, high=high, intervals=intervals, degree=degree)

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.intervals + self.degree if self.intervals else 1

    def basis(self, x: FloatArray) -> FloatArray:
        """The functions at `x` (n,), held beyond the range; shape (n, size)."""
        x = np.asarray(x, float)
        if not self.intervals:
            return np.ones((x.size, 1))
        pad = (self.high - self.low) / self.intervals
        knots = self.low + pad * np.arange(-self.degree, self.intervals + self.degree + 1)
        inside = np.clip(x, self.low, self.high - 1e-12 * (self.high - self.low))
        return np.asarray(BSpline.design_matrix(inside, knots, self.degree).toarray(), float)

    def cell(self, x: FloatArray, count: int) -> NDArray[np.int_]:
        """Which of `count` equal parts of the range holds `x`."""
        share = (np.asarray(x, float) - self.low) / max(self.high - self.low, 1e-30)
        return np.asarray(np.clip((share * count).astype(int), 0, count - 1))

    def beyond(self, x: FloatArray, slack: float) -> Bools:
        """Whether `x` lies outside the range by more than `slack` of it."""
        room = slack * (self.high - self.low) + 1e-6
        return np.asarray((x < self.low - room) | (x > self.high + room))


def bends(size: int) -> FloatArray:
    """Sum of squares of second differences, as a matrix."""
    if size < 3:
        return np.zeros((size, size))
    bend = np.diff(np.eye(size), n=2, axis=0)
    return np.asarray(bend.T @ bend)
