"""Levels programmed cell by cell, and left to relax."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.access import selector
from cosim.experiments.job_parts import stamped
from cosim.experiments.population import draw_population
from cosim.experiments.program_verify import ProgramVerify
from cosim.experiments.retention import overlaps
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


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


def programmed_levels(
    *,
    levels: int,
    devices: int,
    lowest: float,
    highest: float,
    acceptance_ranges: Sequence[float],
    times: Sequence[float],
    limit: int,
    seed: int,
    progress: bool = False,
) -> xr.Dataset:
    """Program every level on every device and let it relax.

    Parameters
    ----------
    levels, devices : int
        Levels, and devices programmed to each.
    lowest, highest : float
        Conductance of the end levels [S].
    acceptance_ranges : sequence of float
        Half-widths of the accepted band relative to the target [1].
    times : sequence of float
        Since programming [s].
    limit : int
        Pulses after which a cell is given up.

    Returns
    -------
    xarray.Dataset
        ``conductance``, ``pulses``, ``reached`` and ``energy`` of the pulses [J] over
        (acceptance_range, level, device);
        ``relaxed`` over (acceptance_range, time, level, device); ``overlap`` of neighbours over
        (acceptance_range, moment, pair), the first moment being as programmed.

    Raises
    ------
    ConfigError
        There is nothing to compare, or a level cannot be reached.
    """
    import xarray as xr

    from compact_models import load_model

    if levels < 2 or devices < 2 or not list(acceptance_ranges) or not lowest < highest:
        raise ConfigError(
            thing="levels of closed-loop programming",
            value=(levels, devices, tuple(acceptance_ranges), lowest, highest),
            limit="2 or more levels and devices, one or more ranges, lowest below highest",
        )
    model = load_model("cmo_hfox")
    targets = np.linspace(lowest, highest, levels)
    shape = (len(acceptance_ranges), levels, devices)
    conductance, pulses = np.empty(shape), np.empty(shape, dtype=int)
    reached, energy = np.empty(shape, dtype=bool), np.empty(shape)
    relaxed = np.empty((shape[0], len(times), *shape[1:]))
    overlap = np.empty((shape[0], 1 + len(times), levels - 1))
    for index, acceptance in enumerate(acceptance_ranges):
        rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(shape[0])[index])
        drawn = draw_population(model, devices, rng)
        population = drawn.repeated(levels)
        result = ProgramVerify(acceptance_range=acceptance, limit=limit).run(
            population, np.repeat(targets, devices), selector(1.4), selector(3.3), rng
        )
        conductance[index] = result.conductance.reshape(shape[1:])
        pulses[index] = result.pulses.reshape(shape[1:])
        reached[index] = result.reached.reshape(shape[1:])
        energy[index] = result.energy.reshape(shape[1:])
        deviate = rng.standard_normal(shape[1:])
        overlap[index, 0] = neighbours(conductance[index])
        for k, time in enumerate(times):
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
            "acceptance_range": ("acceptance_range", list(acceptance_ranges), {"units": "1"}),
            "level": ("level", targets, {"units": "S"}),
            "time": ("time", list(times), {"units": "s"}),
            "moment": ("moment", [0.0, *times], {"units": "s"}),
        },
    )
    laws = noise.noise_parameters()
    return stamped(
        dataset,
        "program_verify",
        seed=seed,
        fingerprint=model.parameters.fingerprint,
        citations=f"{model.parameters.citation}; {laws.citation}",
    )


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
