"""The error of a product through an array, cause by cause, as a job of a study file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import ConfigError
from cosim.experiments.job_parts import job_figure, job_plot, job_provenance
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr

    from cosim.pipeline import JobResult

_PUBLISHED = {1.0: (0.06, 0.055, 0.065), 3.156e8: (0.2, 0.15, 0.25)}
_CAUSES = {
    "inputs": "rounding of the inputs to 6 bits",
    "outputs": "rounding of the outputs to 8 bits",
    "devices": "programming and relaxation of the devices",
    "reference": "the same of one reference column",
    "read": "read noise of the devices",
    "shift": "mean relaxation, where the middle of the window is subtracted as a number",
}


@dataclass(frozen=True, kw_only=True)
class ProductError:
    """What the error of a matrix-vector product through a whole array is made of.

    Parameters
    ----------
    size : int
        Rows and columns of the matrix.
    times : tuple of float
        Since programming [s].
    wire_resistance : float
        Per segment [Ohm].
    count : int
        Inputs; half of them calibrate the outputs, the others are judged.
    """

    size: int = 64
    times: tuple[float, ...] = (1.0, 3.156e8)
    wire_resistance: float = 0.35
    count: int = 64

    def __post_init__(self) -> None:
        """Refuse what gives no error."""
        if not (2 <= self.size <= 512 and self.count >= 8 and self.times and min(self.times) > 0):
            raise ConfigError(
                thing="error of a product",
                value=(self.size, self.count, self.times),
                limit="2 to 512 rows, 8 inputs or more, times above 0 s",
            )

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Solve, and leave ``product_error.nc``, the table and its picture."""
        from cosim.experiments.program_verify import moment_name
        from cosim.pipeline import JobResult
        from cosim.report import Section

        dataset = self.solve(progress)
        dataset.to_netcdf(folder / "product_error.nc", engine="h5netcdf")
        moments = [moment_name(float(t)) for t in dataset.time.values]
        figures = []
        for time, name in zip(dataset.time.values, moments, strict=True):
            _, low, high = _PUBLISHED.get(float(time), (0.0, -np.inf, np.inf))
            for key, text in (
                ("reference", "one far reference"),
                ("rounded", "calibrated, rounded inputs"),
                ("pairs", "pairs of devices"),
            ):
                error = dataset.error.sel(time=time, step=key)
                figures.append(
                    job_figure(f"{key}_{time:g}", f"RMSE {name}, {text}", error, low=low, high=high)
                )
        steps = [
            [str(n), *(f"{float(v):.4f}" for v in row)]
            for n, row in zip(dataset.step_name.values, dataset.error.values.T, strict=True)
        ]
        causes = [
            [_CAUSES[str(c)], *(f"{float(v):.4f}" for v in row)]
            for c, row in zip(dataset.cause.values, dataset.alone.values.T, strict=True)
        ]
        section = Section(
            title="The error of a product through an array",
            text="Published, by a law in which a weight of zero draws no current: 0.06 after 1 s, "
            "0.2 after 10 years. Here every transistor and wire is solved. Half of the inputs "
            "calibrate the outputs, the other half is judged.",
            figures=tuple(figures),
            plots=(job_plot("product_error", "RMSE as causes are taken out",
                            plot_steps(dataset)),),
            tables={
                "RMSE, one cause after the other taken out": (["array", *moments], steps),
                "RMSE of every cause alone, no wires": (["cause", *moments], causes),
            },
            provenance=job_provenance(dataset),
        )  # fmt: skip
        return JobResult(
            sections=(section,), datasets={"product_error": dataset}, problems=section.problems
        )

    def solve(self, progress: bool = True) -> xr.Dataset:
        """Return ``error`` over (time, step) and ``alone`` over (time, cause)."""
        import xarray as xr

        from compact_models import load_model, noise
        from cosim.validation.product import SEED
        from cosim.validation.product_budget import parts, product_steps

        found, alone, names = [], [], {}
        for time in self.times:
            errors = []
            for step in product_steps(time, self.size, self.wire_resistance, self.count):
                errors.append(step.error)
                names[step.key] = step.name
                if progress:
                    print(f"{time:g} s: {step.error:.4f} {step.name}", file=sys.stderr, flush=True)
            found.append(errors)
            alone.append(list(parts(time, self.size).values()))
        model = load_model("cmo_hfox")
        return xr.Dataset(
            {
                "error": (("time", "step"), found, {"units": "1"}),
                "alone": (("time", "cause"), alone, {"units": "1"}),
                "step_name": (("step",), list(names.values())),
            },
            coords={
                "time": ("time", list(self.times), {"units": "s"}),
                "step": ("step", list(names)),
                "cause": ("cause", list(_CAUSES)),
            },
            attrs={
                "experiment": "product_error",
                "size": self.size,
                "wire_resistance": self.wire_resistance,
                "count": self.count,
                "seed": SEED,
                "parameter_fingerprint": model.parameters.fingerprint,
                "citations": model.parameters.citation + "; " + noise.noise_parameters().citation,
            },
        )


@styled
def plot_steps(dataset: xr.Dataset) -> Any:
    """Draw the error of every step as a bar, one panel a time, with the published value."""
    from matplotlib.figure import Figure

    from cosim.experiments.program_verify import moment_name

    times = dataset.time.values
    figure = Figure(figsize=(5.4 + 3.4 * times.size, 4.2), layout="constrained")
    axes = figure.subplots(1, times.size, sharey=True, squeeze=False)[0]
    places = np.arange(dataset.sizes["step"])[::-1]
    for axis, time in zip(axes, times, strict=True):
        values = dataset.error.sel(time=time).values
        axis.barh(places, values, color="#1f5fa8", height=0.6)
        for place, value in zip(places, values, strict=True):
            axis.text(value, place, f" {value:.3f}", va="center", fontsize=8)
        published = _PUBLISHED.get(float(time))
        if published:
            axis.axvline(published[0], color="#d1611b", linestyle="--", linewidth=1.2)
            axis.set_xlabel(f"RMSE; dashed: published {published[0]:g}")
        else:
            axis.set_xlabel("RMSE")
        axis.set_title(moment_name(float(time)), fontsize=10)
        axis.set_xlim(0.0, 1.2 * float(values.max()))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, [str(n) for n in dataset.step_name.values], fontsize=8)
    return figure
