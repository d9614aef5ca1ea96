"""Pictures of the studies of whole arrays, in the style of :mod:`cosim.plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.style import BLUE, GREEN, INK, ORANGE, RED, SOFT, styled

if TYPE_CHECKING:
    import xarray as xr

COLOURS = (BLUE, ORANGE, GREEN, RED, INK, SOFT)


def grid(count: int, *, width: float = 3.6, height: float = 3.1, across: int = 3) -> Any:
    """Figure and flat list of `count` axes."""
    from matplotlib.figure import Figure

    columns = min(across, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns + 0.6, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.axis("off")
    return figure, list(axes[:count])


def draw_map(figure: Any, axes: Any, values: Any, label: str, title: str, **image: Any) -> None:
    """One number per cell with a labelled colour bar; rows downward."""
    shown = axes.imshow(
        values, **({"cmap": "cividis", "aspect": "auto", "interpolation": "nearest"} | image)
    )
    axes.grid(False)
    axes.set(xlabel="column", ylabel="row", title=title)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    figure.colorbar(shown, ax=axes, label=label)


def ohm_text(dataset: xr.Dataset, ohms: float) -> str:
    """Resistance of a segment; of both families where they differ."""
    a = dataset.attrs
    value = f"{ohms:g}" if np.isfinite(ohms) else f"{a['r_row']:g}/{a['r_col']:g}"
    return f"{value} \N{GREEK CAPITAL LETTER OMEGA}"


@styled
def ir_drop_errors(dataset: xr.Dataset) -> Any:
    """Error of the product against size: a panel a layout and range, a line a case."""
    from matplotlib.lines import Line2D

    measure, limit = str(dataset.attrs["measure"]), float(dataset.attrs["limit"])
    panels = [(lay, high) for lay in dataset["layout"].values for high in dataset["highest"].values]
    figure, axes = grid(len(panels), width=4.6, height=3.5, across=2)
    sizes = dataset["size"].values
    styles = ("-", "--", ":", "-.")
    names = {"rms": "rms error of the product [%]", "largest": "largest error of the product [%]",
             "corrected": "rms error after one common factor [%]"}  # fmt: skip
    top = 100 * max(float(dataset[measure].max()), limit)
    low = 100 * max(float(dataset[measure].min()), 1e-8)
    for ax, (layout, high) in zip(axes, panels, strict=True):
        for p, placement in enumerate(dataset["placement"].values):
            for r in range(dataset.sizes["resistance"]):
                error = dataset[measure].sel(layout=layout, highest=high, placement=placement)
                ax.loglog(sizes, 100 * np.maximum(error.values[r], 1e-12), marker="o", ms=3.5,
                          color=COLOURS[p % len(COLOURS)], ls=styles[r % len(styles)])  # fmt: skip
        ax.axhline(100 * limit, color=SOFT, ls=(0, (1, 1)), lw=1.2)
        ax.set_xticks(sizes, [f"{n}" for n in sizes])
        ax.minorticks_off()
        ax.set(xlabel="rows and columns", ylabel=names[measure], ylim=(low / 1.5, 1.5 * top),
               title=f"{layout} lines, up to {high * 1e6:.3g} uS")  # fmt: skip
    handles = [
        Line2D([], [], color=COLOURS[p % len(COLOURS)], marker="o", ms=3.5, label=str(name))
        for p, name in enumerate(dataset["placement"].values)
    ]
    handles += [
        Line2D([], [], color=SOFT, ls=styles[r % len(styles)], label=ohm_text(dataset, float(ohms)))
        for r, ohms in enumerate(dataset["resistance"].values)
    ]
    handles.append(Line2D([], [], color=SOFT, ls=(0, (1, 1)), label=f"limit {100 * limit:g} %"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8,
                  title="driven ends of bit/source line; resistance of a segment",
                  title_fontsize=8)  # fmt: skip
    return figure


@styled
def ir_drop_maps(dataset: xr.Dataset) -> Any:
    """IR drop of every cell at the largest size, all inputs on."""
    cases = dataset["case"].values
    figure, axes = grid(len(cases))
    size = int(dataset["size"].values[-1])
    for k, case in enumerate(cases):
        drop = 100 * dataset["drop_map"].values[k]
        draw_map(figure, axes[k], drop, "IR drop [% of the input]", f"{case}, {size} x {size}")
        i, j = np.unravel_index(int(np.argmax(drop)), drop.shape)
        axes[k].plot(j, i, "x", color=RED, ms=7, mew=2, clip_on=False)
    figure.supxlabel("red cross: worst cell", fontsize=8, color=SOFT)
    return figure


@styled
def leakage_curves(dataset: xr.Dataset) -> Any:
    """Leakage of unselected cells against the gate voltage of their rows, beside the passive."""
    names = {"read": "read", "set": "SET", "reset": "RESET"}
    biases = [str(b) for b in dataset["bias"].values]
    figure, axes = grid(2 * len(biases), width=3.7, height=2.9, across=len(biases))
    gates = dataset["gate_off"].values
    markers = {"half": "V/2", "third": "V/3", "floating": "floating"}
    for b, bias in enumerate(biases):
        for row, (quantity, label, factor) in enumerate(
            (("leakage", "current of other rows [A]", 1.0),
             ("sense_error", "error of the sensed current [%]", 100.0))
        ):  # fmt: skip
            ax = axes[row * len(biases) + b]
            for k, size in enumerate(dataset["size"].values):
                colour = COLOURS[k % len(COLOURS)]
                values = factor * dataset[quantity].values[b, :, k]
                ax.semilogy(gates, np.maximum(values, 1e-15), "o-", ms=3, color=colour,
                            label=f"{size} x {size}")  # fmt: skip
            if "passive_" + quantity in dataset:
                last = factor * dataset["passive_" + quantity].values[b, :, -1]
                for s, scheme in enumerate(dataset["scheme"].values):
                    ax.axhline(last[s], color=SOFT, lw=0.9, ls=("-", "--", ":")[s],
                               label=f"no selector, {markers[str(scheme)]}, "
                               f"{int(dataset['size'].values[-1])} x "
                               f"{int(dataset['size'].values[-1])}")  # fmt: skip
            if row == 0:
                selected = abs(float(dataset["selected_current"].values[b, 0, 0]))
                ax.axhline(selected, color=RED, lw=0.9, ls="-.", label="selected cell")
            else:
                ax.axhline(100 * float(dataset.attrs["limit"]), color=RED, lw=0.9, ls=":",
                           label="limit")  # fmt: skip
            ax.set(xlabel="gate of unselected rows [V]", ylabel=label, title=names[bias])
    handles, labels = axes[0].get_legend_handles_labels()
    more = axes[-1].get_legend_handles_labels()
    handles, labels = handles + more[0][-1:], labels + more[1][-1:]
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)
    return figure


@styled
def leakage_maps(dataset: xr.Dataset) -> Any:
    """Current of every cell at the lowest gate voltage and the largest size."""
    from matplotlib.colors import LogNorm

    names = {"read": "read", "set": "SET", "reset": "RESET"}
    values = np.maximum(dataset["leakage_map"].values, 1e-16)
    figure, axes = grid(len(values))
    for b, bias in enumerate(dataset["bias"].values):
        title = f"{names[str(bias)]}, gate of other rows {float(dataset['gate_off'][0]):g} V"
        norm = LogNorm(vmin=float(values[b].min()), vmax=float(values[b].max()))
        draw_map(figure, axes[b], values[b], "cell current, 1e-16 at least [A]", title, norm=norm)
    return figure
