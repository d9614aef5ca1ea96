"""Fit the gate charges of the 3.3 V NMOS to small-signal capacitances of a transistor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import CalibrationError
from compact_models.parameters import ParameterSet, Provenance

Array = NDArray[np.float64]

CHARGES = (
    "overlap_capacitance",
    "channel_capacitance",
    "bulk_capacitance",
    "charge_threshold",
    "charge_width",
)


@dataclass(frozen=True, kw_only=True)
class ChargeFit:
    """Constants of the charges and what they are worth.

    Parameters
    ----------
    parameters : ParameterSet
    gate_error : float
        Largest error of the whole gate capacitance at V_DS = 0, over its largest value.
    """

    parameters: ParameterSet
    gate_error: float


def _shares(constants: Array, gate: Array, width: float) -> tuple[Array, Array]:
    """Gate-drain (= gate-source) and gate-bulk capacitance [F]; the slopes of the charges."""
    overlap, channel, bulk, threshold, span = constants
    slope = (gate - threshold) / np.sqrt((gate - threshold) ** 2 + span**2)
    return width * (overlap + channel / 4 * (1 + slope)), width * bulk / 2 * (1 - slope)


def fit_charges(
    *,
    gate: ArrayLike,
    drain_share: ArrayLike,
    bulk_share: ArrayLike,
    start: ParameterSet,
    calibrated_to: str,
) -> ChargeFit:
    """Fit the constants of the gate charges by least squares.

    Parameters
    ----------
    gate : array_like, shape (n,)
        Gate voltage against the bulk, drain and source at the bulk [V].
    drain_share, bulk_share : array_like, shape (n,)
        Capacitance from the gate to the drain, and to the bulk [F], positive.
    start : ParameterSet
        With the channel width of the data.
    calibrated_to : str
        What the data are.

    Raises
    ------
    CalibrationError
        The data are not finite, or no constants fit them.
    """
    from scipy.optimize import least_squares

    v, c_d, c_b = (np.asarray(a, float) for a in (gate, drain_share, bulk_share))
    if not (v.shape == c_d.shape == c_b.shape and v.ndim == 1 and v.size >= 8):
        raise CalibrationError(
            thing="capacitances have other shapes than the gate voltages",
            value=(v.shape, c_d.shape, c_b.shape),
            limit="one axis of at least 8 points",
        )
    if not all(np.isfinite(a).all() for a in (v, c_d, c_b)) or c_d.max() <= 0:
        raise CalibrationError(thing="capacitances must be finite and positive")
    width = start["width"]
    full = float((2 * c_d + c_b).max())
    scale = np.array([*[full / width] * 3, 1.0, 1.0])

    def residual(scaled: Array) -> Array:
        got_d, got_b = _shares(scaled * scale, v, width)
        return np.concatenate([2 * (got_d - c_d), got_b - c_b]) / full

    first = np.array([start[n] for n in CHARGES]) / scale
    low = np.array([0.0, 0.0, 0.0, -1.0, 0.02])
    found = least_squares(residual, np.maximum(first, low), bounds=(low, [10, 10, 10, 3, 3]))
    constants = found.x * scale
    got_d, got_b = _shares(constants, v, width)
    error = float(np.abs(2 * got_d + got_b - 2 * c_d - c_b).max() / full)
    if not found.success or error > 0.5:
        raise CalibrationError(
            thing="the charges of the NMOS do not fit these capacitances",
            value=f"{error:.0%}",
            limit="50 % of the gate capacitance",
        )
    fitted = dict(start.parameters)
    for name, value in zip(CHARGES, constants.tolist(), strict=True):
        fitted[name] = replace(
            fitted[name],
            value=float(f"{value:.4g}"),
            source="least squares of the capacitances from gate to drain and to bulk",
            provenance=Provenance.CALIBRATED,
            calibrated_to=calibrated_to,
        )
    return ChargeFit(parameters=replace(start, parameters=fitted), gate_error=error)
