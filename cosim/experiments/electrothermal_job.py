"""Field and heat as a job of a study file: ``experiment = "electrothermal"``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.electrothermal import figures_of, solved_device
from cosim.experiments.job_parts import DatasetJob, job_figure, job_plot, job_provenance
from cosim.report import Section

if TYPE_CHECKING:
    import xarray as xr

_CAPTIONS = {
    "dome_temperature": "Dome temperature against voltage, quarter to full amplitude.",
    "sensitivity": "Thermal resistance over the range of every constant that is not published.",
}


@dataclass(frozen=True, kw_only=True)
class Electrothermal(DatasetJob):
    """Field and heat inside the device, by finite elements.

    Parameters
    ----------
    amplitude : float
        Highest voltage [V].
    fractions : tuple of float
        Of the amplitude at which the device is solved [1].
    states : tuple of float
        Vacancy densities of the dome [1/m**3].
    fineness : float
        Divides every mesh spacing [1].
    materials : str
        "literature", or "calibrated" to the published thermal resistance.
    convergence, sensitivity : bool
        Also refine the mesh; also vary every number that is not published.
    """

    amplitude: float = 1.35
    fractions: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    states: tuple[float, ...] = (3.77e25, 1.64e25, 7e24)
    fineness: float = 1.0
    materials: str = "literature"
    convergence: bool = True
    sensitivity: bool = True

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Make ``electrothermal.nc``."""
        return {"electrothermal": lambda: solved_device(**asdict(self), progress=progress)}

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return factors beside the compact model's, maps and tables."""
        from compact_models import electrothermal as et

        dataset = data["electrothermal"]
        low = dataset.isel(state=0, voltage=0)
        figures = [
            job_figure("r_th", "thermal resistance (published compact model: 1.4e6 K/W)",
                    low.R_th, "K/W", low=0.7e6, high=2.8e6, required=True),
            job_figure("field_length", "effective field length (published: 12 nm)",
                    low.L_field, "m", low=6e-9, high=24e-9, required=True),
            job_figure("voltage_share", "share of the voltage across the dome",
                    low.voltage_share, low=0.5),
            job_figure("heat_share", "share of the heat made in the dome", low.heat_share),
            *_disturb(dataset, self.amplitude),
        ]  # fmt: skip
        problems: tuple[str, ...] = ()
        if self.convergence:
            error = float(dataset.mesh_R_th.attrs["relative_error_of_last"])
            figures.append(
                job_figure("mesh_error", "estimated mesh error of R_th", error, high=0.02)
            )
            if error > 0.02:
                problems = (f"the mesh is too coarse: R_th is off by about {error:.1%}",)
        base = et.make_device(vacancies=self.states[0], materials=self.materials)
        plots = [
            job_plot(name, _CAPTIONS.get(name, "temperature, potential and field"), figure)
            for name, figure in figures_of(dataset, base.parameters)
        ]
        tables = {
            f"Parts of the device at {float(dataset.voltage[-1]):g} V, "
            f"{self.states[0]:.3g} vacancies/m^3": _regions(dataset),
            "Temperature of the dome against voltage [K]": _temperatures(dataset),
        }
        if self.convergence:
            tables["Convergence with the mesh"] = _mesh(dataset)
        text = f"Axisymmetric finite elements, {self.materials} materials."
        if self.sensitivity:
            tables["Sensitivity to what is not published"] = _ranges(dataset)
            text += " " + _verdict(dataset)
        return Section(
            title="Field and heat inside the device",
            text=text,
            figures=tuple(figures),
            plots=tuple(plots),
            tables=tables,
            provenance=job_provenance(dataset),
            problems=problems,
        )


def _disturb(dataset: xr.Dataset, amplitude: float) -> list[Any]:
    """How much slower vacancies move at half the voltage, and what heat has to do with it."""
    half, full = (
        np.flatnonzero(np.isclose(dataset.voltage.values, part * amplitude)) for part in (0.5, 1.0)
    )
    if not half.size or not full.size:
        return []
    figures = []
    for polarity in dataset.polarity.values:
        warm = dataset.drift.sel(polarity=polarity).isel(state=0)
        cold = dataset.drift_cold.sel(polarity=polarity).isel(state=0)
        ratio = float(warm[half[0]] / warm[full[0]])
        # Cold, only the field would tell half a pulse from a whole one.
        alone = float(cold[half[0]] / cold[full[0]])
        figures.append(
            job_figure(f"drift_{polarity}", f"{str(polarity).upper()} drift at half voltage over "
                       f"full, with heat (field alone: {alone:.2g})", ratio, high=0.005)
        )  # fmt: skip
    return figures


