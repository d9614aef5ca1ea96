"""From pulse data, simulated or measured, to a behavioural device.

Figures of merit are taken from the data as Falcone et al., Adv. Funct. Mater. 2025
(arXiv:2502.04524) take them from theirs: full up and full down trains give the window,
an alternating sequence at their end gives the symmetry point, its step and its spread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.device import BehaviouralDevice, DeviceSpread
from cosim.behavioural.fitting import StepFit, fit_steps
from cosim.behavioural.pulse_data import PulseData
from cosim.behavioural.response import PulseResponse

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating[Any]]

FEWEST_STEPS = 20


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
        Ranges of conductance [S], amplitude [V] and width [s] that held data.
    residuals : list of dict
        For every kind of pulse with a response (polarity, amplitude [V], width [s]) and every
        fifth of the window (conductance [S] in its middle): ``count``, mean measured and
        predicted step and root mean square of their difference, in units of the window.
    forms : dict
        For up and down steps, whether the curve is monotone or free, and the relative error
        of left-out steps for either.
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
    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
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
            "forms": {k: dict(v) for k, v in self.forms.items()},
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, kw_only=True)
class CalibrationResult:
    """A fitted device, its report, and the scale of each measured device's steps."""

    device: BehaviouralDevice
    report: FitReport
    scale_up: FloatArray = field(repr=False)
    scale_down: FloatArray = field(repr=False)
    device_min: FloatArray = field(repr=False)
    device_max: FloatArray = field(repr=False)


def calibrate(
    dataset: xarray.Dataset | PulseData, *, half_select: float | None = None
) -> CalibrationResult:
    """Fit a behavioural device to pulse data.

    Parameters
    ----------
    dataset : xarray.Dataset or PulseData
        Variables ``conductance(pulse, row, col)`` [S] read after every pulse,
        ``polarity(pulse)``, and where known ``amplitude``, ``width``, ``gate``,
        ``initial_conductance(row, col)``. `PulseData.from_csv` reads measurements.
    half_select : float, optional
        ``k``; by default fitted when the data holds pulses of half amplitude, else 0.

    Raises
    ------
    CalibrationError
        Too few steps, not finite, or no window.
    """
    data = dataset if isinstance(dataset, PulseData) else PulseData.from_dataset(dataset)
    notes: list[str] = []
    main = {sign: data.main_group(sign) for sign in (1, -1)}
    for sign, group in main.items():
        if group.size * data.devices < FEWEST_STEPS:
            raise CalibrationError(
                thing=f"steps of polarity {sign:+d} in the pulse data",
                value=int(group.size) * data.devices,
                limit=f"at least {FEWEST_STEPS}",
                next_step="Give trains of pulses of both polarities.",
            )
    low, high = data.windows(notes)
    u = (data.before - low) / (high - low)
    step = (data.after - data.before) / (high - low)
    fits = {
        sign: fit_steps(u[group].ravel(), sign * step[group].ravel(), saturates=sign)
        for sign, group in main.items()
    }
    responses = {sign: _response(data, sign, group, fits[sign]) for sign, group in main.items()}
    scales = {s: _scales(responses[s], u[g], step[g]) for s, g in main.items()}
    common, tilt = scales[1] * scales[-1], scales[1] / scales[-1]
    mean_low, mean_high = float(low.mean()), float(high.mean())
    window = mean_high - mean_low
    several = data.devices > 1
    spread = DeviceSpread(
        step=float(np.std(0.5 * np.log(common))) if several else 0.0,
        up_down=float(np.std(0.5 * np.log(tilt))) if several else 0.0,
        conductance_min=float(np.std(low)) / window if several else 0.0,
        conductance_max=float(np.std(high)) / window if several else 0.0,
    )
    if not several:
        notes.append("one device only: no device-to-device spread")
    others, ratio = _others(data, u, step, main, responses)
    if half_select is None:
        half_select = 0.0 if ratio is None else ratio
        if ratio is None:
            notes.append("no pulses of half amplitude: half-select ratio set to 0")
    device = BehaviouralDevice(
        conductance_min=mean_low,
        conductance_max=mean_high,
        up=responses[1],
        down=responses[-1],
        others=others,
        bounds=(min(float(u.min()), 0.0), max(float(u.max()), 1.0)),
        spread=spread,
        half_select=float(np.clip(half_select, 0.0, 1.0)),
        source=data.source,
    )
    predicted = np.zeros_like(step)
    for sign, group in main.items():
        predicted[group] = responses[sign].step(u[group]) * scales[sign]
    used = np.sort(np.concatenate(list(main.values())))
    per_device = _figures(data, low, high, notes)
    figures = {k: _mean(v) for k, v in per_device.items()}
    report = FitReport(
        devices=data.devices,
        pulses=int(data.polarity.size),
        figures=figures,
        per_device=per_device,
        trajectory_error=_trajectory_error(u, step, used, data.polarity, responses, scales),
        step_residual=float(np.sqrt(np.mean((step[used] - predicted[used]) ** 2))),
        valid=data.ranges,
        residuals=_residuals(data, u, step, main, responses, scales, (mean_low, window)),
        forms={
            {1: "up", -1: "down"}[s]: {"form": f.form, "error": f.cross_validated}
            for s, f in fits.items()
        },
        warnings=tuple(notes),
    )
    return CalibrationResult(
        device=device,
        report=report,
        scale_up=scales[1],
        scale_down=scales[-1],
        device_min=low,
        device_max=high,
    )


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _response(data: PulseData, sign: int, group: NDArray[np.int_], fit: StepFit) -> PulseResponse:
    amplitude, width, gate = data.pulse_of(int(group[0]))
    return PulseResponse.from_function(
        sign,
        fit.steps,
        noise=fit.noise,
        noise_floor=fit.noise_floor,
        amplitude=amplitude,
        width=width,
        gate=gate,
    )


