"""The half-select law of a device from disturb data of the array or the physics rung.

What half pulses do grows more slowly than their number, because a disturbed device moves away
from where it is disturbed most. The behavioural device knows one ratio
``k = dG(V/2) / dG(V)`` per half pulse; which one is right depends on how many half pulses a
device gets between two full ones. The law keeps the measured course.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.validity import OutsideCalibration

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.float64]


def is_disturb(dataset: xarray.Dataset) -> bool:
    """Whether this is a Dataset of the ``disturb`` or ``array_disturb`` experiment."""
    return "k_total" in dataset or ("k" in dataset and "kind" in dataset["k"].dims)


@dataclass(frozen=True, kw_only=True)
class HalfSelectLaw:
    """Change of conductance after a number of half pulses, over one full step.

    Parameters
    ----------
    counts : tuple of float
        Numbers of half pulses, rising.
    total : tuple of float
        Mean magnitude of the change after them, over the full step at the symmetry point.
    worst : tuple of float
        The same for the worst case (bound and polarity) of the data.
    exponent : float
        Of the power law that fits `total` best; 1 would be a constant ratio.
    residual : float
        Root mean square of the relative error of that power law.
    source : str
        Where the data comes from.
    """

    counts: tuple[float, ...]
    total: tuple[float, ...]
    worst: tuple[float, ...]
    exponent: float
    residual: float
    source: str = ""

    @classmethod
    def from_dataset(cls, dataset: xarray.Dataset) -> HalfSelectLaw:
        """From a Dataset of the ``disturb`` or ``array_disturb`` experiment.

        Raises
        ------
        CalibrationError
            Neither, or too few counts with a change.
        """
        if "k_total" in dataset:
            k = dataset["k_total"].mean("device")
        elif is_disturb(dataset):
            kinds = [str(x) for x in dataset["kind"].values]
            half = [x for x in kinds if x not in ("selected", "unselected")]
            k = dataset["k"].sel(kind=half or kinds)
        else:
            raise CalibrationError(
                thing="disturb data",
                value=[str(v) for v in dataset.data_vars][:6],
                limit="a Dataset of the disturb or array_disturb experiment",
                next_step="cosim run examples/09_disturb.toml makes one",
            )
        counts = np.asarray(dataset["count"].values, float)
        values = np.abs(k.transpose("count", ...).values.reshape(counts.size, -1))
        total, worst = values.mean(axis=1), values.max(axis=1)
        if counts.size < 2 or not np.isfinite(total).all() or not (total > 0).all():
            raise CalibrationError(
                thing="disturb data",
                value=(counts.size, float(np.nanmin(total, initial=np.inf))),
                limit="two or more counts, each with a change that is finite and above 0",
            )
        slope, offset = np.polyfit(np.log(counts), np.log(total), 1)
        error = np.exp(offset + slope * np.log(counts)) / total - 1.0
        return cls(
            counts=tuple(map(float, counts)),
            total=tuple(map(float, total)),
            worst=tuple(map(float, worst)),
            exponent=float(slope),
            residual=float(np.sqrt(np.mean(error**2))),
            source=str(dataset.attrs.get("experiment", "")),
        )

    def change(self, pulses: float, *, worst: bool = False) -> float:
        """Change after `pulses` half pulses over one full step, between the data's counts.

        Outside them a `OutsideCalibration` is given and the ratio per pulse of the nearest count
        is kept.
        """
        low, high = self.counts[0], self.counts[-1]
        if not low <= pulses <= high:
            warnings.warn(
                f"{pulses:g} half pulses lie outside the measured {low:g} to {high:g}",
                OutsideCalibration,
                stacklevel=2,
            )
        inside = min(max(pulses, low), high)
        values: Any = self.worst if worst else self.total
        logarithm = np.interp(np.log(inside), np.log(self.counts), np.log(values))
        return float(np.exp(logarithm) * pulses / inside)

    def ratio(self, pulses: float = 1.0, *, worst: bool = False) -> float:
        """k: mean change of one of `pulses` half pulses over one full step."""
        return self.change(pulses, worst=worst) / pulses

    def apply(self, device: BehaviouralDevice, pulses: float = 1.0) -> BehaviouralDevice:
        """The device with the ratio that holds for `pulses` half pulses in a row."""
        return device.replace(half_select=min(self.ratio(pulses), 1.0))
