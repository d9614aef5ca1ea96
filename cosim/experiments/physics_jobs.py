"""Disturb and retention as jobs of a study file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.job_parts import job_figure, job_plot, job_provenance, job_result
from cosim.quantities import show_span

if TYPE_CHECKING:
    from cosim.pipeline import JobResult


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
            job_figure(
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
            plots=(job_plot("disturb", "k against the number of half pulses",
                         plot_disturb(dataset), wide=False),),
            provenance=job_provenance(dataset),
        )  # fmt: skip
        return job_result("disturb", dataset, section)


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
            job_figure(f"overlap_{t:g}", f"mean overlap of neighbours after {show_span(float(t))}",
                    100.0 * float(dataset.overlap.sel(time=t).mean()), "%",
                    **({"low": 8.64, "high": 10.56, "required": True} if t == 600.0 else {}))
            for t in dataset.time.values
        ]  # fmt: skip
        section = Section(
            title="Retention",
            text="Published: 9.6 % mean overlap of adjacent levels after 10 minutes.",
            figures=tuple(figures),
            plots=(job_plot("retention", "levels through time", plot_retention(dataset)),),
            provenance=job_provenance(dataset),
        )
        return job_result("retention", dataset, section)
