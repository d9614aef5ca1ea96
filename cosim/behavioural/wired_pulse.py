"""One pulse on cells behind resistances: what is left of it, and what it does.

A cell in series with its lines sees ``V - I(V_cell, G) R``. Its current is that of the current law
and its rate of change that of the rate law at the voltage left, integrated over the pulse, because
the current and with it the drop follow the conductance. Currents settle in nanoseconds, so that the
lines have no memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.current_law import CurrentLaw
from cosim.behavioural.rate_law import GRID, RateLaw
from cosim.behavioural.selector_law import SelectorLaw
from cosim.behavioural.write_path import WritePath

FloatArray = NDArray[np.floating[Any]]

# Loads for which a pulse is integrated; between them the logarithm of the step is linear.
LOADS = 13
# Steps below this part of the window are nothing, whatever wires take of them.
NOTHING = 1e-10
_ITERATIONS, _PRECISE = 200, 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class WiredPulse:
    """A pulse of given amplitude and width on cells behind wires.

    Parameters
    ----------
    rates : RateLaw
    amplitude, width : float
        At the drivers [V, s].
    window : (float, float)
        Conductance at u = 0, and from u = 0 to 1 [S].
    largest : float
        Load up to which tables are made [Ohm].
    current : CurrentLaw, optional
        Without it, Ohm's law, which takes too little at the voltages of a pulse.
    selector : SelectorLaw, optional
        Without it, the transistor's gate takes no part.
    """

    rates: RateLaw
    amplitude: float
    width: float
    window: tuple[float, float]
    largest: float
    current: CurrentLaw | None = None
    selector: SelectorLaw | None = None

    def currents(self, u: FloatArray, voltage: FloatArray) -> FloatArray:
        """Through cells at `u` for magnitudes of the voltage across them [A]."""
        ohmic = np.maximum(self.window[0] + u * self.window[1], 0.0) * voltage
        return ohmic if self.current is None else ohmic * self.current.over_ohm(u, voltage)

    def gate_loss(self, u: FloatArray, across: FloatArray, drop: FloatArray) -> FloatArray:
        """Voltage that cells at `u` lose besides where a line's `drop` is at their gates [V].

        `across` is the voltage across them [V]; `drop` that of the line at the source of their
        transistors.
        """
        if self.selector is None:
            return np.zeros(np.shape(drop))
        top = np.full(np.shape(drop), abs(self.amplitude))
        return drop * self.selector.extra(self.rates.polarity, self.currents(u, across), top)

    def load(self, u: FloatArray, path: WritePath) -> FloatArray:
        """Both lines, with what the gate loses besides, as one resistance [Ohm].

        Taken at the voltage at the beginning of the pulse.
        """
        plain = np.broadcast_to(path.total, np.shape(u))
        side = path.source_line if self.rates.polarity > 0 else path.bit_line
        load = plain
        # The gate changes the drop a little, and the drop the gate's share less.
        for _ in range(2 if self.selector is not None else 0):
            load = plain + self.gate_loss(u, self.left(u, load), side)
        return load

    def left(self, u: FloatArray, load: FloatArray) -> FloatArray:
        """Magnitude of the voltage across cells at `u` behind `load` [Ohm], broadcasting [V].

        Raises
        ------
        ParameterError
            No solution, where the current falls with the voltage.
        """
        top = abs(self.amplitude)
        u, load = np.broadcast_arrays(np.asarray(u, float), np.asarray(load, float))
        voltage = np.full(u.shape, top)
        for _ in range(_ITERATIONS):
            found = top / (1.0 + load * self.currents(u, voltage) / voltage)
            moved = float(np.abs(found - voltage).max(initial=0.0))
            voltage = found
            if moved < _PRECISE * top:
                return voltage
        raise ParameterError(
            thing="voltage of a cell behind its wires [V]",
            value=float(voltage.min()),
            limit="one solution",
            next_step="Lower the resistances of the lines.",
        )

    @cached_property
    def _table(self) -> tuple[FloatArray, FloatArray]:
        """Grid of u, and ln(step behind a load / step without), shape (LOADS, GRID)."""
        grid = np.sort(self.rates.positions)
        loads = np.linspace(0.0, self.largest, LOADS)[:, None]
        steps = self.rates.steps_under(self.left(grid, loads), self.width)
        logs = np.log(np.maximum(steps, NOTHING))
        return grid, logs - logs[0]

    def factor(self, u: FloatArray, load: FloatArray) -> FloatArray:
        """Steps of cells at `u` behind `load` [Ohm] over those without it."""
        if self.largest == 0.0:
            return np.ones(np.shape(u))
        grid, logs = self._table
        x = np.clip((u - grid[0]) / (grid[-1] - grid[0]), 0.0, 1.0) * (GRID - 1)
        y = np.clip(np.asarray(load) / self.largest, 0.0, 1.0) * (LOADS - 1)
        j, i = np.minimum(x.astype(int), GRID - 2), np.minimum(y.astype(int), LOADS - 2)
        x, y = x - j, y - i
        low = logs[i, j] * (1.0 - x) + logs[i, j + 1] * x
        high = logs[i + 1, j] * (1.0 - x) + logs[i + 1, j + 1] * x
        return np.asarray(np.exp(low * (1.0 - y) + high * y))
