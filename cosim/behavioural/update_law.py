"""What pulses do to a device: steps, rates, currents, and the wires in front of it."""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.current_law import CurrentLaw
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.selector_law import SelectorLaw
from cosim.behavioural.validity import (
    DRIVEN_BEYOND,
    UNCOVERED,
    OutsideCalibration,
    Validity,
    warn_outside,
)
from cosim.behavioural.wired_pulse import WiredPulse
from cosim.behavioural.write_path import WritePath

FloatArray = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_HELD = "steps are those at the range's end"
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class UpdateLaw:
    """The update of a device by pulses, in and behind an array.

    Parameters
    ----------
    conductance_min, conductance_max : float
        Ends of the window [S].
    up, down : PulseResponse
        The two pulses of the update scheme.
    rates_up, rates_down : RateLaw, optional
        What pulses of other amplitude and width do.
    current_up, current_down : CurrentLaw, optional
        What the cell draws during a pulse, which decides what wires take of it.
    selector : SelectorLaw, optional
        What a drop on the lines takes from the gate of the cell's transistor.
    bounds : tuple of float
        Normalised conductances that noise cannot carry a device beyond.
    validity : Validity
        Ranges of the data behind all this.
    """

    conductance_min: float
    conductance_max: float
    up: PulseResponse
    down: PulseResponse
    rates_up: RateLaw | None = None
    rates_down: RateLaw | None = None
    current_up: CurrentLaw | None = None
    current_down: CurrentLaw | None = None
    selector: SelectorLaw | None = None
    bounds: tuple[float, float] = (0.0, 1.0)
    validity: Validity = dataclasses.field(default_factory=Validity)

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

    def response(
        self, polarity: int, amplitude: float | None = None, width: float | None = None
    ) -> PulseResponse:
        """The answer to a pulse of any amplitude [V] and width [s] across the cell.

        By default that to the calibrated pulse, otherwise of the rate law. Outside the
        calibrated amplitudes and widths an `OutsideCalibration` warning is given; the law
        then goes on exponentially in the amplitude and in proportion to the width.

        Raises
        ------
        ParameterError
            Nothing was measured that could tell.
        """
        found = self._response(polarity, amplitude, width)
        if found is not self._base(polarity):
            side = "amplitude_up" if polarity == 1 else "amplitude_down"
            self.validity.check(side, found.amplitude, "extrapolated exponentially")
            self.validity.check("width", found.width, "extrapolated in proportion")
        return found

    def _base(self, polarity: int) -> PulseResponse:
        return self.up if polarity == 1 else self.down

    def _response(
        self, polarity: int, amplitude: float | None, width: float | None
    ) -> PulseResponse:
        base, rates = self._base(polarity), self._rates(polarity)
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

    def _rates(self, polarity: int) -> RateLaw | None:
        return self.rates_up if polarity == 1 else self.rates_down

    def wired_pulse(
        self, polarity: int, amplitude: float | None, width: float | None, wires: WritePath
    ) -> WiredPulse:
        """The law of a pulse of `amplitude` [V] at the drivers behind `wires`.

        Raises
        ------
        ParameterError
            The device has no law over amplitudes, which alone can tell what a drop does.
        """
        base, rates = self._base(polarity), self._rates(polarity)
        amplitude = base.amplitude if amplitude is None else float(amplitude)
        width = base.width if width is None else float(width)
        if rates is None or not rates.amplitude.intervals or amplitude is None or width is None:
            raise ParameterError(
                thing="pulses through wires",
                value=(amplitude, width),
                limit="a device calibrated with pulses of several amplitudes",
                next_step="Calibrate with a Dataset that carries amplitude and width.",
            )
        side = wires.source_line if polarity > 0 else wires.bit_line
        beyond = 0.0 if self.selector is None else self.selector.largest(polarity)
        return WiredPulse(
            rates=rates,
            amplitude=amplitude,
            width=width,
            window=(self.conductance_min, self.window),
            largest=float(np.max(wires.total + beyond * side, initial=0.0)),
            current=self.current_up if polarity > 0 else self.current_down,
            selector=self.selector,
        )

    def uncovered(
        self, u: FloatArray, response: PulseResponse, voltage: FloatArray | None = None
    ) -> Bools:
        """Where in the window (`u`) no pulse like that of `response` was measured.

        `voltage` [V] is what reaches the cells where that is not the amplitude.
        """
        rates = self._rates(response.polarity)
        if rates is None or response.amplitude is None or response.width is None:
            return np.zeros(np.shape(u), bool)
        volts = response.amplitude if voltage is None else voltage
        return rates.outside(u, volts, response.width)

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
        return self.walk(
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
        return self.walk(start, polarity, amplitude, width, rng, wires=wires)[0]

    def walk(
        self,
        start: FloatArray | float,
        polarity: Any,
        amplitude: Any = None,
        width: Any = None,
        rng: np.random.Generator | None = None,
        *,
        scale: FloatArray | float = 1.0,
        wires: WritePath | None = None,
        level: int = 3,
        quiet: bool = False,
    ) -> tuple[FloatArray, Bools]:
        """Conductances [S] after every pulse, and which pulses were outside the calibration.

        Parameters as `train`; `scale` multiplies the steps of every device. One
        `OutsideCalibration` warning is given for every quantity that leaves its range, with the
        value farthest outside, unless `quiet`; `level` is how far up the stack they point.

        Returns
        -------
        conductance, outside : ndarray, shape (pulses, *start.shape)
        """
        signs = np.asarray(polarity)
        if signs.ndim != 1 or not np.isin(signs, (-1, 1)).all():
            raise ParameterError(
                thing="polarities of a train", value=signs.shape, limit="one axis of +1 and -1"
            )
        u = self.normalise(start)
        if wires is not None:
            wires.check_shape(u.shape)
        out = np.empty((signs.size, *u.shape))
        flags, lost = np.zeros(out.shape, bool), np.zeros(u.shape, bool)
        seen = _Seen(self.validity)
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always", OutsideCalibration)
            pulses: dict[Any, _Pulse] = {}
            for n, key in enumerate(
                zip(
                    signs.tolist(),
                    each(amplitude, signs.size),
                    each(width, signs.size),
                    strict=True,
                )
            ):
                if key not in pulses:
                    before = len(given)
                    pulses[key] = self._pulse(*key, wires)
                    pulses[key].strange = len(given) > before
                pulse = pulses[key]
                flags[n] = pulse.strange | seen.note("conductance", self.conductance(u))
                factor, voltage = scale, None
                if pulse.wired is not None and wires is not None:
                    load = pulse.wired.load(u, wires)
                    voltage = pulse.wired.left(u, load)
                    factor = scale * pulse.wired.factor(u, load)
                    side = "amplitude_up" if key[0] > 0 else "amplitude_down"
                    flags[n] |= seen.note(side, key[0] * voltage)
                strangers = self.uncovered(u, pulse.response, voltage)
                seen.alone |= bool((strangers & ~flags[n]).any())
                flags[n] |= strangers
                free = pulse.response.apply(u, rng, factor)
                u = np.clip(free, *self.bounds)
                # Noise may carry a device to the ends of what was measured, its mean step may not:
                # from there on it is not known where it is.
                if rng is None and self.validity.conductance is not None:
                    pinned = np.abs(free - u) > _ROUNDING
                    seen.held |= bool((pinned & ~flags[n]).any())
                    lost |= pinned
                    flags[n] |= lost
                out[n] = u
        if quiet:
            return self.conductance(out), flags
        for text in dict.fromkeys(str(w.message) for w in given):
            warnings.warn(text, OutsideCalibration, stacklevel=level)
        seen.warn(level + 1)
        return self.conductance(out), flags

    def _pulse(
        self, polarity: int, amplitude: float | None, width: float | None, wires: WritePath | None
    ) -> _Pulse:
        if wires is None:
            return _Pulse(response=self.response(polarity, amplitude, width))
        wired = self.wired_pulse(polarity, amplitude, width, wires)
        self.validity.check("width", wired.width, "extrapolated in proportion")
        return _Pulse(response=self._response(polarity, amplitude, width), wired=wired)


@dataclass(kw_only=True)
class _Pulse:
    """A kind of pulse of a train, and whether it is outside the calibration everywhere."""

    response: PulseResponse
    wired: WiredPulse | None = None
    strange: bool = False


class _Seen:
    """Quantities of a train that left their ranges, and how far."""

    def __init__(self, known: Validity) -> None:
        self.known = known
        self.ends: dict[str, tuple[float, float]] = {}
        self.alone = self.held = False

    def note(self, quantity: str, values: FloatArray) -> Bools:
        """Which values are outside."""
        beyond = self.known.outside(quantity, values)
        if beyond.any():
            low, high = self.ends.get(quantity, (np.inf, -np.inf))
            self.ends[quantity] = (min(low, float(values.min())), max(high, float(values.max())))
        return beyond

    def warn(self, level: int) -> None:
        """One warning for each."""
        for happened, text in ((self.alone, UNCOVERED), (self.held, DRIVEN_BEYOND)):
            if happened:
                warnings.warn(text, OutsideCalibration, stacklevel=level)
        for quantity, (lowest, highest) in self.ends.items():
            known = getattr(self.known, quantity)
            far = lowest if lowest < known[0] else highest
            unit, result = (
                ("S", _HELD)
                if quantity == "conductance"
                else ("V", "what wires leave; extrapolated exponentially")
            )
            warn_outside(quantity.replace("_", " "), far, known, unit, result)


def each(values: Any, count: int) -> list[float | None]:
    """One value for each of `count` pulses; None for all where there are none."""
    if values is None:
        return [None] * count
    return [float(v) for v in np.broadcast_to(np.asarray(values, float), (count,))]
