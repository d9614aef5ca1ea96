"""Field and heat as a job of a study file: ``experiment = "electrothermal"``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.experiments.job_parts import job_figure, job_plot, job_provenance, job_result

if TYPE_CHECKING:
    from cosim.pipeline import JobResult


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
            job_figure("r_th", "thermal resistance (published compact model: 1.4e6 K/W)",
                    low.R_th, "K/W", low=0.7e6, high=2.8e6, required=True),
            job_figure("field_length", "effective field length (published: 12 nm)",
                    low.L_field, "m", low=6e-9, high=24e-9, required=True),
            job_figure("voltage_share", "share of the voltage across the dome",
                    low.voltage_share, low=0.5),
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
            job_plot(name, f"{name.replace('_', ' ')}: temperature, potential and field", figure)
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
            provenance=job_provenance(dataset),
            problems=problems,
        )
        return job_result("electrothermal", dataset, section)
