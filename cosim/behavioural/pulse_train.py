"""Pulses one after the other, with a flag wherever the calibration does not cover them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.update_law import UpdateLaw
from cosim.behavioural.validity import (
    DRIVEN_BEYOND,
    UNCOVERED,
    OutsideCalibration,
    Validity,
    warn_outside,
)
from cosim.behavioural.wired_pulse import WiredPulse
from cosim.behavioural.write_path import WritePath

FloatArray = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_HELD = "steps are those at the range's end"
_ROUNDING = 1e-9


def walk(
    law: UpdateLaw,
    start: FloatArray | float,
    polarity: Any,
    amplitude: Any = None,
    width: Any = None,
    rng: np.random.Generator | None = None,
    *,
    scale: FloatArray | float = 1.0,
    wires: WritePath | None = None,
    level: int = 3,
    quiet: bool = False,
) -> tuple[FloatArray, Bools]:
    """Conductances [S] after every pulse, and which pulses were outside the calibration.

    Parameters as `train`; `scale` multiplies the steps of every device. One
    `OutsideCalibration` warning is given for every quantity that leaves its range, with the
    value farthest outside, unless `quiet`; `level` is how far up the stack they point.

    Returns
    -------
    conductance, outside : ndarray, shape (pulses, *start.shape)
    """
    signs = np.asarray(polarity)
    if signs.ndim != 1 or not np.isin(signs, (-1, 1)).all():
        raise ParameterError(
            thing="polarities of a train", value=signs.shape, limit="one axis of +1 and -1"
        )
    u = law.normalise(start)
    if wires is not None:
        wires.check_shape(u.shape)
    out = np.empty((signs.size, *u.shape))
    flags, lost = np.zeros(out.shape, bool), np.zeros(u.shape, bool)
    seen = _Seen(law.validity)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", OutsideCalibration)
        pulses: dict[Any, _Pulse] = {}
        for n, key in enumerate(
            zip(
                signs.tolist(),
                each(amplitude, signs.size),
                each(width, signs.size),
                strict=True,
            )
        ):
            if key not in pulses:
                before = len(given)
                pulses[key] = _pulse(law, *key, wires)
                pulses[key].strange = len(given) > before
            pulse = pulses[key]
            flags[n] = pulse.strange | seen.note("conductance", law.conductance(u))
            factor, voltage = scale, None
            if pulse.wired is not None and wires is not None:
                load = pulse.wired.load(u, wires)
                voltage = pulse.wired.left(u, load)
                factor = scale * pulse.wired.factor(u, load)
                side = "amplitude_up" if key[0] > 0 else "amplitude_down"
                flags[n] |= seen.note(side, key[0] * voltage)
            strangers = law.uncovered(u, pulse.response, voltage)
            seen.alone |= bool((strangers & ~flags[n]).any())
            flags[n] |= strangers
            free = pulse.response.apply(u, rng, factor)
            u = np.clip(free, *law.bounds)
            # Noise may carry a device to the ends of what was measured, its mean step may not:
            # from there on it is not known where it is.
            if rng is None and law.validity.conductance is not None:
                pinned = np.abs(free - u) > _ROUNDING
                seen.held |= bool((pinned & ~flags[n]).any())
                lost |= pinned
                flags[n] |= lost
            out[n] = u
    if quiet:
        return law.conductance(out), flags
    for text in dict.fromkeys(str(w.message) for w in given):
        warnings.warn(text, OutsideCalibration, stacklevel=level)
    seen.warn(level + 1)
    return law.conductance(out), flags


def _pulse(
    law: UpdateLaw,
    polarity: int,
    amplitude: float | None,
    width: float | None,
    wires: WritePath | None,
) -> _Pulse:
    if wires is None:
        return _Pulse(response=law.response(polarity, amplitude, width))
    wired = law.wired_pulse(polarity, amplitude, width, wires)
    law.validity.check("width", wired.width, "extrapolated in proportion")
    return _Pulse(response=law.answer(polarity, amplitude, width), wired=wired)


@dataclass(kw_only=True)
class _Pulse:
    """A kind of pulse of a train, and whether it is outside the calibration everywhere."""

    response: PulseResponse
    wired: WiredPulse | None = None
    strange: bool = False


class _Seen:
    """Quantities of a train that left their ranges, and how far."""

    def __init__(self, known: Validity) -> None:
        self.known = known
        self.ends: dict[str, tuple[float, float]] = {}
        self.alone = self.held = False

    def note(self, quantity: str, values: FloatArray) -> Bools:
        """Which values are outside."""
        beyond = self.known.outside(quantity, values)
        if beyond.any():
            low, high = self.ends.get(quantity, (np.inf, -np.inf))
            self.ends[quantity] = (min(low, float(values.min())), max(high, float(values.max())))
        return beyond

    def warn(self, level: int) -> None:
        """One warning for each."""
        for happened, text in ((self.alone, UNCOVERED), (self.held, DRIVEN_BEYOND)):
            if happened:
                warnings.warn(text, OutsideCalibration, stacklevel=level)
        for quantity, (lowest, highest) in self.ends.items():
            known = getattr(self.known, quantity)
            far = lowest if lowest < known[0] else highest
            unit, result = (
                ("S", _HELD)
                if quantity == "conductance"
                else ("V", "what wires leave; extrapolated exponentially")
            )
            warn_outside(quantity.replace("_", " "), far, known, unit, result)


def each(values: Any, count: int) -> list[float | None]:
    """One value for each of `count` pulses; None for all where there are none."""
    if values is None:
        return [None] * count
    return [float(v) for v in np.broadcast_to(np.asarray(values, float), (count,))]
