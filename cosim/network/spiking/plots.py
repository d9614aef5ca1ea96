"""Pictures of the spiking studies; each takes the dataset its study returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.style import BAND, BLUE, GREEN, INK, ORANGE, RED, SOFT, new_axes, styled

if TYPE_CHECKING:
    import xarray as xr

COLOURS = (BLUE, ORANGE, GREEN, RED, SOFT, INK)


@styled
def lead(data: xr.Dataset, published: bool = True) -> Any:
    """Accuracy and input spikes against the lead dS, with the published figures for MNIST."""
    figure, (left, right) = new_axes(8.0, nrows=1, ncols=2)
    for k, name in enumerate(data.chip.values):
        chip = data.sel(chip=name)
        ideal = name == "ideal"
        style = {"color": BLUE if ideal else ORANGE, "marker": "o", "ms": 3}
        style |= {"alpha": 1.0 if ideal else 0.6, "label": name if k < 2 else None}
        style["label"] = "ideal" if ideal else ("chips" if k == 1 else None)
        left.plot(data.lead, 100 * chip.accuracy, **style)
        right.plot(data.lead, chip.events, **style)
    if published:
        for value, what, line in ((88, "ideal", "--"), (84, "chip", ":")):
            left.axhline(value, color=SOFT, ls=line, lw=0.8, label=f"{what}, published: {value} %")
        right.plot(10, 136, "*", color=RED, ms=10, label="published")
    left.set(xlabel="lead dS [output spikes]", ylabel="accuracy [%]", title="Accuracy")
    right.set(xlabel="lead dS [output spikes]", ylabel="spikes an image", title="Input spikes")
    left.legend(loc="center right")
    right.legend()
    return figure


@styled
def losses(data: xr.Dataset) -> Any:
    """What each effect costs: alone, and given back when it is left out."""
    figure, axes = new_axes(width=7.0)
    ideal = 100 * float(data.ideal)
    alone = ideal - 100 * data.alone
    back = 100 * data.without - 100 * data.whole.values[: len(data.part)]
    y = np.arange(len(data.effect))
    for shift, part, colour, label in (
        (-0.18, alone, BLUE, "lost with it alone"),
        (0.18, back, ORANGE, "won by leaving it out"),
    ):
        axes.barh(
            y + shift, part.mean("part"), 0.34, xerr=part.std("part"), color=colour, label=label,
            error_kw={"lw": 0.8, "ecolor": INK},
        )  # fmt: skip
    axes.set_yticks(y, [str(e) for e in data.effect.values])
    axes.invert_yaxis()
    whole = 100 * data.whole
    axes.set(
        xlabel="accuracy [percentage points], mean and deviation over chips",
        title=f"Ideal {ideal:.1f} %, chips {float(whole.mean()):.1f} % "
        f"({float(whole.min()):.1f} to {float(whole.max()):.1f})",
    )
    axes.legend(loc="center right")
    return figure


@styled
def codings(data: xr.Dataset) -> Any:
    """Accuracy over spikes and over time, for rate and time coding."""
    figure, (left, right) = new_axes(8.0, nrows=1, ncols=2)
    names = {"poisson": "rate, random", "regular": "rate, regular", "latency": "time to spike"}
    for colour, name in zip(COLOURS, data.coding.values, strict=False):
        c = data.sel(coding=name)
        left.plot(c.events, 100 * c.accuracy, "o-", ms=3.5, color=colour, label=names[str(name)])
        right.plot(c.duration * 1e6, 100 * c.accuracy, "o-", ms=3.5, color=colour)
    left.set(xlabel="input spikes an image", ylabel="accuracy [%]", title="Over spikes")
    right.set(xlabel="time to decision [us]", ylabel="accuracy [%]", title="Over time")
    left.legend()
    return figure


@styled
def temperature(data: xr.Dataset) -> Any:
    """Accuracy and spikes against temperature."""
    figure, (left, right) = new_axes(8.0, nrows=1, ncols=2)
    celsius = data.temperature - 273.15
    for colour, name in zip(COLOURS, data.chip.values, strict=False):
        left.plot(celsius, 100 * data.accuracy.sel(chip=name), "o-", ms=3, color=colour, label=name)
        right.plot(celsius, data.events.sel(chip=name), "o-", ms=3, color=colour)
    twin = right.twinx()
    twin.plot(celsius, data.step, color=GREEN, ls="--")
    twin.set_ylabel("weight step, relative (dashed)", color=GREEN)
    twin.grid(visible=False)
    left.set(xlabel="temperature [°C]", ylabel="accuracy [%]", title="Accuracy")
    right.set(xlabel="temperature [°C]", ylabel="input spikes an image", title="Spikes")
    left.legend()
    return figure


@styled
def leakage(data: xr.Dataset) -> Any:
    """Drift and accuracy against the number of silent inputs."""
    figure, (left, right) = new_axes(8.0, nrows=1, ncols=2)
    for colour, name in zip(COLOURS, data.array.values, strict=False):
        a = data.sel(array=name)
        left.loglog(data.inputs, a.drift, "o-", ms=3, color=colour, label=name)
        right.semilogx(data.inputs, 100 * a.accuracy, "o-", ms=3, color=colour)
    left.axhline(3.5, color=SOFT, ls="--", lw=0.8)
    left.annotate("threshold", (data.inputs[0], 3.5), va="bottom", color=SOFT, size=7.5)
    left.set(xlabel="inputs", ylabel="drift between events [weight steps]", title="Drift")
    right.set(xlabel="inputs", ylabel="accuracy [%]", title="Accuracy with that drift")
    left.legend()
    return figure


@styled
def faults(data: xr.Dataset) -> Any:
    """Accuracy against stuck cells."""
    figure, axes = new_axes(width=6.4)
    x = 100 * data.fault.values
    for colour, name in zip(COLOURS, data.scheme.values, strict=False):
        a = 100 * data.accuracy.sel(scheme=name)
        axes.errorbar(
            x, a.mean("chip"), a.std("chip"), fmt="o-", ms=3, color=colour, label=name, capsize=2
        )
    axes.set_xscale("symlog", linthresh=0.3)
    axes.set_xticks(x, [f"{v:g}" for v in x])
    axes.set(xlabel="stuck cells [%]", ylabel="accuracy [%]", title="Fault tolerance")
    axes.legend()
    return figure


@styled
def energy(data: xr.Dataset) -> Any:
    """Energy of an image against its activity, and the parts of one event."""
    figure, (left, right) = new_axes(8.0, nrows=1, ncols=2)
    total = data.energy.sum("part")
    left.plot(data.events, total * 1e9, ".", ms=1.2, color=BLUE, alpha=0.3, rasterized=True)
    left.set(xlabel="input spikes of the image", ylabel="energy [nJ]", title="Energy an image")
    bottom = 0.0
    for colour, part in zip(COLOURS, data.part.values, strict=False):
        value = float(data.per_event.sel(part=part)) * 1e12
        label = f"{part.replace('_', ' ')} {value:.2f}"
        right.bar([0], [value], 0.5, bottom=bottom, color=colour, label=label)
        bottom += value
    right.bar([1], [3.6], 0.5, color=BAND, label="published 3.6")
    right.set_xticks([0, 1], [f"here\n{bottom:.2f}", "published\n3.6"])
    right.set(ylabel="energy [pJ]", title="One synaptic event", xlim=(-0.5, 3.2))
    right.legend(loc="upper right")
    return figure


@styled
def formal(data: xr.Dataset) -> Any:
    """Reads of formal coding over those of spiking."""
    figure, axes = new_axes()
    axes.plot(data.bits, data.dense, "o-", color=BLUE, ms=3.5, label="every bit read")
    axes.plot(data.bits, data.sparse, "o-", color=ORANGE, ms=3.5, label="zero bits left out")
    axes.axhline(5, color=SOFT, ls="--", lw=0.8)
    axes.annotate("published: up to 5x", (1, 5), xytext=(0, 3), textcoords="offset points",
                  color=SOFT, size=7.5)  # fmt: skip
    axes.set(xlabel="bits of an input", ylabel="reads over spikes", title="Formal coding")
    axes.legend()
    return figure


@styled
def stability(data: xr.Dataset) -> Any:
    """Change of the conductance under reads."""
    figure, axes = new_axes(width=6.4)
    for colour, volt in zip(COLOURS, data.voltage.values, strict=False):
        for state, line in (("lrs", "-"), ("hrs", "--")):
            change = np.abs(data.change.sel(voltage=volt, state=state).values[1:])
            # Below 1e-9 the integration's own tolerance shows, not the device.
            axes.loglog(
                data.reads.values[1:], np.maximum(change, 1e-9), line, color=colour,
                label=f"{volt:g} V, {state.upper()}",
            )  # fmt: skip
    axes.axvline(8e8, color=SOFT, ls=":", lw=0.8)
    axes.set(xlabel="read spikes", ylabel="relative change", title="Read stability (floor 1e-9)")
    axes.legend(ncols=2)
    return figure


@styled
def membrane(data: xr.Dataset) -> Any:
    """Membrane of one neuron in the circuit, with the spikes of circuit and layer.

    Parameters
    ----------
    data : Dataset
        Of :func:`cosim.experiments.spirit_data.circuit`.
    """
    figure, axes = new_axes(width=8.0)
    shown = 1e3 * data.membrane.values
    axes.plot(data.time.values * 1e6, shown, color=BLUE, lw=0.8)
    top = float(np.abs(shown).max())
    for name, height, marker in (("circuit", 1.12, "v"), ("layer", 1.28, "x")):
        t, s = data[f"{name}_time"].values * 1e6, data[f"{name}_sign"].values
        label = f"spikes of the {name}"
        axes.plot(t, s * top * height, marker, color=RED, ms=4, ls="none", label=label)
    threshold, neuron = 1e3 * data.attrs["threshold"], int(data.attrs["neuron"])
    for sign in (1, -1):
        axes.axhline(sign * threshold, color=SOFT, ls="--", lw=0.7)
    axes.set(xlabel="time [us]", ylabel="membrane [mV]", title=f"Neuron {neuron} in ngspice")
    # Above the axes: inside, it would stand among the marks.
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    return figure
