"""Studies: an experiment over several axes and samples, as one dataset.

A study makes one experiment per point of the sweep and per sample, runs them on any
``concurrent.futures.Executor``, keeps each finished one in a cache named by its content, and
puts them together. A point that fails is NaN with its reason in ``status``; the others stay.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cosim.content import code_fingerprint, content_hash
from cosim.dataset import load, save
from cosim.errors import ConfigError, CosimError, DataError, SimulatorNotFound
from cosim.parallel import parallel_map
from cosim.simulators.base import Simulator, get_simulator

if TYPE_CHECKING:
    import xarray as xr


class Experiment(Protocol):
    """What a study runs: all of :mod:`cosim.experiments` are."""

    def run(
        self, *, simulator: str | Simulator = "ngspice", seed: int = 0, progress: bool = True
    ) -> xr.Dataset:
        """Run it."""
        ...


def sample_seeds(seed: int, samples: int) -> list[int]:
    """Independent seeds of the samples; they do not depend on how many workers there are."""
    children = np.random.SeedSequence(seed).spawn(samples)
    return [int(child.generate_state(1, np.uint64)[0] >> np.uint64(1)) for child in children]


@dataclass(frozen=True, kw_only=True)
class _Task:
    build: Callable[..., Experiment]
    point: Mapping[str, Any]
    seed: int
    simulator: str | Simulator
    variables: tuple[str, ...] | None
    cache: str | None


def _cache_path(task: _Task, experiment: Experiment) -> Path | None:
    if task.cache is None:
        return None
    simulator = get_simulator(task.simulator)
    key = content_hash(
        (
            code_fingerprint(),
            experiment,
            simulator,
            getattr(simulator, "version", ""),
            task.seed,
            task.variables,
        )
    )
    return Path(task.cache) / f"{key}.nc"


def _run_task(task: _Task) -> tuple[str, xr.Dataset | None]:
    """Run one point: (status, dataset or None). Module level, so that it can be sent away."""
    try:
        experiment = task.build(**task.point)
        path = _cache_path(task, experiment)
        if path is not None and path.is_file():
            try:
                return "ok", load(path)
            except DataError:
                path.unlink(missing_ok=True)
        dataset = experiment.run(simulator=task.simulator, seed=task.seed, progress=False)
        if task.variables is not None:
            missing = [name for name in task.variables if name not in dataset]
            if missing:
                raise DataError(
                    thing="the experiment has no such variables",
                    value=missing,
                    limit=", ".join(map(str, dataset.data_vars)),
                )
            dataset = dataset[list(task.variables)]
        if path is not None:
            save(dataset, path)
        return "ok", dataset
    except CosimError as error:
        first = str(error).splitlines()[0]
        return f"{type(error).__name__}: {first}", None


@dataclass(frozen=True, kw_only=True)
class Study:
    """An experiment over axes and samples.

    Parameters
    ----------
    build : callable
        ``build(**point) -> Experiment``. A module-level function (or a ``functools.partial`` of
        one) if the executor uses processes or other machines.
    axes : mapping of str to sequence
        Sweep axes; every combination is a point. The names are arguments of `build` and become
        dimensions.
    samples : int
        Runs per point with different seeds. Sample k has the same seed at every point, so that
        the same devices are compared.
    seed : int
    simulator : str or Simulator
    variables : tuple of str, optional
        Keep only these variables of each run.
    units : mapping of str to str
        Units of the axes; ``"1"`` where not given.

    Notes
    -----
    The variables of all points must have the same shape: name the ones to keep in `variables`
    where, for example, time axes differ.
    """

    build: Callable[..., Experiment]
    axes: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    samples: int = 1
    seed: int = 0
    simulator: str | Simulator = "ngspice"
    variables: tuple[str, ...] | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an empty sweep."""
        if self.samples < 1:
            raise ConfigError(thing="samples of a study", value=self.samples, limit=">= 1")
        for name, values in self.axes.items():
            if not hasattr(values, "__len__") or isinstance(values, str):
                raise ConfigError(
                    thing=f"axis {name!r} of a study", value=values, limit="a sequence of values"
                )
            if len(values) == 0:
                raise ConfigError(thing=f"axis {name!r} of a study has no values")
        if not callable(self.build):
            raise ConfigError(
                thing="build of a study is no function",
                value=type(self.build).__name__,
                next_step="Give a function of the axes; fixed(experiment) makes one of none",
            )
        try:
            inspect.signature(self.build).bind(**dict.fromkeys(self.axes))
        except TypeError as error:
            raise ConfigError(
                thing=f"build of a study does not take its axes: {error}",
                value=", ".join(self.axes),
                next_step="Give the function one argument for each axis, by name",
            ) from error

    def run(
        self,
        *,
        executor: Executor | None = None,
        workers: int | None = None,
        cache: str | Path | None = None,
        progress: bool = True,
    ) -> xr.Dataset:
        """Run every point that is not in the cache.

        Parameters
        ----------
        executor : concurrent.futures.Executor, optional
            Default is a pool of threads, one per core, which wait for simulator processes.
        workers : int, optional
            Threads of the default pool.
        cache : str or Path, optional
            Folder of finished points. With it, an interrupted study goes on where it stopped.
        progress : bool

        Returns
        -------
        xarray.Dataset
            Dimensions: the axes, ``sample``, then those of the experiment; variable ``status``
            is ``"ok"`` or the reason why a point is NaN.

        Raises
        ------
        SimulatorNotFound
            There is nothing to run with.
        Interrupted
            The user stopped it.
        DataError
            Points do not have the same shape.
        """
        points = [
            dict(zip(self.axes, values, strict=True))
            for values in itertools.product(*self.axes.values())
        ]
        tasks = [
            _Task(
                build=self.build,
                point=point,
                seed=seed,
                simulator=self.simulator,
                variables=self.variables,
                cache=None if cache is None else str(cache),
            )
            for point in points
            for seed in sample_seeds(self.seed, self.samples)
        ]
        results = parallel_map(
            _run_task,
            tasks,
            executor=executor,
            workers=workers,
            progress=progress,
            label="study",
        )
        # Told from the status, because an error may not survive the way between processes.
        for status, _ in results:
            if status.startswith(f"{SimulatorNotFound.__name__}: "):
                raise SimulatorNotFound(thing=status.partition(": ")[2])
        return self._combine(results)

    def _combine(self, results: Sequence[tuple[str, xr.Dataset | None]]) -> xr.Dataset:
        import xarray as xr

        shape = (*(len(values) for values in self.axes.values()), self.samples)
        dims = (*self.axes, "sample")
        good = [dataset for _, dataset in results if dataset is not None]
        variables: dict[str, xr.Variable] = {}
        coordinates: dict[str, xr.Variable] = {}
        if good:
            template = good[0]
            coordinates = {str(n): c.variable for n, c in template.coords.items()}
            for name, array in template.data_vars.items():
                variables[str(name)] = _stack(str(name), array, results, dims, shape)
        statuses = np.array([status for status, _ in results]).reshape(shape)
        variables["status"] = xr.Variable(
            dims, statuses, {"units": "1", "long_name": "ok, or why the point is NaN"}
        )
        for name, values in self.axes.items():
            coordinates[name] = xr.Variable(
                (name,), np.asarray(values), {"units": self.units.get(name, "1")}
            )
        coordinates["sample"] = xr.Variable(("sample",), np.arange(self.samples), {"units": "1"})
        attributes = dict(good[0].attrs) if good else {}
        attributes.setdefault("experiment", "none")
        attributes.update(
            seed=self.seed,
            points=int(np.prod(shape)),
            failed_points=len(results) - len(good),
            netlist_sha256=",".join(
                sorted({str(d.attrs.get("netlist_sha256", "")) for d in good} - {""})
            ),
        )
        return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def _stack(
    name: str,
    array: xr.DataArray,
    results: Sequence[tuple[str, xr.Dataset | None]],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
) -> xr.Variable:
    import xarray as xr

    is_text = array.dtype.kind in "OUST"
    pieces = []
    for _, dataset in results:
        if dataset is None:
            blank = "" if is_text else np.nan
            pieces.append(np.full(array.shape, blank, object if is_text else float))
            continue
        values = dataset[name].to_numpy()
        if values.shape != array.shape:
            raise DataError(
                thing=f"variable {name!r} has a different shape at different points",
                value=values.shape,
                limit=str(array.shape),
                next_step="Name the variables to keep in `variables`",
            )
        pieces.append(values)
    stacked = np.stack(pieces).reshape(shape + array.shape)
    if is_text:
        stacked = stacked.astype(str)
    return xr.Variable((*dims, *map(str, array.dims)), stacked, dict(array.attrs))


def fixed(experiment: Experiment) -> Callable[..., Experiment]:
    """`build` for a study that only takes samples of one experiment."""
    return partial(_return, experiment)


def _return(experiment: Experiment) -> Experiment:
    return experiment
