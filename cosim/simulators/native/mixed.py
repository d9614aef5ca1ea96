"""One input of a linear crossbar in mixed precision: few, small passes over memory.

Rows are solved exactly for given column voltages, then columns for these row voltages, both in
double precision: what the columns move by is the residual.  Its correction is found by conjugate
gradients in single precision (:mod:`.inner`), where the smoothest vectors, which line solves hardly
touch, are corrected on a coarse space (:mod:`.reduced`); half the bytes and the coarse space make
the time almost linear in cells.  Rounding of the single precision costs nothing but a further
round: the result is that of the double-precision line solves, and its balance is measured.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.simulators.native.inner import PASSES
from cosim.simulators.native.solution import LinearSolution

if TYPE_CHECKING:
    from cosim.simulators.native.crossbar import Crossbar

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# Cells from which the passes saved are worth the coarse space.
SMALLEST = 200 * 200
# Fall of the residual in one round, rounds, and iterations of one round.
_FALL, _ROUNDS, _ITERATIONS = 1e-5, 4, 60
# Imbalance of currents at which a solution is done, and up to which it counts.
_GOAL, _LIMIT = 1e-12, 1e-10
# Bytes a cell: checks, copy, factors and coarse space; one double-precision round; what a round
# in single precision adds, and one iteration of it; the balance at the end.
_BUILT, _EXACT, _ROUND, _ITERATION, _BALANCE = 76, 84, 36, 4 * PASSES, 68
# Wires so good that the first line solve is nearly exact, and single precision only noise.
_GOOD = 1e-3

_Buffers = tuple[Floats, Floats, Singles, Singles, tuple[Floats, Floats]]
# Sizes whose buffers are kept for another crossbar.
_SPARE = 2
_spare: dict[tuple[int, int], _Buffers] = {}


def _buffers(array: Crossbar) -> _Buffers:
    """Factors in both precisions, four vectors and a tile, zero where nothing is written."""
    from cosim.simulators.native.sweeps import TILE

    plane = array.rows, array.width
    wide = -(-array.cols // TILE) * TILE
    tiles = -(-array.rows // TILE), wide, TILE
    return (
        np.zeros(tiles),
        np.zeros(plane),
        np.zeros(tiles, dtype=np.float32),
        np.zeros((6, *plane), dtype=np.float32),
        (np.zeros((TILE, wide)), np.zeros((wide, TILE))),
    )


def _keep(shape: tuple[int, int], buffers: _Buffers) -> None:
    """Leave buffers to the next crossbar of their size: fresh memory costs many passes."""
    _spare[shape] = buffers
    for oldest in list(_spare)[:-_SPARE]:
        _spare.pop(oldest, None)


class MixedSolver:
    """Factors and buffers of one crossbar with wires and ordinary drivers."""

    def __init__(self, array: Crossbar) -> None:
        from cosim.simulators.native import reduced, sweeps

        # The crossbar itself is not kept: it holds this, and both must end together.
        cols, row, col = array.cols, array.row, array.column
        buffers = _spare.pop((array.rows, cols), None) or _buffers(array)
        weakref.finalize(self, _keep, (array.rows, cols), buffers).atexit = False
        self.a_row, self.a_col, self.row, singles, self.exact = buffers
        self.g, self.col, *self.work = singles
        self.good = sweeps.factor(
            array.g, cols, row.resistance, row.start, row.end, col.resistance, col.start, col.end,
            self.a_row, self.a_col, self.g, self.row, self.col, *self.exact,
        )  # fmt: skip
        self.ends = col.start.astype(np.float32), col.end.astype(np.float32)
        self.coarse = reduced.coarse_space(array)
        self.tile = self.exact[0].astype(np.float32), self.exact[1].astype(np.float32)

    def solution(
        self, array: Crossbar, v_row: Floats, v_col: Floats, *, built: bool
    ) -> LinearSolution | None:
        """For driver voltages [V], or None where this way fails; `built`: the factors are new."""
        from cosim.simulators.native import sweeps

        row, col = array.row, array.column
        cell = np.empty_like(array.g)
        found = self.solve(array, v_row, v_col, cell) if self.good else None
        if found is None:
            return None
        u, w, count, moved = found
        row_current, column_current = np.empty(array.rows), np.empty(array.cols)
        worst, largest = sweeps.balance(
            u, w, array.g, array.cols, v_row, v_col, row.resistance, row.start, row.end,
            col.resistance, col.start, col.end, cell, row_current, column_current,
        )  # fmt: skip
        if not worst <= _LIMIT * largest:
            return None
        inner = slice(0, array.cols)
        return LinearSolution(
            row_voltage=u[:, inner],
            column_voltage=w[:, inner],
            cell_current=cell[:, inner],
            row_current=row_current,
            column_current=column_current,
            residual=worst / largest if largest > 0 else worst,
            iterations=count,
            method="mixed",
            moved=float(array.rows * array.cols * (moved + (_BUILT if built else 0))),
        )

    def solve(
        self, array: Crossbar, v_row: Floats, v_col: Floats, column: Floats
    ) -> tuple[Floats, Floats, int, int] | None:
        """Deviations of row and column nodes, iterations, bytes moved a cell; None: it failed.

        `column` (rows, width) is scratch.
        """
        from cosim.simulators.native import inner, sweeps

        cols, row, col = array.cols, array.row, array.column
        u, w = np.zeros((2, array.rows, array.width))
        z, x, p, y = self.work
        down, wired, across, step = self.coarse
        largest = max(float(np.max(np.abs(v_row))), float(np.max(np.abs(v_col))), 1e-30)
        scale, count, before = 1.0 / largest, 0, np.inf
        for turn in range(_ROUNDS + 1):
            moved = sweeps.exact(
                w, v_row, v_col, array.g, cols, row.resistance, self.a_row, col.resistance,
                self.a_col, u, column, scale, z, *self.exact,
            )  # fmt: skip
            current = _largest(array, u, w, z, scale)
            if moved <= _GOAL * current or turn == _ROUNDS or not moved < 0.5 * before:
                sweeps.add(w, z, cols, 1.0 / scale)
                break
            before = moved
            done = inner.solve_inner(
                z, x, p, y, self.g, cols, np.float32(row.resistance), self.row,
                np.float32(col.resistance), self.col, *self.ends, down, wired, across, step,
                *self.tile, _FALL, _ITERATIONS,
            )  # fmt: skip
            if done == -1:
                return None
            count += done if done >= 0 else -done - 1
            sweeps.add(w, x, cols, 1.0 / scale)
            scale /= _FALL
        return u, w, count, (turn + 1) * _EXACT + turn * _ROUND + count * _ITERATION + _BALANCE


def _largest(array: Crossbar, u: Floats, w: Floats, z: Singles, scale: float) -> float:
    """Largest driver current of present deviations [A]."""
    row, col, last = array.row, array.column, array.cols - 1
    ends = w[0, : last + 1] + z[0, : last + 1] / scale, w[-1, : last + 1]
    found = (row.start * u[:, 0], row.end * u[:, last], col.start * ends[0], col.end * ends[1])
    return float(max(np.max(np.abs(f)) for f in found))


def worth_it(array: Crossbar) -> bool:
    """Whether these lines are taken: wires, drivers with some resistance, and enough to do."""
    row, col = array.row, array.column
    ends = (row.start, row.end, col.start, col.end)
    if min(row.resistance, col.resistance) <= 0 or array.rows * array.cols < SMALLEST:
        return False
    if not all(np.isfinite(g).all() for g in ends) or min(array.rows, array.cols) < 2:
        return False
    if min(np.median(row.start + row.end), np.median(col.start + col.end)) <= 0:
        return False
    mean = float(np.mean(array.g))
    drop = mean * max(row.resistance * array.cols**2, col.resistance * array.rows**2)
    return drop > _GOOD
