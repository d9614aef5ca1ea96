"""How fast a pulse moves a device, as a function of conductance and amplitude.

A device whose conductance is its only state moves during a pulse as ``du/dt = r(u, V)``,
and what a pulse of any width does follows by integration. The logarithm of r is a tensor
product of B-splines over u and |V|; a short curve over the logarithm of the width takes up
edges of the pulse and a memory beyond the conductance. `rate_fit` fits it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from compact_models.errors import ParameterError

FloatArray = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

# Points of the grid on which times are added up.
GRID = 257
# Cells of the map that says where pulses were measured: conductance, amplitude.
CELLS = (16, 8)


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


@dataclass(frozen=True, kw_only=True)
class RateLaw:
    """Rates of one polarity over conductance and amplitude.

    Parameters
    ----------
    polarity : int
    position, amplitude, width : Axis
        Of normalised conductance, of the magnitude of the amplitude [V], and of the natural
        logarithm of the width [s].
    rates : tuple of float, shape (position.size * amplitude.size,)
        Coefficients of ln r, r in windows a second.
    widths : tuple of float, shape (width.size,)
        Coefficients of what is added to ln r by the width of the pulse.
    measured : tuple of int, shape (CELLS[0] * CELLS[1],)
        1 for every part of the plane of conductance and amplitude that pulses went through.
    noise, noise_floor : float
        Standard deviation of single steps: relative to the step, and not scaling with it.
    """

    polarity: int
    position: Axis
    amplitude: Axis
    width: Axis
    rates: tuple[float, ...]
    widths: tuple[float, ...]
    measured: tuple[int, ...]
    noise: float = 0.0
    noise_floor: float = 0.0

    def log_rates(self, amplitude: FloatArray) -> FloatArray:
        """ln r on the grid of `positions` for magnitudes (n,) [V]; shape (n, GRID).

        Beyond the measured amplitudes it goes on linearly.
        """
        table = np.asarray(self.rates).reshape(self.position.size, self.amplitude.size)
        curves = self.position.basis(self.positions) @ table
        volts = np.asarray(amplitude, float)
        near = np.clip(volts, self.amplitude.low, self.amplitude.high)
        found = self.amplitude.basis(near) @ curves.T
        over = volts - near
        if self.amplitude.intervals and (over != 0.0).any():
            small = 0.02 * (self.amplitude.high - self.amplitude.low)
            aside = np.where(over > 0.0, -small, small)
            slope = (self.amplitude.basis(near + aside) @ curves.T - found) / aside[:, None]
            found = found + slope * over[:, None]
        return np.asarray(found)

    @property
    def positions(self) -> FloatArray:
        """Grid of u, in the direction of the pulse."""
        ends = (self.position.low, self.position.high)
        return np.linspace(*(ends if self.polarity > 0 else ends[::-1]), GRID)

    def steps(self, amplitude: float, width: float) -> FloatArray:
        """Step magnitudes on the ascending grid of u, shape (GRID,).

        Raises
        ------
        ParameterError
            Another amplitude than the only one that was measured.
        """
        volts = abs(amplitude)
        if not self.amplitude.intervals and abs(volts - self.amplitude.low) > 1e-6:
            raise ParameterError(
                thing="amplitude of a pulse [V]",
                value=amplitude,
                limit=f"the only one that was calibrated, {self.polarity * self.amplitude.low:g} V",
                next_step="Calibrate with pulses of several amplitudes.",
            )
        return _steps(self, volts, width)

    def stretch(self, width: FloatArray) -> FloatArray:
        """Effective widths [s] of pulses of `width` (n,) [s]."""
        width = np.asarray(width, float)
        return np.asarray(width * np.exp(self.width.basis(np.log(width)) @ np.asarray(self.widths)))

    def outside(self, u: FloatArray, amplitude: float, width: float) -> Bools:
        """Whether no measured pulse was near one that starts at `u`; the shape of `u`."""
        u, volts = np.asarray(u, float), abs(amplitude)
        slack = 0.1 / CELLS[0]
        beyond = self.position.beyond(u, slack)
        beyond |= bool(self.amplitude.beyond(np.array(volts), 1e-3))
        beyond |= bool(self.width.beyond(np.array(math.log(width)), 1e-3))
        row = self.position.cell(u, CELLS[0])
        column = int(self.amplitude.cell(np.array(volts), CELLS[1]))
        return np.asarray(beyond | ~np.asarray(self.measured, bool).reshape(CELLS)[row, column])

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RateLaw:
        """Inverse of ``dataclasses.asdict``."""
        plain: dict[str, Any] = {}
        for name, value in data.items():
            if isinstance(value, dict):
                plain[name] = Axis(**value)
            else:
                plain[name] = tuple(value) if isinstance(value, list) else value
        return cls(**plain)


def times(log_rates: FloatArray, spacing: float) -> FloatArray:
    """Time to every point of the grid from its first [s], along the last axis."""
    slow = np.exp(-log_rates)
    out = np.zeros_like(slow)
    np.cumsum(0.5 * spacing * (slow[..., 1:] + slow[..., :-1]), axis=-1, out=out[..., 1:])
    return out


@lru_cache(maxsize=4096)
def _steps(law: RateLaw, volts: float, width: float) -> FloatArray:
    grid = np.linspace(0.0, law.position.high - law.position.low, GRID)
    logs = law.log_rates(np.array([volts]))[0]
    clock = times(logs, float(grid[1]))
    stop = clock + law.stretch(np.array([width]))[0]
    # Beyond the last point the rate there is held.
    after = np.maximum(stop - clock[-1], 0.0) * np.exp(logs[-1])
    moved = np.interp(stop, clock, grid) + after - grid
    return moved if law.polarity > 0 else moved[::-1]
