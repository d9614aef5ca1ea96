"""The calibrated device behind wires, against arrays that are pulsed through theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.unseen_data import array_of, pulsed, sequences

if TYPE_CHECKING:
    from cosim.behavioural import BehaviouralDevice
    from netlists import Array

# Arrays besides the one that is compared: rows and columns (0: as many), and Ohm a segment.
FURTHER = ((0, 1.5), (0, 5.0), (64, 0.35))
# Of the sequences, those that move cells farthest and take them through all amplitudes.
NAMES = ("random", "staircases")


@dataclass(frozen=True, kw_only=True)
class WiredRow:
    """One sequence of pulses through wires, cell by cell.

    Parameters
    ----------
    name : str
    size : int
        Rows and columns.
    resistance : float
        Of a segment of line [Ohm].
    drop : float
        Largest voltage that the lines took of a pulse [V].
    ignored : float
        Largest difference of conductances after every pulse where the device gets the pulses
        in full, in units of the window.
    worst, rms : float
        The same, and its root mean square, where it is given its wires.
    outside : float
        Share of steps that the calibration flags as not covered by its data.
    """

    name: str
    size: int
    resistance: float
    drop: float
    ignored: float
    worst: float
    rms: float
    outside: float


def further_arrays(
    device: BehaviouralDevice, size: int, pulses: int, rng: np.random.Generator
) -> list[WiredRow]:
    """Other wires, and a larger array."""
    rows = []
    for other, resistance in FURTHER:
        count = other or size
        for name, width, volts in sequences(rng, pulses):
            states = rng.uniform(0.7, 3.5, (count, count))
            if name in NAMES:
                array = array_of(count, count, states, wires=resistance)
                rows.append(behind_wires(device, name, array, pulsed(array, volts, width)))
    return rows


def behind_wires(device: BehaviouralDevice, name: str, array: Array, truth: Any) -> WiredRow:
    """Compare with `truth`, the Dataset of an array that was pulsed and read through its wires.

    Every cell is pulsed and read alone, so that its path is its pieces of line in series.
    """
    from cosim.behavioural import WritePath, predict

    volts, width = truth["amplitude"].values, truth["width"].values
    path = WritePath.alone(array.shape, array.parasitics, array.drive).ravel()
    seen = truth["conductance"].values.reshape(volts.size, -1)
    start = path.without(truth["initial_conductance"].values.ravel())
    errors = []
    for wires in (None, path):
        found = predict(device, start, volts, width, wires=wires)
        errors.append((path.read_behind(found["conductance"].values) - seen) / device.window)
    amps = np.abs(truth["pulse_current"].values.reshape(volts.size, -1))
    return WiredRow(
        name=name,
        size=array.rows,
        resistance=array.parasitics.r_row,
        drop=float((amps * path.total).max()),
        ignored=float(np.abs(errors[0]).max()),
        worst=float(np.abs(errors[1]).max()),
        rms=float(np.sqrt(np.mean(errors[1] ** 2))),
        outside=float(found["outside_calibration"].values.mean()),
    )
