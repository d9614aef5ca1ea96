"""Laws of single pulses from data: which pulse follows which curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.current_law import CurrentLaw
from cosim.behavioural.pulse_data import PulseData
from cosim.behavioural.rate_fit import fit_rates
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.selector_law import SelectorLaw

FloatArray = NDArray[np.floating[Any]]

FEWEST_STEPS = 20


def pulse_response(
    data: PulseData, group: NDArray[np.int_], steps: FloatArray, **fields: float
) -> PulseResponse:
    """A response with the pulse of a group."""
    amplitude, width, gate = data.pulse_of(int(group[0]))
    return PulseResponse.from_function(
        int(data.polarity[group[0]]), steps, amplitude=amplitude, width=width, gate=gate, **fields
    )


def response_from_rates(data: PulseData, group: NDArray[np.int_], law: RateLaw) -> PulseResponse:
    """The answer to the pulses of a group by the rate law, on the window."""
    amplitude, width, _ = data.pulse_of(int(group[0]))
    u = np.linspace(0.0, 1.0, 65)
    steps = np.interp(u, np.sort(law.positions), law.steps(amplitude or 0.0, width or 1.0))
    return pulse_response(data, group, steps, noise=law.noise, noise_floor=law.noise_floor)


def law_of_pulses(
    data: PulseData, sign: int, u: FloatArray, step: FloatArray, notes: list[str]
) -> RateLaw | None:
    """The law of all pulses of a polarity; None where amplitude and width are one or unknown."""
    rows = data.polarity == sign
    known = rows & np.isfinite(data.amplitude) & np.isfinite(data.width) & (data.amplitude != 0)
    if known.sum() * data.devices < FEWEST_STEPS:
        return None
    gates = data.gate[known]
    if np.isfinite(gates).any() and np.nanmax(gates) - np.nanmin(gates) > 1e-6:
        values, count = np.unique(gates.round(6), return_counts=True)
        usual = float(values[count.argmax()])
        known &= np.abs(data.gate - usual) < 1e-6
        notes.append(f"several gate voltages: pulses besides {usual:g} V have no law")
    pulses = np.stack([data.amplitude[known].round(4), np.log(data.width[known]).round(4)])
    if np.unique(pulses, axis=1).shape[1] < 2 or known.sum() * data.devices < FEWEST_STEPS:
        return None
    shape = u[known].shape
    volts, width = (
        np.broadcast_to(x[known][:, None], shape).ravel() for x in (data.amplitude, data.width)
    )
    return fit_rates(u[known].ravel(), sign * step[known].ravel(), volts, width, sign)


def middle_pulse(data: PulseData, sign: int) -> NDArray[np.int_]:
    """The pulse of median amplitude among those of the most used width."""
    rows = np.flatnonzero((data.polarity == sign) & np.isfinite(data.amplitude + data.width))
    widths, count = np.unique(data.width[rows], return_counts=True)
    rows = rows[data.width[rows] == widths[count.argmax()]]
    order = np.argsort(data.amplitude[rows], kind="stable")
    return np.asarray(rows[order[order.size // 2]][None])


def step_of(
    data: PulseData,
    k: int,
    position: FloatArray,
    main: NDArray[np.int_],
    response: PulseResponse,
    law: RateLaw | None,
) -> FloatArray:
    """Mean signed step of pulse `k`, by its own curve where it is a main one; else NaN."""
    amplitude, width, _ = data.pulse_of(k)
    nothing = np.full(position.shape, np.nan)
    if k in main or (amplitude, width) == (response.amplitude, response.width):
        return response.step(position)
    if law is None or amplitude is None or width is None:
        return nothing
    gate, usual = data.gate[k], response.gate
    if usual is not None and np.isfinite(gate) and abs(gate - usual) > 1e-6:
        return nothing
    magnitude = np.interp(position, np.sort(law.positions), law.steps(amplitude, width))
    return np.asarray(law.polarity * magnitude)


def mean_steps(
    data: PulseData,
    sign: int,
    u: FloatArray,
    main: NDArray[np.int_],
    response: PulseResponse,
    law: RateLaw | None,
) -> FloatArray:
    """Mean steps of all pulses of a polarity, NaN for the others."""
    out = np.full(u.shape, np.nan)
    for k in np.flatnonzero(data.polarity == sign):
        out[k] = step_of(data, int(k), u[k], main, response, law)
    return out


def device_scales(mean: FloatArray, step: FloatArray) -> FloatArray:
    """Size of every device's steps over the mean ones, shape (devices,)."""
    known = np.isfinite(mean).all(axis=1)
    # Large steps carry the scale: near the ends of the window noise and clipping prevail.
    scale = np.sum(mean[known] * step[known], axis=0) / np.sum(mean[known] ** 2, axis=0)
    return np.maximum(scale, 1e-3)


def current_of_pulses(
    data: PulseData, sign: int, window: tuple[float, float], gate: float | None
) -> CurrentLaw | None:
    """The law of the currents at the ends of pulses; None where too few are known.

    Parameters
    ----------
    window : (float, float)
        Lower end and width of the device's window [S].
    gate : float, optional
        Of the pulses that count [V]; by default all.
    """
    rows = (data.polarity == sign) & (np.abs(data.amplitude) > 0)
    if gate is not None:
        rows &= ~(np.abs(data.gate - gate) > 1e-6)
    current, after = data.current[rows], data.after[rows]
    volts = np.broadcast_to(np.abs(data.amplitude[rows])[:, None], current.shape)
    known = np.isfinite(current) & (current > 0.0)
    if known.sum() < FEWEST_STEPS:
        return None
    read = data.conditions.get("read_voltage")
    return CurrentLaw.fit(
        (after[known] - window[0]) / window[1],
        after[known],
        volts[known],
        current[known],
        None if read is None else read[0],
    )


def selector_of_pulses(
    data: PulseData, selector: Any, responses: dict[int, PulseResponse]
) -> SelectorLaw:
    """What lines take from the gate of the transistor `selector` in such pulses.

    Raises
    ------
    CalibrationError
        Gate voltages, amplitudes or currents of the pulses are not known.
    """
    up, down = responses[1].gate, responses[-1].gate
    volts = np.abs(data.amplitude)
    volts = volts[np.isfinite(volts) & (volts > 0.0)]
    if up is None or down is None or volts.size == 0 or not np.isfinite(data.current).any():
        raise CalibrationError(
            thing="pulses behind a selector",
            value={"gates": (up, down), "amplitudes": int(volts.size)},
            limit="with known gate voltages, amplitudes and currents",
            next_step="Leave the selector out, or give data with gate, amplitude and current.",
        )
    return SelectorLaw.from_model(
        selector,
        set_gate=up,
        reset_gate=down,
        current_max=float(np.nanmax(data.current)),
        voltages=(float(volts.min()), float(volts.max()) * (1.0 + 1e-6)),
    )
