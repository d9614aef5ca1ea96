"""Finished cells on disk, so that an interrupted experiment goes on where it stopped."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.content import code_fingerprint, content_hash
from cosim.experiments.cells import Group, Measured
from cosim.simulators.base import Result, RunProvenance, Simulator

if TYPE_CHECKING:
    import xarray as xr

_PROVENANCE = "provenance"


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
        try:
            with np.load(self._path(group), allow_pickle=False) as file:
                outputs = {n: file[n] for n in file.files if n != _PROVENANCE}
                records = json.loads(str(file[_PROVENANCE]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        results = tuple(
            Result(
                axis=np.empty(0),
                data={},
                provenance=RunProvenance(**{**r, "warnings": tuple(r["warnings"])}),
            )
            for r in records
        )
        return Measured(outputs=outputs, results=results)

    def store(self, group: Group, measured: Measured) -> None:
        """Write what was measured, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        records = json.dumps([asdict(r.provenance) for r in measured.results])
        handle, name = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            arrays: dict[str, Any] = {_PROVENANCE: np.array(records), **measured.outputs}
            np.savez(file, **arrays)
        Path(name).replace(self._path(group))


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
