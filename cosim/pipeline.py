"""From a study file to data, plots and a page; interrupted work goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.build import build_array
from cosim.catalogue import EXPERIMENTS
from cosim.config import StudyFile, load_study
from cosim.errors import ConfigError, DataError, IncompleteResult, best_matches
from cosim.published import Figure
from cosim.quantities import read_quantity, show_quantity

if TYPE_CHECKING:
    import xarray as xr

    from cosim.report import Section
    from netlists import Array

STUDY_COPY = "study.toml"


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
        from cosim.commands.output import table

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


def result_key(study: StudyFile, array: Array, what: object) -> str:
    """Names a result: devices and state of the array, seed, simulator, and the code itself.

    Parameters
    ----------
    what : object
        What else decides it, as its ``repr``.
    """
    from cosim.study import code_fingerprint

    # The devices count by their values: a parameter file may change under its name.
    how = (study.simulator, study.devices)
    parts = (study.seed, how, array.fingerprint, what, code_fingerprint())
    text = repr(parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def carry_on(array: Array, dataset: xr.Dataset) -> Array:
    """The array in the state that an experiment left it in.

    Raises
    ------
    IncompleteResult
        Cells without a result have no state to go on from.
    """
    from cosim.device_figures import failed_cells

    if not any(str(name).startswith("final_") for name in dataset):
        return array
    failed = failed_cells(dataset)
    if failed:
        raise IncompleteResult(
            thing=f"{dataset.attrs.get('experiment')}: {failed[0]}",
            next_step="The experiment after it needs the state of every cell; the data of the "
            "others are in the output folder",
        )
    return array.with_states(dataset)


def run_study(
    study: StudyFile,
    folder: str | Path,
    *,
    fresh: bool = False,
    quiet: bool = False,
    redraw: bool = False,
) -> Outcome:
    """Run every experiment of a study and write data, plots and page into `folder`.

    Parameters
    ----------
    study : StudyFile
    folder : path
        Made when missing; nothing is written outside it.
    fresh : bool
        Run again what `folder` already holds.
    quiet : bool
        No progress on standard error.
    redraw : bool
        Take the data of jobs that can draw their page from them as they are, whatever version of
        the code made them.

    Raises
    ------
    CosimError
        A wrong study, or a run that gave no result. Steps that were finished stay in `folder`,
        and the next call goes on from them.
    """
    from cosim.dataset import save
    from cosim.experiments.resume import FINISHED_CELLS, finished, run_resumed
    from cosim.sections import describe

    started = time.monotonic()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if study.path is not None and study.path.resolve() != (folder / STUDY_COPY).resolve():
        shutil.copyfile(study.path, folder / STUDY_COPY)
    sections: list[Section] = []
    problems: list[str] = []
    names: list[str] = []
    array: Array | None = None
    for step, name in enumerate(study.experiment):
        entry = EXPERIMENTS[name]
        settings = study.settings.get(name, {})
        if not quiet:
            print(f"[{step + 1}/{len(study.experiment)}] {name}", file=sys.stderr, flush=True)
        if entry.job:
            made = entry.load()(**settings)
            job: JobResult = (
                made.redraw(folder=folder)
                if redraw and hasattr(made, "redraw")
                else made.run(folder=folder, study=study, fresh=fresh, progress=not quiet)
            )
            sections += job.sections
            problems += job.problems
            names += list(job.datasets)
            continue
        array = build_array(study) if array is None else array
        key = result_key(study, array, (step, name, sorted(settings.items())))
        path = folder / f"{name}.nc"
        dataset = None if fresh else finished(path, key)
        if dataset is None:
            experiment = entry.load()(array, **settings)
            dataset = run_resumed(
                experiment,
                folder / FINISHED_CELLS,
                simulator=study.engine,
                seed=study.seed + step,
                progress=not quiet,
                fresh=fresh,
            )
            dataset.attrs["study_key"] = key
            save(dataset, path)
        elif not quiet:
            print("      already there, taken as it is", file=sys.stderr, flush=True)
        if step + 1 < len(study.experiment):
            array = carry_on(array, dataset)
        names.append(name)
        section = describe(dataset)
        sections.append(section)
        problems += section.problems
    title = study.title or study.name
    return _finish(folder, title, sections, problems, names, started, study.expect)


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


def _finish(
    folder: Path,
    title: str,
    sections: list[Section],
    problems: list[str],
    names: list[str],
    started: float,
    expect: Mapping[str, list[float | str]] | None = None,
) -> Outcome:
    from cosim.commands.output import plain
    from cosim.report import write_page

    figures = tuple(f for s in sections for f in s.figures)
    problems = problems + [
        f"{f.name} is {f.ours}, required: {f.beside}"
        for f in figures
        if f.required and f.verdict == "miss"
    ]
    wrong: ConfigError | None = None
    try:
        problems += _unexpected(figures, expect or {})
    except ConfigError as error:
        # What was computed is shown in spite of a mistake in what was expected of it.
        problems.append(str(error))
        wrong = error
    page = write_page(folder, title=title, sections=sections, problems=problems)
    rows = [plain(f) | {"verdict": f.verdict} for f in figures]
    summary = {"title": title, "figures": rows, "problems": problems}
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    if wrong is not None:
        wrong.next_step += f"; the page in {folder} has the results"
        raise wrong
    files = [f"{n}.nc" for n in names] + [p.file for s in sections for p in s.plots]
    return Outcome(
        folder=folder,
        page=page,
        files=(*files, page.name, "summary.json"),
        figures=figures,
        problems=tuple(problems),
        seconds=time.monotonic() - started,
    )


def report_result(result: str | Path, output: str | Path | None = None) -> Outcome:
    """Make plots and page again from a folder of results, or from one netCDF file.

    Raises
    ------
    DataError
        There is no result, or it is damaged.
    """
    from cosim.dataset import load
    from cosim.sections import describe

    result = Path(result)
    started = time.monotonic()
    study: StudyFile | None = None
    if result.is_dir() and (result / STUDY_COPY).is_file():
        study = load_study(result / STUDY_COPY)
        if any(EXPERIMENTS[n].job for n in study.experiment):
            # Others keep their steps in the folder, so running them again only redraws.
            folder = Path(output) if output else result
            if folder.resolve() != result.resolve():
                shutil.copytree(result, folder, dirs_exist_ok=True)
            return run_study(study, folder, quiet=True, redraw=True)
        paths = [result / f"{n}.nc" for n in study.experiment]
    else:
        paths = sorted(result.glob("*.nc")) if result.is_dir() else [result]
    if not paths:
        raise DataError(
            thing="no results in this folder",
            value=str(result),
            next_step="Give the folder that `cosim run -o` wrote, or a .nc file",
        )
    folder = Path(output) if output else (result if result.is_dir() else result.parent)
    folder.mkdir(parents=True, exist_ok=True)
    sections = [describe(load(path)) for path in paths]
    expect = study.expect if study else None
    problems = [p for s in sections for p in s.problems]
    names = [p.stem for p in paths]
    title = (study.title if study else "") or result.stem
    return _finish(folder, title, sections, problems, names, started, expect)
