"""What a study leaves: page, summary, figures, and what speaks against them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.errors import ConfigError, best_matches
from cosim.published import Figure
from cosim.quantities import read_quantity, show_quantity

if TYPE_CHECKING:
    import xarray as xr

    from cosim.report import Section


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run left behind.

    Parameters
    ----------
    folder, page : Path
    files : tuple of str
        Relative to the folder.
    figures : tuple of Figure
    problems : tuple of str
        Why the result is not to be trusted; empty when it is.
    seconds : float
    """

    folder: Path
    page: Path
    files: tuple[str, ...]
    figures: tuple[Figure, ...]
    problems: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the result."""
        return not self.problems

    def text(self) -> str:
        """The figures as a table, then where everything is."""
        from cosim.text import table

        lines = []
        if self.figures:
            rows = [
                (f.name, f.ours, f.beside, f.verdict, f.source.split("; band")[0])
                for f in self.figures
            ]
            lines += [table(("figure", "here", "published or required", "", "source"), rows), ""]
            lines += [f"miss: {f.name}: {f.reason}" for f in self.figures if f.reason]
        lines += [f"not to be trusted: {problem}" for problem in self.problems]
        lines.append(f"page: {self.page}")
        if self.seconds:
            lines.append(f"{len(self.files)} files in {self.folder}, {self.seconds:.0f} s")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What a job hands back: data, page sections, and reasons for distrust."""

    sections: tuple[Section, ...]
    datasets: Mapping[str, xr.Dataset] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def _unexpected(figures: Sequence[Figure], expect: Mapping[str, list[float | str]]) -> list[str]:
    """What a study expects of its figures and does not find."""
    by_key = {f.key: f for f in figures}
    found = []
    for key, ends in expect.items():
        if key not in by_key:
            raise ConfigError(
                thing="[expect] names a figure that the result does not have",
                value=key,
                next_step=best_matches(key, by_key),
            )
        figure = by_key[key]
        # Percentages are kept as such in figures; all else is SI.
        unit = "dimensionless" if figure.unit in ("", "%") else figure.unit
        low, high = (read_quantity(end, unit, name=f"[expect] {key}") for end in ends)
        if not low <= figure.value <= high:
            limits = " to ".join(show_quantity(x, figure.unit, 4) for x in (low, high))
            found.append(f"{figure.name} is {figure.ours}, expected {limits}")
    return found


def write_outcome(
    folder: Path,
    title: str,
    sections: Sequence[Section],
    problems: Sequence[str],
    names: Sequence[str],
    started: float,
    expect: Mapping[str, list[float | str]] | None = None,
) -> Outcome:
    """Write page and summary of what was computed.

    Parameters
    ----------
    problems : sequence of str
        Why the data are not to be trusted; required figures that miss are added.
    names : sequence of str
        Datasets in `folder`.
    started : float
        When the work began, on the monotonic clock [s].
    expect : mapping, optional
        Ends that figures must lie between, by key.

    Raises
    ------
    ConfigError
        `expect` names a figure that is not there; page and summary are written before.
    """
    from cosim.report import write_page
    from cosim.text import plain

    figures = tuple(f for s in sections for f in s.figures)
    found = list(problems)
    found += [
        f"{f.name} is {f.ours}, required: {f.beside}"
        for f in figures
        if f.required and f.verdict == "miss"
    ]
    wrong: ConfigError | None = None
    try:
        found += _unexpected(figures, expect or {})
    except ConfigError as error:
        # What was computed is shown in spite of a mistake in what was expected of it.
        found.append(str(error))
        wrong = error
    page = write_page(folder, title=title, sections=sections, problems=found)
    rows = [plain(f) | {"verdict": f.verdict} for f in figures]
    summary = {"title": title, "figures": rows, "problems": found}
    (folder / "summary.json").write_text(
        json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    if wrong is not None:
        wrong.next_step += f"; the page in {folder} has the results"
        raise wrong
    files = [f"{n}.nc" for n in names] + [p.file for s in sections for p in s.plots]
    return Outcome(
        folder=folder,
        page=page,
        files=(*files, page.name, "summary.json"),
        figures=figures,
        problems=tuple(found),
        seconds=time.monotonic() - started,
    )
