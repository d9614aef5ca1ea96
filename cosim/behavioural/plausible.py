"""Pulse data that cannot be what they are said to be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.pulse_data import PulseData

FloatArray = NDArray[np.floating[Any]]

# Conductances of ReRAM cells in the literature lie within these [S].
USUAL = (1e-9, 0.1)


def check_polarity(data: PulseData, step: FloatArray) -> None:
    """Refuse data in which both polarities move the conductance the wrong way.

    Parameters
    ----------
    data : PulseData
    step : ndarray, shape (pulses, devices)
        Change by each pulse.

    Raises
    ------
    CalibrationError
        If the mean steps of both lie more than three standard errors on the wrong side.
    """
    means = {}
    for sign in (1, -1):
        steps = sign * step[data.polarity == sign].ravel()
        if steps.size < 2 or np.mean(steps) > -3.0 * np.std(steps) / np.sqrt(steps.size):
            return
        means[sign] = sign * float(np.mean(steps))
    raise CalibrationError(
        thing="polarity of the pulse data: +1 lowers the conductance and -1 raises it; mean "
        "steps, in windows",
        value=(round(means[1], 5), round(means[-1], 5)),
        limit="+1 (or a positive amplitude) raises the conductance",
        next_step="Change the sign of the polarity, or of the amplitude, of all pulses.",
    )


def unit_note(data: PulseData) -> list[str]:
    """A note where the conductances are so unusual that their unit may be wrong."""
    middle = float(np.median(data.after))
    if USUAL[0] <= middle <= USUAL[1]:
        return []
    return [
        f"conductances around {middle:.2g} S: outside {USUAL[0]:g} to {USUAL[1]:g} S, as ReRAM "
        "cells have; check the unit"
    ]
