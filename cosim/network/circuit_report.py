"""Table and picture of a study with the circuit in the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.style import BLUE, GREEN, INK, ORANGE, styled

if TYPE_CHECKING:
    import xarray

RUNGS = ("behaviour", "ngspice")
LEARNERS = ("array", "behaviour, same pulses", "behaviour alone")


def table(dataset: xarray.Dataset) -> str:
    """Drift at the steps of the evaluations and the first ones, accuracies beside it."""
    evaluated = {int(k): n for n, k in enumerate(dataset["evaluation"].values)}
    spiced = np.isfinite(dataset["drift_rms"].sel(rung="ngspice").values)
    steps = [k for n, k in enumerate(dataset["step"].values) if k in evaluated or spiced[n]]
    lines = [
        "drift to the array rung, % of the window (products: of the largest current), and accuracy "
        "on unseen digits, %",
        f"{'step':>5}{'pulses':>8}{'behaviour rms':>15}{'max':>8}{'product':>9}"
        f"{'ngspice rms':>13}{'max':>8}{'product':>9}"
        + "".join(f"{name:>24}" for name in LEARNERS),
    ]

    def show(value: float, width: int, digits: int = 3) -> str:
        return f"{100 * value:{width}.{digits}f}" if np.isfinite(value) else "-".rjust(width)

    for k in steps:
        at = dataset.sel(step=k)
        total = int(dataset["pulses"].sel(step=slice(1, k)).sum())
        line = f"{k:5d}{total:8d}"
        for rung, width in zip(RUNGS, (15, 13), strict=True):
            found = at.sel(rung=rung)
            line += show(float(found["drift_rms"]), width, 4)
            line += show(float(found["drift_max"]), 8) + show(float(found["drift_product"]), 9)
        if int(k) in evaluated:
            right = dataset["accuracy"].values[evaluated[int(k)]]
            line += "".join(show(a, 24, 1) for a in right)
        lines.append(line)
    return "\n".join(lines)


@styled
def plot(dataset: xarray.Dataset) -> Any:
    """Drift and accuracy against the step."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8.8, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for rung, colour in zip(RUNGS, (ORANGE, GREEN), strict=True):
        for name, line, size in (
            ("drift_max", "--", "worst cell"),
            ("drift_rms", "-", "rms"),
            ("drift_product", "-.", "products"),
        ):
            found = dataset[name].sel(rung=rung)
            drift = found.where(found > 0).dropna("step")
            if drift.size:
                left.semilogy(
                    drift["step"], 100 * drift, line, color=colour, label=f"{rung}, {size}",
                    marker="o" if drift.size < 5 else None, ms=3.5,
                )  # fmt: skip
    left.axhline(2.0, color=INK, ls=":", lw=1.0, label="stated bound of behaviour")
    left.set_title("Drift from the array rung")
    left.set_ylabel("difference / % of window, of largest current")
    left.yaxis.set_major_formatter(lambda x, _: f"{x:.9f}".rstrip("0").rstrip("."))
    right.set_title("What they learn")
    right.set_ylabel("unseen digits right / %")
    # Lines that lie on one another stay visible: the widest is drawn first.
    looks = ((INK, "-", 3.2), (ORANGE, "-", 1.6), (BLUE, "--", 1.2))
    for values, name, (colour, line, width) in zip(
        100 * dataset["accuracy"].values.T, LEARNERS, looks, strict=True
    ):
        right.plot(
            dataset["evaluation"], values, line, color=colour, lw=width, marker="o", ms=1.5 * width,
            label=name,
        )  # fmt: skip
    for axes in (left, right):
        axes.set_xlabel(f"updates of {dataset.attrs['batch']} digits")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    # Below everything that is drawn.
    left.set_ylim(bottom=left.get_ylim()[0] / 30.0)
    left.legend(loc="lower right", ncols=2)
    right.legend(loc="lower right")
    return figure
