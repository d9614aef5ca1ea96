"""Physics studies as jobs of a study file: ``experiment = "electrothermal"`` and the like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from cosim.pipeline import JobResult
    from cosim.report import Plot, Section


def _result(name: str, dataset: xr.Dataset, section: Section) -> JobResult:
    from cosim.pipeline import JobResult

    return JobResult(sections=(section,), datasets={name: dataset}, problems=section.problems)


def _figure(key: str, name: str, value: float, unit: str = "", **more: Any) -> Any:
    from cosim.published import Figure

    return Figure(key=key, name=name, value=float(value), unit=unit, **more)


def _plot(name: str, caption: str, figure: Any, wide: bool = True) -> Plot:
    from cosim.report import Plot

    return Plot(name=name, caption=caption, figure=figure, wide=wide)


def _provenance(dataset: xr.Dataset) -> dict[str, Any]:
    return {str(k): v for k, v in dataset.attrs.items()}


@dataclass(frozen=True, kw_only=True)
class Electrothermal:
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

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Solve, and leave ``electrothermal.nc``, maps and figures."""
        from compact_models import electrothermal as et
        from cosim.experiments.electrothermal import figures_of, run_study
        from cosim.report import Section

        dataset = run_study(
            {
                "amplitude": self.amplitude,
                "fractions": list(self.fractions),
                "states": list(self.states),
                "fineness": self.fineness,
                "materials": self.materials,
                "convergence": self.convergence,
                "sensitivity": self.sensitivity,
            },
            progress=progress,
        )
        dataset.to_netcdf(folder / "electrothermal.nc", engine="h5netcdf")
        low = dataset.isel(state=0, voltage=0)
        figures = [
            _figure("r_th", "thermal resistance (published compact model: 1.4e6 K/W)",
                    low.R_th, "K/W", low=0.7e6, high=2.8e6, required=True),
            _figure("field_length", "effective field length (published: 12 nm)",
                    low.L_field, "m", low=6e-9, high=24e-9, required=True),
            _figure("voltage_share", "share of the voltage across the dome",
                    low.voltage_share, low=0.5),
        ]  # fmt: skip
        problems: tuple[str, ...] = ()
        if self.convergence:
            error = float(dataset.mesh_R_th.attrs["relative_error_of_last"])
            figures.append(_figure("mesh_error", "estimated mesh error of R_th", error, high=0.02))
            if error > 0.02:
                problems = (f"the mesh is too coarse: R_th is off by about {error:.1%}",)
        base = et.make_device(vacancies=self.states[0], materials=self.materials)
        plots = [
            _plot(name, f"{name.replace('_', ' ')}: temperature, potential and field", figure)
            for name, figure in figures_of(dataset, base.parameters)
        ]
        tables = {}
        if self.convergence:
            names = ("fineness", "R_th", "L_field", "conductance", "tau")
            columns = [dataset[f"mesh_{n}"] for n in names]
            rows = [[f"{float(c[k]):.5g}" for c in columns] for k in range(dataset.sizes["mesh"])]
            errors = [f"{c.attrs.get('relative_error_of_last', 0.0):.1e}" for c in columns[1:]]
            rows.append(["estimated error of the last", *errors])
            head = ["fineness", "R_th [K/W]", "field length [m]", "conductance [S]", "settling [s]"]
            tables["Convergence with the mesh"] = (head, rows)
        if self.sensitivity:
            rows = [
                [str(n), *(f"{float(v):.4g}" for v in (*value, *r, *length))]
                for n, value, r, length in zip(
                    dataset.parameter.values,
                    dataset.range_value.values,
                    dataset.range_R_th.values,
                    dataset.range_L_field.values,
                    strict=True,
                )
            ]
            head = ["parameter", "low", "high", "R_th at low [K/W]", "R_th at high [K/W]",
                    "field length at low [m]", "field length at high [m]"]  # fmt: skip
            tables["Sensitivity to what is not published"] = (head, rows)
        section = Section(
            title="Field and heat inside the device",
            text=f"Axisymmetric finite elements, {self.materials} materials.",
            figures=tuple(figures),
            plots=tuple(plots),
            tables=tables,
            provenance=_provenance(dataset),
            problems=problems,
        )
        return _result("electrothermal", dataset, section)


