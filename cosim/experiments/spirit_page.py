"""Figures and pictures of a SPIRIT run, beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cosim.network.spiking import plots
from cosim.published import Figure, Published
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

    Data = Mapping[str, xr.Dataset]

SOURCE = "Valentian2019"
TIE = 5e-9  # s, bound on the times of circuit and layer: a quarter of a read pulse


def _published(name: str, value: float, unit: str, low: float, high: float, kind: str) -> Published:
    return Published(
        name=name, value=value, unit=unit, low=low, high=high, source=SOURCE, kind=kind,
        band="required of this project", known="stated",
    )  # fmt: skip


def sections(data: Data) -> tuple[Section, ...]:
    """The parts of the page, in the order of the signal path, from the datasets by name."""
    return tuple(
        s for s in (_accuracy(data), _circuit(data), _energy(data), _further(data)) if s is not None
    )


def _accuracy(everything: Data) -> Section:
    data, losses = everything["inference"], everything["losses"]
    mnist, lead = data.attrs["data_set"] == "mnist", data.attrs["lead"]
    full = mnist and lead == 10 and len(data.image) == 10000
    whole = 100 * losses.whole.values
    # Outside MNIST at dS = 10 the published figures are no yardstick.
    ideal = _published("accuracy, ideal", 88, "%", 87, 89, "predicted") if full else None
    chip = _published("accuracy of the chip", 84, "%", 82, 86, "calibrated") if full else None
    spikes = (
        _published("input spikes an image", 136, "", 115.6, 156.4, "calibrated") if full else None
    )
    figures = (
        Figure(
            key="accuracy_ideal", name="accuracy, ideal cells", unit="%", required=full,
            value=100 * data.attrs["accuracy"], published=ideal,
        ),
        Figure(
            key="accuracy_chip", name="accuracy, chips with all effects", unit="%", required=full,
            value=float(whole.mean()), spread=float(whole.std()), published=chip,
            note="sizes of the spreads are calibrated to the published 84 %",
        ),
        Figure(
            key="input_spikes", name="input spikes an image", required=full,
            value=data.attrs["mean_events"], published=spikes,
            note="the gain of the training is calibrated to the published 136",
        ),
        Figure(
            key="undecided", name="images without a decision", unit="%",
            value=100 * float(1 - data.decided.mean()),
        ),
        Figure(
            key="inference_seconds", name="time for all images", unit="s",
            value=data.attrs["seconds"], high=60.0 * len(data.image) / 10000 if full else np.inf,
        ),
    )  # fmt: skip
    return Section(
        title="Classification",
        text=f"{len(data.image)} images, one layer of integrate-and-fire neurons, weights -4..+4 "
        f"on 4 + 4 binary cells, decision at a lead of {lead:g} output spikes.",
        provenance=dict(data.attrs),
        figures=figures,
        plots=(
            Plot(
                name="lead",
                caption="Accuracy and input spikes against the lead.",
                figure=plots.lead(everything["lead"], mnist),
                wide=True,
            ),
            Plot(
                name="losses",
                caption="Where the points go: each effect alone, and left out of the whole.",
                figure=plots.losses(losses),
                wide=True,
            ),
        ),
    )


def _circuit(everything: Data) -> Section | None:
    if "circuit" not in everything:
        return None
    data = everything["circuit"]
    exact = bool(data.attrs["exact"])
    same, error = data.same_order.values, data.time_error.values
    problems = tuple(
        f"image {image}: circuit and layer give different spikes"
        for image in data.image.values[(same == 0) & exact]
    )
    figures = (
        Figure(
            key="circuit_images", name="images played in ngspice, all neurons", value=same.size
        ),
        Figure(
            key="circuit_same", name="of them with the same output spikes, in order",
            value=100 * float(same.mean()), unit="%", low=100.0 if exact else -np.inf,
            required=exact,
        ),
        Figure(
            key="circuit_time_error", name="largest difference of a spike's time",
            value=float(error.max()), unit="s", high=TIE if exact else np.inf, required=exact,
        ),
    )  # fmt: skip
    shown = Plot(
        name="membrane",
        caption="Membrane of the busiest neuron; spikes of circuit and layer.",
        figure=plots.membrane(data),
        wide=True,
    )  # fmt: skip
    return Section(
        title="Circuit against layer",
        text="The same spike trains through clamps, injectors and neurons in ngspice.",
        provenance=dict(data.attrs),
        figures=figures,
        plots=(shown,),
        problems=problems,
    )


def _energy(everything: Data) -> Section:
    data, formal = everything["energy"], everything["formal"]
    figures = [
        Figure(
            key="energy_per_event", name="energy of a synaptic event, layer", unit="J",
            value=float(data.per_event.sum()),
            published=Published(
                name="energy a synaptic event", value=3.6e-12, unit="J", low=1.8e-12,
                high=7.2e-12, band="a factor of two: bias currents are assumed", source=SOURCE,
                known="stated",
            ),
        ),
        Figure(
            key="energy_per_image", name="energy of an image", unit="J",
            value=float(data.energy.sum("part").mean()),
        ),
        Figure(
            key="formal_ratio_4_bit", name="reads of formal coding over spikes, 4 bits",
            value=float(formal.dense.sel(bits=4)),
            note="published: up to 5 times the energy, against chips that are not named",
        ),
        Figure(
            key="formal_ratio_8_bit", name="reads of formal coding over spikes, 8 bits",
            value=float(formal.dense.sel(bits=8)),
        ),
    ]  # fmt: skip
    if "circuit" in everything:
        figures.append(
            Figure(
                key="energy_per_event_circuit", name="energy of a synaptic event, ngspice",
                unit="J", value=float(everything["circuit"].per_event.sum("part").mean()),
            )
        )  # fmt: skip
    return Section(
        title="Energy",
        text="Currents come from the circuit; supplies, bias currents and windows are assumed.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="energy",
                caption="Energy falls with activity; parts of one event.",
                figure=plots.energy(data),
                wide=True,
            ),
            Plot(name="formal", caption="Against formal coding.", figure=plots.formal(formal)),
        ),
    )


def _further(data: Data) -> Section | None:
    if "stability" not in data:
        return None
    last = data["stability"].change.isel(reads=-1)
    written = data["writing"].conductance.values.ravel()
    figures = (
        Figure(
            key="drift_lrs", name="LRS after 8e8 reads at 100 mV, change", unit="%",
            value=100 * float(last.sel(voltage=0.1, state="lrs")), low=-1, high=1,
        ),
        Figure(
            key="drift_hrs", name="HRS after 8e8 reads at 100 mV, change", unit="%",
            value=100 * float(last.sel(voltage=0.1, state="hrs")), low=-1, high=1,
        ),
        Figure(
            key="written_lrs", name="cell after one SET pulse in ngspice", unit="S",
            value=float(written[-2]),
        ),
        Figure(
            key="written_hrs", name="cell after one RESET pulse in ngspice", unit="S",
            value=float(written[-1]),
        ),
    )  # fmt: skip
    drawn = (
        ("codings", "Rate coding against time coding.", plots.codings, True),
        ("faults", "Stuck cells, and ways to spend cells against them.", plots.faults, False),
        ("temperature", "LRS and HRS at temperature, thresholds fixed.", plots.temperature, True),
        ("leakage", "Silent inputs leak into the membrane.", plots.leakage, True),
        ("stability", "Reads integrated on the device equations.", plots.stability, False),
    )
    return Section(
        title="Further studies",
        text="Coding, stuck cells, temperature and leakage on the first 2000 images at most, the "
        "same trains for all settings; MNIST's first half is the harder one.",
        figures=figures,
        plots=tuple(
            Plot(name=name, caption=text, figure=draw(data[name]), wide=wide)
            for name, text, draw, wide in drawn
        ),
    )
