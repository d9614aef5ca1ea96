"""Training with the circuit in the loop as a job of a study file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cosim.pipeline import JobResult


@dataclass(frozen=True, kw_only=True)
class CircuitTraining:
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

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Leave ``circuit.nc`` and its picture."""
        import dataclasses

        from cosim.network.circuit_report import LEARNERS, plot, table
        from cosim.network.circuit_study import run_circuit_study
        from cosim.pipeline import JobResult
        from cosim.published import Figure
        from cosim.report import Plot, Section

        settings = dataclasses.asdict(self) | {"seed": study.seed}
        dataset = run_circuit_study(settings, progress=progress)
        dataset.to_netcdf(folder / "circuit.nc", engine="h5netcdf")
        if progress:
            print(table(dataset))
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
        section = Section(
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
        return JobResult(sections=(section,), datasets={"circuit": dataset}, problems=problems)
