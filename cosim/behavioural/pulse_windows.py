"""The conductance windows of devices, from the ends of their pulse trains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.pulse_data import PulseData

FloatArray = NDArray[np.floating[Any]]

# Pulses of one direction from which a train is taken to reach the end of the window.
FULL_TRAIN = 20
# One window for all devices, where that leaves less than this of the scatter of single steps.
ALIKE = 0.8


def windows(data: PulseData, notes: list[str]) -> tuple[FloatArray, FloatArray]:
    """Ends of every device's window [S], from the ends of its full trains."""
    turns = np.flatnonzero((np.diff(data.polarity) != 0) | (np.diff(data.run) != 0))
    turns = np.append(turns, data.polarity.size - 1)
    length = np.diff(np.concatenate([[-1], turns]))
    full = turns[length >= FULL_TRAIN]
    # Trains of the main pulses, where there are any: others end elsewhere.
    main = np.concatenate([data.main_group(1), data.main_group(-1)])
    if {1, -1} <= set(data.polarity[np.intersect1d(full, main)].tolist()):
        full = np.intersect1d(full, main)
    up, down = full[data.polarity[full] > 0], full[data.polarity[full] < 0]
    if up.size and down.size:
        low, high = data.after[down].mean(axis=0), data.after[up].mean(axis=0)
        one = np.full_like(low, low.mean()), np.full_like(high, high.mean())
        if data.devices > 1 and _scatter(data, *one) < ALIKE * _scatter(data, low, high):
            # Trains that were too short end where they began, not where windows do.
            notes.append("devices follow one curve on one window: no spread of windows")
            low, high = one
    if not (up.size and down.size) or not (high > low * 1.001).all():
        # Where devices happened to be says nothing about their windows.
        notes.append("no full trains of both polarities: window is the range of the data")
        low = np.full(data.devices, data.after.min())
        high = np.full(data.devices, data.after.max())
    if not (high > low * 1.001).all():
        raise CalibrationError(
            thing="conductance window of the pulse data [S]",
            value=(float(low.min()), float(high.max())),
            limit="maximum above minimum on every device",
            next_step="Check that the pulses move the devices and that polarity is right.",
        )
    return low, high


def _scatter(data: PulseData, low: FloatArray, high: FloatArray) -> float:
    """Variance of main steps about their mean at equal place in given windows [S^2]."""
    total = 0.0
    for sign in (1, -1):
        group = data.main_group(sign)
        u = ((data.before[group] - low) / (high - low)).ravel()
        steps = (data.after[group] - data.before[group]).ravel()[np.argsort(u)]
        parts = np.array_split(steps, max(min(steps.size // 8, 100), 1))
        total += float(sum(np.sum((part - part.mean()) ** 2) for part in parts))
    return total
