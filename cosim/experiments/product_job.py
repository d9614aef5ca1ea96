"""The error of a product through an array, cause by cause, as a job of a study file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import ConfigError
from cosim.experiments.job_parts import (
    DatasetJob,
    job_figure,
    job_plot,
    job_provenance,
    stamped,
)
from cosim.experiments.levels import moment_name
from cosim.published import Published, published
from cosim.report import Section
from cosim.style import BLUE, ORANGE, styled

if TYPE_CHECKING:
    import xarray as xr

_PUBLISHED = {1.0: "product_1s", 3.156e8: "product_10y"}
_CAUSES = {
    "inputs": "rounding of the inputs to 6 bits",
    "outputs": "rounding of the outputs to 8 bits",
    "devices": "programming and relaxation of the devices",
    "reference": "the same of one reference column",
    "read": "read noise of the devices",
    "shift": "mean relaxation, where the middle of the window is subtracted as a number",
}


@dataclass(frozen=True, kw_only=True)
class ProductError(DatasetJob):
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

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Make ``product_error.nc``; its matrices are those of the validation, not of `seed`."""
        return {"product_error": lambda: self.solve(progress)}

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return the table of causes and its picture."""
        dataset = data["product_error"]
        moments = [moment_name(float(t)) for t in dataset.time.values]
        figures = []
        known = {float(t): self._published(float(t)) for t in dataset.time.values}
        for time, name in zip(dataset.time.values, moments, strict=True):
            beside = known[float(time)]
            low, high = (beside.low, beside.high) if beside else (-np.inf, np.inf)
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
        return Section(
            title="The error of a product through an array",
            text="Published, by a law in which a weight of zero draws no current: 0.06 after 1 s, "
            "0.2 after 10 years. Here every transistor and wire is solved. Half of the inputs "
            "calibrate the outputs, the other half is judged.",
            figures=tuple(figures),
            plots=(job_plot("product_error", "RMSE as causes are taken out",
                            plot_steps(dataset, known)),),
            tables={
                "RMSE, one cause after the other taken out": (["array", *moments], steps),
                "RMSE of every cause alone, no wires": (["cause", *moments], causes),
            },
            provenance=job_provenance(dataset),
        )  # fmt: skip

    def _published(self, time: float) -> Published | None:
        """What is published for this array and time; the bands hold for 64 x 64."""
        if self.size != 64 or time not in _PUBLISHED:
            return None
        return published(_PUBLISHED[time])

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
        dataset = xr.Dataset(
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
                "size": self.size, "wire_resistance": self.wire_resistance, "count": self.count,
            },
        )  # fmt: skip
        reram, laws = load_model("cmo_hfox").parameters, noise.noise_parameters()
        return stamped(
            dataset,
            "product_error",
            seed=SEED,
            fingerprint=reram.fingerprint,
            citations=f"{reram.citation}; {laws.citation}",
            simulator="native",
        )


@styled
def plot_steps(dataset: xr.Dataset, known: Mapping[float, Published | None]) -> Any:
    """Draw the error of every step as a bar, one panel a time, with the published value."""
    from matplotlib.figure import Figure

    times = dataset.time.values
    figure = Figure(figsize=(5.4 + 3.4 * times.size, 4.2), layout="constrained")
    axes = figure.subplots(1, times.size, sharey=True, squeeze=False)[0]
    places = np.arange(dataset.sizes["step"])[::-1]
    for axis, time in zip(axes, times, strict=True):
        values = dataset.error.sel(time=time).values
        axis.barh(places, values, color=BLUE, height=0.6)
        for place, value in zip(places, values, strict=True):
            axis.text(value, place, f" {value:.3f}", va="center", fontsize=8,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
        beside = known.get(float(time))
        if beside:
            axis.axvline(beside.value, color=ORANGE, linestyle="--", linewidth=1.2)
            axis.set_xlabel(f"RMSE; dashed: published {beside.value:g}")
        else:
            axis.set_xlabel("RMSE")
        axis.set_title(moment_name(float(time)), fontsize=10)
        axis.set_xlim(0.0, 1.2 * float(values.max()))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(places, [str(n) for n in dataset.step_name.values], fontsize=8)
    return figure
