"""Tables of 1T1R cells: current, drift rate and temperature over density, voltage and radius."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ModelError

Floats = NDArray[np.float64]
LOWEST, HIGHEST = 0.08, 14.0
"""Densities that are tabulated, C / 1e25."""
_DENSITIES, _VOLTAGES, _FINE = 128, 24, 16


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
