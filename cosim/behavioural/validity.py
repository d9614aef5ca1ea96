"""The range of data behind a calibrated law, and the warning when it is left."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]

# Rounding, and noise about the ends of the data, are no use outside them.
SLACK = 0.01
UNITS = {
    "conductance": "S",
    "amplitude_up": "V",
    "amplitude_down": "V",
    "width": "s",
    "read_voltage": "V",
    "temperature": "K",
}


UNCOVERED = (
    "a pulse at a conductance where none like it was measured lies outside the calibrated range: "
    "the law between and beyond measured ones is used"
)

DRIVEN_BEYOND = (
    "a pulse drives the conductance beyond all that was measured, outside the calibrated range: it "
    "is held there, and what follows is a guess"
)


class OutsideCalibration(UserWarning):
    """A calibrated law is used outside the data it was fitted to."""


def warn_outside(what: str, value: float, known: Range, unit: str, consequence: str) -> None:
    """Give an `OutsideCalibration` warning.

    Parameters
    ----------
    what : str
        The quantity, in words.
    value : float
        The value farthest outside.
    known : tuple of float
        Calibrated range.
    unit : str
    consequence : str
        What the law does there.
    """
    warnings.warn(
        f"{what} of {value:.4g} {unit} lies outside the calibrated range "
        f"{known[0]:.4g} to {known[1]:.4g} {unit}: {consequence}",
        OutsideCalibration,
        stacklevel=3,
    )


def outside(values: Any, known: Range | None, slack: float = SLACK) -> NDArray[np.bool_]:
    """Which values lie outside a range by more than `slack` of it; none where it is unknown."""
    values = np.asarray(values, float)
    if known is None:
        return np.zeros(values.shape, bool)
    low, high = known
    room = max(slack * (high - low), 1e-6 * max(abs(low), abs(high)))
    return np.asarray((values < low - room) | (values > high + room))


@dataclass(frozen=True, kw_only=True)
class Validity:
    """Ranges of the data behind a device; None where nothing is known or needed.

    Parameters
    ----------
    conductance : tuple of float
        [S].
    amplitude_up, amplitude_down : tuple of float
        Of SET and RESET pulses, lowest and highest [V].
    width : tuple of float
        Of pulses [s].
    read_voltage : tuple of float
        Magnitudes [V].
    temperature : tuple of float
        [K].
    """

    conductance: Range | None = None
    amplitude_up: Range | None = None
    amplitude_down: Range | None = None
    width: Range | None = None
    read_voltage: Range | None = None
    temperature: Range | None = None

    def outside(self, quantity: str, values: Any) -> NDArray[np.bool_]:
        """Which values of one of the fields lie outside its range; the shape of `values`."""
        return outside(values, getattr(self, quantity))

    def check(self, quantity: str, values: Any, consequence: str = "held at its end") -> bool:
        """Whether all values lie inside; gives an `OutsideCalibration` warning where not."""
        known: Range | None = getattr(self, quantity)
        values = np.asarray(values, float)
        if known is None or not self.outside(quantity, values).any():
            return True
        far = values.flat[int(np.argmax(np.maximum(known[0] - values, values - known[1])))]
        warn_outside(quantity.replace("_", " "), float(far), known, UNITS[quantity], consequence)
        return False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Validity:
        """Inverse of ``dataclasses.asdict``."""
        return cls(
            **{k: None if v is None else (float(v[0]), float(v[1])) for k, v in data.items()}
        )
