"""Finished work on disk, so that what was interrupted goes on where it stopped."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.content import code_fingerprint, content_hash
from cosim.errors import DataError
from cosim.experiments.groups import Group, Measured, origin
from cosim.simulators.base import RunProvenance, Simulator

if TYPE_CHECKING:
    import xarray as xr

_PROVENANCE = "provenance"
# Below the output folder of a study, while a step of it is in progress.
FINISHED_CELLS = ".cells"
FINISHED_PARTS = ".parts"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class FinishedCells:
    """Folder of finished groups of one experiment, found again by content.

    The name of a file is a hash of the experiment with its array, seed, simulator, its
    version, the code of this package and the cells: whatever changes a result changes it.

    Parameters
    ----------
    folder : Path
    key : str
    """

    folder: Path
    key: str

    @classmethod
    def of(
        cls, folder: str | Path | None, experiment: Any, simulator: Simulator, seed: int
    ) -> FinishedCells | None:
        """Return the cells of this very experiment, or None without a folder."""
        if folder is None:
            return None
        version = getattr(simulator, "version", "")
        key = content_hash((code_fingerprint(), experiment, simulator, version, seed))
        return cls(folder=Path(folder), key=key)

    def _path(self, group: Group) -> Path:
        name = hashlib.sha256(f"{self.key} {group.cells}".encode()).hexdigest()
        return self.folder / f"{name}.npz"

    def load(self, group: Group) -> Measured | None:
        """Return what was measured, or None when it is not there or cannot be read."""
        outputs = _read_arrays(self._path(group))
        if outputs is None or _PROVENANCE not in outputs:
            return None
        records = json.loads(str(outputs.pop(_PROVENANCE)))
        results = tuple(
            origin(RunProvenance(**{**r, "warnings": tuple(r["warnings"])})) for r in records
        )
        return Measured(outputs=outputs, results=results)

    def store(self, group: Group, measured: Measured) -> None:
        """Write what was measured, whole or not at all."""
        records = json.dumps([asdict(r.provenance) for r in measured.results])
        _write_arrays(self._path(group), {_PROVENANCE: np.array(records), **measured.outputs})


def measured_once(
    finished: FinishedCells | None, group: Group, make: Callable[[], Measured]
) -> Measured:
    """Return what `finished` holds of a group, else make it and keep it there."""
    known = finished.load(group) if finished else None
    if known is not None:
        return known
    measured = make()
    if finished:
        finished.store(group, measured)
    return measured


def _read_arrays(path: Path) -> Arrays | None:
    """Arrays of a file, or None when it is not there or cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {n: file[n] for n in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write_arrays(path: Path, arrays: Arrays) -> None:
    """Write a file of arrays, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        given: dict[str, Any] = arrays
        np.savez(file, **given)
    Path(name).replace(path)


def finished(path: Path, key: str) -> xr.Dataset | None:
    """The dataset in a file if it is whole and was made for `key`."""
    from cosim.dataset import load

    if not path.is_file():
        return None
    try:
        dataset = load(path)
    except DataError:
        return None
    return dataset if dataset.attrs.get("study_key") == key else None


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedSteps:
    """Steps of a job, each made once: datasets in a folder, and arrays until the job is done.

    Parameters
    ----------
    folder : Path, optional
        Where the datasets are kept as ``NAME.nc``; without it nothing is kept.
    key : str
        Of what all steps depend on; a step made for another one is made again.
    fresh : bool
        Make every step again.
    progress : bool
        Say on standard error what is made.
    label : str
        Of the job, in what is said.
    done : dict of str to xarray.Dataset
        The steps so far.
    """

    folder: Path | None
    key: str
    fresh: bool = False
    progress: bool = False
    label: str = ""
    done: dict[str, xr.Dataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Forget parts of an interrupted job where everything is made again."""
        if self.fresh:
            self.close()

    def get(self, name: str, make: Callable[[], xr.Dataset], depends: object = None) -> xr.Dataset:
        """Return the dataset called `name`: of the folder if it belongs to this job, else made.

        Parameters
        ----------
        make : callable
            Returns a dataset as :func:`cosim.dataset.save` takes it.
        depends : object
            What this step depends on beside the key.
        """
        from cosim.dataset import save

        key = content_hash((self.key, name, depends))[:16]
        path = None if self.folder is None else self.folder / f"{name}.nc"
        dataset = None if self.fresh or path is None else finished(path, key)
        if self.progress:
            state = "already there" if dataset is not None else "running"
            text = f"{self.label}{name.replace('_', ' ')}: {state}"
            print(f"  {text}", file=sys.stderr, flush=True)
        if dataset is None:
            dataset = make()
            dataset.attrs["study_key"] = key
            if path is not None:
                save(dataset, path)
        self.done[name] = dataset
        return dataset

    def part(self, name: str, make: Callable[[], Arrays], depends: object = None) -> Arrays:
        """Return arrays of a part of a step; they are kept until :meth:`close`."""
        if self.folder is None:
            return make()
        hashed = content_hash((self.key, name, depends))
        path = self.folder / FINISHED_PARTS / f"{hashed}.npz"
        arrays = _read_arrays(path)
        if arrays is None:
            arrays = make()
            _write_arrays(path, arrays)
        return arrays

    def close(self) -> None:
        """Remove the parts: their steps are done."""
        if self.folder is not None:
            shutil.rmtree(self.folder / FINISHED_PARTS, ignore_errors=True)


def run_resumed(
    experiment: Any,
    folder: Path,
    *,
    simulator: str | Simulator,
    seed: int,
    progress: bool,
    fresh: bool = False,
) -> xr.Dataset:
    """Run an experiment with its finished cells kept in `folder` until it is done.

    Parameters
    ----------
    fresh : bool
        Forget cells of an earlier, interrupted run.
    """
    options: dict[str, Any] = {"simulator": simulator, "seed": seed, "progress": progress}
    # A read has no cells of its own: all of them are in every run.
    if "cache" not in inspect.signature(experiment.run).parameters:
        return experiment.run(**options)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    dataset: xr.Dataset = experiment.run(**options, cache=folder)
    shutil.rmtree(folder, ignore_errors=True)
    return dataset
