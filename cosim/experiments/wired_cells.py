"""1T1R cells of one row behind the wires of their lines, quasi-statically.

Heat settles in tens of picoseconds and lines in less than a nanosecond, so during a pulse of
microseconds the cells of a row are their vacancy densities, and the currents follow at once:
each cell takes what its density and the voltage that the wires leave it allow. Current, drift
rate and temperature of a 1T1R are tabulated over density, voltage and filament radius from the
equations of the compact models; the ladder of the bit line that a row shares is solved for all
rows at once. Rows whose word lines are off carry picoamperes and are left out.

What it leaves out beside the native array solver: the edges of a pulse, the millivolts by which a
source line's own drop moves the transistor's gate against its source, and the spread of the
filament radius within one of the tabulated classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compact_models.constants import BOLTZMANN
from compact_models.errors import ConfigError, ModelError
from cosim.experiments.wired_tables import Bias, CellTable, Floats, build_table

__all__ = ["Bias", "CellTable", "Wires", "build_table", "pulse", "solve_row"]

_STEP = 0.04
"""Largest relative change of a density in one step of the integration."""


@dataclass(frozen=True, kw_only=True)
class Wires:
    """Wires of an array whose bit lines run along the rows.

    Parameters
    ----------
    segment : float
        Resistance from cell to cell, and from driver to first cell [Ohm].
    driver : float
        Of every driver and sensing input [Ohm].
    """

    segment: float = 0.35
    driver: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no wire."""
        values = np.array([self.segment, self.driver])
        if not (np.isfinite(values).all() and (values >= 0).all() and (values <= 1e4).all()):
            raise ConfigError(
                thing="wires of a programmed array [Ohm]",
                value=(self.segment, self.driver),
                limit="0 to 10 kOhm",
            )

    def source_path(self, rows: int) -> Floats:
        """Resistance of the source line from every row to its driver, shape (rows, 1) [Ohm]."""
        return np.asarray(self.driver + self.segment * np.arange(1, rows + 1.0))[:, None]


def solve_row(
    tables: tuple[CellTable, ...],
    kind: NDArray[np.intp],
    top: Floats,
    radius: NDArray[np.intp],
    log_density: Floats,
    leak: Floats,
    wires: Wires,
    source: Floats,
    start: Floats,
    *,
    shared: bool = True,
) -> tuple[Floats, Floats]:
    """Return voltages across cells and their currents, in magnitude, behind the wires.

    Parameters
    ----------
    tables : tuple of CellTable
        By bias; all of one polarity.
    kind : ndarray of int, shape (rows, cols)
        Which table a cell has; -1 where it is inhibited.
    top : ndarray, shape (rows, cols)
        Voltage across the lines of a cell without drops [V], positive.
    leak : ndarray, shape (rows, cols)
        Conductance of an inhibited cell to its source line, which is where the bit line's driver
        is [S].
    source : ndarray, shape (rows, 1)
        Resistance of the source line [Ohm].
    start : ndarray, shape (rows, cols)
        Where to begin [V].
    shared : bool
        All cells of a row draw on their bit line at once; else each as if it were alone.

    Raises
    ------
    ModelError
        If the wires take more than the tables hold.
    """
    from scipy.linalg import solve_banded

    rows, cols = kind.shape
    voltage = start.copy()
    segment = 1.0 / max(wires.segment, 1e-6)
    feed = 1.0 / max(wires.driver + wires.segment, 1e-6)
    path = wires.driver + wires.segment * np.arange(1, cols + 1.0)
    on = kind >= 0
    current, slope = np.zeros(kind.shape), np.zeros(kind.shape)
    for _ in range(30):
        for number, table in enumerate(tables):
            who = kind == number
            log_current, by_voltage = table.at(0, radius[who], log_density[who], voltage[who])
            current[who] = np.exp(log_current)
            slope[who] = current[who] * by_voltage
        # A cell with its source line: current as a straight line of the bit line's drop.
        stiff = np.where(on, slope / (1.0 + slope * source), leak / (1.0 + leak * source))
        flat = np.where(on, (current + slope * (top - voltage)) / (1.0 + slope * source), 0.0)
        if shared:
            diagonal = stiff + 2.0 * segment
            diagonal[:, -1] -= segment
            diagonal[:, 0] += feed - segment
            banded = np.zeros((3, rows * cols))
            banded[1] = diagonal.ravel()
            side = np.full(kind.shape, -segment)
            side[:, 0] = 0.0
            banded[0] = side.ravel()
            banded[2, :-1] = side.ravel()[1:]
            fall = solve_banded((1, 1), banded, flat.ravel()).reshape(kind.shape)
        else:
            fall = flat * path / (1.0 + stiff * path)
        through = flat - stiff * fall
        found = np.where(on, top - fall - through * source, 0.0)
        moved = float(np.abs(found - voltage)[on].max(initial=0.0))
        voltage = found
        if moved < 1e-6:
            break
    else:
        raise ModelError(thing="a row behind its wires has no solution", value=moved)
    least = np.array([t.voltage[0] for t in tables])[np.maximum(kind, 0)]
    if np.any(on & (voltage < least)):
        raise ModelError(
            thing="wires take more of a pulse than is tabulated",
            value=float((voltage / top)[on].min()),
            limit=f"{1.0 - tables[0].bias.span:g} of the amplitude left at the cell",
            next_step="Take a smaller array, or lower the wire resistance",
        )
    return voltage, np.where(on, through, 0.0)


