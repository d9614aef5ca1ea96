"""What the jobs of physics studies are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from cosim.pipeline import JobResult
    from cosim.report import Plot, Section


def job_result(name: str, dataset: xr.Dataset, section: Section) -> JobResult:
    """Return the result of a job of one dataset and one section."""
    from cosim.pipeline import JobResult

    return JobResult(sections=(section,), datasets={name: dataset}, problems=section.problems)


def job_figure(key: str, name: str, value: float, unit: str = "", **more: Any) -> Any:
    """Return a figure of a section; see :class:`cosim.published.Figure`."""
    from cosim.published import Figure

    return Figure(key=key, name=name, value=float(value), unit=unit, **more)


def job_plot(name: str, caption: str, figure: Any, wide: bool = True) -> Plot:
    """Return a picture of a section, wide unless told."""
    from cosim.report import Plot

    return Plot(name=name, caption=caption, figure=figure, wide=wide)


def job_provenance(dataset: xr.Dataset) -> dict[str, Any]:
    """Return where a dataset came from."""
    return {str(k): v for k, v in dataset.attrs.items()}
