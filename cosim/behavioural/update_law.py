"""What one pulse does to a device: steps, rates, currents, and the wires in front of it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.current_law import CurrentLaw
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.selector_law import SelectorLaw
from cosim.behavioural.validity import Validity
from cosim.behavioural.wired_pulse import WiredPulse
from cosim.behavioural.write_path import WritePath

FloatArray = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


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
        found = self.answer(polarity, amplitude, width)
        if found is not self._base(polarity):
            side = "amplitude_up" if polarity == 1 else "amplitude_down"
            self.validity.check(side, found.amplitude, "extrapolated exponentially")
            self.validity.check("width", found.width, "extrapolated in proportion")
        return found

    def _base(self, polarity: int) -> PulseResponse:
        return self.up if polarity == 1 else self.down

    def answer(self, polarity: int, amplitude: float | None, width: float | None) -> PulseResponse:
        """`response`, without the warnings."""
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
