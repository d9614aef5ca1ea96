"""The behavioural device: what a calibrated ReRAM does, without its physics.

It holds an update law per pulse (up and down), its spreads, a read law and the
published noise laws. Figures of merit follow Falcone et al., Adv. Funct. Mater.
2025 (arXiv:2502.04524): number of states, skew, noise-to-signal ratio.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural import storage
from cosim.behavioural.figures import figures_of_merit, symmetry_position
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.validity import UNCOVERED, OutsideCalibration, Validity

FloatArray = NDArray[np.floating[Any]]

__all__ = ["BehaviouralDevice", "DeviceSpread", "soft_bounds"]


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
class BehaviouralDevice:
    """A calibrated analog ReRAM.

    Parameters
    ----------
    conductance_min, conductance_max : float
        Ends of the window [S].
    up, down : PulseResponse
        The two pulses of the update scheme.
    rates_up, rates_down : RateLaw, optional
        What pulses of other amplitude and width do.
    bounds : tuple of float
        Normalised conductances that noise cannot carry a device beyond.
    spread : DeviceSpread
        Device to device.
    half_select : float
        ``k = dG(V/2) / dG(V)``: what a half-selected device does. Choi et al. 2025 print
        a mean below 0.005.
    read_law : ReadLaw
        Current against voltage and conductance.
    noise : NoiseLaws
        Programming, relaxation and read noise.
    validity : Validity
        Ranges of the data behind all this.
    source : str
        Where the numbers come from.
    """

    conductance_min: float
    conductance_max: float
    up: PulseResponse
    down: PulseResponse
    rates_up: RateLaw | None = None
    rates_down: RateLaw | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    spread: DeviceSpread = field(default_factory=DeviceSpread)
    half_select: float = 0.0
    read_law: ReadLaw = field(default_factory=ReadLaw)
    noise: NoiseLaws = field(default_factory=NoiseLaws)
    validity: Validity = field(default_factory=Validity)
    source: str = "assumed"

    def __post_init__(self) -> None:
        if not 0.0 <= self.conductance_min < self.conductance_max < math.inf:
            raise ParameterError(
                thing="conductance window of a behavioural device [S]",
                value=(self.conductance_min, self.conductance_max),
                limit="0 <= minimum < maximum",
            )
        if self.up.polarity != 1 or self.down.polarity != -1:
            raise ParameterError(
                thing="polarities of the up and down responses",
                value=(self.up.polarity, self.down.polarity),
                limit="(+1, -1)",
            )
        if not 0.0 <= self.half_select <= 1.0:
            raise ParameterError(
                thing="half-select ratio k", value=self.half_select, limit="0 to 1"
            )

    @property
    def window(self) -> float:
        """Width of the conductance window [S]."""
        return self.conductance_max - self.conductance_min

    def normalise(self, conductance: FloatArray | float) -> FloatArray:
        """Position u in the window, 0 at `conductance_min` and 1 at `conductance_max`."""
        return (np.asarray(conductance, dtype=float) - self.conductance_min) / self.window

    def conductance(self, u: FloatArray | float) -> FloatArray:
        """Conductance [S] at normalised position `u`."""
        return self.conductance_min + np.asarray(u, dtype=float) * self.window

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

    def response(
        self, polarity: int, amplitude: float | None = None, width: float | None = None
    ) -> PulseResponse:
        """The answer to a pulse of any amplitude [V] and width [s].

        By default that to the calibrated pulse, otherwise of the rate law. Outside the
        calibrated amplitudes and widths an `OutsideCalibration` warning is given; the law
        then goes on exponentially in the amplitude and in proportion to the width.

        Raises
        ------
        ParameterError
            Nothing was measured that could tell.
        """
        base, rates = (self.up, self.rates_up) if polarity == 1 else (self.down, self.rates_down)
        amplitude = base.amplitude if amplitude is None else float(amplitude)
        width = base.width if width is None else float(width)
        if amplitude == base.amplitude and width == base.width:
            return base
        if amplitude is None or width is None or amplitude * polarity <= 0 or not width > 0:
            raise ParameterError(
                thing="pulse outside the calibration",
                value=(amplitude, width),
                limit=f"amplitude and width of a calibrated pulse of polarity {polarity:+d}",
                next_step="Calibrate with a Dataset that carries amplitude and width.",
            )
        side = "amplitude_up" if polarity == 1 else "amplitude_down"
        self.validity.check(side, amplitude, "extrapolated exponentially")
        self.validity.check("width", width, "extrapolated in proportion")
        if rates is not None:
            return dataclasses.replace(
                base,
                steps=tuple(float(s) for s in rates.steps(amplitude, width)),
                noise=rates.noise,
                noise_floor=rates.noise_floor,
                amplitude=amplitude,
                width=width,
                low=rates.position.low,
                high=rates.position.high,
            )
        if base.width is None or amplitude != base.amplitude:
            raise ParameterError(
                thing="amplitude of a pulse [V]",
                value=amplitude,
                limit=f"the only one that was calibrated, {base.amplitude}",
                next_step="Calibrate with pulses of several amplitudes.",
            )
        return dataclasses.replace(
            base, steps=tuple(s * width / base.width for s in base.steps), width=width
        )

    def uncovered(self, u: FloatArray, response: PulseResponse) -> NDArray[np.bool_]:
        """Where in the window (`u`) no pulse like that of `response` was measured."""
        rates = self.rates_up if response.polarity == 1 else self.rates_down
        if rates is None or response.amplitude is None or response.width is None:
            return np.zeros(np.shape(u), bool)
        return rates.outside(u, response.amplitude, response.width)

    def pulse(
        self,
        conductance: FloatArray,
        polarity: int,
        *,
        amplitude: float | None = None,
        width: float | None = None,
        rng: np.random.Generator | None = None,
        scale: FloatArray | float = 1.0,
    ) -> FloatArray:
        """Conductances [S] after one pulse on each device; without noise when `rng` is None."""
        inside = self.validity.check(
            "conductance", conductance, "steps are those at the range's end"
        )
        response = self.response(polarity, amplitude, width)
        u = self.normalise(conductance)
        if inside and self.uncovered(u, response).any():
            warnings.warn(UNCOVERED, OutsideCalibration, stacklevel=2)
        u = response.apply(u, rng, scale)
        return self.conductance(np.clip(u, *self.bounds))

    def train(
        self,
        start: FloatArray | float,
        polarity: FloatArray,
        *,
        amplitude: FloatArray | float | None = None,
        width: FloatArray | float | None = None,
        rng: np.random.Generator | None = None,
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

        Returns
        -------
        ndarray, shape (pulses, *start.shape)
            `cosim.behavioural.predict` gives the same with a flag for every pulse that was
            outside the calibration; here an `OutsideCalibration` warning says so.
        """
        from cosim.behavioural.sequence import walk

        return walk(self, start, polarity, amplitude, width, rng)[0]

    def replace(self, **changes: Any) -> BehaviouralDevice:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return dataclasses.asdict(self)

    def save(self, path: str | Path) -> Path:
        """Write as JSON; returns the path."""
        return storage.save_device(self, path)

    @classmethod
    def load(cls, path: str | Path) -> BehaviouralDevice:
        """Read what `save` wrote; `DataError` where that is not possible."""
        return storage.load_device(path)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BehaviouralDevice:
        """Inverse of `to_dict`."""
        return storage.device_from_dict(data)


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
