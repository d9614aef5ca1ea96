"""Answers to pulses between and beyond those that were measured."""

from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np

from compact_models.errors import ParameterError
from cosim.behavioural.response import PulseResponse


class ValidityWarning(UserWarning):
    """A calibrated law is used outside the data it was fitted to."""


def interpolate(
    known: list[PulseResponse],
    base: PulseResponse,
    amplitude: float | None,
    width: float | None,
) -> PulseResponse:
    """Response to a pulse of `amplitude` [V] and `width` [s] from the known ones.

    A local linear law of the logarithm of the step in (amplitude, logarithm of width),
    around the nearest known pulse. Beyond the known ones a `ValidityWarning` is given.
    """
    if amplitude == base.amplitude and width == base.width:
        return base
    usable = [r for r in known if r.amplitude is not None and r.width is not None]
    if amplitude is None or width is None or not usable:
        raise ParameterError(
            thing="pulse outside the calibration",
            value=(amplitude, width),
            limit="the calibrated pulse only (its amplitude or width is not known)",
            next_step="Calibrate with a Dataset that carries amplitude and width.",
        )
    volts = np.array([abs(r.amplitude or 0.0) for r in usable])
    spans = np.log([r.width or 1.0 for r in usable])
    table = np.log(np.maximum([r.steps for r in usable], 1e-12))
    v, s = abs(amplitude), math.log(width)
    # Local linear law in (|V|, ln width) through the measured pulses, around the nearest one.
    reach = np.hypot((volts - v) / 0.1, (spans - s) / math.log(10.0))
    nearest = int(np.argmin(reach))
    inside = volts.min() - 1e-9 <= v <= volts.max() + 1e-9
    inside &= spans.min() - 1e-9 <= s <= spans.max() + 1e-9
    if not inside:
        warnings.warn(
            f"pulse of {amplitude} V, {width} s lies outside the calibrated range "
            f"{volts.min():g} to {volts.max():g} V, {math.exp(spans.min()):g} to "
            f"{math.exp(spans.max()):g} s: extrapolated",
            ValidityWarning,
            stacklevel=4,
        )
    rows = [np.zeros_like(volts)]
    if np.ptp(volts) > 1e-9:
        rows.append(volts - volts[nearest])
    if np.ptp(spans) > 1e-9:
        rows.append(spans - spans[nearest])
    weight = 1.0 / (0.05 + reach)
    weight[nearest] *= 1e3
    design = np.stack([np.ones_like(volts), *rows[1:]], axis=1)
    solution = np.linalg.lstsq(design * weight[:, None], table * weight[:, None], rcond=None)[0]
    point = [1.0]
    if np.ptp(volts) > 1e-9:
        point.append(v - volts[nearest])
    if np.ptp(spans) > 1e-9:
        point.append(s - spans[nearest])
    logarithm = np.asarray(point) @ solution
    if not np.ptp(spans) > 1e-9:
        logarithm = logarithm + (s - spans[nearest])
    return dataclasses.replace(
        usable[nearest],
        steps=tuple(float(x) for x in np.exp(logarithm)),
        amplitude=amplitude,
        width=width,
    )
