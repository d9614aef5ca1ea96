"""Which cells are simulated in one run.

A cell is formed and pulsed alone: its word line is on, all others are at 0 V, lines that cross it
are inhibited. What the other cells then take is the leakage of transistors which are off, and it
is left out: the cell is simulated as a 1 x 1 array behind the resistance and capacitance of its
own lines. That makes the cost proportional to the number of cells, lets cells run in parallel, and
lets each have its own time steps. Simulators that solve many cells at once for the price of one
get all cells in one testbench of the same content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.simulators.base import CIRCUIT_SIMULATORS, Result, RunProvenance, Simulator
from netlists import Array, Drive, Layout, Parasitics

FloatArray = NDArray[np.float64]
Outputs = dict[str, NDArray[Any]]
"""Per-cell results of a group: name -> array with the group's cells (rows, cols) last."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a group gave: outputs and where they came from, or why it failed."""

    outputs: Outputs
    results: tuple[Result, ...] = ()
    status: str = "ok"


def origin(provenance: RunProvenance) -> Result:
    """Where a result came from, without its data."""
    return Result(axis=np.empty(0), data={}, provenance=provenance)


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
