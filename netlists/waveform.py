"""Piecewise-linear voltages in time: pulses, trains, sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import NetlistError
from netlists.names import check_number

EDGE = 1e-8
"""Rise and fall time [s] where none is given (assumed: typical of pulse generators)."""


@dataclass(frozen=True)
class Waveform:
    """A voltage that is linear between breakpoints and constant outside them.

    Under a :class:`~netlists.testbench.DcSweep` the abscissa is the sweep value instead of
    time.

    Parameters
    ----------
    times : tuple of float
        Breakpoints [s], strictly increasing, the first >= 0.
    values : tuple of float
        Voltage at each breakpoint [V].

    Raises
    ------
    NetlistError
        Lengths differ, a number is not finite, or times do not increase.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        times = np.asarray(self.times, dtype=float)
        values = np.asarray(self.values, dtype=float)
        if times.ndim != 1 or times.shape != values.shape or times.size == 0:
            raise NetlistError(
                thing="waveform needs as many times as values",
                value=(times.shape, values.shape),
                limit="two equal, non-empty lists",
            )
        if not (np.isfinite(times).all() and np.isfinite(values).all()):
            raise NetlistError(thing="waveform holds a number that is not finite")
        if times[0] < 0 or (np.diff(times) <= 0).any():
            at = int(np.argmax(np.diff(times, prepend=-np.inf) <= 0)) if times[0] >= 0 else 0
            raise NetlistError(
                thing=f"waveform times do not increase at breakpoint {at}",
                value=float(times[at]),
                limit="strictly increasing from 0",
                next_step="Give a vertical edge a rise time",
            )
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))

    @classmethod
    def constant(cls, value: float, duration: float = 0.0) -> Waveform:
        """The same voltage [V] for ever; `duration` [s] counts when another one follows."""
        value = check_number(value, "constant voltage")
        if duration == 0.0:
            return cls((0.0,), (value,))
        return cls((0.0, duration), (value, value))

    @classmethod
    def pulse(
        cls,
        amplitude: float,
        width: float,
        *,
        delay: float = 0.0,
        rise: float = EDGE,
        fall: float = EDGE,
        base: float = 0.0,
        after: float = 0.0,
    ) -> Waveform:
        """One trapezoidal pulse.

        Parameters
        ----------
        amplitude, base : float
            Top and base [V].
        width : float
            Flat top, without the edges [s].
        delay, rise, fall, after : float
            Time before, rising edge, falling edge, time after [s].
        """
        for value, what in ((width, "pulse width"), (rise, "rise time"), (fall, "fall time")):
            if check_number(value, what) <= 0:
                raise NetlistError(thing=what, value=value, limit="> 0 s")
        check_number(delay, "pulse delay", minimum=0.0)
        check_number(after, "time after the pulse", minimum=0.0)
        steps = [(delay, base), (rise, amplitude), (width, amplitude), (fall, base), (after, base)]
        times, values = [0.0], [base]
        for step, value in steps:
            if step > 0:
                times.append(times[-1] + step)
                values.append(value)
        return cls(tuple(times), tuple(values))

    @classmethod
    def train(
        cls,
        amplitude: float,
        width: float,
        period: float,
        count: int,
        *,
        delay: float = 0.0,
        rise: float = EDGE,
        fall: float = EDGE,
        base: float = 0.0,
    ) -> Waveform:
        """`count` equal pulses, one every `period` [s]; it lasts ``delay + count * period``.

        Other parameters as in :meth:`pulse`.
        """
        busy = rise + width + fall
        if not isinstance(count, int | np.integer) or count < 1:
            raise NetlistError(thing="number of pulses", value=count, limit="an integer >= 1")
        if period <= busy:
            raise NetlistError(
                thing="pulse period is too short", value=period, limit=f"> {busy:g} s (one pulse)"
            )
        shape = cls.pulse(amplitude, width, rise=rise, fall=fall, base=base)
        starts = delay + period * np.arange(count)[:, None]
        times = (starts + np.asarray(shape.times)[None, :]).ravel()
        values = np.tile(np.asarray(shape.values), count)
        head = [0.0] if delay > 0 else []
        return cls(
            (*head, *times.tolist(), delay + count * period),
            (*(base for _ in head), *values.tolist(), base),
        )

    @classmethod
    def sweep(cls, points: Sequence[float], rate: float) -> Waveform:
        """Go through `points` [V] at a constant rate [V/s], from t = 0.

        Equal neighbours are skipped.
        """
        if check_number(rate, "sweep rate") <= 0:
            raise NetlistError(thing="sweep rate", value=rate, limit="> 0 V/s")
        if not len(points):
            raise NetlistError(thing="sweep without points", value=points, limit="at least one")
        kept = [points[0]]
        for point in points[1:]:
            if point != kept[-1]:
                kept.append(point)
        times = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(kept)) / rate)])
        return cls(tuple(times.tolist()), tuple(kept))

    @classmethod
    def steps(cls, values: ArrayLike) -> Waveform:
        """Value k at abscissa k: for reads of many inputs as one ``DcSweep(0, n - 1, 1)``."""
        array = np.atleast_1d(np.asarray(values, dtype=float))
        return cls(tuple(float(k) for k in range(array.size)), tuple(array.tolist()))

    @property
    def duration(self) -> float:
        """Last breakpoint [s]."""
        return self.times[-1]

    @property
    def breakpoints(self) -> NDArray[np.float64]:
        """Times at which the slope changes, shape (n,) [s]."""
        return np.asarray(self.times, dtype=np.float64)

    @property
    def extremes(self) -> tuple[float, float]:
        """Lowest and highest voltage [V]."""
        return min(self.values), max(self.values)

    @property
    def is_constant(self) -> bool:
        """Whether the voltage never changes."""
        return min(self.values) == max(self.values)

    def at(self, t: ArrayLike) -> NDArray[np.float64]:
        """Voltage [V] at times `t` [s], same shape as `t`."""
        return np.asarray(np.interp(np.asarray(t, dtype=float), self.times, self.values))

    def then(self, other: Waveform, *, edge: float = EDGE) -> Waveform:
        """This one, then `other` from this one's last breakpoint on.

        Where the voltages at the joint differ, a ramp of `edge` [s] is put between.
        """
        shift = self.times[-1]
        times, values = list(self.times), list(self.values)
        if other.values[0] != self.values[-1]:
            shift += edge
            times.append(shift)
            values.append(other.values[0])
        times += [shift + t for t in other.times if t > 0]
        values += [value for t, value in zip(other.times, other.values, strict=True) if t > 0]
        return Waveform(tuple(times), tuple(values))

    def hold(self, duration: float) -> Waveform:
        """Keep the last voltage for `duration` [s] more."""
        if duration == 0.0:
            return self
        return Waveform(
            (*self.times, self.times[-1] + check_number(duration, "hold time", minimum=0.0)),
            (*self.values, self.values[-1]),
        )

    def __mul__(self, factor: float) -> Waveform:
        """Scale the voltage."""
        return Waveform(self.times, tuple(v * float(factor) for v in self.values))

    __rmul__ = __mul__

    def __neg__(self) -> Waveform:
        """Change the sign."""
        return self * -1.0

    def __add__(self, other: Waveform | float) -> Waveform:
        """Sum of two waveforms, or of one and a constant [V]."""
        if not isinstance(other, Waveform):
            other = Waveform.constant(other)
        times = np.union1d(self.times, other.times)
        # Times that differ by rounding only would be edges of no length.
        close = np.diff(times, prepend=-np.inf) <= 8 * np.finfo(float).eps * times[-1]
        times = times[~close]
        return Waveform(tuple(times.tolist()), tuple((self.at(times) + other.at(times)).tolist()))

    def split(self) -> tuple[Waveform, Waveform]:
        """Positive part and size of the negative part, both >= 0: self = first - second.

        A 1T1R cell takes RESET on its source line, so that the transistor's junctions are
        never biased forward.
        """
        times, values = self.breakpoints, np.asarray(self.values)
        crossing = np.flatnonzero(values[:-1] * values[1:] < 0)
        if crossing.size:
            left, right = values[crossing], values[crossing + 1]
            zero = times[crossing] + (times[crossing + 1] - times[crossing]) * left / (left - right)
            # A crossing that rounding puts onto a breakpoint needs none of its own.
            apart = (zero > times[crossing]) & (zero < times[crossing + 1])
            times = np.insert(times, crossing[apart] + 1, zero[apart])
            values = np.insert(values, crossing[apart] + 1, 0.0)
        return (
            Waveform(tuple(times.tolist()), tuple(np.maximum(values, 0.0).tolist())),
            Waveform(tuple(times.tolist()), tuple(np.maximum(-values, 0.0).tolist())),
        )


def as_waveform(value: Waveform | float) -> Waveform:
    """`value` itself, or a constant of that voltage [V]."""
    return value if isinstance(value, Waveform) else Waveform.constant(value)
