"""A train of pulses in time: a read first, then after every pulse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netlists.waveform import Waveform

FloatArray = NDArray[np.float64]
Levels = tuple[float, Sequence[float] | FloatArray]

_READ_AT = 0.9  # fraction of the read phase at which the current is taken


@dataclass(frozen=True, kw_only=True)
class PulseTiming:
    """How long everything takes.

    Parameters
    ----------
    width : float
        Flat top of a pulse [s].
    read_width : float
        Of a read [s].
    rise : float
        Every edge [s].
    """

    width: float
    read_width: float
    rise: float

    @property
    def period(self) -> float:
        """Duration of one pulse with its read [s]."""
        return 2 * self.rise + self.width + self.read_width

    def starts(self, count: int) -> FloatArray:
        """When the edges of the pulses begin, shape (count,) [s]."""
        return np.asarray(self.read_width + self.period * np.arange(count), dtype=np.float64)

    def tops(self, count: int) -> FloatArray:
        """When the flat tops of the pulses end, shape (count,) [s]."""
        return np.asarray(self.starts(count) + self.rise + self.width, dtype=np.float64)

    def reads(self, count: int) -> FloatArray:
        """When the reads are taken: before the first pulse, and after every one [s]."""
        ends = self.period * np.arange(count + 1) + _READ_AT * self.read_width
        return np.asarray(ends, dtype=np.float64)

    def waves(self, *lines: Levels) -> tuple[Waveform, ...]:
        """The voltage of each line in time.

        Parameters
        ----------
        *lines : (float, sequence of float)
            Voltage during reads, and at the top of every pulse [V].
        """
        count = len(lines[0][1])
        times = [0.0]
        for start in self.starts(count):
            begin, end = float(start) + self.rise, float(start) + self.rise + self.width
            times += [float(start), begin, end, end + self.rise]
        times.append(times[-1] + self.read_width)
        waves = []
        for low, tops in lines:
            levels = [low]
            for top in tops:
                levels += [low, float(top), float(top), low]
            waves.append(Waveform(tuple(times), (*levels, low)))
        return tuple(waves)
