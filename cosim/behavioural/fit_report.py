"""How well a calibrated device fits its data, and what the data covered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.pulse_data import PulseData

FloatArray = NDArray[np.floating[Any]]

# Amplitudes of one polarity and width beyond which they are put into as many bins.
BINS = 6


@dataclass(frozen=True, kw_only=True)
class FitReport:
    """What a calibration saw and how well it fits.

    Parameters
    ----------
    devices, pulses : int
        Size of the data.
    figures : dict
        Mean over the devices of ``states``, ``skew``, ``nsr``, ``symmetry_point`` [S],
        ``conductance_min``, ``conductance_max`` [S]; NaN where the data cannot give one.
    per_device : dict of ndarray, shape (devices,)
        The same figures for every device.
    trajectory_error : float
        Largest difference between measured and predicted conductance, each train predicted
        from its first point alone without noise, in units of the window (median device).
    step_residual : float
        Root mean square of measured minus predicted single steps, in units of the window.
    valid : dict
        Ranges of conductance [S], amplitude [V] and width [s] that held data, and read voltage
        [V] and temperature [K] where they are known.
    residuals : list of dict
        For every kind of pulse with a response (polarity, amplitude [V], width [s]; many
        amplitudes are put into bins) and every fifth of the window (conductance [S] in its
        middle): ``count``, mean ``measured`` and ``predicted`` step, root mean square ``rms``
        and largest ``worst`` of their difference, in units of the window.
    by_pulse : list of dict
        The same for every kind of pulse over the whole window.
    forms : dict
        For up and down steps, whether the curve is monotone or free, and the relative error
        of left-out steps for either.
    parts : dict of str to float
        Residual of every other law that was fitted: ``read_law`` (largest, over the largest
        current), ``pulse_current`` (largest, relative), ``programming``, ``relaxation``,
        ``read_noise`` (relative error of spreads), ``half_select``, ``product`` and
        ``product_without_wires`` (root mean square, over the largest current).
    warnings : tuple of str
        Why the result may deserve less trust.
    """

    devices: int
    pulses: int
    figures: dict[str, float]
    per_device: dict[str, FloatArray] = field(repr=False)
    trajectory_error: float
    step_residual: float
    valid: dict[str, tuple[float, float]]
    residuals: list[dict[str, float]] = field(default_factory=list, repr=False)
    by_pulse: list[dict[str, float]] = field(default_factory=list, repr=False)
    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "devices": self.devices,
            "pulses": self.pulses,
            "figures": dict(self.figures),
            "per_device": {k: [float(x) for x in v] for k, v in self.per_device.items()},
            "trajectory_error": self.trajectory_error,
            "step_residual": self.step_residual,
            "valid": {k: list(v) for k, v in self.valid.items()},
            "residuals": [dict(r) for r in self.residuals],
            "by_pulse": [dict(r) for r in self.by_pulse],
            "forms": {k: dict(v) for k, v in self.forms.items()},
            "parts": dict(self.parts),
            "warnings": list(self.warnings),
        }


def residual_tables(
    data: PulseData,
    u: FloatArray,
    step: FloatArray,
    predicted: FloatArray,
    window: tuple[float, float],
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Measured against predicted steps, by pulse and conductance, and by pulse alone.

    `predicted` is NaN where no law covers the pulse; `window` is its lower end and width [S].
    """
    fine, coarse = [], []
    for pulse, rows in _kinds(data):
        rows = rows[np.isfinite(predicted[rows]).all(axis=1)]
        if rows.size == 0:
            continue
        seen, found = step[rows], predicted[rows]
        coarse.append({**pulse, **_errors(seen, found, np.ones(seen.shape, bool))})
        place = np.clip((u[rows] * 5).astype(int), 0, 4)
        for k in range(5):
            here = place == k
            if here.any():
                middle = window[0] + window[1] * (0.1 + 0.2 * k)
                fine.append({**pulse, "conductance": middle, **_errors(seen, found, here)})
    return fine, coarse


def _errors(seen: FloatArray, found: FloatArray, here: NDArray[np.bool_]) -> dict[str, float]:
    error = seen[here] - found[here]
    return {
        "count": float(here.sum()),
        "measured": float(seen[here].mean()),
        "predicted": float(found[here].mean()),
        "rms": float(np.sqrt(np.mean(error**2))),
        "worst": float(np.abs(error).max()),
    }


def _kinds(data: PulseData) -> list[tuple[dict[str, float], NDArray[np.int_]]]:
    """Pulses by polarity, width and amplitude; the amplitude of a bin is its median."""
    out = []
    for sign in (1, -1):
        for width in dict.fromkeys(np.nan_to_num(data.width, nan=-1.0).tolist()):
            rows = np.flatnonzero(
                (data.polarity == sign) & (np.nan_to_num(data.width, nan=-1.0) == width)
            )
            volts = data.amplitude[rows]
            different = np.unique(np.nan_to_num(volts).round(6))
            if different.size > BINS:
                edges = np.linspace(different[0], different[-1], BINS + 1)[1:-1]
                label = np.digitize(volts, edges)
            else:
                label = np.searchsorted(different, np.nan_to_num(volts).round(6))
            for k in np.unique(label):
                part = rows[label == k]
                pulse = {
                    "polarity": float(sign),
                    "amplitude": float(np.median(data.amplitude[part])),
                    "width": float("nan") if width == -1.0 else float(width),
                }
                out.append((pulse, part))
    return out


def device_figures(
    data: PulseData, low: FloatArray, high: FloatArray, notes: list[str]
) -> dict[str, FloatArray]:
    """Figures of merit of every device, from the alternating pulses at the end of its trains."""
    alternating = data.alternating()
    out = {"conductance_min": low, "conductance_max": high}
    nothing = np.full(data.devices, np.nan)
    if alternating.size < 20:
        notes.append("no alternating sequence: figures at the symmetry point not measured")
        return out | {"states": nothing, "skew": nothing, "nsr": nothing, "symmetry_point": nothing}
    # The first half of the sequence is the way to the symmetry point.
    tail = alternating[alternating.size // 2 :]
    point = 0.5 * (data.before[tail] + data.after[tail]).mean(axis=0)
    signed = (data.after[tail] - data.before[tail]) * data.polarity[tail][:, None]
    mean = signed.mean(axis=0)
    spread = np.sqrt(
        0.5 * sum(signed[data.polarity[tail] == s].var(axis=0, ddof=1) for s in (1, -1))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        states = np.where(mean > 0, (high - low) / mean, np.nan)
        nsr = np.where(mean > 0, spread / mean, np.nan)
    skew = (high - point) / (high - low)
    return out | {"states": states, "skew": skew, "nsr": nsr, "symmetry_point": point}


def trajectory_error(
    data: PulseData,
    u: FloatArray,
    step: FloatArray,
    forecast: Any,
) -> float:
    """Free-running prediction of each unbroken stretch of pulses from its first point.

    ``forecast(k, position)`` is the mean step of pulse k, or None where no law covers it.
    """
    worst = np.zeros(u.shape[1])
    position: FloatArray | None = None
    for k in range(len(u)):
        if position is None or data.run[k] != data.run[k - 1]:
            position = u[k]
        move = forecast(k, position)
        if move is None:
            position = None
            continue
        position = position + move
        worst = np.maximum(worst, np.abs(position - (u[k] + step[k])))
    return float(np.median(worst))
