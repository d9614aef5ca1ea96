"""Training with the circuit in the loop as a job of a study file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.job_parts import DatasetJob
from cosim.published import Figure
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

    from cosim.config import StudyFile
    from cosim.experiments.resume import FinishedSteps
    from cosim.outcome import JobResult


@dataclass(frozen=True, kw_only=True)
class CircuitTraining(DatasetJob):
    """Train on the array rung, and follow its pulses with the other rungs.

    Parameters
    ----------
    side : int
        Pixels of a side: 8 as they are, 4 or 2 averaged [1].
    classes : tuple of int
        Digits to tell apart.
    hidden : int
        Neurons between two tiles; 0 for one tile.
    algorithm : str
        "mixed" or "sgd".
    samples, batch : int
        Digits to learn from, and of one update.
    rate : float
        Learning rate [1].
    weight_range : float
        Half the weight span of the conductance window [1].
    wire : float
        Resistance of a line segment [ohm].
    ngspice_steps : int
        Updates with pulses that ngspice follows.
    evaluate_every : int
        Updates between two looks at unseen digits.
    test_samples : int
        Unseen digits.
    """

    side: int = 4
    classes: tuple[int, ...] = tuple(range(10))
    hidden: int = 0
    algorithm: str = "mixed"
    samples: int = 600
    batch: int = 10
    rate: float = 0.2
    weight_range: float = 8.0
    wire: float = 0.35
    ngspice_steps: int = 0
    evaluate_every: int = 10
    test_samples: int = 100

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """The study, as one dataset."""
        return {"circuit": partial(self._study, seed, progress)}

    def _study(self, seed: int, progress: bool, **keep: Any) -> xr.Dataset:
        from cosim.network.circuit_study import run_circuit_study

        settings = dataclasses.asdict(self) | {"seed": seed}
        return run_circuit_study(settings, progress=progress, **keep)

    def make(self, finished: FinishedSteps, seed: int, progress: bool) -> None:
        """Make the study; every update is kept until the last is done."""
        finished.get("circuit", partial(self._study, seed, progress, keep=finished.part))

    def run(
        self, *, folder: Path, study: StudyFile, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """As every job of datasets; the steps are printed as a table too."""
        from cosim.network.circuit_report import table

        result = super().run(folder=folder, study=study, fresh=fresh, progress=progress)
        if progress:
            print(table(result.datasets["circuit"]))
        return result

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Drift and accuracy, with the bounds stated for the rungs."""
        from cosim.network.circuit_report import LEARNERS, plot

        dataset = data["circuit"]
        last = dataset.isel(step=-1)
        end = dict(zip(LEARNERS, dataset["accuracy"].values[-1], strict=True))
        rms = float(last.drift_rms.sel(rung="behaviour"))
        figures = [
            # The stated bounds of the behavioural rung against the array rung.
            Figure(key="drift", name="behaviour against array at the end, rms over the window",
                   value=rms, high=0.02, required=True),
            Figure(key="drift_max", name="the same, worst cell",
                   value=float(last.drift_max.sel(rung="behaviour"))),
            Figure(key="drift_product", name="the same, products, worst over the largest current",
                   value=float(last.drift_product.sel(rung="behaviour")), high=0.02,
                   required=True),
            *(Figure(key=f"accuracy_{n}", name=f"unseen digits right, {name}", value=float(a))
              for n, (name, a) in enumerate(end.items())),
        ]  # fmt: skip
        for key, name, what in (
            ("ngspice", "drift_max", "worst cell over the window"),
            ("ngspice_product", "drift_product", "products, worst over the largest current"),
        ):
            spice = dataset[name].sel(rung="ngspice").values
            if np.isfinite(spice).any():
                figures.append(
                    Figure(key=key, name=f"ngspice against array, {what}",
                           value=float(np.nanmax(spice)), high=1e-3, required=True)
                )  # fmt: skip
        # Figures that miss what is required are said to by the page itself.
        problems = tuple(filter(None, [str(dataset.attrs["warnings"])]))
        return Section(
            title="Training with the circuit in the loop",
            text="Every product and every update is solved on the array rung; the same pulses "
            "go to the other rungs.",
            figures=tuple(figures),
            plots=(
                Plot(name="circuit", caption="drift between the rungs, and what they learn",
                     figure=plot(dataset), wide=True),
            ),
            provenance={str(k): v for k, v in dataset.attrs.items()},
            problems=problems,
        )  # fmt: skip