@dataclass(frozen=True, kw_only=True)
class LevelProgramming:
    """Closed-loop programming of many levels on devices with spread.

    Parameters
    ----------
    levels, devices : int
        Levels, and devices programmed to each.
    lowest, highest : float
        Conductance of the end levels [S].
    acceptance_ranges : tuple of float
        Half-widths of the accepted band relative to the target [1].
    limit : int
        Pulses after which a cell is given up.
    """

    levels: int = 35
    devices: int = 32
    lowest: float = 10e-6
    highest: float = 90e-6
    acceptance_ranges: tuple[float, ...] = (0.002, 0.02)
    limit: int = 2000

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Program, relax, and leave ``program_verify.nc`` and the distributions."""
        from cosim.experiments.program_verify import plot_levels, run_study
        from cosim.report import Section

        dataset = run_study(
            {
                "levels": self.levels,
                "devices": self.devices,
                "lowest": self.lowest,
                "highest": self.highest,
                "acceptance_ranges": list(self.acceptance_ranges),
                "limit": self.limit,
                "seed": study.seed,
            },
            progress=progress,
        )
        dataset.to_netcdf(folder / "program_verify.nc", engine="h5netcdf")
        figures = []
        for acceptance in dataset.acceptance_range.values:
            part = dataset.sel(acceptance_range=acceptance)
            name = f"at {float(acceptance):.1%}"
            reached = part.reached.values.astype(bool)
            pulses = part.pulses.values[reached]
            figures += [
                _figure(f"pulses_{acceptance:g}", f"mean pulses {name}", pulses.mean()),
                _figure(f"energy_{acceptance:g}", f"mean energy of a cell's pulses {name}",
                        part.energy.mean(), "J"),
                _figure(
                    f"reached_{acceptance:g}",
                    f"cells that reach their level {name}",
                    100.0 * reached.mean(),
                    "%",
                    low=99.0,
                    required=True,
                ),
            ]  # fmt: skip
        section = Section(
            title="Closed-loop programming",
            text="Published: 35 levels, about 89 pulses at 0.2 % and 11 at 2 %.",
            figures=tuple(figures),
            plots=(_plot("program_verify", "every level, programmed and relaxed",
                         plot_levels(dataset)),),
            provenance=_provenance(dataset),
        )  # fmt: skip
        return _result("program_verify", dataset, section)


@dataclass(frozen=True, kw_only=True)
class HalfSelectDisturb:
    """Half pulses on cells at both ends of their window.

    Parameters
    ----------
    parameters : str
        Parameter file of the device.
    up, down : float
        Full amplitudes [V].
    width : float
        Of a pulse [s].
    counts : tuple of int
        Numbers of half pulses.
    devices : int
    access_resistance : float
        In series with every device [ohm].
    """

    parameters: str = "cmo_hfox_350nm"
    up: float = 1.4
    down: float = -1.9
    width: float = 2.5e-6
    counts: tuple[int, ...] = (1, 1_000, 10_000, 100_000, 1_000_000)
    devices: int = 25
    access_resistance: float = 700.0

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Disturb, and leave ``disturb.nc`` and its picture."""
        from cosim.experiments.disturb import plot_disturb, run_study
        from cosim.report import Section

        dataset = run_study(
            {
                "parameters": self.parameters,
                "up": self.up,
                "down": self.down,
                "width": self.width,
                "counts": list(self.counts),
                "devices": self.devices,
                "access_resistance": self.access_resistance,
                "seed": study.seed,
            },
            progress=progress,
        )
        dataset.to_netcdf(folder / "disturb.nc", engine="h5netcdf")
        worst = dataset.k_total.mean("device").max(("bound", "polarity"))
        figures = [
            _figure(
                f"k_{int(n)}",
                f"largest mean k after {int(n)} half pulses",
                float(worst.sel(count=n)),
                high=0.005 if int(n) <= 100_000 else np.inf,
                required=True,
            )
            for n in dataset["count"].values
        ]
        section = Section(
            title="Half-select disturb",
            text="Published: mean k below 0.005 after 100 000 half pulses.",
            figures=tuple(figures),
            plots=(_plot("disturb", "k against the number of half pulses",
                         plot_disturb(dataset), wide=False),),
            provenance=_provenance(dataset),
        )  # fmt: skip
        return _result("disturb", dataset, section)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Levels through time, by the published laws.

    Parameters
    ----------
    levels, devices : int
        Levels, and devices programmed to each.
    acceptance_range : float
        Of the programming loop [1].
    times : tuple of float
        Since programming [s].
    """

    levels: int = 35
    devices: int = 1000
    acceptance_range: float = 0.002
    times: tuple[float, ...] = (1.0, 600.0, 3600.0, 86400.0, 3.156e8)

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Relax, and leave ``retention.nc`` and its picture."""
        from cosim.experiments.retention import plot_retention, run_study
        from cosim.report import Section

        dataset = run_study(
            {
                "levels": self.levels,
                "devices": self.devices,
                "acceptance_range": self.acceptance_range,
                "times": list(self.times),
                "seed": study.seed,
            },
            progress=progress,
        )
        dataset.to_netcdf(folder / "retention.nc", engine="h5netcdf")
        figures = [
            _figure(f"overlap_{t:g}", f"mean overlap of neighbours after {t:g} s",
                    100.0 * float(dataset.overlap.sel(time=t).mean()), "%",
                    **({"low": 8.64, "high": 10.56, "required": True} if t == 600.0 else {}))
            for t in dataset.time.values
        ]  # fmt: skip
        section = Section(
            title="Retention",
            text="Published: 9.6 % mean overlap of adjacent levels after 10 minutes.",
            figures=tuple(figures),
            plots=(_plot("retention", "levels through time", plot_retention(dataset)),),
            provenance=_provenance(dataset),
        )
        return _result("retention", dataset, section)
