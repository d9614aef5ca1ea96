"""The behavioural device: what a calibrated ReRAM does, without its physics.

It holds an update law per pulse (up and down), its spreads, a read law and the
published noise laws. Figures of merit follow Falcone et al., Adv. Funct. Mater.
2025 (arXiv:2502.04524): number of states, skew, noise-to-signal ratio.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CosimError, DataError, ParameterError
from cosim.behavioural.current_law import CurrentLaw
from cosim.behavioural.figures import figures_of_merit, symmetry_position
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.pulse_train import walk
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.selector_law import SelectorLaw
from cosim.behavioural.update_law import UpdateLaw
from cosim.behavioural.validity import Validity
from cosim.behavioural.write_path import WritePath

FloatArray = NDArray[np.floating[Any]]

__all__ = ["BehaviouralDevice", "DeviceSpread", "soft_bounds"]

# Laws that a device may lack.
_OPTIONAL: dict[str, Any] = {
    "rates_up": RateLaw,
    "rates_down": RateLaw,
    "current_up": CurrentLaw,
    "current_down": CurrentLaw,
    "selector": SelectorLaw,
}


@dataclass(frozen=True, kw_only=True)
class DeviceSpread:
    """Device-to-device standard deviations.

    Parameters
    ----------
    step : float
        Of the step size common to up and down, relative (lognormal).
    up_down : float
        Of the imbalance between up and down, relative (lognormal); moves the symmetry point.
    conductance_min, conductance_max : float
        Of the window's ends, in units of the window.
    """

    step: float = 0.0
    up_down: float = 0.0
    conductance_min: float = 0.0
    conductance_max: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BehaviouralDevice(UpdateLaw):
    """A calibrated analog ReRAM: its update (`UpdateLaw`), its spreads, reads and noise.

    Parameters
    ----------
    spread : DeviceSpread
        Device to device.
    half_select : float
        ``k = dG(V/2) / dG(V)``: what a half-selected device does. Choi et al. 2025 print
        a mean below 0.005.
    read_law : ReadLaw
        Current against voltage and conductance.
    noise : NoiseLaws
        Programming, relaxation and read noise.
    source : str
        Where the numbers come from.
    """

    spread: DeviceSpread = field(default_factory=DeviceSpread)
    half_select: float = 0.0
    read_law: ReadLaw = field(default_factory=ReadLaw)
    noise: NoiseLaws = field(default_factory=NoiseLaws)
    source: str = "assumed"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.half_select <= 1.0:
            raise ParameterError(
                thing="half-select ratio k", value=self.half_select, limit="0 to 1"
            )

    @property
    def symmetry_position(self) -> float:
        """Normalised conductance at which alternating up and down pulses settle."""
        return symmetry_position(self.up, self.down)

    @property
    def symmetry_point(self) -> float:
        """Conductance of the symmetry point [S]."""
        return float(self.conductance(self.symmetry_position))

    @property
    def figures(self) -> dict[str, float]:
        """States, skew and noise-to-signal ratio (`figures_of_merit`), symmetry point [S]."""
        return figures_of_merit(self.up, self.down) | {"symmetry_point": self.symmetry_point}

    def pulse(
        self,
        conductance: FloatArray,
        polarity: int,
        *,
        amplitude: float | None = None,
        width: float | None = None,
        rng: np.random.Generator | None = None,
        scale: FloatArray | float = 1.0,
        wires: WritePath | None = None,
    ) -> FloatArray:
        """Conductances [S] after one pulse on each device; without noise when `rng` is None.

        With `wires`, `amplitude` [V] is that at the drivers, and every device gets what its lines
        leave of it (`WiredPulse`); the range of calibrated amplitudes then holds for that.
        """
        return walk(
            self,
            conductance,
            np.array([polarity]),
            amplitude,
            width,
            rng,
            scale=scale,
            wires=wires,
            level=3,
        )[0][0]

    def train(
        self,
        start: FloatArray | float,
        polarity: FloatArray,
        *,
        amplitude: FloatArray | float | None = None,
        width: FloatArray | float | None = None,
        rng: np.random.Generator | None = None,
        wires: WritePath | None = None,
    ) -> FloatArray:
        """Conductances [S] after every pulse of a train.

        Parameters
        ----------
        start : array_like
            Conductance before the first pulse [S], any shape.
        polarity : ndarray, shape (pulses,)
            +1 or -1.
        amplitude, width : float or ndarray, shape (pulses,), optional
            Of the pulses [V, s]; by default the calibrated ones.
        wires : WritePath, optional
            Resistances in front of every device, which take part of the amplitude.

        Returns
        -------
        ndarray, shape (pulses, *start.shape)
            `cosim.behavioural.predict` gives the same with a flag for every pulse that was
            outside the calibration; here an `OutsideCalibration` warning says so.
        """
        return walk(self, start, polarity, amplitude, width, rng, wires=wires)[0]

    def replace(self, **changes: Any) -> BehaviouralDevice:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return dataclasses.asdict(self)

    def save(self, path: str | Path) -> Path:
        """Write as JSON; returns the path."""
        path = Path(path)
        path.write_text(json.dumps(self.to_dict(), indent=1) + "\n")
        return path

    @classmethod
    def load(cls, path: str | Path) -> BehaviouralDevice:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            The file is missing, damaged or something else.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, CosimError) as error:
            raise DataError(
                thing="behavioural device file",
                value=f"{path} ({error})",
                limit="JSON as written by BehaviouralDevice.save",
                next_step="Calibrate again, or check the path.",
            ) from error

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BehaviouralDevice:
        """Inverse of `to_dict`."""
        rest = dict(data)
        made: dict[str, Any] = {n: PulseResponse.from_dict(rest.pop(n)) for n in ("up", "down")}
        for name, law in _OPTIONAL.items():
            fields = rest.pop(name, None)
            made[name] = None if fields is None else law.from_dict(fields)
        for name, law in (("read_law", ReadLaw), ("noise", NoiseLaws), ("validity", Validity)):
            made[name] = law.from_dict(rest.pop(name))
        made["bounds"] = tuple(rest.pop("bounds"))
        made["spread"] = DeviceSpread(**rest.pop("spread"))
        return cls(**made, **rest)


def soft_bounds(
    *,
    states: float = 22.0,
    skew: float = 0.61,
    nsr: float = 0.90,
    conductance_min: float = 9.0e-6,
    conductance_max: float = 88.2e-6,
    spread: DeviceSpread | None = None,
    half_select: float = 0.0,
) -> BehaviouralDevice:
    """A device of linear soft-bounds law with given figures of merit.

    ``dG_up = a_up (1 - u)``, ``dG_down = a_down u``, with the symmetry point at
    ``u = 1 - skew`` and both steps there equal to ``1 / states``.

    The defaults are the means printed in Falcone et al. 2025 (22 states, skew 61 %,
    NSR 90 %) on its window of 9.0 to 88.2 uS.
    """
    for name, value in (("states", states), ("skew", skew)):
        if not value > 0:
            raise ParameterError(thing=f"{name} of a soft-bounds device", value=value, limit="> 0")
    if not skew < 1:
        raise ParameterError(thing="skew of a soft-bounds device", value=skew, limit="0 to 1")
    return BehaviouralDevice(
        conductance_min=conductance_min,
        conductance_max=conductance_max,
        up=PulseResponse(polarity=1, steps=(1.0 / (states * skew), 0.0), noise=nsr),
        down=PulseResponse(polarity=-1, steps=(0.0, 1.0 / (states * (1.0 - skew))), noise=nsr),
        spread=spread or DeviceSpread(),
        half_select=half_select,
        source="soft bounds with the figures printed in Falcone et al. 2025 (arXiv:2502.04524)",
    )
