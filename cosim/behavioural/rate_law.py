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

from compact_models.errors import ParameterError
from cosim.behavioural.splines import Axis

FloatArray = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

# Points of the grid on which times are added up.
GRID = 257
# Cells of the map that says where pulses were measured: conductance, amplitude.
CELLS = (16, 8)


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
        return np.asarray(self._across(np.asarray(amplitude, float)) @ self._curves.T)

    @property
    def _curves(self) -> FloatArray:
        """Coefficients of the functions of amplitude on the grid of `positions`."""
        table = np.asarray(self.rates).reshape(self.position.size, self.amplitude.size)
        return np.asarray(self.position.basis(self.positions) @ table)

    def _across(self, volts: FloatArray) -> FloatArray:
        """Functions of amplitude at magnitudes (n,) [V], straight beyond the range."""
        near = np.clip(volts, self.amplitude.low, self.amplitude.high)
        found = self.amplitude.basis(near)
        over = volts - near
        if self.amplitude.intervals and (over != 0.0).any():
            small = 0.02 * (self.amplitude.high - self.amplitude.low)
            aside = np.where(over > 0.0, -small, small)
            slope = (self.amplitude.basis(near + aside) - found) / aside[:, None]
            found = found + slope * over[:, None]
        return found

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

    def steps_under(self, voltage: FloatArray, width: float) -> FloatArray:
        """Step magnitudes where the voltage changes with the conductance on the way.

        Parameters
        ----------
        voltage : ndarray, shape (n, GRID)
            Magnitudes at the ascending grid of u [V].
        width : float
            [s]

        Returns
        -------
        ndarray, shape (n, GRID)
            On the ascending grid of u.
        """
        ordered = voltage[:, :: self.polarity]
        across = self._across(ordered.ravel()).reshape(*ordered.shape, -1)
        logs = np.einsum("ngk,gk->ng", across, self._curves)
        return _moved(self, logs, width)[:, :: self.polarity]

    def stretch(self, width: FloatArray) -> FloatArray:
        """Effective widths [s] of pulses of `width` (n,) [s]."""
        width = np.asarray(width, float)
        return np.asarray(width * np.exp(self.width.basis(np.log(width)) @ np.asarray(self.widths)))

    def outside(self, u: FloatArray, amplitude: FloatArray | float, width: float) -> Bools:
        """Whether no measured pulse was near one that starts at `u`; the shape of `u`."""
        u, volts = np.asarray(u, float), np.abs(amplitude)
        slack = 0.1 / CELLS[0]
        beyond = self.position.beyond(u, slack) | self.amplitude.beyond(volts, 1e-3)
        beyond |= bool(self.width.beyond(np.array(math.log(width)), 1e-3))
        row = self.position.cell(u, CELLS[0])
        column = self.amplitude.cell(volts, CELLS[1])
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
    return _moved(law, law.log_rates(np.array([volts])), width)[0, :: law.polarity]


def _moved(law: RateLaw, log_rates: FloatArray, width: float) -> FloatArray:
    """Way from every point of the grid, in the direction of the pulse; shape of `log_rates`."""
    grid = np.linspace(0.0, law.position.high - law.position.low, GRID)
    clock = times(log_rates, float(grid[1]))
    stop = clock + law.stretch(np.array([width]))[0]
    # Beyond the last point the rate there is held.
    after = np.maximum(stop - clock[:, -1:], 0.0) * np.exp(log_rates[:, -1:])
    ends = [np.interp(s, c, grid) for s, c in zip(stop, clock, strict=True)]
    return np.asarray(np.stack(ends) + after - grid)
