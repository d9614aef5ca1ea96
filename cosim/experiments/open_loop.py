"""Open-loop pulsing of single cells: N_states, skew and noise-to-signal ratio.

The published sequence [Falcone2025]: twice (400 up, 400 down), then 500
alternating pulses, +1.35 / -1.3 V, 2.5 us. From it:

- ``N_states`` = (G_max - G_min) / dG_sp, the window over the mean step at the
  symmetry point;
- ``skew`` = (G_max - G_sp) / (G_max - G_min);
- ``NSR`` = sigma(dG_sp) / dG_sp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.access import Access
from cosim.experiments.population import Population

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """The open-loop sequence.

    Parameters
    ----------
    up, down : float
        Amplitudes [V].
    width : float
        [s]
    ramp : int
        Pulses of one polarity in a row.
    ramps : int
        How often up and down are repeated.
    alternating : int
        Pulses of changing polarity at the end.
    window : int
        Readings averaged for G_max and G_min at the end of a ramp.
    read_noise : bool
        Whether readings carry read noise at 1 ms.
    start : float
        C / 1e25 before the first pulse; the published high-resistance state.
    """

    up: float = 1.35
    down: float = -1.3
    width: float = 2.5e-6
    ramp: int = 400
    ramps: int = 2
    alternating: int = 500
    window: int = 20
    read_noise: bool = True
    start: float = 0.7

    def run(
        self,
        population: Population,
        access_up: Access,
        access_down: Access,
        rng: np.random.Generator,
    ) -> OpenLoopResult:
        """Pulse every device of `population` and reduce what is read.

        Raises
        ------
        ConfigError
            If the polarities are wrong or the sequence is too short to reduce.
        """
        if self.up <= 0 or self.down >= 0 or self.ramp < self.window or self.alternating < 20:
            raise ConfigError(
                thing="open-loop sequence",
                value=(self.up, self.down, self.ramp, self.alternating),
                limit="up > 0 > down, ramp >= window, 20 or more alternating pulses",
            )
        one = [self.up] * self.ramp + [self.down] * self.ramp
        pair = [self.up, self.down] * (self.alternating // 2)
        amplitudes = np.array(one * self.ramps + pair)
        density = np.full(population.size, self.start)
        read = np.empty((amplitudes.size + 1, population.size))
        states = np.empty_like(read)
        read[0], states[0] = self._reading(population, density, rng), density
        for index, amplitude in enumerate(amplitudes, start=1):
            access = access_up if amplitude > 0 else access_down
            density = population.pulse(density, float(amplitude), self.width, access, rng)
            read[index], states[index] = self._reading(population, density, rng), density
        return self._reduce(amplitudes, read, states)

    def _reading(self, population: Population, density: Floats, rng: np.random.Generator) -> Floats:
        g = population.conductance(density)
        return noise.read(g, 1e-3, rng) if self.read_noise else g

    def _reduce(self, amplitudes: Floats, read: Floats, states: Floats) -> OpenLoopResult:
        # The first half of the alternating pulses walks to the symmetry point.
        tail = read[-(self.alternating // 2) - 1 :]
        g_max, g_min, g_sp = self._ends(read)
        signed = np.diff(tail, axis=0) * np.sign(amplitudes[-tail.shape[0] + 1 :])[:, None]
        mean_step = signed.mean(axis=0)
        return OpenLoopResult(
            amplitudes=amplitudes,
            conductance=read,
            g_max=g_max,
            g_min=g_min,
            g_sp=g_sp,
            density=self._ends(states),
            step=mean_step,
            n_states=(g_max - g_min) / mean_step,
            skew=(g_max - g_sp) / (g_max - g_min),
            nsr=signed.std(axis=0) / mean_step,
        )

    def _ends(self, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Means at the top of the ramps, at their bottom, and over the alternating pulses."""
        period = 2 * self.ramp
        spans = [
            [
                slice(end - self.window + 1, end + 1)
                for end in first + period * np.arange(self.ramps)
            ]
            for first in (self.ramp, period)
        ]
        top, bottom = (np.mean([values[part] for part in side], axis=(0, 1)) for side in spans)
        return top, bottom, values[-(self.alternating // 2) - 1 :].mean(axis=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenLoopResult:
    """What the sequence gives, one value a device.

    Parameters
    ----------
    amplitudes : ndarray, shape (p,)
        [V]
    conductance : ndarray, shape (p + 1, k)
        Read before the first and after every pulse [S].
    g_max, g_min, g_sp, step : ndarray, shape (k,)
        [S]
    density : tuple of ndarray, shape (k,)
        C / 1e25 at G_max, G_min and the symmetry point.
    n_states, skew, nsr : ndarray, shape (k,)
    """

    amplitudes: Floats
    conductance: Floats
    g_max: Floats
    g_min: Floats
    g_sp: Floats
    density: tuple[Floats, Floats, Floats]
    step: Floats
    n_states: Floats
    skew: Floats
    nsr: Floats
