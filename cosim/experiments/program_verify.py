"""Closed-loop programming of levels, cell by cell, on the device equations.

The published loop [Falcone2025]: read; a SET pulse when G < G_t - AR, a RESET
pulse when G > G_t + AR; amplitudes by target. Every reading carries read
noise, every pulse its cycle-to-cycle shift, every device its own parameters:
with this the number of pulses and the spread that is left are results.
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

# [Falcone2025], read off a figure: upper end of the target [S], SET and RESET amplitude [V].
AMPLITUDES = ((30e-6, 1.35, -1.5), (60e-6, 1.35, -1.3), (np.inf, 1.5, -1.3))


def amplitudes_of(target: Floats) -> tuple[Floats, Floats]:
    """Return the published SET and RESET amplitude of every target [V]; shape of `target`."""
    zone = np.searchsorted([a[0] for a in AMPLITUDES], target)
    return np.array([a[1] for a in AMPLITUDES])[zone], np.array([a[2] for a in AMPLITUDES])[zone]


def check_loop(acceptance_range: float, limit: int) -> None:
    """Raise ConfigError unless a closed loop can end."""
    if not 0 < acceptance_range < 1 or limit < 1:
        raise ConfigError(
            thing="closed-loop programming",
            value=(acceptance_range, limit),
            limit="acceptance range between 0 and 1 of the target, limit of 1 pulse or more",
        )


@dataclass(frozen=True, kw_only=True)
class ProgramVerify:
    """The closed loop.

    Parameters
    ----------
    acceptance_range : float
        Half-width of the accepted band, relative to the target.
    width : float
        Of a pulse [s].
    limit : int
        Pulses after which a cell is given up.
    amplitudes : tuple of (highest target [S], SET [V], RESET [V])
    read_delay : float
        Time of the noise band that a verify reading sees [s].
    start : float
        Conductance before programming [S].
    """

    acceptance_range: float = 0.002
    width: float = 2.5e-6
    limit: int = 2000
    amplitudes: tuple[tuple[float, float, float], ...] = AMPLITUDES
    read_delay: float = 1e-5
    start: float = 26.5e-6

    def run(
        self,
        population: Population,
        target: Floats,
        access_up: Access,
        access_down: Access,
        rng: np.random.Generator,
    ) -> ProgramResult:
        """Program every device of `population` to its `target` [S], shape (k,).

        Raises
        ------
        ConfigError
            If a target is outside what the devices can reach, or a setting is wrong.
        """
        wanted = np.asarray(target, dtype=float)
        if wanted.shape != (population.size,) or not np.all((wanted > 1e-6) & (wanted < 2e-4)):
            raise ConfigError(
                thing="targets of closed-loop programming [S]",
                value=(wanted.shape, wanted.min(initial=np.inf), wanted.max(initial=0.0)),
                limit=f"one a device ({population.size}), 1 to 200 uS",
            )
        check_loop(self.acceptance_range, self.limit)
        density = population.density_at(self.start)
        pulses = np.zeros(population.size, dtype=int)
        band = self.acceptance_range * wanted
        zone = np.searchsorted([a[0] for a in self.amplitudes], wanted)
        active = np.ones(population.size, bool)
        accepted, energy = np.zeros(population.size), np.zeros(population.size)
        for _ in range(self.limit + 1):
            true = population.conductance(density)
            read = noise.read(true, self.read_delay, rng)
            accepted = np.where(active, read, accepted)
            active &= np.abs(read - wanted) > band
            if not active.any() or pulses.max() >= self.limit:
                break
            for index, (_, up, down) in enumerate(self.amplitudes):
                for amplitude, access, side in (
                    (up, access_up, read < wanted),
                    (down, access_down, read > wanted),
                ):
                    who = active & (zone == index) & side
                    if who.any():
                        after = population.pulse(density, amplitude, self.width, access, rng, who)
                        energy[who] += population.pulse_map(amplitude, access).energy(
                            density[who], after[who], self.width, population.rows_of_devices[who]
                        )
                        density = after
            pulses[active] += 1
        return ProgramResult(
            target=wanted,
            conductance=population.conductance(density),
            reading=accepted,
            density=density,
            pulses=pulses,
            energy=energy,
            reached=~active,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramResult:
    """What the loop leaves, one value a device.

    Parameters
    ----------
    target, conductance : ndarray, shape (k,)
        [S], the second without read noise.
    reading : ndarray, shape (k,)
        Last reading [S]; where `reached`, the one that was accepted.
    density : ndarray, shape (k,)
        C / 1e25.
    pulses : ndarray of int
    energy : ndarray, shape (k,)
        Of all pulses, from the bit line [J]; readings not counted.
    reached : ndarray of bool
        False where the limit of pulses ended the loop.
    """

    target: Floats
    conductance: Floats
    reading: Floats
    density: Floats
    pulses: NDArray[np.int64]
    energy: Floats
    reached: NDArray[np.bool_]
