"""The behavioural device: what a calibrated ReRAM does, without its physics.

It holds an update law per pulse (up and down), its spreads, a read law and the
published noise laws. Figures of merit follow Falcone et al., Adv. Funct. Mater.
2025 (arXiv:2502.04524): number of states, skew, noise-to-signal ratio.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import DataError, ParameterError
from cosim.behavioural.between import ValidityWarning, interpolate
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.response import PulseResponse

FloatArray = NDArray[np.floating[Any]]

__all__ = ["BehaviouralDevice", "DeviceSpread", "ValidityWarning", "soft_bounds"]


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
    others : tuple of PulseResponse
        Responses to pulses of other amplitude, width or gate voltage.
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
    source : str
        Where the numbers come from.
    """

    conductance_min: float
    conductance_max: float
    up: PulseResponse
    down: PulseResponse
    others: tuple[PulseResponse, ...] = ()
    bounds: tuple[float, float] = (0.0, 1.0)
    spread: DeviceSpread = field(default_factory=DeviceSpread)
    half_select: float = 0.0
    read_law: ReadLaw = field(default_factory=ReadLaw)
    noise: NoiseLaws = field(default_factory=NoiseLaws)
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
        """Normalised conductance at which alternating up and down pulses settle.

        Where the mean of an up and a down step changes sign from up to down; of several
        such places the one that attracts from the widest range.
        """
        u = np.linspace(0.0, 1.0, 4001)
        difference = self.up.step(u) + self.down.step(u)
        i = int(np.argmax(np.cumsum(difference)))
        if i == u.size - 1 or not difference[i] > 0.0:
            return float(u[i])
        return float(u[i] + (u[1] - u[0]) * difference[i] / (difference[i] - difference[i + 1]))

    @property
    def symmetry_point(self) -> float:
        """Conductance of the symmetry point [S]."""
        return float(self.conductance(self.symmetry_position))

    @property
    def figures(self) -> dict[str, float]:
        """Number of states, skew and noise-to-signal ratio at the symmetry point.

        ``states = (G_max - G_min) / dG_sp``, ``skew = (G_max - G_sp) / (G_max - G_min)``,
        ``nsr = sigma(dG_sp) / dG_sp`` [Falcone2025].
        """
        u = self.symmetry_position
        step = 0.5 * float(self.up.step(u) - self.down.step(u))
        sigma = math.sqrt(
            0.5
            * sum(
                (r.noise * abs(float(r.step(u)))) ** 2 + r.noise_floor**2
                for r in (self.up, self.down)
            )
        )
        return {
            "states": 1.0 / step if step > 0 else math.inf,
            "skew": 1.0 - u,
            "nsr": sigma / step if step > 0 else math.inf,
            "symmetry_point": self.symmetry_point,
        }

    def response(
        self, polarity: int, amplitude: float | None = None, width: float | None = None
    ) -> PulseResponse:
        """The answer to a pulse of any amplitude [V] and width [s].

        Measured amplitudes are interpolated in the logarithm of the step, widths in the
        logarithm of both. Outside what was measured a `ValidityWarning` is given and the
        nearest measured pulse is scaled linearly with width.
        """
        base = self.up if polarity == 1 else self.down
        if amplitude is None:
            amplitude = base.amplitude
        if width is None:
            width = base.width
        known = [r for r in (base, *self.others) if r.polarity == polarity]
        return interpolate(known, base, amplitude, width)

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
        response = self.response(polarity, amplitude, width)
        u = response.apply(self.normalise(conductance), rng, scale)
        return self.conductance(np.clip(u, *self.bounds))

    def train(
        self,
        start: FloatArray | float,
        polarity: FloatArray,
        *,
        rng: np.random.Generator | None = None,
    ) -> FloatArray:
        """Conductances [S] after every pulse of a train.

        Parameters
        ----------
        start : array_like
            Conductance before the first pulse [S], any shape.
        polarity : ndarray, shape (pulses,)
            +1 or -1.

        Returns
        -------
        ndarray, shape (pulses, *start.shape)
        """
        u = self.normalise(start)
        out = np.empty((len(polarity), *u.shape))
        for n, sign in enumerate(polarity):
            u = np.clip((self.up if sign > 0 else self.down).apply(u, rng), *self.bounds)
            out[n] = u
        return self.conductance(out)

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
        """Read what `save` wrote."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                thing="behavioural device file",
                value=f"{path} ({error})",
                limit="JSON as written by BehaviouralDevice.save",
                next_step="Calibrate again, or check the path.",
            ) from error

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> BehaviouralDevice:
        """Inverse of `to_dict`."""

        def response(fields: dict[str, Any]) -> PulseResponse:
            return PulseResponse(**{**fields, "steps": tuple(fields["steps"])})

        rest = dict(data)
        return cls(
            up=response(rest.pop("up")),
            down=response(rest.pop("down")),
            others=tuple(response(r) for r in rest.pop("others")),
            bounds=tuple(rest.pop("bounds")),
            spread=DeviceSpread(**rest.pop("spread")),
            read_law=ReadLaw.from_dict(rest.pop("read_law")),
            noise=NoiseLaws(**rest.pop("noise")),
            **rest,
        )


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
