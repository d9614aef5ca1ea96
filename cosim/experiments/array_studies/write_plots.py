"""Pictures of the studies that write: disturb and programming of whole arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.array_studies.plots import COLOURS, draw_map, grid
from cosim.style import BLUE, INK, ORANGE, RED, SOFT, scaled, styled

if TYPE_CHECKING:
    import xarray as xr

NAMES = {
    "half": "V/2",
    "third": "V/3",
    "gate": "gate coincidence",
    "parallel": "parallel V/2",
    "g_max": "at the upper bound",
    "g_min": "at the lower bound",
    "set": "SET",
    "reset": "RESET",
}
_LINES = {"unselected": ":", "half-selected row": "-", "half-selected column": "--"}
_FLOOR = 1e-12


@styled
def disturb_curves(dataset: xr.Dataset, published: float | None = None) -> Any:
    """k against the number of pulses, one panel a scheme.

    Parameters
    ----------
    published : float, optional
        Bound after 100 000 half pulses.
    """
    from matplotlib.lines import Line2D

    schemes = dataset["scheme"].values
    figure, axes = grid(len(schemes), width=3.9, height=3.0, across=2)
    counts = dataset["count"].values
    cases = [(b, p) for b in dataset["bound"].values for p in dataset["polarity"].values]
    for ax, scheme in zip(axes, schemes, strict=True):
        for number, (bound, polarity) in enumerate(cases):
            for kind, style in _LINES.items():
                k = dataset["k"].sel(scheme=scheme, bound=bound, polarity=polarity, kind=kind)
                shown = np.where(k.values > _FLOOR, k.values, np.nan)
                ax.loglog(counts, shown, color=COLOURS[number], ls=style, marker="o", ms=3)
        if published is not None and str(scheme) in ("half", "parallel"):
            ax.plot([100_000], [published], "v", color=INK, ms=7)
        if not float(dataset["k"].sel(scheme=scheme).max()) > _FLOOR:
            ax.text(0.5, 0.5, f"everything below {_FLOOR:g}", transform=ax.transAxes, ha="center",
                    color=SOFT)  # fmt: skip
        ax.set(xlabel="pulses", ylabel="k = |change| / full step", title=NAMES[str(scheme)],
               ylim=(_FLOOR, 10.0), xlim=(counts[0] * 0.7, counts[-1] * 1.4))  # fmt: skip
    handles = [
        Line2D([], [], color=COLOURS[n], label=f"{NAMES[str(p)]} {NAMES[str(b)]}")
        for n, (b, p) in enumerate(cases)
    ]
    handles += [Line2D([], [], color=SOFT, ls=s, label=k) for k, s in _LINES.items()]
    if published is not None:
        handles.append(
            Line2D([], [], color=INK, marker="v", ls="", label="published bound on half-selected")
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8)
    return figure


@styled
def disturb_heat(dataset: xr.Dataset) -> Any:
    """Temperature of every cell on top of a RESET pulse at the upper bound."""
    schemes = dataset["scheme"].values
    figure, axes = grid(len(schemes), across=2)
    hot = dataset["temperature"].sel(bound="g_max", polarity="reset")
    low, high = float(hot.min()), float(hot.max())
    for ax, scheme in zip(axes, schemes, strict=True):
        draw_map(figure, ax, hot.sel(scheme=scheme).values, "temperature [K]",
                 NAMES[str(scheme)], cmap="inferno", vmin=low, vmax=high)  # fmt: skip
    figure.suptitle("Heat on top of a RESET pulse, all cells at the upper bound", x=0.01,
                    ha="left", fontsize=10, fontweight="bold")  # fmt: skip
    return figure


@styled
def disturb_states(dataset: xr.Dataset) -> Any:
    """Change of every cell after the last count, for the worst bound and polarity."""
    from matplotlib.colors import LogNorm

    schemes = dataset["scheme"].values
    figure, axes = grid(len(schemes), across=2)
    last: xr.DataArray = abs(dataset["change"].isel(count=-1))
    meant = dataset["role"] == 3
    worst = last.where(~meant, 0.0).max(("scheme", "row", "col"))
    bound, polarity = np.unravel_index(int(np.argmax(worst.values)), worst.shape)
    case = last.isel(bound=int(bound), polarity=int(polarity))
    lowest = 1e-6
    size = np.maximum(case.values * 1e6, lowest)
    norm = LogNorm(vmin=lowest, vmax=max(float(size.max()), 10 * lowest))
    for k, (ax, scheme) in enumerate(zip(axes, schemes, strict=True)):
        draw_map(figure, ax, size[k], f"|change| [uS], {lowest:g} at least", NAMES[str(scheme)],
                 norm=norm)  # fmt: skip
    pulses = int(dataset["count"].values[-1])
    held = "; fully selected cells are held" if int(dataset.attrs["hold_selected"]) else ""
    names = NAMES[str(case["polarity"].values)], NAMES[str(case["bound"].values)]
    figure.suptitle(f"After {pulses} {names[0]} pulses, start {names[1]}{held}", x=0.01, ha="left",
                    fontsize=10, fontweight="bold")  # fmt: skip
    return figure


@styled
def program_maps(dataset: xr.Dataset) -> Any:
    """Pulses used, error left and disturbance of every cell."""
    figure, axes = grid(4, across=2, width=4.0, height=3.2)
    draw_map(figure, axes[0], 1e6 * dataset["target"].values, "target [uS]", "Target")
    draw_map(figure, axes[1], dataset["pulses"].values, "pulses", "Pulses used")
    error = 100 * dataset["error"].values / dataset["target"].values
    ends = max(float(np.abs(error).max()), 1e-9)
    draw_map(figure, axes[2], error, "error of the target [%]", "Error left", cmap="RdBu_r",
             vmin=-ends, vmax=ends)  # fmt: skip
    moved = (dataset["row_disturbance"] + dataset["array_disturbance"]).values
    ends = float(np.abs(moved).max())
    nothing = ends < 1e-12
    if nothing:
        # Rounding of states is no picture.
        moved, ends = np.zeros_like(moved), 1e-12
    factor, unit = scaled(np.array([ends]), "S")
    ends *= factor
    draw_map(figure, axes[3], factor * moved, f"change [{unit}]", "Disturbed since accepted",
             cmap="RdBu_r", vmin=-ends, vmax=ends)  # fmt: skip
    if nothing:
        axes[3].text(0.5, 0.5, "every cell below 1 pS", transform=axes[3].transAxes, ha="center",
                     color=SOFT)  # fmt: skip
    return figure


@styled
def program_figures(dataset: xr.Dataset) -> Any:
    """Error against target, pulses against target, energy and time of rows."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = grid(3, width=3.9, height=3.0)
    target = 1e6 * dataset["target"].values.ravel()
    error = 100 * (dataset["error"] / dataset["target"]).values.ravel()
    good = dataset["reached"].values.ravel() > 0
    band = 100 * float(dataset.attrs["acceptance_range"])
    axes[0].axhspan(-band, band, color="#e2e8f0", lw=0, label="acceptance range")
    axes[0].plot(target[good], error[good], ".", color=BLUE, ms=3, label="accepted")
    if (~good).any():
        axes[0].plot(target[~good], error[~good], "x", color=RED, ms=5, label="given up")
    ends = 1.6 * max(band, float(np.abs(error).max()))
    axes[0].set(xlabel="target [uS]", ylabel="error left [%]", title="Last read of the array",
                ylim=(-ends, ends))  # fmt: skip
    axes[0].legend(loc="upper left", ncols=3, columnspacing=0.8, handletextpad=0.3)
    pulses = dataset["pulses"].values.ravel()
    levels = np.unique(target)
    mean = np.array([pulses[target == g].mean() for g in levels])
    axes[1].semilogy(target, np.maximum(pulses, 0.7), ".", color=BLUE, ms=3, alpha=0.5,
                     label="cells")  # fmt: skip
    if levels.size < target.size:
        axes[1].semilogy(levels, np.maximum(mean, 0.7), color=INK, lw=1.4, label="mean of a level")
    axes[1].set(xlabel="target [uS]", ylabel="pulses (none: at 0.7)", title="Pulses used",
                ylim=(0.5, 8 * max(pulses.max(), 2)))  # fmt: skip
    axes[1].legend(loc="upper left", ncols=2)
    rows = dataset["row"].values
    axes[2].plot(rows, 1e9 * dataset["energy"].values, color=ORANGE)
    axes[2].set(
        xlabel="row", ylabel="energy [nJ]", title="Energy and time of a row", ylim=(0, None)
    )
    axes[2].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[2].yaxis.label.set_color(ORANGE)
    other = axes[2].twinx()
    other.plot(rows, 1e6 * dataset["time"].values, color=BLUE, ls="--")
    other.set(ylabel="time [us]", ylim=(0, None))
    other.yaxis.label.set_color(BLUE)
    other.grid(False)
    other.spines["right"].set_visible(True)
    return figure
