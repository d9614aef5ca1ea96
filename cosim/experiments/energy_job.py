"""Energy and time as a job of a study file: ``experiment = "energy"``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.energy import energy_against_size
from cosim.experiments.job_parts import DatasetJob, job_plot, job_provenance
from cosim.published import Figure
from cosim.report import Section
from cosim.style import BLUE, ORANGE, styled

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class Energy(DatasetJob):
    """Energy and time of products, updates, pulses and programming.

    Parameters
    ----------
    sizes : tuple of int
        Rows and columns of the arrays.
    transient_up_to : int
        Largest size whose settling is a transient of the whole circuit; beyond, cells are linear.
    settling_up_to : int
        Largest size whose settling is looked at.
    program_up_to : int
        Largest size that is programmed to 35 levels.
    wire_resistance : float
        Per segment [ohm].
    wire_capacitance : float
        Per segment, assumed [F].
    driver_resistance : float
        Of drivers and sensing inputs, assumed [ohm].
    vacancies : float
        Of every device [1/m**3].
    read_voltage : float
        Of an input of 1 [V].
    read_width : float
        For which inputs are held, assumed [s].
    conversion_energy : float
        Of an output converter per level, assumed [J].
    devices : int
        Devices that are programmed to each of 35 levels.
    """

    sizes: tuple[int, ...] = (16, 32, 64, 128)
    transient_up_to: int = 64
    settling_up_to: int = 128
    program_up_to: int = 64
    wire_resistance: float = 0.35
    wire_capacitance: float = 0.5e-15
    driver_resistance: float = 100.0
    vacancies: float = 1.64e25
    read_voltage: float = 0.2
    read_width: float = 100e-9
    conversion_energy: float = 50e-15
    devices: int = 8

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Make ``energy.nc``."""
        return {"energy": lambda: energy_against_size(**asdict(self), seed=seed, progress=progress)}

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return figures and pictures against the size of the array."""
        dataset = data["energy"]
        last = dataset.isel(size=-1)
        n = int(last["size"])
        pulse = dataset.pulse_energy.sel(polarity="set").values[1]
        tight = dataset.isel(acceptance_range=0)
        figures = (
            *_settling_figures(dataset, self.read_width),
            Figure(key="array_energy", name=f"array, a {n} x {n} product", unit="J",
                   value=float(last.array_energy)),
            Figure(key="converter_energy", name=f"output converters, a {n} x {n} product", unit="J",
                   value=float(last.converter_energy)),
            Figure(key="per_operation", name="a multiplication or addition", unit="J",
                   value=float(last.energy_per_operation)),
            Figure(key="pulse", name="a SET pulse at the symmetry point", unit="J",
                   value=float(pulse)),
            Figure(key="program", name="programming a cell, 0.2 %: pulses", unit="J",
                   value=float(tight.program_energy)),
            Figure(key="program_time", name="programming a cell, 0.2 %: pulses and reads",
                   unit="s", value=float(tight.program_time)),
        )  # fmt: skip
        return Section(
            title="Energy and time",
            text="Products with every transistor and wire; settling to 1 % of the final value, by "
            f"a transient of the whole circuit up to {self.transient_up_to} rows, by a linear "
            "network beyond. Time is constant, but voltage is not: where all cells of an array "
            "are written at once, drivers and wires take their part of the pulse, and the worst "
            f"cell gets what the table says. Assumed: {dataset.attrs['assumed']}.",
            tables={"Against the size of the array": _table(dataset)},
            figures=figures,
            plots=(
                job_plot("settling", "Settling against the size of the array.",
                         plot_settling(dataset), wide=False),
                job_plot("energy", "Energy of a product against the size of the array.",
                         plot_energy(dataset), wide=False),
            ),
            provenance=job_provenance(dataset),
        )  # fmt: skip


def _settling_figures(dataset: xr.Dataset, read_width: float) -> list[Figure]:
    """Figures of the largest array that was looked at in time."""
    figures = []
    for key, prefix, name, limit, share in (
        ("settling", "", "product", 0.05 * read_width, "5 % of the read"),
        ("update_settling", "update_", "parallel update", 25e-9, "1 % of a pulse of 2.5 us"),
    ):
        looked = dataset.dropna("size", subset=[f"{prefix}settling_time"])
        if looked.sizes["size"]:
            n = int(looked["size"][-1])
            figures.append(
                Figure(key=key, name=f"a {n} x {n} {name} settles in", unit="s", high=limit,
                       value=float(looked[f"{prefix}settling_time"][-1]), required=True,
                       note=f"constant time: within {share}")
            )  # fmt: skip
    looked = dataset.dropna("size", subset=["update_voltage"])
    if looked.sizes["size"]:
        n = int(looked["size"][-1])
        figures.append(
            Figure(key="update_voltage", unit="%", value=100.0 * float(looked.update_voltage[-1]),
                   name=f"of its pulse the worst cell of {n} x {n} gets, all updated at once")
        )  # fmt: skip
    return figures


def _table(dataset: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    columns = (
        ("settling_time", 1e12, "product settles [ps]"),
        ("linear_settling_time", 1e12, "linear [ps]"),
        ("product_voltage", 100.0, "worst cell gets [%]"),
        ("update_settling_time", 1e12, "update settles [ps]"),
        ("linear_update_settling_time", 1e12, "linear [ps]"),
        ("update_voltage", 100.0, "worst cell gets [%]"),
        ("array_energy", 1e12, "array [pJ]"),
        ("wire_energy", 1e12, "of it wires [pJ]"),
        ("converter_energy", 1e12, "converters [pJ]"),
        ("energy_per_operation", 1e15, "an operation [fJ]"),
        ("array_pulse_energy", 1e12, "SET pulse, far cell [pJ]"),
        ("array_pulse_voltage", 100.0, "it gets [%]"),
        ("array_program_pulses", 1.0, "pulses a cell, 2 %"),
        ("array_program_energy", 1e9, "programming a cell [nJ]"),
    )
    rows = []
    for k, n in enumerate(dataset["size"].values):
        values = [float(dataset[name].values[k]) * unit for name, unit, _ in columns]
        rows.append([f"{n} x {n}", *(f"{v:.3g}" if np.isfinite(v) else "-" for v in values)])
    return ["size", *(text for *_, text in columns)], rows


@styled
def plot_settling(dataset: xr.Dataset) -> Any:
    """Draw settling of products and updates against the size, beside read and pulse."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axis = figure.subplots()
    sizes = dataset["size"].values
    for name, mark, colour, label in (
        ("settling_time", "o", BLUE, "product"),
        ("update_settling_time", "s", ORANGE, "parallel update"),
    ):
        axis.loglog(sizes, dataset[name] * 1e9, mark + "-", color=colour, label=label)
        axis.loglog(sizes, dataset[f"linear_{name}"] * 1e9, ":", color=colour,
                    label=f"{label}, linear cells")  # fmt: skip
    for level, text in ((100.0, "read, 100 ns"), (2500.0, "pulse, 2.5 us")):
        axis.axhline(level, color="grey", linestyle="--", linewidth=1.0)
        axis.text(sizes[0], level * 1.12, text, color="grey", fontsize=8)
    _size_axis(axis, sizes)
    axis.set_ylabel("settling to 1 % [ns]")
    axis.set_ylim(top=8000)
    axis.legend(frameon=False)
    return figure


@styled
def plot_energy(dataset: xr.Dataset) -> Any:
    """Draw the energy of a product by part against the size."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axis = figure.subplots()
    sizes = dataset["size"].values
    for name, label in (
        ("array_energy", "array, wires and drivers"),
        ("wire_energy", "of it in wires and drivers"),
        ("converter_energy", "output converters"),
    ):
        axis.loglog(sizes, dataset[name] * 1e12, "o-", markersize=4, label=label)
    _size_axis(axis, sizes)
    axis.set_ylabel("energy of a product [pJ]")
    axis.legend(frameon=False)
    return figure


def _size_axis(axis: Any, sizes: np.ndarray) -> None:
    axis.set_xticks(sizes, [f"{n}" for n in sizes])
    axis.minorticks_off()
    axis.set_xlabel("rows and columns")
