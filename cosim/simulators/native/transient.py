"""Time: held states integrated with error control, wires and temperature quasi-static.

Method: TR-BDF2 (one-step, second order, L-stable) with its embedded third-order error estimate
[Bank1985, Hosea1996].  Each of its two implicit stages is one Newton solve of the whole array in
which the states are unknowns of the cells, so states, heat and voltages are consistent at the end
of every stage.  The temperature settles in tens of picoseconds and is taken at its steady value.

[Bank1985] IEEE Trans. Electron Devices 32, 1992.  [Hosea1996] Appl. Numer. Math. 20, 21.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged
from cosim.simulators.native.newton import ArraySystem
from cosim.simulators.native.steps import Convergence

if TYPE_CHECKING:
    from cosim.simulators.native.build import Stimuli

Floats = NDArray[np.float64]

# Place of the first stage in a step, weights of the stages.
GAMMA = 2.0 - np.sqrt(2.0)
D = GAMMA / 2.0
W = np.sqrt(2.0) / 4.0
# Weights of the embedded third-order formula minus those of the method.
E = ((1.0 - W) / 3.0 - W, (3.0 * W + 1.0) / 3.0 - W, D / 3.0 - D)
# Changes of a state per step, relative to its scale, beyond which no step is even tried.
_LARGEST_CHANGE = 0.3
# Part of the largest change of a state that is still remembered a step later.
_FORGET = 0.9
# Error of a step over the tolerance and the change of the state, and error that never matters.
_OF_CHANGE, _SMALLEST_ERROR = 15.0, 1e-8


@dataclass(eq=False, kw_only=True)
class Integrator:
    """Integrates the held states of an array.

    Parameters
    ----------
    system : ArraySystem
        Dynamic form.
    stimuli : Stimuli
        Driver voltages by time.
    states : ndarray, shape (states, rows, cols)
        At the start.
    tolerance : float
        Error of a state per step, relative to its size plus `floor`.
    """

    system: ArraySystem
    stimuli: Stimuli
    states: Floats
    tolerance: float
    floor: float = 1e-2
    wired: bool = field(default=False, init=False)
    direct: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        # Nothing is known yet: taken for a pulse that changes a state by a thousandth.
        self._smallest = 0.0
        self._recent = 1e-3 * (np.abs(self.states) + self.floor)

    def start(self, t: float) -> Convergence:
        """Solve at time `t` with the states held."""
        done = self._solve(t, self.states, 0.0)
        self._rate = self.system.rates[: len(self.states)].copy()
        self._suggested = np.inf
        return done

    def restart(self, t: float) -> Convergence:
        """Go on from here after a change of parameters."""
        return self.start(t)

    def _solve(self, t: float, start: Floats, step: float) -> Convergence:
        bit, source, gate = self.stimuli.at(t)
        done = self.system.solve(bit=bit, source=source, gate=gate, held=start, step=step)
        self.direct += done.direct
        return done

    def _solved_states(self) -> Floats:
        count = len(self.states)
        if not count:
            return self.states
        # A copy even where the view is contiguous: y changes under it.
        return np.moveaxis(self.system.y[:, :, -count:], 2, 0).copy()

    def step(self, t: float, stop: float, longest: float) -> tuple[float, Convergence]:
        """One accepted step from `t`, not beyond `stop`; returns the time reached.

        Raises
        ------
        NotConverged
            If no step that the clock can resolve succeeds.
        """
        if not len(self.states) and not self.wired:
            reached = min(stop, t + longest)
            return (stop if stop - reached < 1e-9 * (stop - t) else reached), self._solve(
                reached, self.states, 0.0
            )
        scale = np.abs(self.states) + self.floor
        fastest = float(np.max(np.abs(self._rate) / scale, initial=0.0))
        limit = _LARGEST_CHANGE / fastest if fastest > 0 else np.inf
        h = min(self._suggested, limit, longest, stop - t)
        keep = self.system.snapshot()
        self._smallest = smallest = max(1e-18, 8.0 * np.finfo(float).eps * stop)
        while True:
            # Steps that would leave a crumb take it along.
            if t + 1.05 * h >= stop:
                h = stop - t
            elif t + 2.0 * h > stop:
                h = 0.5 * (stop - t)
            try:
                error, states, rate, done = self._try(t, h)
            except NotConverged:
                error = np.inf
                if 0.25 * h < smallest:
                    raise
            if error <= 1.0:
                break
            self.system.restore(keep)
            if 0.25 * h < smallest:
                raise NotConverged(
                    thing="no time step is small enough for the states",
                    value=h,
                    limit=f"{smallest:.3g} s at t = {t:.6g} s",
                    next_step="Use slower edges, or check the device's parameters",
                )
            h *= 0.25 if not np.isfinite(error) else max(0.2, 0.85 * error ** (-1 / 3))
        self._recent = np.maximum(np.abs(states - self.states), _FORGET * self._recent)
        self.states, self._rate = states, rate
        grown = h * min(5.0, 0.85 * max(error, 1e-4) ** (-1 / 3))
        truncated = h < 0.99 * self._suggested and grown > h
        self._suggested = max(grown, self._suggested) if truncated else grown
        return (stop if h == stop - t else t + h), done

    def _try(self, t: float, h: float) -> tuple[float, Floats, Floats, Convergence]:
        """Error over tolerance, states, rates and convergence of a step of size `h`."""
        first = self._rate
        dh = D * h
        base = self.states + dh * first
        self._solve(t + GAMMA * h, base, dh)
        middle = (self._solved_states() - base) / dh
        base = self.states + (W * h) * (first + middle)
        done = self._solve(t + h, base, dh)
        states = self._solved_states()
        last = (states - base) / dh
        worst = self._state_error(h, first, middle, last, states)
        return (worst if np.isfinite(worst) else np.inf), states, last, done

    def _state_error(
        self, h: float, first: Floats, middle: Floats, last: Floats, states: Floats
    ) -> float:
        """Largest error of a state over the tolerance, from the rates of a step's stages."""
        error = h * np.abs(E[0] * first + E[1] * middle + E[2] * last)
        scale = self.tolerance * (np.maximum(np.abs(states), np.abs(self.states)) + self.floor)
        # Where a breakdown outruns the resolution of the clock, no step is small enough for more.
        if h <= 1e4 * self._smallest:
            return float(np.max(error / scale, initial=0.0))
        # Of thousands of pulses the errors add up: each is a part of what steps move of late.
        moved = np.maximum(np.abs(states - self.states), self._recent)
        moved *= _OF_CHANGE * self.tolerance
        scale = np.minimum(scale, np.maximum(moved, _SMALLEST_ERROR))
        return float(np.max(error / scale, initial=0.0))
