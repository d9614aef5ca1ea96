"""Maps and curves of the electro-thermal finite elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_maps(maps: Mapping[str, Any], geometry: Mapping[str, float], title: str = "") -> Figure:
    """Draw temperature, potential and field of the cross-section.

    Parameters
    ----------
    maps : mapping
        From :func:`compact_models.electrothermal.maps`.
    geometry : mapping
        With filament_radius, dome_radius, hfox_thickness, cmo_thickness [m].
    title : str
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    r, z = np.asarray(maps["r"]) * 1e9, np.asarray(maps["z"]) * 1e9
    both = np.concatenate([-r[::-1], r])
    panels = (
        ("temperature", "temperature [K]", "inferno", 1.0),
        ("potential", "potential [V]", "viridis", 1.0),
        ("field", "field [MV/cm]", "cividis", 1e-8),
    )
    figure = Figure(figsize=(13.0, 3.4), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for axis, (name, label, colours, unit) in zip(axes, panels, strict=True):
        values = np.asarray(maps[name]) * unit
        mirrored = np.concatenate([values[:, ::-1], values], axis=1)
        # The insulating HfOx holds the highest field and would hide that in the CMO.
        top = values[z > 0.0].max() if name == "field" else values.max()
        levels = np.linspace(values.min(), top, 41)
        filled = axis.contourf(both, z, mirrored, levels=levels, cmap=colours, extend="max")
        # A tick outside the levels would be drawn at their end, beside a wrong colour.
        ticks = MaxNLocator(6).tick_values(levels[0], levels[-1])
        ticks = ticks[(ticks >= levels[0]) & (ticks <= levels[-1])]
        figure.colorbar(filled, ax=axis, label=label, shrink=0.8, ticks=ticks)
        _outline(axis, geometry, both)
        axis.set_xlabel("radius [nm]")
        axis.set_aspect("equal")
    axes[0].set_ylabel("height above the HfOx [nm]")
    if title:
        figure.suptitle(title)
    return figure


def _outline(axis: Any, geometry: Mapping[str, float], r: Any) -> None:
    from matplotlib.patheffects import withStroke

    fil, dome = geometry["filament_radius"] * 1e9, geometry["dome_radius"] * 1e9
    hfox, cmo = geometry["hfox_thickness"] * 1e9, geometry["cmo_thickness"] * 1e9
    style = {"color": "white", "linewidth": 0.8}
    for height in (-hfox, 0.0, cmo):
        axis.axhline(height, **style)
    for side in (-fil, fil):
        axis.plot([side, side], [-hfox, 0.0], **style)
    angle = np.linspace(0.0, np.pi, 100)
    axis.plot(dome * np.cos(angle), dome * np.sin(angle), linestyle="--", **style)
    names = (("filament", -0.5 * hfox), ("CMO", 0.8 * cmo), ("electrode", cmo * 1.25))
    for text, height in names:
        axis.text(
            0.0 if text == "filament" else 0.72 * float(np.max(r)),
            height,
            text,
            color="white",
            ha="center",
            va="center",
            fontsize=7,
            path_effects=[withStroke(linewidth=1.2, foreground="black")],
        )


def plot_temperature(
    voltages: Any, curves: Mapping[str, Any], ambient: float, title: str = ""
) -> Figure:
    """Draw dome temperature [K] against voltage [V].

    Parameters
    ----------
    curves : mapping of str to ndarray
        Names are "SOLUTION, CASE": one colour a case, the compact model dashed.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axis = figure.subplots()
    colours: dict[str, Any] = {}
    for name, values in curves.items():
        case = name.partition(", ")[2]
        line = "--" if name.startswith("compact") else "o-"
        (drawn,) = axis.plot(
            voltages, values, line, color=colours.get(case), label=name, markersize=4
        )
        colours[case] = drawn.get_color()
    axis.axhline(ambient, color="grey", linewidth=0.8)
    axis.set_xlabel("voltage across the device [V]")
    axis.set_ylabel("mean temperature of the dome [K]")
    axis.set_title(title)
    axis.legend(frameon=False)
    return figure


def plot_sensitivity(
    names: Any, values: Any, base: float, target: float, label: str, unit: float = 1.0
) -> Figure:
    """Draw what every unpublished number does to a factor, widest first.

    Parameters
    ----------
    names : sequence of str
    values : ndarray, shape (n, 2)
        The factor at both ends of each range.
    base, target : float
        The factor with the shipped values, and of the compact model.
    label : str
        Of the axis.
    unit : float
        Divides all values.
    """
    from matplotlib.figure import Figure

    ends = np.sort(np.asarray(values, dtype=float), axis=1) / unit
    order = np.argsort(ends[:, 1] - ends[:, 0])
    figure = Figure(figsize=(6.4, 0.32 * len(order) + 1.2), layout="constrained")
    axis = figure.subplots()
    for place, index in enumerate(order):
        low, high = ends[index]
        axis.barh(place, high - low, left=low, color="#1f5fa8", height=0.6)
    axis.axvline(base / unit, color="black", linewidth=1.0, label="shipped values")
    axis.axvline(
        target / unit, color="#d1611b", linestyle="--", linewidth=1.2, label="compact model"
    )
    axis.margins(x=0.05)
    axis.set_yticks(range(len(order)), [str(names[i]).replace("_", " ") for i in order], fontsize=8)
    axis.set_xlabel(label)
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    return figure
