"""What the page says about pulses: window, symmetry point, noise, beside the published ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim import plot
from cosim.device_figures import (
    alone,
    array_size,
    beside_published,
    failed_cells,
    made_with,
    of_published_device,
    over_devices,
)
from cosim.published import Figure, published
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

PUBLISHED_TRAIN = 400
"""Pulses of one direction in the open-loop sequence of Falcone et al. 2025."""

PUBLISHED_PULSES = {"amplitude": (1.35, -1.3), "width": (2.5e-6, 2.5e-6), "gate": (1.4, 3.3)}
"""Upward and downward pulses of that sequence [V, s, V]."""

_OF_THE_ENDS = ("conductance_max", "conductance_min", "states", "skew")


def pulse_update(dataset: xr.Dataset) -> Section:
    """Open-loop pulsing: window, symmetry point and noise where the sequence allows them."""
    from cosim.calibration import calibrate
    from cosim.errors import CalibrationError

    conductance, polarity = dataset["conductance"].values, dataset["polarity"].values
    comparable = _published_pulses(dataset) and of_published_device(dataset)
    figures: list[Figure] = []
    text = ""
    try:
        fit = calibrate(dataset)
    except CalibrationError as error:
        text = f" No figures of merit: {error}"
    else:
        figures = pulse_figures(fit.report.per_device)
        if comparable:
            longest = _longest_train(polarity)
            figures = [_cut_short(f, longest) for f in beside_published(figures, dataset)]
        else:
            figures = [alone(f) for f in figures]
    return Section(
        title="Pulse update",
        text=f"{polarity.size} pulses on each of {array_size(dataset)} cells, "
        f"{float(dataset['amplitude'].max()):+.3g} / {float(dataset['amplitude'].min()):+.3g} V, "
        f"{float(dataset['width'][0]) * 1e6:.3g} us, in {made_with(dataset)}.{text}",
        figures=tuple(figures),
        plots=(
            Plot(
                name="pulse_response",
                wide=True,
                caption="Conductance read after every pulse.",
                figure=plot.pulse_response(
                    conductance,
                    polarity,
                    window=(
                        published("open_loop_minimum").value,
                        published("open_loop_maximum").value,
                    )
                    if comparable
                    else None,
                    window_label=f"published equations, {PUBLISHED_TRAIN} pulses",
                ),
            ),
        ),
        provenance=dict(dataset.attrs),
        problems=failed_cells(dataset),
    )


def _longest_train(polarity: Any) -> int:
    """Most pulses of one direction in a row."""
    turns = np.flatnonzero(np.diff(polarity) != 0)
    ends = np.concatenate([[-1], turns, [len(polarity) - 1]])
    return int(np.diff(ends).max())


def _published_pulses(dataset: xr.Dataset) -> bool:
    """Whether the pulses are those of the published sequence."""
    up = dataset["polarity"].values > 0
    return all(
        np.allclose(dataset[name].values, np.where(up, *pair), rtol=1e-6, atol=0)
        for name, pair in PUBLISHED_PULSES.items()
    )


def pulse_figures(per_device: Mapping[str, Any]) -> list[Figure]:
    """Figures of merit of a pulse sequence, from those of every device of a calibration."""
    found = [
        over_devices("conductance_max", "upper end of the window", per_device["conductance_max"],
                     "S", beside="open_loop_maximum"),
        over_devices("conductance_min", "lower end of the window", per_device["conductance_min"],
                     "S", beside="open_loop_minimum"),
        over_devices("symmetry_point", "symmetry point", per_device["symmetry_point"], "S"),
        over_devices("states", "number of states", per_device["states"], "",
                     beside="n_states"),
        over_devices("skew", "skew of the symmetry point", per_device["skew"], "%", 100.0,
                     beside="skew"),
        over_devices("nsr", "noise-to-signal ratio at it", per_device["nsr"], "%", 100.0,
                     beside="nsr"),
    ]  # fmt: skip
    # Without an alternating sequence there is nothing at the symmetry point to compare.
    return [f for f in found if math.isfinite(f.value)]


def _cut_short(figure: Figure, longest: int) -> Figure:
    """The figure, with a train shorter than the published one as the first reason of a miss."""
    if longest >= PUBLISHED_TRAIN or figure.published is None or figure.key not in _OF_THE_ENDS:
        return figure
    reason = (
        f"published after trains of {PUBLISHED_TRAIN} pulses, the longest here has {longest}: the "
        "window is not run to its ends"
    )
    if figure.published.reason:
        reason += f". After {PUBLISHED_TRAIN}: {figure.published.reason}"
    return replace(figure, published=replace(figure.published, reason=reason))
