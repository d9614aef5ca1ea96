"""Closed-loop programming of levels, cell by cell, on the device equations.

The published loop [Falcone2025]: read; a SET pulse when G < G_t - AR, a RESET
pulse when G > G_t + AR; amplitudes by target. Every reading carries read
noise, every pulse its cycle-to-cycle shift, every device its own parameters:
with this the number of pulses and the spread that is left are results.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.population import Population, draw_population
from cosim.experiments.pulse_map import Access, selector
from cosim.experiments.retention import overlaps
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

# [Falcone2025], read off a figure: upper end of the target [S], SET and RESET amplitude [V].
AMPLITUDES = ((30e-6, 1.35, -1.5), (60e-6, 1.35, -1.3), (np.inf, 1.5, -1.3))


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
                value=(wanted.shape, float(wanted.min()), float(wanted.max())),
                limit=f"one a device ({population.size}), 1 to 200 uS",
            )
        if not 0 < self.acceptance_range < 1 or self.limit < 1:
            raise ConfigError(
                thing="closed-loop programming",
                value=(self.acceptance_range, self.limit),
                limit="acceptance range between 0 and 1 of the target, limit of 1 pulse or more",
            )
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


DEFAULTS: dict[str, Any] = {
    "levels": 35,
    "lowest": 10e-6,
    "highest": 90e-6,
    "devices": 32,
    "acceptance_ranges": [0.002, 0.02],
    "times": [600.0, 86400.0, 3.156e8],
    "seed": 1,
    "limit": 2000,
}


def neighbours(levels: Floats) -> Floats:
    """Return the overlap of each level with the next, shape (levels - 1,) [1].

    As :func:`cosim.experiments.retention.overlaps`, also where all cells of a level are at one
    conductance because none of them needed a pulse.

    Parameters
    ----------
    levels : ndarray, shape (levels, cells)
        Conductances [S].
    """
    # 0.1 nS: a hundredth of the tightest published programming noise.
    return overlaps(levels + 1e-10 * np.linspace(-1.0, 1.0, levels.shape[1]))


def run_study(
    config: dict[str, Any] | None = None, output: Any = None, progress: bool = True
) -> xr.Dataset:
    """Program every level on every device and let it relax.

    Parameters
    ----------
    config : dict, optional
        ``levels`` from ``lowest`` to ``highest`` [S], ``devices``,
        ``acceptance_ranges``, ``times`` [s], ``seed``, ``limit`` of pulses.
    output : Path, optional
        Folder for ``program_verify.nc`` and the picture of the distributions.
    progress : bool

    Returns
    -------
    xarray.Dataset
        ``conductance``, ``pulses``, ``reached`` and ``energy`` of the pulses [J] over
        (range, level, device);
        ``relaxed`` over (range, time, level, device); ``overlap`` of neighbours over
        (range, moment, pair), the first moment being as programmed.
    """
    import xarray as xr

    from compact_models import load_model
    from compact_models.errors import best_matches

    given = dict(config or {})
    for key in given:
        if key not in DEFAULTS:
            raise ConfigError(
                thing="unknown key in a programming study",
                value=key,
                next_step=best_matches(key, DEFAULTS),
            )
    c = {**DEFAULTS, **given}
    model = load_model("cmo_hfox")
    targets = np.linspace(c["lowest"], c["highest"], c["levels"])
    shape = (len(c["acceptance_ranges"]), c["levels"], c["devices"])
    conductance, pulses = np.empty(shape), np.empty(shape, dtype=int)
    reached, energy = np.empty(shape, dtype=bool), np.empty(shape)
    relaxed = np.empty((shape[0], len(c["times"]), *shape[1:]))
    overlap = np.empty((shape[0], 1 + len(c["times"]), c["levels"] - 1))
    for index, acceptance in enumerate(c["acceptance_ranges"]):
        rng = np.random.default_rng(np.random.SeedSequence(c["seed"]).spawn(shape[0])[index])
        devices = draw_population(model, c["devices"], rng)
        population = devices.repeated(c["levels"])
        result = ProgramVerify(acceptance_range=acceptance, limit=c["limit"]).run(
            population, np.repeat(targets, c["devices"]), selector(1.4), selector(3.3), rng
        )
        conductance[index] = result.conductance.reshape(shape[1:])
        pulses[index] = result.pulses.reshape(shape[1:])
        reached[index] = result.reached.reshape(shape[1:])
        energy[index] = result.energy.reshape(shape[1:])
        deviate = rng.standard_normal(shape[1:])
        overlap[index, 0] = neighbours(conductance[index])
        for k, time in enumerate(c["times"]):
            relaxed[index, k] = noise.relaxed(conductance[index], time, deviate)
            overlap[index, 1 + k] = neighbours(relaxed[index, k])
        if progress:
            print(
                f"acceptance range {acceptance:.3g}: {pulses[index].mean():.1f} pulses on average, "
                f"{reached[index].mean():.1%} of cells reached their target",
                file=sys.stderr,
            )
    dims = ("acceptance_range", "level", "device")
    dataset = xr.Dataset(
        {
            "conductance": (dims, conductance, {"units": "S"}),
            "pulses": (dims, pulses, {"units": "1"}),
            "reached": (dims, reached, {"units": "1"}),
            "energy": (dims, energy, {"units": "J"}),
            "relaxed": (
                ("acceptance_range", "time", "level", "device"),
                relaxed,
                {"units": "S"},
            ),
            "overlap": (("acceptance_range", "moment", "pair"), overlap, {"units": "1"}),
        },
        coords={
            "acceptance_range": ("acceptance_range", c["acceptance_ranges"], {"units": "1"}),
            "level": ("level", targets, {"units": "S"}),
            "time": ("time", c["times"], {"units": "s"}),
            "moment": ("moment", [0.0, *c["times"]], {"units": "s"}),
        },
        attrs={
            "experiment": "program_verify",
            "seed": c["seed"],
            "parameter_fingerprint": model.parameters.fingerprint,
            "citations": model.parameters.citation + "; " + noise.noise_parameters().citation,
        },
    )
    if output is not None:
        from pathlib import Path

        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.to_netcdf(folder / "program_verify.nc", engine="h5netcdf")
        plot_levels(dataset).savefig(folder / "program_verify.png", dpi=130)
    return dataset


@styled
def plot_levels(dataset: xr.Dataset) -> Any:
    """Draw the cumulative distribution of every level, programmed and relaxed."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    times = [None, *dataset.time.values]
    figure = Figure(figsize=(9.0, 2.6 * len(times)), layout="constrained")
    axes = figure.subplots(len(times), 1, sharex=True, squeeze=False)[:, 0]
    first = dataset.isel(acceptance_range=0)
    share = (np.arange(first.sizes["device"]) + 0.5) / first.sizes["device"]
    colours = colormaps["viridis"](np.linspace(0.0, 0.95, first.sizes["level"]))
    for axis, time in zip(axes, times, strict=True):
        values = first.conductance if time is None else first.relaxed.sel(time=time)
        for index in range(first.sizes["level"]):
            ordered = np.sort(values.isel(level=index).values) * 1e6
            axis.plot(ordered, share * 100.0, color=colours[index], linewidth=1.0)
        axis.set_ylabel("cells [%]")
        axis.set_title(moment_name(0.0 if time is None else float(time)))
    axes[-1].set_xlabel("conductance [uS]")
    return figure


def moment_name(seconds: float) -> str:
    """Return a time since programming in words."""
    if seconds == 0.0:
        return "as programmed"
    for size, name in ((3.156e7, "years"), (86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= size * 0.999:
            many = round(seconds / size) > 1
            return f"after {seconds / size:.3g} {name if many else name[:-1]}"
    return f"after {seconds:.3g} s"
