"""Pictures and page of a training or inference study."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosim.quantities import show_span
from cosim.report import Plot, Section, write_page
from cosim.style import BLUE, GREEN, INK, ORANGE, PALETTE, RED, TEAL, VIOLET, styled

# Of every algorithm its name and colour, the same in all pictures.
LOOKS = {
    "fp": ("floating point", INK),
    "agad": ("AGAD", BLUE),
    "sgd": ("plain analog SGD", ORANGE),
    "mixed": ("mixed precision", GREEN),
    "ttv1": ("Tiki-Taka", RED),
    "ttv2": ("Tiki-Taka 2", VIOLET),
    "cttv2": ("chopped Tiki-Taka 2", TEAL),
}


def write_training_page(result: Mapping[str, Any], folder: Path, title: str) -> Path:
    """Write ``index.html`` and its pictures.

    Parameters
    ----------
    result : mapping
        What `train_study` returned.
    folder : Path
    title : str

    Returns
    -------
    Path
        Of the page.
    """
    section = _inference(result) if "floating_point" in result else _training(result)
    return write_page(folder, title=title or "Training", sections=[section])


def _training(result: Mapping[str, Any]) -> Section:
    rows, measure = result["rows"], result["measure"]
    arms = list(dict.fromkeys(r["arm"] for r in rows))
    plots = []
    if len(arms) > 1:
        plots.append(
            Plot(
                name="arms",
                caption="Every seed a point, bars their mean",
                figure=arms_picture(rows, measure),
                wide=len(arms) > 4,
            )
        )
    if len(arms) <= 4 and max(r["epochs"] for r in rows) > 1:
        plots.append(
            Plot(
                name="curves",
                caption="After every epoch; one line a seed",
                figure=curves_picture(rows, measure),
            )
        )
    head = ["what", f"mean {measure}", "standard deviation", "seeds"]
    table = [
        (key, _show(s["mean"], measure), _show(s["std"], measure), s["seeds"])
        for key, s in result["summary"].items()
    ]
    split = {r["split"] for r in rows}
    counts = {r["measured_samples"] for r in rows}
    text = f"Measured on {_join(counts)} samples of the {_join(split)} set, after the last epoch."
    return Section(
        title="Results",
        text=text,
        plots=tuple(plots),
        tables={"": (head, table)},
        provenance={
            "fingerprint of the study": result["fingerprint"],
            "version": result["version"],
            "to cite": "; ".join(result["citations"]),
        },
    )


def _inference(result: Mapping[str, Any]) -> Section:
    head = ["acceptance range", "time", "mean accuracy", "standard deviation", "programmings"]
    table = [
        (
            f"{s['acceptance_range']:.1%}", show_span(s["time"]), _show(s["mean"], "accuracy"),
            _show(s["std"], "accuracy"), s["seeds"],
        )
        for s in result["summary"]
    ]  # fmt: skip
    floating = result["floating_point"]
    return Section(
        title="Accuracy over time",
        text=f"{result['network']}: {_show(floating, 'accuracy')} with exact products.",
        plots=(
            Plot(
                name="inference",
                caption="Every programming a point, lines through their mean",
                figure=inference_picture(result["rows"], floating),
            ),
        ),
        tables={"": (head, table)},
        provenance={"fingerprint of the study": result["fingerprint"]},
    )


def _join(values: set[Any]) -> str:
    return " and ".join(str(v) for v in sorted(values))


def _show(value: float, measure: str) -> str:
    return f"{value:.2%}" if measure == "accuracy" else f"{value:.3f}"


def _scale(measure: str) -> tuple[float, str]:
    return (100.0, "accuracy / %") if measure == "accuracy" else (1.0, measure)


@styled
def arms_picture(rows: Sequence[Mapping[str, Any]], measure: str) -> Any:
    """One line per arm, from top to bottom; points are seeds."""
    from matplotlib.figure import Figure

    arms = list(dict.fromkeys(r["arm"] for r in rows))
    algorithms = list(dict.fromkeys(r["algorithm"] for r in rows))
    figure = Figure(figsize=(6.4, 1.2 + 0.36 * len(arms)), layout="constrained")
    axes = figure.subplots()
    factor, label = _scale(measure)
    for n, algorithm in enumerate(algorithms):
        name, colour = LOOKS[algorithm]
        shift = 0.2 * (n - (len(algorithms) - 1) / 2)
        axes.plot([], [], "o", color=colour, ms=5.0, label=name)
        for y, arm in enumerate(arms):
            found = [
                factor * r[measure] for r in rows if (r["arm"], r["algorithm"]) == (arm, algorithm)
            ]
            if not found:
                continue
            here = np.full(len(found), y + shift)
            axes.plot(found, here, "o", color=colour, ms=5.0, alpha=0.55, mew=0)
            axes.plot(
                [np.mean(found)] * 2, [y + shift - 0.14, y + shift + 0.14], color=colour, lw=2
            )
    axes.set_yticks(range(len(arms)), arms)
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.set_xlabel(label)
    figure.legend(loc="outside upper left", ncols=len(algorithms))
    return figure


@styled
def curves_picture(rows: Sequence[Mapping[str, Any]], measure: str) -> Any:
    """What was measured after every epoch; arms differ by their line style."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    arms = list(dict.fromkeys(r["arm"] for r in rows))
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    factor, label = _scale(measure)
    seen: set[tuple[str, str]] = set()
    for r in rows:
        key = (r["arm"], r["algorithm"])
        name, colour = LOOKS[r["algorithm"]]
        if r["arm"]:
            name += f", {r['arm']}"
        axes.plot(
            np.arange(1, len(r["curve"]) + 1), factor * np.array(r["curve"]), marker="o", ms=2.5,
            color=colour,
            ls=("-", "--", ":", "-.")[arms.index(r["arm"]) % 4],
            label=None if key in seen else name,
        )  # fmt: skip
        seen.add(key)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(label)
    if measure == "perplexity":
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@styled
def inference_picture(rows: Sequence[Mapping[str, Any]], floating: float) -> Any:
    """Accuracy over time since programming, a colour for every acceptance range."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axhline(100 * floating, color=INK, ls="--", label="exact products")
    times = sorted({r["time"] for r in rows})
    # A logarithmic axis has no place for "just programmed".
    place = {t: t or 0.1 * min((u for u in times if u), default=10.0) for t in times}
    ranges = list(dict.fromkeys(r["acceptance_range"] for r in rows))
    for n, (width, colour) in enumerate(zip(ranges, itertools.cycle(PALETTE), strict=False)):
        mine = [r for r in rows if r["acceptance_range"] == width]
        # Side by side, so that no range hides another.
        aside = 1.35 ** (n - 0.5 * (len(ranges) - 1))
        axes.plot([aside * place[r["time"]] for r in mine], [100 * r["accuracy"] for r in mine],
                  "o", color=colour, ms=4.5, alpha=0.5, mew=0)  # fmt: skip
        means = [100 * np.mean([r["accuracy"] for r in mine if r["time"] == t]) for t in times]
        name = f"acceptance range {100 * width:g} %"
        axes.plot([aside * place[t] for t in times], means, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_xticks(list(place.values()), [show_span(t) for t in times], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("time since programming")
    axes.set_ylabel("accuracy / %")
    figure.legend(loc="outside upper left", ncols=3)
    return figure
