"""Directions of trains of pulses, and the dataset variables of what they did."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable

FloatArray = NDArray[np.float64]


def trains_of(pulses: int, cycles: int, alternating: int) -> NDArray[np.int64]:
    """Directions of so many pulses up and so many down, repeated, and then in turn."""
    trains = [1] * pulses + [-1] * pulses
    tail = [1 if k % 2 == 0 else -1 for k in range(alternating)]
    return np.array(trains * cycles + tail, dtype=np.int64)


def pulse_variables(
    conductance: FloatArray,
    current: FloatArray,
    amplitude: FloatArray,
    polarity: NDArray[np.int64],
    width: float,
    gates: FloatArray,
) -> dict[str, Variable]:
    """Variables of a train of pulses.

    Parameters
    ----------
    conductance : ndarray, shape (pulses + 1, rows, cols)
        Read before the first pulse, and after every one [S].
    current : ndarray, shape (pulses, rows, cols)
        At the end of the flat top of every pulse [A].
    amplitude, gates : ndarray, shape (pulses,)
        [V]
    polarity : ndarray of int, shape (pulses,)
    width : float
        Flat top of every pulse [s].
    """
    pulse = ("pulse",)
    return {
        "conductance": (
            ("pulse", "row", "col"),
            conductance[1:],
            "S",
            "cell conductance read after the pulse",
        ),
        "initial_conductance": (
            ("row", "col"),
            conductance[0],
            "S",
            "cell conductance before the first pulse",
        ),
        "pulse_current": (
            ("pulse", "row", "col"),
            current,
            "A",
            "cell current at the end of the flat top",
        ),
        "polarity": (pulse, polarity, "1", "direction of the pulse"),
        "amplitude": (pulse, amplitude, "V", "bit line to source line"),
        "width": (pulse, np.full(polarity.shape, width), "s", "flat top"),
        "gate": (pulse, gates, "V", "word line during the pulse"),
    }
