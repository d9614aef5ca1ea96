"""Pictures of levels programmed in a whole array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.array_studies.plots import draw_map
from cosim.experiments.levels import moment_name
from cosim.experiments.wired_levels import by_level
from cosim.style import BLUE, GREEN, INK, ORANGE, RED, styled

if TYPE_CHECKING:
    import xarray as xr

_COLOURS = (BLUE, ORANGE, GREEN, RED)


@styled
def array_levels(dataset: xr.Dataset) -> Any:
    """Cumulative distribution of every level, one column a range, one row a moment.

    Parameters
    ----------
    dataset : Dataset
        Of one variant, from :func:`cosim.experiments.wired_levels.program_array`.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    moments, ranges = dataset.moment.values, dataset.acceptance_range.values
    figure = Figure(figsize=(6.2 * ranges.size, 2.3 * moments.size), layout="constrained")
    axes = figure.subplots(moments.size, ranges.size, sharex=True, sharey=True, squeeze=False)
    level = dataset.level.values
    count = int(level.max()) + 1
    colours = colormaps["viridis"](np.linspace(0.0, 0.92, count))
    for column, acceptance in enumerate(ranges):
        part = dataset.sel(acceptance_range=acceptance)
        for row, moment in enumerate(moments):
            axis = axes[row, column]
            kept = part.conductance if moment == 0.0 else part.relaxed.sel(time=moment)
            for number, values in enumerate(by_level(kept.values, level, count)):
                share = (np.arange(values.size) + 0.5) / values.size * 100.0
                axis.plot(np.sort(values) * 1e6, share, color=colours[number], lw=0.9)
            overlap = float(part.overlap.sel(moment=moment).mean())
            axis.set_title(
                f"{float(acceptance):.1%}, {moment_name(float(moment))}: "
                f"neighbours overlap by {overlap:.1%}",
                fontsize=9,
            )
            axis.margins(x=0.01)
        axes[-1, column].set_xlabel("conductance read in the array [uS]")
    for row in range(moments.size):
        axes[row, 0].set_ylabel("cells [%]")
    return figure


@styled
def array_against_cells(variants: xr.Dataset, single: xr.Dataset) -> Any:
    """What wires do to programming: pulses by level and by place, and what the cells get.

    Parameters
    ----------
    variants : Dataset
        With the dimension ``variant``.
    single : Dataset
        The same levels cell by cell, from :func:`cosim.experiments.levels.programmed_levels`.
    """
    from matplotlib.figure import Figure

    tight = float(variants.acceptance_range.min())
    figure = Figure(figsize=(12.6, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    level = variants.level.values
    count = int(level.max()) + 1
    targets = single.level.values * 1e6
    alone = single.pulses.sel(acceptance_range=tight).mean("device").values
    axes[0].semilogy(targets, alone, color=INK, lw=1.6, label="cell by cell, no array")
    for colour, name in zip(_COLOURS, variants.variant.values, strict=False):
        pulses = variants.pulses.sel(variant=name, acceptance_range=tight).values
        axes[0].semilogy(
            targets, by_level(pulses, level, count).mean(axis=1), color=colour, label=str(name)
        )
        axes[1].plot(np.arange(pulses.shape[1]), pulses.mean(axis=0), color=colour,
                     label=str(name))  # fmt: skip
    axes[0].set(xlabel="target [uS]", ylabel="mean pulses", title=f"Pulses used, {tight:.1%}")
    axes[0].set_ylim(top=axes[0].get_ylim()[1] * 8)
    axes[0].legend(fontsize=7, loc="upper left")
    axes[1].set(xlabel="column (driver at 0)", ylabel="mean pulses", ylim=(0, None),
                title="Pulses along the bit line")  # fmt: skip
    axes[1].legend(fontsize=7, loc="upper left")
    last = variants.isel(variant=-1).sel(acceptance_range=tight)
    share = 100.0 * last.voltage.values
    draw_map(figure, axes[2], share, "lowest voltage at the cell [% of the pulse]",
             str(last.variant.values))  # fmt: skip
    return figure
