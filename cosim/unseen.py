"""The behavioural rung against the array rung on pulses it was not calibrated with.

Pulses of random amplitude and four widths on a few cells, a read of one row, and a product
of an array are what the device is calibrated from. Then a whole array is pulsed with other
sequences, at other widths; conductances and products through wires are compared. Both
sides solve the same device, so what differs is the error of the calibration. The same array is
then pulsed through its wires, which take from the pulses of far cells what the behavioural
device does not know: that error comes on top, grows with the array, and is shown beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError

if TYPE_CHECKING:
    from cosim.calibration import CalibrationResult
    from netlists import Array

FloatArray = NDArray[np.float64]

WIDTHS = (2e-7, 6e-7, 2.5e-6, 1e-5)
AMPLITUDES = (1.0, 1.6)
LIMIT = 0.02
READ_VOLTAGE = 0.2


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
    wired_worst : float
        The same as `worst` where the array is pulsed through its wires.
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
    wired_worst: float
    product_worst: float
    product_rms: float
    outside: float

    @property
    def within(self) -> bool:
        """Conductances, with and without wires while writing, and products within 2 %."""
        return max(self.worst, self.wired_worst, self.product_worst, self.product_rms) <= LIMIT


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """The calibration, its sequences, and what noise does to a population.

    Parameters
    ----------
    fit : CalibrationResult
    rows : tuple of UnseenRow
    noisy_mean, noisy_spread : float
        With cycle-to-cycle spread on both rungs: largest difference between the means of the
        cells after every pulse, and of their standard deviations, in units of the window.
        Both hold the sampling error of the cells' number.
    """

    fit: CalibrationResult
    rows: tuple[UnseenRow, ...]
    noisy_mean: float
    noisy_spread: float

    @property
    def within(self) -> bool:
        """All rows within 2 %."""
        return all(row.within for row in self.rows)


def compare_unseen(
    *, size: int = 16, pulses: int = 80, seed: int = 0, noisy: bool = True, progress: bool = True
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
    """
    from tqdm import tqdm

    if not (2 <= size <= 256 and 20 <= pulses <= 5000):
        raise ConfigError(
            thing="size or pulses of the comparison",
            value=(size, pulses),
            limit="2 to 256 rows and columns, 20 to 5000 pulses",
        )
    calibrating, unseen = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    bar = tqdm(total=6 + noisy, desc="unseen", disable=not progress, leave=False)
    fit = _calibrated(calibrating, pulses=max(pulses, 60))
    bar.update()
    rows = []
    for name, width, volts in _sequences(unseen, pulses):
        rows.append(_compare(fit, name, width, volts, size, unseen))
        bar.update()
    noise = (float("nan"), float("nan"))
    if noisy:
        noise = _population(calibrating, unseen)
        bar.update()
    bar.close()
    return Unseen(fit=fit, rows=tuple(rows), noisy_mean=noise[0], noisy_spread=noise[1])


def _array(rows: int, cols: int, states: FloatArray, wires: float = 0.0) -> Array:
    from compact_models import load_model
    from netlists import Array, Cell, Parasitics

    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=rows,
        cols=cols,
        parasitics=Parasitics(r_row=wires, r_col=wires),
        parameters={"c_0": np.broadcast_to(states, (rows, cols)), "phi_0": 1.0},
    )


def _random(rng: np.random.Generator, count: int, low: float, high: float) -> FloatArray:
    return rng.choice([-1.0, 1.0], count) * rng.uniform(low, high, count)


def _pulsed(array: Array, volts: FloatArray, width: float, noise_seed: int | None = None) -> Any:
    from cosim.experiments import PulseUpdate

    return PulseUpdate(
        array,
        amplitudes=tuple(float(v) for v in volts),
        width=width,
        cycle_spread=noise_seed is not None,
    ).run(simulator="native", seed=noise_seed or 0, progress=False)


def _calibrated(rng: np.random.Generator, pulses: int) -> CalibrationResult:
    from compact_models import load_model
    from cosim.calibration import calibrate
    from cosim.experiments import Read

    row = _array(1, 8, np.linspace(0.6, 3.6, 8))
    data = [_pulsed(row, _random(rng, pulses, *AMPLITUDES), w) for w in WIDTHS]
    # Full trains tell the window, alternating pulses the symmetry point.
    trains = np.concatenate([np.repeat([1.35, -1.3], 120), np.tile([1.35, -1.3], 20)])
    data.append(_pulsed(row, trains, 2.5e-6))
    many = _array(1, 16, np.linspace(0.5, 4.0, 16))
    voltages = np.linspace(0.1, 1.0, 10)[:, None] * READ_VOLTAGE
    data.append(Read(many, inputs=voltages).run(simulator="native", progress=False))
    return calibrate(*data, temperature=293.0, selector=load_model("nmos_3v3"))


def _sequences(rng: np.random.Generator, count: int) -> list[tuple[str, float, FloatArray]]:
    """Sequences of other kinds and widths than those of the calibration."""
    low, high = AMPLITUDES
    stairs = np.linspace(low, high, count // 4)
    made: list[tuple[str, Callable[[], FloatArray]]] = [
        ("random", lambda: _random(rng, count, low, high)),
        ("weak random", lambda: _random(rng, count, low, 1.3)),
        ("staircases", lambda: np.concatenate([stairs, -stairs, stairs, -stairs])),
        ("random blocks", lambda: np.repeat(_random(rng, count // 5, low, high), 5)),
        ("random signs", lambda: np.where(rng.random(count) < 0.5, 1.45, -1.22)),
    ]
    widths = np.exp(rng.uniform(np.log(WIDTHS[0]), np.log(WIDTHS[-1]), len(made)))
    return [(name, float(w), make()) for (name, make), w in zip(made, widths, strict=True)]


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
    array = _array(size, size, states, wires=0.35)
    truth = _pulsed(_array(size, size, states), volts, width)
    wired = _pulsed(array, volts, width)["conductance"].values.reshape(volts.size, -1)
    start = truth["initial_conductance"].values
    found = predict(fit.device, start.ravel(), volts, np.full(volts.size, width))
    g = truth["conductance"].values.reshape(volts.size, -1)
    error = (found["conductance"].values - g) / fit.device.window
    behind = (found["conductance"].values - wired) / fit.device.window
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
        wired_worst=float(np.abs(behind).max()),
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

    row = _array(1, 24, np.linspace(0.7, 3.6, 24))
    data = [_pulsed(row, _random(calibrating, 120, 1.1, 1.5), w, 1) for w in (6e-7, 2.5e-6)]
    fit = calibrate(*data, temperature=293.0)
    volts = _random(unseen, 40, 1.15, 1.45)
    truth = _pulsed(_array(16, 16, np.full((1, 1), 1.64)), volts, 1.5e-6, 2)
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