def pulse(
    tables: tuple[CellTable, ...],
    kind: NDArray[np.intp],
    radius: NDArray[np.intp],
    log_density: Floats,
    shift: Floats,
    leak: Floats,
    wires: Wires,
    source: Floats,
    width: float,
    *,
    shared: bool = True,
) -> tuple[Floats, Floats, Floats]:
    """Apply one pulse to rows of cells; return ln(C / 1e25), charge [C] and lowest voltage [V].

    Parameters
    ----------
    shift : ndarray, shape (rows, cols)
        Change of the migration barrier of every cell in this pulse [J].
    width : float
        [s]

    Raises
    ------
    ModelError
        If the wires take more than the tables hold, or a state leaves them.
    """
    sign = float(np.sign(tables[0].bias.across))
    tops = np.array([abs(t.bias.across) for t in tables])
    on = kind >= 0
    top = np.where(on, tops[np.maximum(kind, 0)], 0.0)
    x, voltage = log_density.copy(), top.copy()
    charge, least = np.zeros(kind.shape), np.full(kind.shape, np.inf)
    left = np.where(on.any(axis=1), width, 0.0)

    def drift(who: NDArray[np.intp], at: Floats, guess: Floats) -> tuple[Floats, Floats, Floats]:
        volts, amps = solve_row(
            tables, kind[who], top[who], radius[who], at, leak[who], wires, source[who], guess,
            shared=shared,
        )  # fmt: skip
        rate = np.zeros(at.shape)
        for number, table in enumerate(tables):
            own = kind[who] == number
            cells = (radius[who][own], at[own], volts[own])
            kelvin = table.at(2, *cells)[0]
            rate[own] = np.exp(table.at(1, *cells)[0] - shift[who][own] / (BOLTZMANN * kelvin))
        return sign * rate, volts, amps

    while left.any():
        who = np.flatnonzero(left > 0)
        rate, volts, amps = drift(who, x[who], voltage[who])
        fastest = np.abs(rate).max(axis=1)
        step = np.minimum(left[who], _STEP / np.maximum(fastest, 1e-300))[:, None]
        middle, volts, amps = drift(who, x[who] + 0.5 * step * rate, volts)
        x[who] += step * middle
        voltage[who] = volts
        charge[who] += step * amps
        least[who] = np.minimum(least[who], np.where(on[who], volts, np.inf))
        left[who] = np.maximum(left[who] - step[:, 0], 0.0)
        left[left < 1e-9 * width] = 0.0
    ends = tables[0].log_density[[0, -1]]
    if np.any(on & ~((x >= ends[0]) & (x <= ends[1]))):
        raise ModelError(
            thing="a pulse takes a cell beyond the tabulated vacancy densities [1e25 1/m^3]",
            value=(float(np.exp(x[on].min())), float(np.exp(x[on].max()))),
            limit="{:.3g} to {:.3g}".format(*np.exp(ends)),
            next_step="Take lower or shorter pulses",
        )
    return x, charge, least
