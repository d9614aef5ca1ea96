"""What a calibration gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.fit_report import FitReport
from netlists import Parasitics

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class CalibrationResult:
    """A fitted device, its report, and the scale of each measured device's steps.

    Parameters
    ----------
    parasitics : Parasitics, optional
        Resistances of a tile's lines, where a product of an array was among the data; for
        `TileOptions`.
    """

    device: BehaviouralDevice
    report: FitReport
    scale_up: FloatArray = field(repr=False)
    scale_down: FloatArray = field(repr=False)
    device_min: FloatArray = field(repr=False)
    device_max: FloatArray = field(repr=False)
    parasitics: Parasitics | None = None
