"""Fit the 3.3 V NMOS to a transistor of one's own: measured, or a foundry card's plane.

This is how the shipped parameter file was made, from GF180MCU ``nfet_03v3``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.emit.functions import compile_model
from compact_models.errors import CalibrationError
from compact_models.nmos_3v3 import build
from compact_models.parameters import ParameterSet, Provenance

Array = NDArray[np.float64]

# The constants of the current; sizes, temperature, roundings and charges stay.
CONSTANTS = (
    "threshold_voltage",
    "current_factor",
    "surface_potential",
    "body_factor",
    "barrier_lowering",
    "ideality",
    "mobility_inversion",
    "mobility_depletion",
    "scattering",
    "screening_charge",
    "velocity_saturation",
    "saturation_sharpness",
    "channel_shortening",
)
_UPPER = {"surface_potential": 2.0, "body_factor": 3.0, "barrier_lowering": 0.3, "ideality": 2.5}
_FAINT = 1e-11
_CONDUCTING = 1e-6
_TRIODE = 0.12


@dataclass(frozen=True, kw_only=True)
class NmosFit:
    """Constants and what they are worth.

    Parameters
    ----------
    parameters : ParameterSet
    mean_error : float
        Mean of |I - I_data| over the largest current of the gate curve, at gate curves
        that reach 10 uA.
    worst_error : float
        Largest of them.
    weak_error : float
        Mean |ln(I / I_data)| below 1 uA; NaN where the data hold nothing that faint.
    """

    parameters: ParameterSet
    mean_error: float
    worst_error: float
    weak_error: float


def fit_nmos(
    *,
    gate: ArrayLike,
    drain: ArrayLike,
    source: ArrayLike,
    current: ArrayLike,
    calibrated_to: str,
    width: float | None = None,
    start: ParameterSet | None = None,
    source_weight: float = 0.35,
    weak_weight: float = 0.03,
    triode_weight: float = 0.7,
) -> NmosFit:
    """Fit the constants of the current by least squares.

    Parameters
    ----------
    gate, drain, source : array_like, shapes (G, 1), (D,), (S, 1, 1) or broadcasting to (S, G, D)
        Potentials against the bulk [V]; points with the drain below the source are left out.
    current : array_like, shape (S, G, D)
        Into the drain [A].
    calibrated_to : str
        What the data are; written into every fitted parameter.
    width : float, optional
        Channel width of the data [m]; default that of `start`.
    start : ParameterSet, optional
        Where to begin; the shipped file by default.
    source_weight, weak_weight, triode_weight : float
        Weight of planes with a source above the bulk, of ln(I) in weak inversion, and of the
        relative error near V_DS = 0, against the error over the on-current.

    Raises
    ------
    CalibrationError
        If the data do not hold a conducting transistor, or no constants fit them.
    """
    from scipy.optimize import least_squares

    begin = start or ParameterSet.load("nmos_3v3")
    if width is not None:
        begin = begin.replace(width=width)
    data = _Data.of(gate, drain, source, current)
    kernels = compile_model(build(begin))
    columns = [kernels.parameters.index(n) for n in CONSTANTS]
    values = kernels.parameter_vector(begin)
    own = [begin.parameter(n) for n in CONSTANTS]
    low = np.array([q.minimum for q in own])
    high = np.array([min(q.maximum, _UPPER.get(q.name, np.inf)) for q in own])
    scale = np.abs([q.value for q in own]) + 1e-3 * (np.array([q.unit != "A/V**2" for q in own]))
    nodes = np.zeros((4, *data.current.shape))
    for name, potential in (("gate", data.gate), ("drain", data.drain), ("source", data.source)):
        nodes[kernels.nodes.index(name)] = potential
    states = np.zeros((0, *data.current.shape))
    weight = np.where(data.source == 0, 1.0, source_weight)

    def model(constants: Array) -> Array:
        numbers = values.copy()
        numbers[columns] = constants
        numbers = numbers.reshape(-1, *[1] * data.current.ndim)
        return kernels.call(nodes, states, numbers).currents[kernels.nodes.index("drain")]

    def residual(scaled: Array) -> Array:
        got = model(scaled * scale)
        ratio = np.log(np.maximum(got, 1e-18) / np.maximum(data.current, 1e-18))
        return np.concatenate(
            [
                (weight * (got - data.current) / data.on)[data.conducting],
                (weak_weight * weight * np.clip(ratio, -5, 5))[data.visible],
                (triode_weight * weight * np.clip(np.expm1(ratio), -2, 2))[data.triode],
            ]
        )

    first = np.clip([q.value for q in own], low, high)
    found = least_squares(residual, first / scale, bounds=(low / scale, high / scale), max_nfev=200)
    if not found.success:
        raise CalibrationError(
            thing="the constants of the NMOS do not settle",
            value=found.message,
            limit="200 evaluations",
            next_step="Start from other parameters, or look for outliers in the data",
        )
    constants = found.x * scale
    return _report(begin, constants, model(constants), data, calibrated_to)


@dataclass(frozen=True, kw_only=True)
class _Data:
    gate: Array
    drain: Array
    source: Array
    current: Array
    on: Array
    forward: NDArray[np.bool_]

    @classmethod
    def of(cls, gate: ArrayLike, drain: ArrayLike, source: ArrayLike, current: ArrayLike) -> _Data:
        arrays = [np.asarray(a, float) for a in (gate, drain, source, current)]
        shape = arrays[3].shape
        if len(shape) != 3 or not all(np.isfinite(a).all() for a in arrays):
            raise CalibrationError(
                thing="currents of a transistor must be finite, of shape (source, gate, drain)",
                value=shape,
                next_step="Arrange the data on a grid",
            )
        try:
            g, d, s = (np.broadcast_to(a, shape) for a in arrays[:3])
        except ValueError as error:
            raise CalibrationError(
                thing="voltages and currents have different shapes",
                value=[a.shape for a in arrays],
                limit="voltages that broadcast to the shape of the currents",
            ) from error
        forward = d > s + 1e-9
        on = np.where(forward, arrays[3], 0.0).max(axis=2, keepdims=True, initial=1e-15)
        if on.max() < 10 * _CONDUCTING:
            raise CalibrationError(
                thing="the data hold no conducting transistor [A]",
                value=float(on.max()),
                limit=f"at least {10 * _CONDUCTING:g} A with the drain above the source",
                next_step="Check the sign of the current and the order of the axes",
            )
        full = np.broadcast_to(on, shape)
        return cls(gate=g, drain=d, source=s, current=arrays[3], on=full, forward=forward)

    @property
    def conducting(self) -> NDArray[np.bool_]:
        return self.forward & (self.on > _CONDUCTING)

    @property
    def visible(self) -> NDArray[np.bool_]:
        return self.forward & (self.current > _FAINT)

    @property
    def triode(self) -> NDArray[np.bool_]:
        return self.visible & (self.drain - self.source < _TRIODE) & (self.on > 50 * _CONDUCTING)


def _report(
    begin: ParameterSet, constants: Array, got: Array, data: _Data, calibrated_to: str
) -> NmosFit:
    fitted = dict(begin.parameters)
    for name, value in zip(CONSTANTS, constants.tolist(), strict=True):
        fitted[name] = replace(
            fitted[name],
            value=value,
            source="least squares of all constants of the current together",
            provenance=Provenance.CALIBRATED,
            calibrated_to=calibrated_to,
        )
    strong = data.forward & (data.on > 10 * _CONDUCTING)
    weak = data.visible & (data.current < _CONDUCTING)
    error = np.abs(got - data.current)[strong] / data.on[strong]
    faint = np.abs(np.log(got[weak] / data.current[weak])).mean() if weak.any() else np.nan
    return NmosFit(
        parameters=replace(begin, parameters=fitted),
        mean_error=float(error.mean()),
        worst_error=float(error.max()),
        weak_error=float(faint),
    )
