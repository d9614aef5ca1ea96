"""The behavioural rung against the array rung on pulses it was not calibrated with.

Pulses of random amplitude and four widths on a few cells, a read of one row, and a product
of an array are what the device is calibrated from. Then a whole array is pulsed with other
sequences, at other widths; conductances and products through wires are compared. Both
sides solve the same device, so what differs is the error of the calibration. The same array is
then pulsed through its wires, which the device is told of; more wires and a larger array follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cosim.errors import ConfigError
from cosim.unseen_data import (
    READ_VOLTAGE,
    FloatArray,
    array_of,
    calibrated,
    pulsed,
    random_pulses,
    sequences,
)
from cosim.unseen_wires import WiredRow, behind_wires, further_arrays

if TYPE_CHECKING:
    from cosim.calibration import CalibrationResult

LIMIT = 0.02


@dataclass(frozen=True, kw_only=True)
class UnseenRow:
    """One sequence.

    Parameters
    ----------
    name : str
    width : float
        Of its pulses [s].
    amplitudes : tuple of float
        Smallest and largest magnitude [V].
    pulses : int
    moved : float
        Mean distance between start and end of the cells, in units of the window.
    worst, rms : float
        Difference of conductances after every pulse, in units of the window.
    wired : WiredRow
        The same array pulsed through its wires.
    product_worst, product_rms : float
        Difference of the currents of products at the end, over the largest, and root mean
        squares over that of the currents.
    outside : float
        Share of steps that the calibration flags as not covered by its data.
    """

    name: str
    width: float
    amplitudes: tuple[float, float]
    pulses: int
    moved: float
    worst: float
    rms: float
    wired: WiredRow
    product_worst: float
    product_rms: float
    outside: float

    @property
    def within(self) -> bool:
        """Conductances, with and without wires while writing, and products within 2 %."""
        return max(self.worst, self.wired.worst, self.product_worst, self.product_rms) <= LIMIT


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """The calibration, its sequences, and what noise does to a population.

    Parameters
    ----------
    fit : CalibrationResult
    rows : tuple of UnseenRow
    wired : tuple of WiredRow
        Other wires and a larger array.
    noisy_mean, noisy_spread : float
        With cycle-to-cycle spread on both rungs: largest difference between the means of the
        cells after every pulse, and of their standard deviations, in units of the window.
        Both hold the sampling error of the cells' number.
    """

    fit: CalibrationResult
    rows: tuple[UnseenRow, ...]
    wired: tuple[WiredRow, ...]
    noisy_mean: float
    noisy_spread: float

    @property
    def within(self) -> bool:
        """All rows, wires and the population, where it was compared, within 2 %."""
        rows = all(row.within for row in self.rows) and all(w.worst <= LIMIT for w in self.wired)
        return rows and not max(self.noisy_mean, self.noisy_spread) > LIMIT


def compare_unseen(
    *,
    size: int = 16,
    pulses: int = 80,
    seed: int = 0,
    noisy: bool = True,
    further: bool = True,
    progress: bool = True,
) -> Unseen:
    """Calibrate on the array rung and compare on sequences it has not seen.

    Parameters
    ----------
    size : int
        Rows and columns of the array that is compared.
    pulses : int
        Of every sequence.
    seed : int
    noisy : bool
        Compare a population with cycle-to-cycle spread as well.
    further : bool
        Compare other wires and a larger array as well.
    """
    from tqdm import tqdm

    if not (2 <= size <= 256 and 20 <= pulses <= 5000):
        raise ConfigError(
            thing="size or pulses of the comparison",
            value=(size, pulses),
            limit="2 to 256 rows and columns, 20 to 5000 pulses",
        )
    calibrating, unseen, others = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3)
    )
    bar = tqdm(total=6 + noisy + further, desc="unseen", disable=not progress, leave=False)
    fit = calibrated(calibrating)
    bar.update()
    rows = []
    for name, width, volts in sequences(unseen, pulses):
        rows.append(_compare(fit, name, width, volts, size, unseen))
        bar.update()
    noise = (float("nan"), float("nan"))
    if noisy:
        noise = _population(calibrating, unseen)
        bar.update()
    wired = further_arrays(fit.device, size, pulses, others) if further else []
    bar.close()
    return Unseen(
        fit=fit, rows=tuple(rows), wired=tuple(wired), noisy_mean=noise[0], noisy_spread=noise[1]
    )


def _compare(
    fit: CalibrationResult,
    name: str,
    width: float,
    volts: FloatArray,
    size: int,
    rng: np.random.Generator,
) -> UnseenRow:
    from cosim.behavioural import predict
    from cosim.behavioural.wire_fit import tile_currents
    from cosim.experiments import Read

    states = rng.uniform(0.7, 3.5, (size, size))
    array = array_of(size, size, states, wires=0.35)
    truth = pulsed(array_of(size, size, states), volts, width)
    wired = behind_wires(fit.device, name, array, pulsed(array, volts, width))
    start = truth["initial_conductance"].values
    found = predict(fit.device, start.ravel(), volts, np.full(volts.size, width))
    g = truth["conductance"].values.reshape(volts.size, -1)
    error = (found["conductance"].values - g) / fit.device.window
    inputs = rng.uniform(-READ_VOLTAGE, READ_VOLTAGE, (16, size))
    read = Read(array.with_states(truth), inputs=inputs).run(simulator="native", progress=False)
    current = read["current"].values
    last = found["conductance"].values[-1].reshape(size, size)
    wrong = tile_currents(fit.device, last, inputs, array.parasitics) - current
    magnitude = np.abs(volts)
    return UnseenRow(
        name=name,
        width=width,
        amplitudes=(float(magnitude.min()), float(magnitude.max())),
        pulses=int(volts.size),
        moved=float(np.abs(g[-1] - start.ravel()).mean() / fit.device.window),
        worst=float(np.abs(error).max()),
        rms=float(np.sqrt(np.mean(error**2))),
        wired=wired,
        product_worst=float(np.abs(wrong).max() / np.abs(current).max()),
        product_rms=float(np.sqrt(np.mean(wrong**2) / np.mean(current**2))),
        outside=float(found["outside_calibration"].values.mean()),
    )


def _population(
    calibrating: np.random.Generator, unseen: np.random.Generator
) -> tuple[float, float]:
    """Means and spreads of 256 cells with cycle-to-cycle spread, on both rungs."""
    from cosim.behavioural import predict
    from cosim.calibration import calibrate

    row = array_of(1, 64, np.linspace(0.7, 3.6, 64))
    data = [pulsed(row, random_pulses(calibrating, 120, 1.1, 1.5), w, 1) for w in (6e-7, 2.5e-6)]
    fit = calibrate(*data)
    volts = random_pulses(unseen, 40, 1.15, 1.45)
    truth = pulsed(array_of(16, 16, np.full((1, 1), 1.64)), volts, 1.5e-6, 2)
    g = truth["conductance"].values.reshape(volts.size, -1)
    start = truth["initial_conductance"].values.ravel()
    found = predict(
        fit.device, start, volts, np.full(volts.size, 1.5e-6), rng=np.random.default_rng(3)
    )["conductance"].values
    window = fit.device.window
    return (
        float(np.abs(found.mean(axis=1) - g.mean(axis=1)).max() / window),
        float(np.abs(found.std(axis=1) - g.std(axis=1)).max() / window),
    )
