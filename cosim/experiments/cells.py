"""Cells addressed one at a time, simulated in parallel, put together again.

A cell is formed and pulsed alone: its word line is on, all others are at 0 V, lines that cross it
are inhibited. What the other cells then take is the leakage of transistors which are off, and it
is left out: the cell is simulated as a 1 x 1 array behind the resistance and capacitance of its
own lines. That makes the cost proportional to the number of cells, lets cells run in parallel, and
lets each have its own time steps. Simulators that solve many cells at once for the price of one
get all cells in one testbench of the same content.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import (
    ConfigError,
    CosimError,
    NotConverged,
    SimulatorError,
    SimulatorNotFound,
)
from cosim.parallel import parallel_map, worker_count
from cosim.simulators.base import CIRCUIT_SIMULATORS, Result, Simulator
from netlists import Array, Drive, Layout, Parasitics, Testbench
from netlists.analysis import Transient

if TYPE_CHECKING:
    from cosim.experiments.resume import FinishedCells

FloatArray = NDArray[np.float64]
_SHORTER = (1, 8, 64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Cells that are simulated in one run.

    Parameters
    ----------
    array : Array
        What is simulated.
    cells : tuple of (row, column)
        Where its cells lie in the array of the experiment, in C order.
    """

    array: Array
    cells: tuple[tuple[int, int], ...]


def _path(array: Array, kind: Any, row: int, column: int) -> tuple[float, float]:
    """Resistance from the driver to a cell [Ohm], and capacitance of the whole line [F]."""
    lines = array.line_set(kind)
    position = column if lines.along == "row" else row
    feed = array.parasitics.r_feed
    start = feed + lines.resistance * (position + 1)
    end = feed + lines.resistance * (lines.length - position)
    if lines.ends == "floating":
        raise ConfigError(
            thing=f"the {kind} lines have no driver",
            limit="driven at start, end or both",
            next_step="Give the array a drive",
        )
    if lines.ends == "both":
        resistance = start * end / (start + end) if start + end > 0 else 0.0
    else:
        resistance = start if lines.ends == "start" else end
    return resistance, lines.capacitance * lines.length


def single_cell(array: Array, row: int, column: int) -> Array:
    """1 x 1 array of one cell behind the wires of its own lines."""
    paths = {kind: _path(array, kind, row, column) for kind in array.line_sets}
    word = paths.get("wl", (0.0, 0.0))

    def pick(values: Mapping[str, Any]) -> dict[str, FloatArray]:
        return {n: np.asarray(v)[row : row + 1, column : column + 1] for n, v in values.items()}

    return array.replace(
        rows=1,
        cols=1,
        layout=Layout.CROSSING,
        word_lines="row",
        drive=Drive(),
        parameters=pick(array.parameters),
        selector_parameters=pick(array.selector_parameters),
        parasitics=Parasitics(
            r_row=paths["bl"][0],
            c_row=paths["bl"][1],
            r_col=paths["sl"][0],
            c_col=paths["sl"][1],
            r_word=word[0],
            c_word=word[1],
        ),
    )


def _all_cells(array: Array) -> tuple[tuple[int, int], ...]:
    return tuple((i, j) for i in range(array.rows) for j in range(array.cols))


def cell_groups(array: Array, simulator: Simulator) -> list[Group]:
    """How the cells are split into runs.

    Simulators of the circuit rung get one run per cell. Another gets one run for all of them: one
    that can ``separate`` cells keeps each behind the resistance of its own lines; for another it
    stands in the device's ``R_line``, if it has one.
    """
    cells = _all_cells(array)
    single = [Group(array=single_cell(array, i, j), cells=((i, j),)) for i, j in cells]
    if simulator.name in CIRCUIT_SIMULATORS or len(cells) == 1:
        return single
    loads = array.parasitics
    charged = max(loads.c_row, loads.c_col, loads.c_word) > 0
    if charged and getattr(simulator, "line_capacitance", False):
        return single
    bit, source = (
        np.array([_path(array, kind, i, j)[0] for i, j in cells]).reshape(array.shape)
        for kind in ("bl", "sl")
    )
    wires = bit + source
    if (charged or wires.any()) and hasattr(simulator, "separate"):
        return [Group(array=simulator.separate(array, bit, source), cells=cells)]
    if wires.any() and "R_line" not in array.cell.reram.parameters:
        return single
    together = array.replace(parasitics=Parasitics(), drive=Drive())
    if wires.any():
        together = together.with_parameters(R_line=together.parameter_array("R_line") + wires)
    return [Group(array=together, cells=cells)]


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


Outputs = dict[str, NDArray[Any]]
"""Per-cell results of a group: name -> array with the group's cells (rows, cols) last."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a group gave: outputs and where they came from, or why it failed."""

    outputs: Outputs
    results: tuple[Result, ...] = ()
    status: str = "ok"


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

    def attempt(group: Group) -> Measured:
        known = finished.load(group) if finished else None
        if known is not None:
            return known
        try:
            outputs, results = measure(group)
        except SimulatorNotFound:
            raise
        except SimulatorError as error:
            failures.append(error)
            text = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            return Measured(outputs={}, status=text)
        measured = Measured(outputs=outputs, results=tuple(results))
        if finished:
            finished.store(group, measured)
        return measured

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
