"""What a line's drop takes from the gate of the transistor in series with a device.

A resistance between the source terminal of a transistor and its driver lowers the voltage from
gate to source as well as that from drain to source (source degeneration). At the same current the
transistor then needs more voltage, so that an ohm there counts more than an ohm at the drain. In
SET the source line is on that side, in RESET, where the current flows the other way, the bit line
behind the memory device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError

FloatArray = NDArray[np.floating[Any]]

CURRENTS, VOLTAGES = 25, 9
# Volts on the source line: small against an overdrive, large against rounding.
_RAISE = 5e-3
_HALVINGS = 50


@dataclass(frozen=True, kw_only=True)
class SelectorLaw:
    """Voltage that the transistor needs besides, per volt dropped on its source's side.

    Parameters
    ----------
    currents, voltages : tuple of float
        Grids of magnitudes: through the cell [A], and across it, transistor included [V].
    up, down : tuple of tuple of float, shape (currents, voltages)
        For SET and RESET [V/V]. A current that the transistor cannot carry at that voltage has
        the value of the largest that it can.
    gates : tuple of float
        Of SET and RESET [V].
    """

    currents: tuple[float, ...]
    voltages: tuple[float, ...]
    up: tuple[tuple[float, ...], ...]
    down: tuple[tuple[float, ...], ...]
    gates: tuple[float, float]

    def extra(self, polarity: int, current: FloatArray, voltage: FloatArray) -> FloatArray:
        """Voltage needed besides, over the drop on the source's side; held beyond the grids."""
        table = np.asarray(self.up if polarity > 0 else self.down)
        i, s = _place(current, self.currents)
        j, t = _place(voltage, self.voltages)
        lower = table[i, j] * (1.0 - t) + table[i, j + 1] * t
        upper = table[i + 1, j] * (1.0 - t) + table[i + 1, j + 1] * t
        return np.asarray(lower * (1.0 - s) + upper * s)

    def largest(self, polarity: int) -> float:
        """Largest value of `extra`."""
        return float(np.max(self.up if polarity > 0 else self.down))

    @classmethod
    def from_model(
        cls,
        selector: Any,
        *,
        set_gate: float,
        reset_gate: float,
        current_max: float,
        voltages: tuple[float, float],
    ) -> SelectorLaw:
        """From the equations of a transistor.

        Parameters
        ----------
        selector : compact model
            With ``current(gate=, drain=, source=, bulk=)``.
        set_gate, reset_gate : float
            Word line in SET and RESET [V].
        current_max : float
            Largest current of a pulse [A].
        voltages : tuple of float
            Smallest and largest magnitude of a pulse [V].

        Raises
        ------
        CalibrationError
            The transistor carries no such current.
        """
        amps = np.linspace(0.0, current_max, CURRENTS + 1)[1:]
        volts = np.linspace(*voltages, VOLTAGES)
        tables = []
        for gate, polarity in ((set_gate, 1), (reset_gate, -1)):
            table = _needed(selector, gate, polarity, amps[:, None], volts[None, :])
            if not np.isfinite(table[0]).all():
                raise CalibrationError(
                    thing=f"current of the selector at a gate of {gate:g} V [A]",
                    value=float(amps[0]),
                    limit=f"carried at {volts[0]:g} V across the cell",
                    next_step="Give the selector that the pulses were measured with.",
                )
            for k in range(1, len(table)):
                table[k] = np.where(np.isfinite(table[k]), table[k], table[k - 1])
            tables.append(tuple(tuple(map(float, row)) for row in table))
        return cls(
            currents=tuple(map(float, amps)),
            voltages=tuple(map(float, volts)),
            up=tables[0],
            down=tables[1],
            gates=(set_gate, reset_gate),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SelectorLaw:
        """Inverse of ``dataclasses.asdict``."""
        return cls(
            currents=tuple(data["currents"]),
            voltages=tuple(data["voltages"]),
            up=tuple(tuple(row) for row in data["up"]),
            down=tuple(tuple(row) for row in data["down"]),
            gates=(float(data["gates"][0]), float(data["gates"][1])),
        )


def _place(values: FloatArray, grid: tuple[float, ...]) -> tuple[NDArray[np.intp], FloatArray]:
    """Left neighbour on an equally spaced grid, and the share of the right one."""
    share = (np.asarray(values, float) - grid[0]) / (grid[-1] - grid[0]) * (len(grid) - 1)
    share = np.clip(share, 0.0, len(grid) - 1.0)
    left = np.minimum(share.astype(np.intp), len(grid) - 2)
    return left, share - left


def _needed(
    selector: Any, gate: float, polarity: int, current: FloatArray, voltage: FloatArray
) -> FloatArray:
    """Change of the transistor's voltage per volt at its source; NaN where it cannot carry it."""
    current, voltage = np.broadcast_arrays(current, voltage)

    def drop(source: FloatArray) -> FloatArray:
        return _solved(
            lambda d: selector.current(gate=gate, drain=source + d, source=source, bulk=0.0),
            current,
            voltage,
        )

    source = np.zeros(current.shape)
    if polarity < 0:
        # The transistor's source is the node at the memory device, which takes the rest.
        source = voltage - _solved(
            lambda d: selector.current(gate=gate, drain=voltage, source=voltage - d, bulk=0.0),
            current,
            voltage,
        )
    return np.asarray((drop(source + _RAISE) - drop(source)) / _RAISE)


def _solved(
    rising: Callable[[FloatArray], FloatArray], wanted: FloatArray, top: FloatArray
) -> FloatArray:
    """Where a rising function has the wanted value between 0 and `top`, by halving; else NaN."""
    low, high = np.zeros(wanted.shape), np.array(top, float)
    reached = rising(high) >= wanted
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = rising(middle) >= wanted
        high, low = np.where(above, middle, high), np.where(above, low, middle)
    return np.where(reached, high, np.nan)
