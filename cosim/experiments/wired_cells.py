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
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError, ModelError

Floats = NDArray[np.float64]
BOLTZMANN = 1.380649e-23
LOWEST, HIGHEST = 0.08, 14.0
"""Densities that are tabulated, C / 1e25."""
_DENSITIES, _VOLTAGES, _FINE = 128, 24, 16
_STEP = 0.04
"""Largest relative change of a density in one step of the integration."""


@dataclass(frozen=True, kw_only=True)
class Bias:
    """Lines of a cell that is pulsed or read, without drops.

    Parameters
    ----------
    bit_line, source_line, gate : float
        [V], bulk at 0.
    span : float
        How far the wires may lower the voltage across the cell, as a share of it.
    """

    bit_line: float
    source_line: float
    gate: float
    span: float = 0.25

    @property
    def across(self) -> float:
        """Voltage between the lines [V], positive in SET direction."""
        return self.bit_line - self.source_line


@dataclass(frozen=True, kw_only=True, eq=False)
class CellTable:
    """Current, drift rate and temperature of 1T1R cells under one bias.

    Parameters
    ----------
    bias : Bias
    log_density : ndarray, shape (n,)
        ln(C / 1e25), evenly spaced.
    voltage : ndarray, shape (k,)
        Magnitude across the cell [V], evenly spaced.
    values : ndarray, shape (3, m, n, k)
        ln of the current [A], ln of the drift rate d ln C / dt [1/s], temperature [K]; m radii.
    """

    bias: Bias
    log_density: Floats
    voltage: Floats
    values: Floats

    def at(
        self, number: int, row: NDArray[np.intp], log_density: Floats, voltage: Floats
    ) -> tuple[Floats, Floats]:
        """Return a value and its slope by voltage, linear in the table.

        Parameters
        ----------
        number : {0, 1, 2}
            Current, rate, temperature.
        row : ndarray of int
            Which radius.
        """
        table = self.values[number]
        x, u = self.log_density, self.voltage
        step, rise = x[1] - x[0], u[1] - u[0]
        a = np.clip((log_density - x[0]) / step, 0.0, x.size - 1.000001)
        b = np.clip((voltage - u[0]) / rise, 0.0, u.size - 1.000001)
        i, j = a.astype(np.intp), b.astype(np.intp)
        p, q = a - i, b - j
        low = (1.0 - p) * table[row, i, j] + p * table[row, i + 1, j]
        high = (1.0 - p) * table[row, i, j + 1] + p * table[row, i + 1, j + 1]
        return (1.0 - q) * low + q * high, (high - low) / rise


def build_table(
    reram: Any, transistor: Any, bias: Bias, radii: Floats, ceiling: float | None = None
) -> CellTable:
    """Tabulate 1T1R cells under one bias.

    Parameters
    ----------
    radii : ndarray, shape (m,)
        Filament radii [m].
    ceiling : float, optional
        Voltage up to which the device is tabulated [V]; biases of one polarity and one ceiling
        share that work.

    Raises
    ------
    ModelError
        If vacancies do not drift with the polarity of a bias that writes.
    """
    logs = np.linspace(np.log(LOWEST), np.log(HIGHEST), _DENSITIES)
    most = abs(bias.across)
    sign = float(np.sign(bias.across))
    key = tuple(np.asarray(radii, dtype=float).tolist())
    current, rate, kelvin, fine = _device(reram, sign, ceiling or most, key)
    drop = _drop(transistor, bias, current)
    total = fine + drop
    wanted = np.linspace((1.0 - bias.span) * most, most, _FINE)
    values = np.empty((3, radii.size, logs.size, wanted.size))
    for m in range(radii.size):
        for n in range(logs.size):
            u = total[m, n]
            values[0, m, n] = np.interp(wanted, u, np.log(current[m, n]))
            values[1, m, n] = np.interp(wanted, u, rate[m, n])
            values[2, m, n] = np.interp(wanted, u, kelvin[m, n])
    return CellTable(bias=bias, log_density=logs, voltage=wanted, values=values)


@lru_cache(maxsize=8)
def _device(
    reram: Any, sign: float, most: float, radii: tuple[float, ...]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Current [A], ln rate, temperature over (radius, density, device voltage), and the last."""
    from scipy.interpolate import CubicSpline

    from compact_models.steady import solve_steady

    logs = np.linspace(np.log(LOWEST), np.log(HIGHEST), _DENSITIES)
    # The transistor is the smaller resistor: the device keeps more than a third of a pulse.
    volts = np.linspace(0.3 * most, most, _VOLTAGES)
    grid = np.meshgrid(np.array(radii), logs, volts, indexing="ij")
    radius, log_density, volt = (g.ravel() for g in grid)
    settled = solve_steady(
        reram,
        voltages={"top": sign * volt, "bottom": 0.0},
        held={"c": np.exp(log_density), "phi": 1.0},
        parameters={"r": radius},
    )
    rate = settled.rate("c") * sign / np.exp(log_density)
    if not np.all(rate > 0):
        raise ModelError(
            thing="vacancies do not drift with the polarity of the pulse", value=sign * most
        )
    fine = np.linspace(volts[0], volts[-1], 4 * _VOLTAGES)
    smooth = [
        CubicSpline(volts, part.reshape(grid[0].shape), axis=2)(fine)
        for part in (
            np.log(settled.current("top") * sign),
            np.log(rate),
            reram.parameters["T_0"] + settled.state("dT"),
        )
    ]
    return np.exp(smooth[0]), smooth[1], smooth[2], fine


def _drop(transistor: Any, bias: Bias, current: Floats) -> Floats:
    """Voltage across the transistor that carries a current under a bias [V]."""
    falls = np.concatenate([[0.0], np.geomspace(1e-5, abs(bias.across), 400)])
    drain = bias.source_line + np.sign(bias.across) * falls
    carried = np.abs(
        transistor.current(gate=bias.gate, drain=drain, source=bias.source_line, bulk=0.0)
    )
    keep = np.concatenate([[True], np.diff(np.maximum.accumulate(carried)) > 0])
    # Beyond what the transistor carries, no share of the voltage is left for the device.
    return np.asarray(np.interp(current, carried[keep], falls[keep], right=abs(bias.across)))


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
    return x, charge, least
