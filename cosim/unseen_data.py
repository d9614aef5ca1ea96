"""Arrays, pulses and calibrations of the comparison on unseen sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosim.calibration import CalibrationResult
    from netlists import Array

FloatArray = NDArray[np.float64]

WIDTHS = (2e-7, 6e-7, 2.5e-6, 1e-5)
AMPLITUDES = (1.0, 1.6)
READ_VOLTAGE = 0.2
# Random pulses of every width: a third of them leaves errors of 2.5 % near the window's ends, where
# cells meet whatever state they began in.
CALIBRATING = 240
# Strongest pulses of either polarity: two more, and the conductance has passed its maximum.
STRONGEST = 6


def array_of(rows: int, cols: int, states: FloatArray, wires: float = 0.0) -> Array:
    """1T1R cells with `states` (densities / 1e25 m^-3) and `wires` Ohm from cell to cell."""
    from compact_models import load_model
    from netlists import Array, Cell, Parasitics

    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=rows,
        cols=cols,
        parasitics=Parasitics(r_row=wires, r_col=wires),
        parameters={"c_0": np.broadcast_to(states, (rows, cols)), "phi_0": 1.0},
    )


def random_pulses(rng: np.random.Generator, count: int, low: float, high: float) -> FloatArray:
    """Amplitudes [V] of random sign, magnitudes from `low` to `high`."""
    return rng.choice([-1.0, 1.0], count) * rng.uniform(low, high, count)


def pulsed(array: Array, volts: FloatArray, width: float, noise_seed: int | None = None) -> Any:
    """Dataset of the array rung; without cycle-to-cycle spread where there is no `noise_seed`."""
    from cosim.experiments import PulseUpdate

    return PulseUpdate(
        array,
        amplitudes=tuple(float(v) for v in volts),
        width=width,
        cycle_spread=noise_seed is not None,
    ).run(simulator="native", seed=noise_seed or 0, progress=False)


def calibrated(rng: np.random.Generator, pulses: int = CALIBRATING) -> CalibrationResult:
    """A device from a few cells without wires: random pulses of every width, trains, reads."""
    from compact_models import load_model
    from cosim.calibration import calibrate
    from cosim.experiments import Read

    row = array_of(1, 8, np.linspace(0.6, 3.6, 8))
    data = [pulsed(row, random_pulses(rng, pulses, *AMPLITUDES), w) for w in WIDTHS]
    # Full trains tell the window, alternating pulses the symmetry point.
    trains = np.concatenate([np.repeat([1.35, -1.3], 120), np.tile([1.35, -1.3], 20)])
    data.append(pulsed(row, trains, 2.5e-6))
    # The strongest pulses tell how far others can drive a cell.
    data.append(pulsed(row, np.repeat([AMPLITUDES[1], -AMPLITUDES[1]], STRONGEST), WIDTHS[-1]))
    many = array_of(1, 16, np.linspace(0.5, 4.0, 16))
    voltages = np.linspace(0.1, 1.0, 10)[:, None] * READ_VOLTAGE
    data.append(Read(many, inputs=voltages).run(simulator="native", progress=False))
    return calibrate(*data, selector=load_model("nmos_3v3"))


def sequences(rng: np.random.Generator, count: int) -> list[tuple[str, float, FloatArray]]:
    """Sequences of other kinds and widths than those of the calibration."""
    low, high = AMPLITUDES
    stairs = np.linspace(low, high, count // 4)
    made: list[tuple[str, Callable[[], FloatArray]]] = [
        ("random", lambda: random_pulses(rng, count, low, high)),
        ("weak random", lambda: random_pulses(rng, count, low, 1.3)),
        ("staircases", lambda: np.concatenate([stairs, -stairs, stairs, -stairs])),
        ("random blocks", lambda: np.repeat(random_pulses(rng, count // 5, low, high), 5)),
        ("random signs", lambda: np.where(rng.random(count) < 0.5, 1.45, -1.22)),
    ]
    widths = np.exp(rng.uniform(np.log(WIDTHS[0]), np.log(WIDTHS[-1]), len(made)))
    return [(name, float(w), make()) for (name, make), w in zip(made, widths, strict=True)]
