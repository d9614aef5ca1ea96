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
from cosim.study_dataset import combined

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
            is ``"ok"`` or the reason why a point is NaN. What the runs themselves name like an
            axis or ``status`` (of each cell) is called ``run_<name>``. Coordinates that differ
            between points get the axes as dimensions too.

        Raises
        ------
        SimulatorNotFound
            There is nothing to run with.
        Interrupted
            The user stopped it.
        DataError
            Points do not have the same shape, or label an axis differently.
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
        return combined(
            results, axes=self.axes, units=self.units, samples=self.samples, seed=self.seed
        )


def fixed(experiment: Experiment) -> Callable[..., Experiment]:
    """`build` for a study that only takes samples of one experiment."""
    return partial(_return, experiment)


def _return(experiment: Experiment) -> Experiment:
    return experiment
