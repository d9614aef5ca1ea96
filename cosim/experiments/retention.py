"""Levels through time: relaxation, overlap of neighbours, and what products lose by it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError, best_matches
from cosim.quantities import show_span
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

DEFAULTS: dict[str, Any] = {
    "levels": 35,
    "devices": 1000,
    "acceptance_range": 0.002,
    "times": [1.0, 600.0, 3600.0, 86400.0, 3.156e8],
    "seed": 1,
}


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


def run_study(
    config: dict[str, Any] | None = None, output: Any = None, progress: bool = True
) -> xr.Dataset:
    """Program levels by the published law and follow them through time.

    Parameters
    ----------
    config : dict, optional
        ``levels`` over the published window, ``devices`` a level,
        ``acceptance_range``, ``times`` [s], ``seed``.
    output : Path, optional
        Folder for ``retention.nc`` and its picture.
    progress : bool

    Returns
    -------
    xarray.Dataset
        ``conductance`` (time, level, device) [S], read noise included;
        ``overlap`` (time, pair); ``shift`` and ``spread`` (time) [S].
    """
    import xarray as xr

    given = dict(config or {})
    for key in given:
        if key not in DEFAULTS:
            raise ConfigError(
                thing="unknown key in a retention study",
                value=key,
                next_step=best_matches(key, DEFAULTS),
            )
    c = {**DEFAULTS, **given}
    if c["levels"] < 2 or c["devices"] < 2 or not list(c["times"]):
        raise ConfigError(
            thing="retention study",
            value=(c["levels"], c["devices"], c["times"]),
            limit="2 or more levels and devices, one or more times",
        )
    rng = np.random.default_rng(c["seed"])
    target = np.repeat(noise.level_targets(c["levels"])[:, None], c["devices"], axis=1)
    programmed = noise.programmed(target, rng, c["acceptance_range"])
    deviate = rng.standard_normal(target.shape)
    kept = [noise.relaxed(programmed, float(t), deviate) for t in c["times"]]
    shift = [float((g - target).mean()) for g in kept]
    spread = [float((g - target).std(ddof=1)) for g in kept]
    read = np.array([noise.read(g, float(t), rng) for g, t in zip(kept, c["times"], strict=True)])
    overlap = np.array([overlaps(g) for g in kept])
    if progress:
        for t, o, s in zip(c["times"], overlap, spread, strict=True):
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
            "time": ("time", [float(t) for t in c["times"]], {"units": "s"}),
            "level": ("level", target[:, 0], {"units": "S"}),
        },
        attrs={
            "experiment": "retention",
            "seed": c["seed"],
            "acceptance_range": c["acceptance_range"],
            "parameter_fingerprint": noise.noise_parameters().fingerprint,
            "citations": noise.noise_parameters().citation,
        },
    )
    if output is not None:
        from pathlib import Path

        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.to_netcdf(folder / "retention.nc", engine="h5netcdf")
        plot_retention(dataset).savefig(folder / "retention.png", dpi=130)
    return dataset


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
