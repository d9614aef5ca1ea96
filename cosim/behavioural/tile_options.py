"""How a tile is built and read, and what weights become on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.converters import Converter
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.ir_drop import effective_conductance
from netlists import Drive, Parasitics

FloatArray = NDArray[np.floating[Any]]
Scheme = Literal["differential", "reference", "offset"]
Solver = Callable[[FloatArray, Parasitics, Drive], FloatArray]


@dataclass(frozen=True, kw_only=True)
class TileOptions:
    """How a tile is built and read.

    Parameters
    ----------
    scheme : str
        ``"differential"``: output j is column 2j minus column 2j + 1.
        ``"reference"``: one device a weight and one more column at mid window.
        ``"offset"``: one device a weight, the current of mid window subtracted as a number.
    read_voltage : float
        Voltage of an input of 1 [V]; 0.2 V as published.
    dac, adc : Converter
        Inputs are in [-1, 1]. The ADC sees weight units (`adc.bound` in units of the
        largest weight times the largest input) per output, after subtraction.
    parasitics : Parasitics
        Line resistances.
    drive : Drive
        Driven and sensed ends of the lines.
    selector_resistance : float
        Resistance of the selector in series with every device [Ohm].
    noisy : bool
        Apply the device's programming, relaxation and read noise.
    solver : callable
        ``solver(conductances, parasitics, drive)`` giving the effective conductances.
    """

    scheme: Scheme = "differential"
    read_voltage: float = 0.2
    dac: Converter = field(default_factory=lambda: Converter(bits=6, bound=1.0))
    adc: Converter = field(default_factory=lambda: Converter(bits=8, bound=10.0))
    parasitics: Parasitics = field(default_factory=Parasitics)
    drive: Drive = field(default_factory=Drive)
    selector_resistance: float = 0.0
    noisy: bool = True
    solver: Solver = effective_conductance

    def __post_init__(self) -> None:
        if self.scheme not in ("differential", "reference", "offset"):
            raise ParameterError(
                thing="weight scheme",
                value=self.scheme,
                limit="'differential', 'reference' or 'offset'",
            )


def weights_to_conductances(
    weights: FloatArray, device: BehaviouralDevice, scheme: Scheme, weight_max: float
) -> FloatArray:
    """Target conductances [S] of a weight matrix.

    Parameters
    ----------
    weights : ndarray, shape (inputs, outputs)
        Clipped at +-`weight_max`.

    Returns
    -------
    ndarray, shape (inputs, 2 outputs), (inputs, outputs + 1) or (inputs, outputs)
        Differential columns alternate plus, minus; a reference column is the last.
    """
    weights = np.asarray(weights, float)
    if weights.ndim != 2 or not np.isfinite(weights).all() or not weight_max > 0:
        raise ParameterError(
            thing="weights of a tile",
            value=(weights.shape, weight_max),
            limit="2-D, finite; largest weight > 0",
        )
    w = np.clip(weights / weight_max, -1.0, 1.0)
    if scheme == "offset":
        return device.conductance(0.5 * (w + 1.0))
    if scheme == "reference":
        middle = np.full((w.shape[0], 1), 0.5)
        return device.conductance(np.concatenate([0.5 * (w + 1.0), middle], axis=1))
    out = np.empty((w.shape[0], 2 * w.shape[1]))
    out[:, 0::2], out[:, 1::2] = np.maximum(w, 0.0), np.maximum(-w, 0.0)
    return device.conductance(out)
