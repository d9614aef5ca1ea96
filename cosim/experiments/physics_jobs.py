"""Disturb and retention as jobs of a study file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cosim.experiments.disturb import disturbed_devices, plot_disturb
from cosim.experiments.job_parts import (
    DatasetJob,
    at_default,
    job_figure,
    job_plot,
    job_provenance,
)
from cosim.experiments.retention import plot_retention, relaxed_levels
from cosim.published import published
from cosim.quantities import show_span
from cosim.report import Section

if TYPE_CHECKING:
    import xarray as xr

PUBLISHED_COUNT = 100_000


@dataclass(frozen=True, kw_only=True)
class HalfSelectDisturb(DatasetJob):
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

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Make ``disturb.nc``."""
        return {"disturb": lambda: disturbed_devices(**asdict(self), seed=seed, progress=progress)}

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return k beside the published bound."""
        dataset = data["disturb"]
        worst = dataset.k_total.mean("device").max(("bound", "polarity"))
        bound = published("disturb_k_maximum")
        # Another device or pulse may move more than the published ones.
        same = self.parameters == type(self).parameters and at_default(
            self, "up", "down", "width", "access_resistance"
        )
        figures = [
            job_figure(
                f"k_{n}",
                f"largest mean k after {n} half pulses",
                float(worst.sel(count=n)),
                high=bound.high if same and n <= PUBLISHED_COUNT else math.inf,
                required=same,
            )
            for n in map(int, dataset["count"].values)
        ]
        return Section(
            title="Half-select disturb",
            text=f"Published for the 350 nm device: mean k below {bound.high:g} after "
            f"{PUBLISHED_COUNT} half pulses ({bound.source}).",
            figures=tuple(figures),
            plots=(
                job_plot("disturb", "k against the number of half pulses", plot_disturb(dataset),
                         wide=False),
            ),
            provenance=job_provenance(dataset),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Retention(DatasetJob):
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

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Make ``retention.nc``."""
        return {"retention": lambda: relaxed_levels(**asdict(self), seed=seed, progress=progress)}

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return the overlap of neighbours beside the published one."""
        dataset = data["retention"]
        known = published("overlap_law")
        # With fewer levels or a wider band neighbours overlap by something else.
        same = at_default(self, "levels", "acceptance_range")
        figures = [
            job_figure(
                f"overlap_{t:g}",
                f"mean overlap of neighbours after {show_span(t)}",
                100.0 * float(dataset.overlap.sel(time=t).mean()),
                "%",
                published=known if same and t == 600.0 else None,
                required=same and t == 600.0,
            )
            for t in map(float, dataset.time.values)
        ]
        return Section(
            title="Retention",
            text=f"Published: {known.value:g} % mean overlap of adjacent levels after 10 minutes.",
            figures=tuple(figures),
            plots=(job_plot("retention", "levels through time", plot_retention(dataset)),),
            provenance=job_provenance(dataset),
        )
