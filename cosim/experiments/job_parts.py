"""What the jobs of physics studies are made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.content import code_fingerprint, content_hash
from cosim.dataset import load, package_version
from cosim.experiments.resume import FinishedSteps
from cosim.outcome import JobResult
from cosim.published import Figure
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

    from cosim.config import StudyFile


class DatasetJob(ABC):
    """A job whose steps are datasets, and whose page is made of these alone.

    Subclasses are frozen dataclasses of their settings.
    """

    @abstractmethod
    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Return what makes each dataset, by name and in order."""

    @abstractmethod
    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return the page of the datasets."""

    def compute(
        self,
        *,
        seed: int = 1,
        folder: Path | None = None,
        fresh: bool = False,
        progress: bool = False,
    ) -> dict[str, xr.Dataset]:
        """Make every dataset that `folder` does not hold yet, and return all by name."""
        steps = FinishedSteps(
            folder=folder,
            key=content_hash((code_fingerprint(), self, seed)),
            fresh=fresh,
            progress=progress,
        )
        self.make(steps, seed, progress)
        steps.close()
        return steps.done

    def make(self, finished: FinishedSteps, seed: int, progress: bool) -> None:
        """Make the steps that are not finished yet."""
        for name, make in self.steps(seed, progress).items():
            finished.get(name, make)

    def run(
        self, *, folder: Path, study: StudyFile, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Run as a job of ``cosim run``; page and pictures are written by the caller."""
        return self._drawn(
            self.compute(seed=study.seed, folder=folder, fresh=fresh, progress=progress)
        )

    def redraw(self, *, folder: Path) -> JobResult:
        """Return the page again from the data in `folder`, computing nothing.

        Raises
        ------
        DataError
            A dataset is missing: run the study again to go on.
        """
        return self._drawn({name: load(folder / f"{name}.nc") for name in self.steps(0, False)})

    def _drawn(self, data: Mapping[str, xr.Dataset]) -> JobResult:
        section = self.section(data)
        return JobResult(sections=(section,), datasets=data, problems=section.problems)


def at_default(job: object, *names: str) -> bool:
    """Whether these numbers of a job are those of its class, up to rounding of their units."""
    return all(math.isclose(getattr(job, n), getattr(type(job), n)) for n in names)


def stamped(
    data: xr.Dataset,
    experiment: str,
    *,
    seed: int,
    fingerprint: str,
    citations: str,
    simulator: str = "closed laws",
) -> xr.Dataset:
    """Return the dataset with the attributes and units that every saved result has."""
    for variable in data.variables.values():
        bare = not variable.attrs.get("units") and variable.dtype.kind not in "OUST"
        if bare or variable.attrs.get("units") == "dimensionless":
            variable.attrs["units"] = "1"
    standard = {
        "experiment": experiment,
        "version": package_version(),
        "parameter_fingerprint": fingerprint,
        "seed": seed,
        "simulator": simulator,
        "netlist_sha256": "",
        "citations": citations,
    }
    data.attrs = standard | data.attrs
    return data


def job_figure(key: str, name: str, value: float, unit: str = "", **more: Any) -> Figure:
    """Return a figure of a section; see :class:`cosim.published.Figure`."""
    return Figure(key=key, name=name, value=float(value), unit=unit, **more)


def job_plot(name: str, caption: str, figure: Any, wide: bool = True) -> Plot:
    """Return a picture of a section, wide unless told."""
    return Plot(name=name, caption=caption, figure=figure, wide=wide)


def job_provenance(dataset: xr.Dataset) -> dict[str, Any]:
    """Return where a dataset came from."""
    return {str(k): v for k, v in dataset.attrs.items()}
