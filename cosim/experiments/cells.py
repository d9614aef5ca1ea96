"""Groups of cells simulated in parallel, and put together again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cosim.errors import CosimError, NotConverged, SimulatorError, SimulatorNotFound
from cosim.experiments.groups import Group, Measured, Outputs, cell_groups, single_cell
from cosim.experiments.resume import FinishedCells, measured_once
from cosim.parallel import parallel_map, worker_count
from cosim.simulators.base import CIRCUIT_SIMULATORS, Result, Simulator
from netlists.analysis import Transient
from netlists.testbench import Testbench

__all__ = [
    "Group",
    "Measured",
    "Outputs",
    "assemble",
    "cell_groups",
    "measure_groups",
    "run_patiently",
    "single_cell",
    "workers_for",
]

_SHORTER = (1, 8, 64)


def run_patiently(simulator: Simulator, testbench: Testbench) -> Result:
    """Run a transient; where no solution is found, again with shorter longest steps.

    ngspice gives up at a step of 1e-11 of the longest one, which an abrupt breakdown in a slow
    sweep needs.

    Raises
    ------
    SimulatorError
        As the simulator; NotConverged only after three attempts.
    """
    analysis = testbench.analysis
    if not isinstance(analysis, Transient):
        return simulator.run(testbench)
    for shorter in _SHORTER[:-1]:
        try:
            return simulator.run(_with_steps(testbench, analysis, shorter))
        except NotConverged as error:
            if getattr(simulator, "keep", "") == "failed" and error.run_directory:
                shutil.rmtree(error.run_directory, ignore_errors=True)
    return simulator.run(_with_steps(testbench, analysis, _SHORTER[-1]))


def _with_steps(testbench: Testbench, analysis: Transient, shorter: float) -> Testbench:
    step = (analysis.max_step or analysis.step) / shorter
    return testbench.replace(analysis=replace(analysis, step=step, max_step=step))


def workers_for(simulator: Simulator) -> int:
    """How many runs go on at a time: some are processes of their own, others use our threads."""
    return worker_count() if simulator.name in CIRCUIT_SIMULATORS else 1


def measure_groups(
    groups: Sequence[Group],
    measure: Callable[[Group], tuple[Outputs, Sequence[Result]]],
    *,
    simulator: Simulator,
    progress: bool,
    label: str,
    finished: FinishedCells | None = None,
) -> list[Measured]:
    """Measure every group, in parallel; a failed one keeps its reason, the others stay.

    Groups that `finished` holds are not run again; new ones are added to it.

    Raises
    ------
    SimulatorError
        Every group failed: the error of the first.
    """
    failures: list[CosimError] = []

    def made(group: Group) -> Measured:
        outputs, results = measure(group)
        return Measured(outputs=outputs, results=tuple(results))

    def attempt(group: Group) -> Measured:
        try:
            return measured_once(finished, group, lambda: made(group))
        except SimulatorNotFound:
            raise
        except SimulatorError as error:
            failures.append(error)
            text = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            return Measured(outputs={}, status=text)

    done = parallel_map(
        attempt, groups, workers=workers_for(simulator), progress=progress, label=label
    )
    if failures and all(m.status != "ok" for m in done):
        raise failures[0]
    return done


def assemble(
    shape: tuple[int, int], groups: Sequence[Group], measured: Sequence[Measured]
) -> tuple[Outputs, NDArray[np.str_]]:
    """Put the cells of all groups together: outputs with (rows, cols) last, and statuses."""
    outputs: Outputs = {}
    status = np.full(shape, "", dtype=object)
    for group, found in zip(groups, measured, strict=True):
        rows, columns = (np.array(k) for k in zip(*group.cells, strict=True))
        status[rows, columns] = found.status
        for name, values in found.outputs.items():
            lead = values.shape[:-2]
            if name not in outputs:
                outputs[name] = np.full((*lead, *shape), np.nan)
            outputs[name][..., rows, columns] = values.reshape((*lead, -1))
    return outputs, status.astype(str)
