"""Half-select disturb: what a million pulses of half the voltage do to a cell.

In a parallel update at +-V/2 [Choi2025] every cell of a selected row or column
sees V/2 while only the crossing sees V. The dome is then much cooler and its
vacancies nearly stand still. Here the drift equation itself is integrated over
all pulses in one step (the state obeys one autonomous equation during the
pulses and rests between them), so 1e6 pulses are as exact as one. The
cycle-to-cycle spread of the barrier enters as the mean rate of many pulses.

The published figure is k = dG(V/2) / dG(V). Two readings of it are possible
for a train of N half pulses and both are reported:

``k_total``
    whole change after N half pulses over one full step at the symmetry point:
    the strict one, which the comparison uses;
``k_each``
    the same divided by N.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.access import Access
from cosim.experiments.job_parts import stamped
from cosim.experiments.open_loop import OpenLoop
from cosim.experiments.population import Population, draw_population
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
BOUNDS = ("g_max", "g_min")
POLARITIES = ("set", "reset")


@dataclass(frozen=True, kw_only=True)
class Disturb:
    """Half pulses on cells at both ends of their window.

    Parameters
    ----------
    up, down : float
        Full amplitudes [V]; half pulses have half of each.
    width : float
        [s]
    counts : tuple of int
        Numbers of half pulses after which the cells are looked at.
    fast_up, fast_down, fast_width : float
        A fast full pulse at the symmetry point [V], [V], [s].
    """

    up: float = 1.4
    down: float = -1.9
    width: float = 2.5e-6
    counts: tuple[int, ...] = (1, 1_000, 10_000, 100_000, 1_000_000)
    fast_up: float = 1.6
    fast_down: float = -2.3
    fast_width: float = 60e-9

    def __post_init__(self) -> None:
        """Refuse wrong polarities and counts."""
        if self.up <= 0 or self.down >= 0 or not self.counts or min(self.counts) < 1:
            raise ConfigError(
                thing="half-select disturb",
                value=(self.up, self.down, self.counts),
                limit="up > 0 > down, counts of 1 or more",
            )

    def run(
        self, population: Population, access: Access, rng: np.random.Generator
    ) -> DisturbResult:
        """Find the window by open-loop pulsing, then disturb both ends of it."""
        loop = OpenLoop(up=self.up, down=self.down, width=self.width, read_noise=False)
        window = loop.run(population, access, access, rng)
        shape = (2, 2, len(self.counts), population.size)
        change = np.empty(shape)
        temperature = np.empty((2, 2, population.size))
        # From the densities: a conductance near the maximum has more than one.
        starts = [population.conductance(c) for c in window.density]
        for b, density in enumerate(window.density[:2]):
            for p, amplitude in enumerate((0.5 * self.up, 0.5 * self.down)):
                for n, count in enumerate(self.counts):
                    after = population.train(density, amplitude, self.width, count, access)
                    change[b, p, n] = population.conductance(after) - starts[b]
                temperature[b, p] = population.pulse_map(amplitude, access).temperature_at(
                    density, population.rows_of_devices
                )
        middle = window.density[2]
        fast = np.array(
            [
                population.conductance(population.pulse(middle, v, self.fast_width, access))
                - starts[2]
                for v in (self.fast_up, self.fast_down)
            ]
        )
        return DisturbResult(
            counts=np.array(self.counts),
            change=change,
            step=window.step,
            temperature=temperature,
            fast=fast,
            window=(starts[0], starts[1], starts[2]),
            n_states=window.n_states,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DisturbResult:
    """Changes of conductance under half pulses.

    Parameters
    ----------
    counts : ndarray, shape (n,)
    change : ndarray, shape (2, 2, n, k)
        Over bound (G_max, G_min), polarity (SET, RESET), count, device [S].
    step : ndarray, shape (k,)
        Mean full step at the symmetry point [S].
    temperature : ndarray, shape (2, 2, k)
        Of the dome during a half pulse [K].
    fast : ndarray, shape (2, k)
        Change by one fast SET and one fast RESET pulse at the symmetry point [S].
    window : tuple of ndarray
        G_max, G_min, G_sp [S].
    n_states : ndarray, shape (k,)
    """

    counts: NDArray[np.int64]
    change: Floats
    step: Floats
    temperature: Floats
    fast: Floats
    window: tuple[Floats, Floats, Floats]
    n_states: Floats

    @property
    def k_total(self) -> Floats:
        """Whole change over one full step; shape of `change`."""
        return np.asarray(np.abs(self.change) / self.step)

    def k_read(
        self, rng: np.random.Generator, read_delay: float = 1e-5, readings: int = 1
    ) -> Floats:
        """Signed k as an instrument finds it, read noise included; shape of `change`.

        Parameters
        ----------
        read_delay : float
            Time of the noise band that a reading sees [s], as in closed-loop programming.
        readings : int
            Readings averaged before, and again after the half pulses.
        """
        start = np.broadcast_to(np.array(self.window[:2])[:, None, None, :], self.change.shape)
        sigmas = [noise.read_sigma(g, read_delay) for g in (start, start + self.change)]
        spread = np.sqrt((sigmas[0] ** 2 + sigmas[1] ** 2) / readings)
        seen = self.change + spread * rng.standard_normal(self.change.shape)
        return np.asarray(seen / self.step)

    @property
    def k_each(self) -> Floats:
        """Change of one half pulse over one full step; shape of `change`."""
        return np.asarray(self.k_total / self.counts[:, None])


def disturbed_devices(
    *,
    parameters: str,
    up: float,
    down: float,
    width: float,
    counts: Sequence[int],
    devices: int,
    access_resistance: float,
    seed: int,
    progress: bool = False,
) -> xr.Dataset:
    """Disturb devices with spread.

    Parameters
    ----------
    parameters : str
        Parameter file of the device.
    up, down, width, counts
        See :class:`Disturb`.
    devices : int
    access_resistance : float
        In series with every device [Ohm].

    Returns
    -------
    xarray.Dataset
        ``change`` [S] and ``k_total`` over (bound, polarity, count, device); ``temperature`` [K]
        over (bound, polarity, device); ``fast_change`` [S] over (polarity, device); ``step``,
        ``conductance_max``, ``conductance_min``, ``conductance_symmetry`` [S], ``n_states`` over
        device.

    Raises
    ------
    ConfigError
        There is no device, or a polarity or count is wrong.
    """
    import xarray as xr

    from compact_models import load_model

    if devices < 1:
        raise ConfigError(thing="devices of a disturb study", value=devices, limit="1 or more")
    model = load_model("cmo_hfox", parameters)
    rng = np.random.default_rng(seed)
    population = draw_population(model, devices, rng)
    found = Disturb(up=up, down=down, width=width, counts=tuple(counts)).run(
        population, Access(resistance=access_resistance), rng
    )
    dims = ("bound", "polarity", "count", "device")
    dataset = xr.Dataset(
        {
            "change": (dims, found.change, {"units": "S"}),
            "k_total": (dims, found.k_total, {"units": "1"}),
            "temperature": (("bound", "polarity", "device"), found.temperature, {"units": "K"}),
            "fast_change": (("polarity", "device"), found.fast, {"units": "S"}),
            "step": (("device",), found.step, {"units": "S"}),
            "n_states": (("device",), found.n_states, {"units": "1"}),
            **{
                name: (("device",), values, {"units": "S"})
                for name, values in zip(
                    ("conductance_max", "conductance_min", "conductance_symmetry"),
                    found.window,
                    strict=True,
                )
            },
        },
        coords={
            "bound": ("bound", list(BOUNDS)),
            "polarity": ("polarity", list(POLARITIES)),
            "count": ("count", found.counts, {"units": "1"}),
        },
    )
    if progress:
        mean = dataset.k_total.mean("device")
        for count in found.counts:
            worst = float(mean.sel(count=count).max())
            print(f"{count:>9d} half pulses: largest mean k {worst:.2e}", file=sys.stderr)
    return stamped(
        dataset,
        "disturb",
        seed=seed,
        fingerprint=model.parameters.fingerprint,
        citations=model.parameters.citation,
    )


@styled
def plot_disturb(dataset: xr.Dataset) -> Any:
    """Draw k against the number of half pulses, with the published bound."""
    from matplotlib.figure import Figure

    from cosim.published import published

    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axis = figure.subplots()
    names = {"g_max": "at G_max", "g_min": "at G_min", "set": "+V/2", "reset": "-V/2"}
    for start in BOUNDS:
        for polarity in POLARITIES:
            k = dataset.k_total.sel(bound=start, polarity=polarity)
            mean = np.maximum(k.mean("device").values, 1e-12)
            label = f"{names[polarity]} {names[start]}"
            axis.loglog(dataset["count"].values, mean, "o-", markersize=4, label=label)
    bound = published("disturb_k_maximum").high
    axis.axhline(bound, color="grey", linestyle="--", linewidth=1.0)
    axis.text(1.2, 1.2 * bound, f"published bound at 1e5: {bound:g}", color="grey", fontsize=8)
    axis.set_ylim(1e-9, 3.0)
    axis.set_xlabel("half pulses")
    axis.set_ylabel("k = |change| / full step at symmetry point")
    axis.legend(frameon=False, fontsize=8)
    return figure
