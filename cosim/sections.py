"""What the page says about the dataset of each experiment: figures, plots, warnings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim import plot
from cosim.published import Figure, published
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr


PUBLISHED_TRAIN = 400
"""Pulses of one direction in the open-loop sequence of Falcone et al. 2025."""
# Smaller IR drops than this [V] are the rounding of a circuit without wires.
NO_DROP = 1e-9


def over_devices(
    key: str,
    name: str,
    values: Any,
    unit: str,
    factor: float = 1.0,
    beside: str | None = None,
    **more: Any,
) -> Figure:
    """Mean and standard deviation over the devices; NaN stands for a device without a value.

    `beside` names the published figure to compare with.
    """
    given = np.asarray(values, dtype=float).ravel() * factor
    good = given[np.isfinite(given)]
    return Figure(
        key=key,
        name=name,
        value=float(good.mean()) if good.size else math.nan,
        spread=figures_spread(good),
        unit=unit,
        published=published(beside) if beside else None,
        **more,
    )


def failed_cells(dataset: xr.Dataset) -> tuple[str, ...]:
    """Why cells of a dataset have no result; empty when all have one."""
    if "status" not in dataset:
        return ()
    status = np.asarray(dataset["status"].values).astype(str).ravel()
    bad = status[status != "ok"]
    if bad.size == 0:
        return ()
    return (f"{bad.size} of {status.size} cells failed, the first with: {bad[0]}",)


def _size(dataset: xr.Dataset) -> str:
    return f"{dataset.sizes.get('row', 1)} x {dataset.sizes.get('col', 1)}"


def _where(dataset: xr.Dataset) -> str:
    a = dataset.attrs
    return f"{a.get('simulator', '')} {a.get('simulator_version', '')}".strip()


def forming(dataset: xr.Dataset) -> Section:
    """Forming: distribution beside the published one, and the sweeps."""
    voltage = dataset["forming_voltage"].values
    formed = np.asarray(dataset["formed"].values, dtype=float)
    gate = float(dataset.attrs.get("gate", math.nan))
    # The published figures hold for one way of forming; beside another they would mislead.
    comparable = dataset.attrs.get("mode") == "sweep" and abs(gate - 1.2) < 1e-9
    figures = [
        over_devices("forming_voltage", "1T1R forming voltage", voltage, "V",
                     beside="forming_voltage"),
        over_devices("forming_current", "forming current", dataset["forming_current"], "A",
                     beside="forming_current"),
        over_devices("reram_forming_voltage", "ReRAM forming voltage (selector drop removed)",
                     dataset["reram_forming_voltage"], "V", beside="forming_voltage_reram"),
        Figure(key="reram_forming_sigma", name="its standard deviation over the devices",
               value=figures_spread(dataset["reram_forming_voltage"]), unit="V",
               published=published("forming_sigma") if formed.size >= 16 else None),
        Figure(key="forming_yield", name="cells formed", value=100 * float(formed.mean()),
               unit="%", low=100.0 if comparable else -math.inf,
               note="published yield: 100 % of 32"),
    ]  # fmt: skip
    if not comparable:
        figures = [_alone(f) for f in figures]
    figures = [f for f in figures if f.key != "reram_forming_sigma" or math.isfinite(f.value)]
    beside = published("forming_voltage") if comparable else None
    return Section(
        title="Forming",
        text=f"{_size(dataset)} pristine cells, {dataset.attrs.get('mode')} up to "
        f"{float(dataset['voltage'].values[-1]):.3g} V at V_G = {gate:g} V, in {_where(dataset)}.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="forming_sweeps",
                caption="Current of every cell; the transistor limits it after the breakdown.",
                figure=plot.forming_traces(dataset["voltage"].values, dataset["current"].values),
            ),
            Plot(
                name="forming_voltages",
                caption="Forming voltage of the devices, sorted.",
                figure=plot.distribution(
                    voltage, "V", "forming voltage", "Forming voltage", beside
                ),
            ),
        ),
        provenance=dict(dataset.attrs),
        problems=failed_cells(dataset),
    )


def figures_spread(values: Any) -> float:
    """Standard deviation over the devices that have a value; NaN where all are alike."""
    given = np.asarray(values, dtype=float).ravel()
    good = given[np.isfinite(given)]
    return float(good.std(ddof=1)) if good.size > 1 and np.ptp(good) > 0 else math.nan


def _alone(figure: Figure) -> Figure:
    """The same figure without the published one beside it."""
    import dataclasses

    return dataclasses.replace(figure, published=None)


def cycling(dataset: xr.Dataset) -> Section:
    """Quasi-static loops: ratio beside the published one."""
    voltage, current = dataset["voltage"].values, dataset["current"].values
    loops = np.moveaxis(current, 0, 1).reshape(voltage.size, -1)
    # The first loop starts in the state that forming left, deeper than cycling reaches again.
    last = dataset.isel(cycle=-1)
    figures = (
        over_devices("lrs", "LRS conductance, last loop", last["lrs"], "S"),
        over_devices("hrs", "HRS conductance, last loop", last["hrs"], "S"),
        over_devices(
            "window_ratio",
            "HRS/LRS resistance ratio, last loop",
            last["ratio"],
            "",
            beside="cycling_ratio",
        ),
    )
    return Section(
        title="Cycling",
        text=f"{dataset.sizes['cycle']} loops of {_size(dataset)} cells, {voltage.min():.3g} to "
        f"{voltage.max():.3g} V at {float(dataset.attrs.get('rate', math.nan)):g} V/s, in "
        f"{_where(dataset)}.",
        figures=figures,
        plots=(
            Plot(
                name="cycling_loops",
                caption="Every loop of every cell.",
                figure=plot.iv_loops(voltage, loops),
            ),
            Plot(
                name="cycling_ratio",
                caption="Resistance ratio of the last loop, sorted.",
                figure=plot.distribution(
                    last["ratio"].values, "", "HRS/LRS resistance ratio", "Window",
                    published("cycling_ratio"),
                ),
            ),
        ),
        provenance=dict(dataset.attrs),
        problems=failed_cells(dataset),
    )  # fmt: skip


def pulse_update(dataset: xr.Dataset) -> Section:
    """Open-loop pulsing: window, symmetry point and noise where the sequence allows them."""
    from cosim.calibration import calibrate
    from cosim.errors import CalibrationError

    conductance, polarity = dataset["conductance"].values, dataset["polarity"].values
    figures: list[Figure] = []
    text = ""
    try:
        fit = calibrate(dataset)
    except CalibrationError as error:
        text = f" No figures of merit: {error}"
    else:
        comparable = _published_pulses(dataset)
        figures = pulse_figures(fit.report.per_device, comparable=comparable)
        longest = _longest_train(polarity)
        if comparable and longest < PUBLISHED_TRAIN:
            text = (
                f" Published trains have {PUBLISHED_TRAIN} pulses, the longest here {longest}: "
                "the window is not run to its ends."
            )
    return Section(
        title="Pulse update",
        text=f"{polarity.size} pulses on each of {_size(dataset)} cells, "
        f"{float(dataset['amplitude'].max()):+.3g} / {float(dataset['amplitude'].min()):+.3g} V, "
        f"{float(dataset['width'][0]) * 1e6:.3g} us, in {_where(dataset)}.{text}",
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
                    ),
                    window_label="published equations, 400 pulses",
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
    high, low = float(dataset["amplitude"].max()), float(dataset["amplitude"].min())
    return bool(
        abs(high - 1.35) < 1e-6
        and abs(low + 1.3) < 1e-6
        and np.allclose(dataset["width"].values, 2.5e-6, rtol=1e-6, atol=0)
    )


def pulse_figures(per_device: Mapping[str, Any], *, comparable: bool) -> list[Figure]:
    """Figures of merit of a pulse sequence, from those of every device."""
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
    found = [f for f in found if math.isfinite(f.value)]
    return found if comparable else [_alone(f) for f in found]


def read(dataset: xr.Dataset) -> Section:
    """A read of the whole array: currents, and what the wires take."""
    drop = dataset["voltage_drop"].values
    current, ideal = dataset["current"].values, dataset["ideal_current"].values
    worst = int(np.argmax(np.abs(drop).max(axis=(1, 2))))
    largest = float(np.abs(ideal).max()) or math.nan
    wired = bool(np.abs(drop).max() > NO_DROP)
    figures = [
        Figure(
            key="current_error",
            name="column current against sum of G V, largest difference",
            value=100 * float(np.abs(ideal - current).max()) / largest,
            unit="%",
            note="of the largest current; wires, and cells that are not linear",
        )
    ]
    plots = [
        Plot(
            name="read_currents",
            caption="Currents out of the columns against the sum of conductance times voltage.",
            figure=plot.agreement(
                ideal, current, "A", ("sum of G V", "circuit"), "Column currents"
            ),
        )
    ]
    if wired:
        figures.insert(
            0,
            Figure(
                key="worst_drop",
                name="largest IR drop at a cell",
                value=float(np.abs(drop).max()),
                unit="V",
            ),
        )
        caption = f"What the wires take of the voltage of every cell, input {worst}."
        picture = plot.cell_map(drop[worst], "V", "IR drop", "IR drop")
        plots.insert(0, Plot(name="read_drop", caption=caption, figure=picture))
    return Section(
        title="Read",
        text=f"{dataset.sizes['input']} inputs on {_size(dataset)} cells, word lines at "
        f"{float(dataset.attrs.get('gate', math.nan)):g} V, in {_where(dataset)}.",
        figures=tuple(figures),
        plots=tuple(plots),
        provenance=dict(dataset.attrs),
    )


def _of_arrays(name: str) -> Callable[[xr.Dataset], Section]:
    """Section of a study of whole arrays; its pictures are loaded when it is made."""

    def section(dataset: xr.Dataset) -> Section:
        from cosim.experiments.array_studies import sections

        return sections.SECTIONS[name](dataset)

    return section


SECTIONS: Mapping[str, Callable[[xr.Dataset], Section]] = {
    **{n: _of_arrays(n) for n in ("ArrayDisturb", "ArrayProgram", "IrDrop", "Leakage")},
    "Forming": forming,
    "Cycling": cycling,
    "PulseUpdate": pulse_update,
    "Read": read,
}
