"""Levels through time: relaxation, overlap of neighbours, and what products lose by it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.job_parts import stamped
from cosim.quantities import show_span
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


def overlaps(levels: Floats) -> Floats:
    """Return the overlap of each level with the next, from normal fits.

    Parameters
    ----------
    levels : ndarray, shape (levels, devices)
        Conductances [S].

    Returns
    -------
    ndarray, shape (levels - 1,)
        Common area of the two fitted densities, 0 to 1.
    """
    mean, sigma = levels.mean(axis=1), levels.std(axis=1, ddof=1)
    return np.array(
        [
            float(
                noise.adjacent_overlap(
                    float(abs(mean[i + 1] - mean[i])), sigma[i : i + 1], sigma[i + 1 : i + 2]
                )[0]
            )
            for i in range(mean.size - 1)
        ]
    )


def relaxed_levels(
    *,
    levels: int,
    devices: int,
    acceptance_range: float,
    times: Sequence[float],
    seed: int,
    progress: bool = False,
) -> xr.Dataset:
    """Program levels by the published law and follow them through time.

    Parameters
    ----------
    levels, devices : int
        Levels over the published window, and devices programmed to each.
    acceptance_range : float
        Of the programming loop [1].
    times : sequence of float
        Since programming [s].

    Returns
    -------
    xarray.Dataset
        ``conductance`` (time, level, device) [S], read noise included;
        ``overlap`` (time, pair); ``shift`` and ``spread`` (time) [S].

    Raises
    ------
    ConfigError
        There is nothing to compare.
    """
    import xarray as xr

    if levels < 2 or devices < 2 or not list(times):
        raise ConfigError(
            thing="retention study",
            value=(levels, devices, times),
            limit="2 or more levels and devices, one or more times",
        )
    rng = np.random.default_rng(seed)
    target = np.repeat(noise.level_targets(levels)[:, None], devices, axis=1)
    programmed = noise.programmed(target, rng, acceptance_range)
    deviate = rng.standard_normal(target.shape)
    kept = [noise.relaxed(programmed, float(t), deviate) for t in times]
    shift = [float((g - target).mean()) for g in kept]
    spread = [float((g - target).std(ddof=1)) for g in kept]
    read = np.array([noise.read(g, float(t), rng) for g, t in zip(kept, times, strict=True)])
    overlap = np.array([overlaps(g) for g in kept])
    if progress:
        for t, o, s in zip(times, overlap, spread, strict=True):
            print(
                f"{show_span(t):>8}: spread {s * 1e6:.3f} uS, mean overlap {o.mean():.1%}",
                file=sys.stderr,
            )
    dataset = xr.Dataset(
        {
            "conductance": (("time", "level", "device"), read, {"units": "S"}),
            "overlap": (("time", "pair"), overlap, {"units": "1"}),
            "shift": (("time",), shift, {"units": "S"}),
            "spread": (("time",), spread, {"units": "S"}),
        },
        coords={
            "time": ("time", [float(t) for t in times], {"units": "s"}),
            "level": ("level", target[:, 0], {"units": "S"}),
        },
        attrs={"acceptance_range": acceptance_range},
    )
    laws = noise.noise_parameters()
    return stamped(
        dataset, "retention", seed=seed, fingerprint=laws.fingerprint, citations=laws.citation
    )


@styled
def plot_retention(dataset: xr.Dataset) -> Any:
    """Draw the distributions of the levels at every time."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    times = dataset.time.values
    figure = Figure(figsize=(9.0, 2.0 * len(times)), layout="constrained")
    axes = figure.subplots(len(times), 1, sharex=True, squeeze=False)[:, 0]
    colours = colormaps["viridis"](np.linspace(0.0, 0.95, dataset.sizes["level"]))
    share = (np.arange(dataset.sizes["device"]) + 0.5) / dataset.sizes["device"] * 100.0
    for axis, time, overlap in zip(axes, times, dataset.overlap.values, strict=True):
        values = dataset.conductance.sel(time=time)
        for index in range(dataset.sizes["level"]):
            ordered = np.sort(values.isel(level=index).values) * 1e6
            axis.plot(ordered, share, color=colours[index], linewidth=1.0)
        axis.set_ylabel("cells [%]")
        axis.set_title(f"{show_span(float(time))}: mean overlap {overlap.mean():.1%}")
    axes[-1].set_xlabel("conductance [uS]")
    return figure
