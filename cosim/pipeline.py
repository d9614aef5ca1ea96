"""From a study file to data, plots and a page; interrupted work goes on where it stopped."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.build import build_array
from cosim.catalogue import EXPERIMENTS
from cosim.config import StudyFile, load_study
from cosim.content import code_fingerprint
from cosim.errors import DataError, IncompleteResult
from cosim.outcome import JobResult, Outcome, write_outcome

if TYPE_CHECKING:
    import xarray as xr

    from cosim.report import Section
    from netlists import Array

__all__ = ["JobResult", "Outcome", "carry_on", "report_result", "result_key", "run_study"]

STUDY_COPY = "study.toml"


def result_key(study: StudyFile, array: Array, what: object) -> str:
    """Names a result: devices and state of the array, seed, simulator, and the code itself.

    Parameters
    ----------
    what : object
        What else decides it, as its ``repr``.
    """
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
    return write_outcome(folder, title, sections, problems, names, started, study.expect)


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
            # A job that cannot draw from its data alone is run: it takes the steps it kept.
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
    return write_outcome(folder, title, sections, problems, names, started, expect)
