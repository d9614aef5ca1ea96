"""Pictures of results: functions from arrays to matplotlib figures, all in one style.

They take SI arrays and draw in the units people read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.published import Published
from cosim.style import BAND, BLUE, GREEN, INK, ORANGE, RED, SOFT, new_axes, scaled, styled, traces

SAME = 1e-3
"""Numbers closer together than this share are drawn as one, not stretched over the axes."""


@styled
def forming_traces(voltage: ArrayLike, current: ArrayLike, title: str = "Forming sweep") -> Any:
    """Cell current over the swept voltage, one line a cell.

    Parameters
    ----------
    voltage : array_like, shape (points,) or (points, cells)
        [V]
    current : array_like, shape (points, ...)
        [A]
    """
    figure, axes = new_axes()
    x, y = traces(voltage), np.abs(traces(current)) * 1e6
    x = np.broadcast_to(x, y.shape)
    for k in range(y.shape[1]):
        axes.plot(x[:, k], y[:, k], color=BLUE, alpha=max(0.25, 1 / y.shape[1] ** 0.4), lw=0.9)
    axes.set(xlabel="voltage of the 1T1R cell [V]", ylabel="cell current [uA]", title=title)
    return figure


@styled
def distribution(
    values: ArrayLike,
    unit: str,
    label: str,
    title: str,
    published: Published | None = None,
    count: str = "devices",
) -> Any:
    """Cumulative distribution over the devices, with the published band behind it.

    Parameters
    ----------
    values : array_like
        In `unit` (SI); entries that are not finite are left out and counted in the title.
    count : str
        What the entries are.
    """
    figure, axes = new_axes()
    given = np.asarray(values, dtype=float).ravel()
    shown = np.sort(given[np.isfinite(given)])
    factor, prefixed = scaled(shown, unit)
    share = (np.arange(shown.size) + 0.5) / max(shown.size, 1)
    if published is not None:
        axes.axvspan(published.low * factor, published.high * factor, color=BAND, alpha=0.35, lw=0,
                     label="published band")  # fmt: skip
        axes.axvline(published.value * factor, color=ORANGE, ls="--", label="published mean")
    axes.plot(shown * factor, share * 100, "o", color=BLUE, ms=4, label="this array")
    if shown.size:
        axes.axvline(shown.mean() * factor, color=BLUE, label="mean of this array")
    lost = given.size - shown.size
    axes.set(
        xlabel=f"{label} [{prefixed}]" if unit else label,
        ylabel=f"{count} at or below [%]",
        ylim=(0, 100),
        title=f"{title} ({lost} of {given.size} without a value)" if lost else title,
    )
    axes.legend(loc="upper left")
    return figure


@styled
def iv_loops(voltage: ArrayLike, current: ArrayLike, title: str = "Quasi-static cycling") -> Any:
    """Magnitude of the current over voltage on a logarithmic axis, one loop a cell."""
    figure, axes = new_axes()
    x, y = traces(voltage), np.abs(traces(current)) * 1e6
    x = np.broadcast_to(x, y.shape)
    seen = y[np.isfinite(y) & (y > 0)]
    # Below the read current lies only the crossing of zero, which a logarithm would stretch.
    floor = max(float(np.percentile(seen, 2)), float(seen.max()) * 1e-5) if seen.size else 1e-6
    y = np.where(y > floor, y, np.nan)
    for k in range(y.shape[1]):
        axes.semilogy(x[:, k], y[:, k], color=BLUE, alpha=max(0.2, 1 / y.shape[1] ** 0.5), lw=0.9)
    axes.axvline(0, color=SOFT, lw=0.8)
    axes.set(xlabel="voltage of the 1T1R cell [V]", ylabel="|cell current| [uA]", title=title)
    return figure


@styled
def pulse_response(
    conductance: ArrayLike,
    polarity: ArrayLike | None = None,
    *,
    window: tuple[float, float] | None = None,
    window_label: str = "published window",
    model: ArrayLike | None = None,
    title: str = "Pulse response",
) -> Any:
    """Conductance after each pulse; every device thin, the mean thick.

    Parameters
    ----------
    conductance : array_like, shape (pulses, ...)
        [S]
    polarity : array_like, shape (pulses,), optional
        Pulses upward are shaded.
    window : (float, float), optional
        Lower and upper end to compare with [S].
    window_label : str
        What they are.
    model : array_like, shape (pulses,), optional
        Mean of the calibrated device [S].
    """
    figure, axes = new_axes(width=11.4, height=3.6)
    y = traces(conductance) * 1e6
    x = np.arange(1, y.shape[0] + 1)
    if polarity is not None:
        up = np.asarray(polarity) > 0
        axes.fill_between(x, 0, 1, where=up, transform=axes.get_xaxis_transform(), step="mid",
                          color=BLUE, alpha=0.06, lw=0, label="pulses upward")  # fmt: skip
    axes.plot(x, y, color=BLUE, alpha=max(0.12, 1 / y.shape[1] ** 0.6), lw=0.6)
    axes.plot(x, np.nanmean(y, axis=1), color=INK, lw=1.6, label="mean of the devices")
    if model is not None:
        axes.plot(x, np.asarray(model) * 1e6, color=GREEN, ls="--", label="calibrated device")
    if window is not None:
        for end, text in zip(window, (window_label, None), strict=True):
            axes.axhline(end * 1e6, color=ORANGE, ls="--", lw=1.0, label=text)
    axes.set(xlabel="pulse number", ylabel="conductance [uS]", title=title, xlim=(1, x[-1]),
             ylim=(0, None))  # fmt: skip
    axes.margins(x=0)
    axes.legend(loc="upper right", ncols=4, bbox_to_anchor=(1.0, 1.14))
    return figure


@styled
def step_curves(
    conductance: ArrayLike,
    steps: Mapping[str, ArrayLike],
    symmetry_point: float | None = None,
    title: str = "Steps of the calibrated device",
) -> Any:
    """Mean change of conductance by one pulse, over conductance.

    Parameters
    ----------
    conductance : array_like, shape (points,)
        [S]
    steps : mapping of str to array_like, shape (points,)
        Name of the pulse and its step [S].
    symmetry_point : float, optional
        [S]
    """
    figure, axes = new_axes()
    x = np.asarray(conductance, dtype=float) * 1e6
    for (name, step), colour in zip(steps.items(), (BLUE, ORANGE, GREEN, RED), strict=False):
        axes.plot(x, np.abs(np.asarray(step, dtype=float)) * 1e6, color=colour, label=name)
    if symmetry_point is not None:
        axes.axvline(symmetry_point * 1e6, color=SOFT, ls="--", lw=1.0, label="symmetry point")
    axes.set(xlabel="conductance [uS]", ylabel="|mean step| [uS]", title=title, ylim=(0, None))
    axes.legend()
    return figure


@styled
def cell_map(values: ArrayLike, unit: str, label: str, title: str) -> Any:
    """One number per cell as a map: rows downward, columns to the right.

    Parameters
    ----------
    values : array_like, shape (rows, cols)
        In `unit` (SI).
    """
    array = np.asarray(values, dtype=float)
    factor, prefixed = scaled(array[np.isfinite(array)], unit)
    figure, axes = new_axes()
    image = axes.imshow(array * factor, cmap="cividis", aspect="auto", interpolation="nearest")
    axes.grid(False)
    axes.set(xlabel="column", ylabel="row", title=title)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    if array.size <= 64:
        low, high = np.nanmin(array), np.nanmax(array)
        for (i, j), value in np.ndenumerate(array):
            bright = high > low and (value - low) / (high - low) > 0.6
            axes.text(j, i, f"{value * factor:.3g}", ha="center", va="center", fontsize=7,
                      color=INK if bright else "white")  # fmt: skip
    figure.colorbar(image, ax=axes, label=f"{label} [{prefixed}]")
    return figure


@styled
def digit_scores(
    images: ArrayLike,
    labels: Sequence[int],
    scores: Sequence[tuple[str, ArrayLike]],
    title: str = "Digits read through the circuit",
) -> Any:
    """Images with the score of every class under them, for one or more ways of reading.

    Parameters
    ----------
    images : array_like, shape (images, height, width)
    labels : sequence of int
        The true classes.
    scores : sequence of (str, array_like of shape (images, classes))
        Name and scores of each way of reading; the first decides the colour of the label.
    """
    from matplotlib.figure import Figure

    pictures = np.asarray(images, dtype=float)
    count = len(pictures)
    across = min(10, count)
    down = -(-count // across)
    figure = Figure(figsize=(11.4, 1.95 * down + 0.7), layout="constrained")
    grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[1.0, 0.75] * down)
    for axes in grid.ravel():
        axes.axis("off")
    colours = (BLUE, ORANGE, GREEN)
    for k in range(count):
        top, below = grid[2 * (k // across)][k % across], grid[2 * (k // across) + 1][k % across]
        top.imshow(pictures[k], cmap="gray_r", interpolation="nearest")
        guess = int(np.argmax(np.asarray(scores[0][1])[k]))
        right = guess == int(labels[k])
        text = f"{guess}" if right else f"{guess}, is {int(labels[k])}"
        top.set_title(text, color=GREEN if right else RED, loc="center", fontsize=9, pad=2)
        below.axis("on")
        below.grid(False)
        for name in ("left", "right", "top"):
            below.spines[name].set_visible(False)
        below.set_yticks([])
        for number, (name, values) in enumerate(scores):
            row = np.asarray(values, dtype=float)[k]
            row = (row - row.min()) / (np.ptp(row) or 1.0)
            width = 0.8 / len(scores)
            below.bar(np.arange(row.size) + (number + 0.5) * width - 0.4, row, width=width,
                      color=colours[number % 3], label=name if k == 0 else None)  # fmt: skip
        below.set_xticks(range(len(row)), [str(n) for n in range(len(row))], fontsize=5)
        below.tick_params(length=0, pad=1)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    if len(scores) > 1:
        figure.legend(loc="upper right", ncols=len(scores), fontsize=8)
    return figure


@styled
def agreement(x: ArrayLike, y: ArrayLike, unit: str, labels: tuple[str, str], title: str) -> Any:
    """Two ways to get the same numbers against each other, with the line of equality."""
    figure, axes = new_axes()
    first, second = np.asarray(x, dtype=float).ravel(), np.asarray(y, dtype=float).ravel()
    factor, prefixed = scaled(np.concatenate([first, second]), unit)
    ends = np.array([min(first.min(), second.min()), max(first.max(), second.max())]) * factor
    if np.ptp(ends) < SAME * np.abs(ends).max():
        ends = ends.mean() * np.array([0.95, 1.05])
    axes.plot(ends, ends, color=SOFT, lw=0.9, ls="--", label="equal")
    axes.plot(first * factor, second * factor, "o", ms=3, color=BLUE, alpha=0.5)
    axes.set(xlabel=f"{labels[0]} [{prefixed}]", ylabel=f"{labels[1]} [{prefixed}]", title=title)
    axes.ticklabel_format(useOffset=False)
    axes.legend(loc="upper left")
    return figure
