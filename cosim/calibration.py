"""From pulse data, simulated or measured, to a behavioural device.

Figures of merit are taken from the data as Falcone et al., Adv. Funct. Mater. 2025
(arXiv:2502.04524) take them from theirs: full up and full down trains give the window,
an alternating sequence at their end gives the symmetry point, its step and its spread.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.calibration_result import CalibrationResult
from cosim.behavioural.device import BehaviouralDevice, DeviceSpread
from cosim.behavioural.fit_report import (
    FitReport,
    device_figures,
    residual_tables,
    trajectory_error,
)
from cosim.behavioural.fitting import fit_steps
from cosim.behavioural.further import Further
from cosim.behavioural.plausible import check_polarity, unit_note
from cosim.behavioural.pulse_data import PulseData
from cosim.behavioural.pulse_laws import (
    FEWEST_STEPS,
    current_of_pulses,
    device_scales,
    law_of_pulses,
    mean_steps,
    middle_pulse,
    pulse_response,
    response_from_rates,
    selector_of_pulses,
    step_of,
)
from cosim.behavioural.pulse_windows import windows
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.validity import Range, Validity

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating[Any]]

# The law over all amplitudes stands for the main pulse too where its error is less than this of
# that of a curve of its own.
BETTER = 0.9

__all__ = ["CalibrationResult", "FitReport", "calibrate"]


def calibrate(
    *data: xarray.Dataset | PulseData,
    half_select: float | None = None,
    half_pulses: float = 1.0,
    temperature: float | None = None,
    selector: Any = None,
) -> CalibrationResult:
    """Fit a behavioural device to pulse data, and to what else is given.

    Parameters
    ----------
    *data : xarray.Dataset or PulseData
        One or more with pulses: variables ``conductance(pulse, row, col)`` [S] read after
        every pulse, ``polarity(pulse)``, and where known ``amplitude``, ``width``, ``gate``,
        ``initial_conductance(row, col)``. `PulseData.from_csv` reads measurements. Several
        amplitudes or widths give laws for all between them; ``pulse_current(pulse, row, col)``
        [A] at the ends of pulses what wires take of them. Cells without wires are expected:
        lines in series are otherwise part of the device.
        Further Datasets are told apart by their variables: a read of one row of cells (read
        law), a read of a whole array (IR drop), disturb (half-select ratio), closed-loop
        programming (programming noise), retention (relaxation and read noise).
    half_select : float, optional
        ``k``; by default from disturb data or from pulses of half amplitude, else 0.
    half_pulses : float
        Half pulses in a row for which the ratio from disturb data shall hold.
    temperature : float, optional
        Of all data [K], where they do not say it.
    selector : compact model, optional
        The cells' transistor, from which follows what a drop on the lines takes from its gate.

    Notes
    -----
    The conductance is the device's only state. Near the maximum of G(C) of the published
    equations (93.8 uS, reached by four or more pulses of 1.6 V and 10 us in a row) it no longer
    tells the vacancy density: the first RESETs after that are wrong by up to 5 % of the window,
    and most of them are not flagged.

    Raises
    ------
    CalibrationError
        Too few steps, not finite, no window, or both polarities the wrong way round.
    """
    pulses, further = Further.sorted_from(data)
    found = _fit_pulses(PulseData.joined(pulses), half_select, selector)
    return further.apply(
        found, half_pulses=half_pulses, given_k=half_select is not None, temperature=temperature
    )


def _fit_pulses(data: PulseData, half_select: float | None, selector: Any) -> CalibrationResult:
    notes = unit_note(data)
    low, high = windows(data, notes)
    u = (data.before - low) / (high - low)
    step = (data.after - data.before) / (high - low)
    check_polarity(data, step)
    laws = {sign: law_of_pulses(data, sign, u, step, notes) for sign in (1, -1)}
    main = {sign: data.main_group(sign) for sign in (1, -1)}
    responses: dict[int, PulseResponse] = {}
    forms: dict[str, dict[str, Any]] = {}
    for sign, name in ((1, "up"), (-1, "down")):
        group, law = main[sign], laws[sign]
        if group.size * data.devices >= FEWEST_STEPS:
            fit = fit_steps(u[group].ravel(), sign * step[group].ravel(), saturates=sign)
            forms[name] = {"form": fit.form, "error": fit.cross_validated}
            responses[sign] = pulse_response(
                data, group, fit.steps, noise=fit.noise, noise_floor=fit.noise_floor
            )
            if law is not None:
                by_rates = response_from_rates(data, group, law)
                both = [_rms(r.step(u[group]) - step[group]) for r in (responses[sign], by_rates)]
                if both[1] < BETTER * both[0]:
                    forms[name], responses[sign] = {"form": "rates", "error": {}}, by_rates
        elif law is not None:
            group = main[sign] = middle_pulse(data, sign)
            forms[name] = {"form": "rates", "error": {}}
            responses[sign] = response_from_rates(data, group, law)
        else:
            raise CalibrationError(
                thing=f"steps of polarity {sign:+d} in the pulse data",
                value=int(group.size) * data.devices,
                limit=f"at least {FEWEST_STEPS}",
                next_step="Give trains of pulses of both polarities.",
            )
    own = {s: mean_steps(data, s, u, main[s], responses[s], laws[s]) for s in (1, -1)}
    scales = {s: device_scales(own[s], step) for s in (1, -1)}
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
    if half_select is None:
        half_select = _half_select(data, u, step, main, responses)
        if half_select is None:
            half_select = 0.0
            notes.append("no pulses of half amplitude: half-select ratio set to 0")
    predicted = np.where(np.isfinite(own[1]), own[1] * scales[1], own[-1] * scales[-1])
    valid = _validity(data, u)
    currents = {
        s: current_of_pulses(data, s, (mean_low, window), responses[s].gate) for s in (1, -1)
    }
    known = [law.residual for law in currents.values() if law is not None]
    if len(known) < 2:
        notes.append("no currents during pulses: drops on wires while writing follow Ohm's law")
    device = BehaviouralDevice(
        conductance_min=mean_low,
        conductance_max=mean_high,
        up=responses[1],
        down=responses[-1],
        rates_up=laws[1],
        rates_down=laws[-1],
        current_up=currents[1],
        current_down=currents[-1],
        selector=None if selector is None else selector_of_pulses(data, selector, responses),
        bounds=(min(float(u.min()), 0.0), max(float(u.max()), 1.0)),
        spread=spread,
        half_select=float(np.clip(half_select, 0.0, 1.0)),
        validity=valid,
        source=data.source,
    )

    def forecast(k: int, position: FloatArray) -> FloatArray | None:
        sign = int(data.polarity[k])
        if not np.isfinite(own[sign][k]).all():
            return None
        return step_of(data, k, position, main[sign], responses[sign], laws[sign]) * scales[sign]

    per_device = device_figures(data, low, high, notes)
    fine, coarse = residual_tables(data, u, step, predicted, (mean_low, window))
    report = FitReport(
        devices=data.devices,
        pulses=int(data.polarity.size),
        figures={k: _mean(v) for k, v in per_device.items()},
        per_device=per_device,
        trajectory_error=trajectory_error(data, u, step, forecast),
        step_residual=float(np.sqrt(np.nanmean((step - predicted) ** 2))),
        valid=data.ranges | data.conditions,
        residuals=fine,
        by_pulse=coarse,
        forms=forms,
        parts={"pulse_current": max(known)} if known else {},
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


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _half_select(
    data: PulseData,
    u: FloatArray,
    step: FloatArray,
    main: dict[int, NDArray[np.int_]],
    responses: dict[int, PulseResponse],
) -> float | None:
    """Steps of pulses of half amplitude over full steps; None where there are none."""
    ratios = []
    for sign, group in data.groups():
        amplitude, width, _ = data.pulse_of(int(group[0]))
        full = responses[sign]
        if group[0] in main[sign] or not amplitude or not full.amplitude or width != full.width:
            continue
        if abs(abs(amplitude / full.amplitude) - 0.5) < 0.02:
            moved = float(np.sum(sign * step[group]))
            ratios.append(moved / float(np.sum(np.abs(full.step(u[group])))))
    return float(np.mean(ratios)) if ratios else None


def _validity(data: PulseData, u: FloatArray) -> Validity:
    ranges: dict[str, Range] = dict(data.conditions)
    ends = np.concatenate([data.before.ravel(), data.after.ravel()])
    ranges["conductance"] = (float(ends.min()), float(ends.max()))
    for name, sign in (("amplitude_up", 1), ("amplitude_down", -1)):
        volts = data.amplitude[data.polarity == sign]
        if np.isfinite(volts).any():
            ranges[name] = (float(np.nanmin(volts)), float(np.nanmax(volts)))
    if np.isfinite(data.width).any():
        ranges["width"] = (float(np.nanmin(data.width)), float(np.nanmax(data.width)))
    return dataclasses.replace(Validity(), **ranges)
