"""What the page says about the dataset of each experiment: figures, plots, warnings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim import plot
from cosim.device_figures import (
    alone,
    array_size,
    beside_published,
    failed_cells,
    made_with,
    over_devices,
    spread_over,
)
from cosim.published import Figure, Published, published
from cosim.pulse_section import pulse_update
from cosim.quantities import show_quantity
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr


# Smaller IR drops than this [V] are the rounding of a circuit without wires.
NO_DROP = 1e-9


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
               value=spread_over(dataset["reram_forming_voltage"]), unit="V",
               published=published("forming_sigma") if formed.size >= 16 else None,
               note=f"{formed.size} devices tell it to {1 / math.sqrt(2 * formed.size):.0%}"),
        Figure(key="forming_yield", name="cells formed", value=100 * float(formed.mean()),
               unit="%", low=100.0 if comparable else -math.inf,
               note="published yield: 100 % of 32"),
    ]  # fmt: skip
    figures = beside_published(figures, dataset) if comparable else [alone(f) for f in figures]
    figures = [f for f in figures if f.key != "reram_forming_sigma" or math.isfinite(f.value)]
    beside = figures[0].published
    return Section(
        title="Forming",
        text=f"{array_size(dataset)} pristine cells, {dataset.attrs.get('mode')} up to "
        f"{float(dataset['voltage'].values[-1]):.3g} V at V_G = {gate:g} V, in "
        f"{made_with(dataset)}.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="forming_sweeps",
                caption="Current of every cell; the transistor limits it after the breakdown.",
                figure=plot.forming_traces(dataset["voltage"].values, dataset["current"].values),
            ),
            *_sorted(
                "forming_voltages", voltage, "V", "forming voltage", "Forming voltage", beside
            ),
        ),
        provenance=dict(dataset.attrs),
        problems=failed_cells(dataset),
    )


def _sorted(
    name: str, values: Any, unit: str, label: str, title: str, beside: Published | None
) -> tuple[Plot, ...]:
    """The distribution over the devices, where there is more than one."""
    if np.isfinite(np.asarray(values, dtype=float)).sum() < 2:
        return ()
    picture = plot.distribution(values, unit, label, title, beside)
    return (
        Plot(
            name=name,
            caption=f"{label[:1].upper()}{label[1:]} of the devices, sorted.",
            figure=picture,
        ),
    )


def cycling(dataset: xr.Dataset) -> Section:
    """Quasi-static loops: ratio beside the published one."""
    voltage, current = dataset["voltage"].values, dataset["current"].values
    loops = np.moveaxis(current, 0, 1).reshape(voltage.size, -1)
    # The first loop starts in the state that forming left, deeper than cycling reaches again.
    last = dataset.isel(cycle=-1)
    found = (
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
    figures = beside_published(found, dataset)
    return Section(
        title="Cycling",
        text=f"{dataset.sizes['cycle']} loops of {array_size(dataset)} cells, "
        f"{voltage.min():.3g} to {voltage.max():.3g} V at "
        f"{float(dataset.attrs.get('rate', math.nan)):g} V/s, in {made_with(dataset)}.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="cycling_loops",
                caption="Every loop of every cell.",
                figure=plot.iv_loops(voltage, loops),
            ),
            *_sorted(
                "cycling_ratio", last["ratio"].values, "",
                "HRS/LRS resistance ratio, last loop", "Window", figures[-1].published,
            ),
        ),
        provenance=dict(dataset.attrs),
        problems=failed_cells(dataset),
    )  # fmt: skip


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
        text=f"{dataset.sizes['input']} inputs on {array_size(dataset)} cells, word lines at "
        f"{float(dataset.attrs.get('gate', math.nan)):g} V, in {made_with(dataset)}.",
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


def describe(dataset: xr.Dataset) -> Section:
    """Section of the page for the dataset of one experiment.

    Experiments without a section of their own get a table of their variables.
    """
    name = str(dataset.attrs.get("experiment", ""))
    if name in SECTIONS:
        return SECTIONS[name](dataset)
    rows = []
    for key, variable in dataset.data_vars.items():
        unit = str(variable.attrs.get("units", ""))
        size = " x ".join(f"{d} {n}" for d, n in variable.sizes.items())
        if variable.dtype.kind in "fiu" and variable.size:
            low, high = (float(getattr(variable, f)(skipna=True)) for f in ("min", "max"))
            ends = [show_quantity(low, unit), show_quantity(high, unit)]
        else:
            ends = ["", ""]
        rows.append((str(key), str(variable.attrs.get("long_name", "")), size, *ends))
    head = ("variable", "what", "size", "lowest", "highest")
    return Section(
        title=name.replace("_", " ").capitalize() or "Result",
        tables={"variables": (head, rows)},
        provenance=dict(dataset.attrs),
    )
