"""Which cells of a run are checked, and what that needs of the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compact_models.foreign_model import ForeignModel
from cosim.errors import NetlistError
from netlists.analysis import Transient

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

# Cells looked at. In a transient every point of every cell costs time; at direct current ngspice's
# time to find saved vectors by name grows with their number times that of all nodes: with all
# cells of a 64 x 20 array it took five times as long as the solution.
_CELLS_TRANSIENT = 16
_CELLS_DC = 128


@dataclass(frozen=True, kw_only=True)
class CheckedCells:
    """Which cells are looked at, and which bit lines completely.

    Parameters
    ----------
    cells : tuple of (row, column)
    lines : mapping of str to tuple of int
        Bit-line driver -> positions in `cells` of all the cells on that line.
    """

    cells: tuple[tuple[int, int], ...]
    lines: Mapping[str, tuple[int, ...]]


def choose_cells(array: Array, limit: int) -> CheckedCells:
    """Whole bit lines, first, last and then in between, as long as there is room."""
    bit_lines = array.line_set("bl")
    members: dict[int, list[tuple[int, int]]] = {}
    for row in range(array.rows):
        for column in range(array.cols):
            line = row if bit_lines.along == "row" else column
            members.setdefault(line, []).append((row, column))
    order = sorted(members, key=lambda k: (min(k, len(members) - 1 - k), k))
    cells: list[tuple[int, int]] = []
    lines: dict[str, tuple[int, ...]] = {}
    for line in order:
        if len(cells) + len(members[line]) > limit:
            break
        start = len(cells)
        cells += members[line]
        lines[f"bl{line}"] = tuple(range(start, len(cells)))
    if not cells:
        whole = members[order[0]]
        chosen = np.unique(np.linspace(0, len(whole) - 1, limit).astype(int))
        cells = [whole[k] for k in chosen]
    return CheckedCells(cells=tuple(cells), lines=lines)


def cells_to_check(testbench: Testbench) -> CheckedCells:
    """The cells this testbench's check looks at."""
    transient = isinstance(testbench.analysis, Transient)
    return choose_cells(testbench.array, _CELLS_TRANSIENT if transient else _CELLS_DC)


def check_probes(testbench: Testbench, chosen: CheckedCells) -> tuple[str, ...]:
    """Single-node probes that the check needs besides the user's."""
    array = testbench.array
    model, selector = array.cell.reram, array.cell.selector
    if isinstance(model, ForeignModel):
        raise NetlistError(
            thing=f"{model.path.name} runs in ngspice only",
            value=model.name,
            next_step="Take simulator='ngspice'",
        )
    sets = array.line_sets
    names: list[str] = []
    for row, column in chosen.cells:
        names.append(sets["bl"].node_at(row, column))
        names.append(sets["sl"].node_at(row, column))
        if selector is not None:
            names.append(f"mid_{row}_{column}")
            names.append(sets["wl"].node_at(row, column))
        inner = (*model.internal_nodes, *(s.name for s in model.states))
        names += [f"xr_{row}_{column}.{name}" for name in inner]
    drivers = [f"i({name})" for name in chosen.lines if testbench.drives.get(name) is not None]
    return (*(f"v({name})" for name in dict.fromkeys(names)), *drivers)