def _scales(response: PulseResponse, u: FloatArray, step: FloatArray) -> FloatArray:
    mean = response.step(u)
    # Large steps carry the scale: near the ends of the window noise and clipping prevail.
    scale = np.sum(mean * step, axis=0) / np.sum(mean**2, axis=0)
    return np.maximum(scale, 1e-3)


def _others(
    data: PulseData,
    u: FloatArray,
    step: FloatArray,
    main: dict[int, NDArray[np.int_]],
    responses: dict[int, PulseResponse],
) -> tuple[tuple[PulseResponse, ...], float | None]:
    """Responses to pulses besides the two main ones, and the half-select ratio."""
    extra, ratios = [], []
    for sign, group in data.groups():
        if group[0] in main[sign]:
            continue
        amplitude, _, _ = data.pulse_of(int(group[0]))
        reference = responses[sign].amplitude
        if amplitude and reference and abs(abs(amplitude / reference) - 0.5) < 0.02:
            full = np.sum(np.abs(responses[sign].step(u[group])))
            ratios.append(float(np.sum(sign * step[group]) / full))
            continue
        if group.size * data.devices >= FEWEST_STEPS:
            fit = fit_steps(u[group].ravel(), sign * step[group].ravel(), saturates=sign)
            extra.append(_response(data, sign, group, fit))
    return tuple(extra), float(np.mean(ratios)) if ratios else None


def _residuals(
    data: PulseData,
    u: FloatArray,
    step: FloatArray,
    main: dict[int, NDArray[np.int_]],
    responses: dict[int, PulseResponse],
    scales: dict[int, FloatArray],
    window: tuple[float, float],
) -> list[dict[str, float]]:
    """Measured against predicted steps by kind of pulse and conductance."""
    out = []
    for sign, group in data.groups():
        response = responses[sign]
        amplitude, width, _ = data.pulse_of(int(group[0]))
        if group[0] not in main[sign]:
            if group.size * data.devices < FEWEST_STEPS:
                continue
            fit = fit_steps(u[group].ravel(), sign * step[group].ravel(), saturates=sign)
            response = _response(data, sign, group, fit)
        predicted = response.step(u[group]) * scales[sign]
        edges = np.linspace(0.0, 1.0, 6)
        place = np.clip(np.digitize(u[group], edges) - 1, 0, 4)
        for k in range(5):
            here = place == k
            if not here.any():
                continue
            error = step[group][here] - predicted[here]
            out.append(
                {
                    "polarity": float(sign),
                    "amplitude": np.nan if amplitude is None else amplitude,
                    "width": np.nan if width is None else width,
                    "conductance": window[0] + window[1] * 0.5 * float(edges[k] + edges[k + 1]),
                    "count": float(here.sum()),
                    "measured": float(step[group][here].mean()),
                    "predicted": float(predicted[here].mean()),
                    "rms": float(np.sqrt(np.mean(error**2))),
                }
            )
    return out


def _figures(
    data: PulseData, low: FloatArray, high: FloatArray, notes: list[str]
) -> dict[str, FloatArray]:
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


def _trajectory_error(
    u: FloatArray,
    step: FloatArray,
    used: NDArray[np.int_],
    polarity: NDArray[np.int_],
    responses: dict[int, PulseResponse],
    scales: dict[int, FloatArray],
) -> float:
    """Free-running prediction of each unbroken stretch of pulses from its first point."""
    worst = np.zeros(u.shape[1])
    position = u[used[0]]
    for n, k in enumerate(used):
        if n == 0 or used[n - 1] != k - 1:
            position = u[k]
        sign = int(polarity[k])
        position = position + responses[sign].step(position) * scales[sign]
        worst = np.maximum(worst, np.abs(position - (u[k] + step[k])))
    return float(np.median(worst))