def _regions(dataset: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    head = ["part", "potential [V]", "mean field [MV/cm]", "mean temperature [K]", "highest [K]",
            "share of the heat"]  # fmt: skip
    rows = []
    part = dataset.isel(state=0)
    for name in dataset.region.values:
        r = {
            n: float(part[f"region_{n}"].sel(region=name))
            for n in ("potential_low", "potential_high", "field_mean", "temperature_mean",
                      "temperature_peak", "heat_share")
        }  # fmt: skip
        rows.append(
            [str(name), f"{r['potential_low']:.3f} to {r['potential_high']:.3f}",
             f"{r['field_mean'] * 1e-8:.3f}", f"{r['temperature_mean']:.0f}",
             f"{r['temperature_peak']:.0f}", f"{r['heat_share']:.3f}"]
        )  # fmt: skip
    return head, rows


def _temperatures(dataset: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    volts = [f"{float(v):.4g} V" for v in dataset.voltage.values]
    rows = []
    for k, vacancies in enumerate(dataset.state.values):
        for name, key in (("finite elements", "temperature_mean"),
                          ("compact model", "compact_temperature")):  # fmt: skip
            values = dataset[key].values[k]
            rows.append([f"{vacancies:.3g}, {name}", *(f"{v:.0f}" for v in values)])
    if "calibrated_temperature" in dataset:
        label = f"{float(dataset.state[0]):.3g}, finite elements, R_th fitted"
        rows.append([label, *(f"{v:.0f}" for v in dataset.calibrated_temperature.values)])
    return ["vacancies [1/m^3]", *volts], rows


def _mesh(dataset: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    names = ("fineness", "R_th", "L_field", "conductance", "tau")
    columns = [dataset[f"mesh_{n}"] for n in names]
    rows = [[f"{float(c[k]):.5g}" for c in columns] for k in range(dataset.sizes["mesh"])]
    errors = [f"{c.attrs.get('relative_error_of_last', 0.0):.1e}" for c in columns[1:]]
    rows.append(["estimated error of the last", *errors])
    head = ["fineness", "R_th [K/W]", "field length [m]", "conductance [S]", "settling [s]"]
    return head, rows


def _ranges(dataset: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    columns = [dataset[n].values for n in ("range_value", "range_R_th", "range_L_field")]
    rows = [
        [str(n), f"{float(at):.3g}", *(f"{float(v):.4g}" for v in np.concatenate(values))]
        for n, at, *values in zip(
            dataset.parameter.values, dataset.range_state.values, *columns, strict=True
        )
    ]
    head = ["parameter", "at vacancies", "low", "high", "R_th at low [K/W]", "R_th at high [K/W]",
            "field length at low [m]", "field length at high [m]"]  # fmt: skip
    return head, rows


def _verdict(dataset: xr.Dataset) -> str:
    """What the ranges say about the published thermal resistance."""
    from compact_models import load_model

    published = float(load_model("cmo_hfox").parameters["R_th"])
    found = float(dataset.R_th[0, 0])
    ranges = dataset.range_R_th
    width = np.abs(np.log(ranges.values[:, 1] / ranges.values[:, 0]))
    widest = ranges[int(width.argmax())]
    ends = np.sort(widest.values) / 1e6
    holds = "lies inside" if ends[0] <= published / 1e6 <= ends[1] else "lies outside"
    return (
        f"R_th is {found / 1e6:.2f} MK/W, {100 * (found / published - 1):+.0f} % against the "
        f"compact model's {published / 1e6:.2g}. No material constant is published for this "
        f"device; the most uncertain, {widest.parameter.item()}, alone moves R_th from "
        f"{ends[0]:.2f} to {ends[1]:.2f} MK/W over its literature range: the compact model "
        f"{holds}."
    )
