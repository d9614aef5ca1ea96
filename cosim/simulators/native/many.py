"""Many inputs of one linear crossbar: rows and columns in turn, with a coarse correction.

With row wires ``R``, column wires ``C`` and cells ``G``, row and column voltages are solved in
turn; what is left of the error shrinks by ``T = (C + G)^-1 G (R + G)^-1 G`` each time.  T is small
but for its smoothest eigenvectors, which are nearly products of the eigenvectors of one mean row
and one mean column.  On those, ``Z``, the step is completed by ``Z (E^-1 - D^-1) Z^T`` of the
residual, with ``D = Z^T (C + G) Z`` and ``E = D - Z^T G (R + G)^-1 G Z``.  Five to eight
iterations reach rounding wherever wires conduct better than cells; elsewhere the caller's
conjugate gradients do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.simulators.native import block
from cosim.simulators.native.block import LANES, SPACING
from cosim.simulators.native.direct import Lines

if TYPE_CHECKING:
    from cosim.simulators.native.linear import LinearCrossbar

Floats = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Directions of a mean line that may be worth it, and the part of the error that one iteration
# leaves, above which a product of two is.
_DIRECTIONS, _WORTH = 8, 0.02
# The same for conjugate gradients, and the rows that a coarse space is made of there.
_WORTH_SINGLE, _GROUPS = 0.1, 64
_ITERATIONS = 40
# Balance of currents at which a block is done, and at which it counts if it stays there.
_GOAL, _LIMIT = 1e-12, 1e-11


@dataclass(frozen=True, kw_only=True, eq=False)
class CoarseSpace:
    """Smooth vectors: ``down[:, p]`` times what is linear between ``knots[:, q]``.

    Parameters
    ----------
    down, knots : ndarray, shapes (rows, P) and (cols / SPACING + 1, Q)
    diagonal, step : ndarray, shape (P, Q, P, Q)
        D, and what the coarse step multiplies by: ``E^-1 - D^-1``, zero where not worth it.
    """

    down: Floats
    knots: Floats
    diagonal: Floats
    step: Floats


def _modes(weight: Floats, family: Lines) -> tuple[Floats, Floats]:
    """Eigenvectors of a mean line, shape (nodes, modes), and what a line solve leaves of them."""
    from scipy.linalg import eigh_tridiagonal

    n = weight.size
    scale = 1.0 / np.sqrt(np.maximum(weight, 1e-3 * max(float(weight.mean()), 1e-300)))
    wire = 1.0 / family.resistance
    diagonal = np.full(n, 2.0 * wire)
    diagonal[0] += np.median(family.start) - wire
    diagonal[-1] += np.median(family.end) - wire
    values, vectors = eigh_tridiagonal(
        diagonal * scale**2,
        -wire * scale[:-1] * scale[1:],
        select="i",
        select_range=(0, min(_DIRECTIONS, n) - 1),
    )
    vectors *= scale[:, None]
    # The coarse step does not depend on their size, its rounding does.
    vectors /= np.abs(vectors).max(axis=0)
    return np.asarray(vectors, dtype=np.float64), 1.0 / (1.0 + np.maximum(values, 0.0))


def _directions(array: LinearCrossbar, worth: float) -> tuple[Floats, Floats, Floats, BoolArray]:
    """Vectors down, across and across at its knots, and which products of two are chosen."""
    cols = array.cols
    inner = array._g[:, :cols]
    down, left_down = _modes(inner.mean(axis=1), array.column)
    across, left_across = _modes(inner.mean(axis=0), array.row)
    chosen = np.outer(left_down, left_across) > worth
    # At least one direction each: empty arrays only complicate the kernels.
    p, q = (max(int(chosen.any(axis=k).sum()), 1) for k in (1, 0))
    at = np.minimum(np.arange(-(-cols // SPACING) + 1) * SPACING, cols - 1)
    knots = across[at, :q].copy()
    where = np.arange(cols) / SPACING
    across = np.stack([np.interp(where, np.arange(at.size), knots[:, k]) for k in range(q)], axis=1)
    return down[:, :p].copy(), across, knots, chosen[:p, :q]


def _diagonal(array: LinearCrossbar, g: Floats, cells: Floats, down: Floats, a: Floats) -> Floats:
    """``Z^T (C + G) Z``, shape (P, Q, P, Q), from cells `g` where the vectors down are `cells`."""
    pairs = np.einsum("ia,ib,ij->abj", cells, cells, g, optimize=True)
    by_cells = np.einsum("abj,jc,jd->acbd", pairs, a, a, optimize=True)
    between = np.diff(down, axis=0)
    wired = between.T @ between / array.column.resistance
    wires = np.einsum("ab,cd->acbd", wired, a.T @ a)
    for edge, driver in ((down[0], array.column.start), (down[-1], array.column.end)):
        ends = np.einsum("jc,jd,j->cd", a, a, driver, optimize=True)
        wires += np.einsum("a,b,cd->acbd", edge, edge, ends)
    return np.asarray(by_cells + wires)


def _step(diagonal: Floats, crossed: Floats, keep: NDArray[np.intp]) -> Floats:
    """``E^-1 - D^-1`` of the vectors that are kept, zero elsewhere; shape (P Q, P Q)."""
    p, q = diagonal.shape[:2]
    step = np.zeros((p * q, p * q))
    part = np.ix_(keep, keep)
    d = diagonal.reshape((p * q, p * q))[part]
    e = d - crossed
    # The correction only saves iterations: where rounding makes it singular, there is none.
    with suppress(np.linalg.LinAlgError):
        step[part] = np.linalg.inv(0.5 * (e + e.T)) - np.linalg.inv(d)
    return step


def coarse_space(array: LinearCrossbar) -> CoarseSpace:
    """The coarse space of a crossbar with wires of resistance > 0 and ordinary drivers."""
    down, across, knots, chosen = _directions(array, _WORTH)
    diagonal = _diagonal(array, array._g[:, : array.cols], down, down, across)
    keep = np.flatnonzero(chosen.ravel())
    step = _step(diagonal, _crossed(array, down, knots, keep), keep)
    return CoarseSpace(down=down, knots=knots, diagonal=diagonal, step=step.reshape(diagonal.shape))


def rough_space(array: LinearCrossbar) -> tuple[Floats, Floats, NDArray[np.float32], Floats]:
    """Coarse space for conjugate gradients, which forgive: neighbouring rows taken together.

    Returns
    -------
    down, wired : ndarray, shape (rows, P)
        And what the wires of the columns make of it, drivers apart.
    across : ndarray of float32, shape (Q, cols)
    step : ndarray, shape (P Q, P Q)
    """
    from cosim.simulators.native.linear import LinearCrossbar

    rows, cols = array.rows, array.cols
    down, across, knots, chosen = _directions(array, _WORTH_SINGLE)
    size = -(-rows // _GROUPS)
    firsts = np.arange(0, rows, size)
    counts = np.diff(np.append(firsts, rows))[:, None]
    few = LinearCrossbar(
        np.add.reduceat(array._g[:, :cols], firsts, axis=0) / counts,
        Lines(
            resistance=array.row.resistance,
            start=np.add.reduceat(array.row.start, firsts) / counts[:, 0],
            end=np.add.reduceat(array.row.end, firsts) / counts[:, 0],
        ),
        array.column,
    )
    few._factor()
    cells = np.add.reduceat(down, firsts, axis=0) / np.sqrt(counts)
    keep = np.flatnonzero(chosen.ravel())
    diagonal = _diagonal(array, few._g[:, :cols], cells, down, across)
    step = _step(diagonal, _crossed(few, cells, knots, keep), keep)
    wired = np.zeros_like(down)
    between = np.diff(down, axis=0) / array.column.resistance
    wired[1:] += between
    wired[:-1] -= between
    return down, wired, np.ascontiguousarray(across.T, dtype=np.float32), step


def _crossed(array: LinearCrossbar, down: Floats, knots: Floats, keep: NDArray[np.intp]) -> Floats:
    """``Z^T G (R + G)^-1 G Z`` of the vectors that are kept."""
    p, q = down.shape[1], knots.shape[1]
    nothing = np.zeros((array.rows, array._width, LANES))
    u = np.empty_like(nothing)
    line = np.zeros((array._width, LANES))
    still = np.zeros((max(array.rows, array.cols), LANES))
    found = np.zeros((p, q, LANES))
    crossed = np.empty((keep.size, keep.size))
    for first in range(0, keep.size, LANES):
        some = keep[first : first + LANES]
        alpha = np.zeros((p * q, LANES))
        alpha[some, np.arange(some.size)] = 1.0
        block.row_sweep(
            nothing, u, array._g, array.cols, array.row.resistance, array._a_row,
            array._last_row, still, still, down, knots, alpha.reshape((p, q, LANES)), line, found,
        )  # fmt: skip
        crossed[:, first : first + some.size] = found.reshape((p * q, LANES))[keep, : some.size]
    return crossed


class _Worker:
    """Buffers of one thread; `expected` iterations until the first look at the balance."""

    def __init__(self, array: LinearCrossbar, coarse: CoarseSpace, expected: int) -> None:
        self.array, self.coarse = array, coarse
        self.x, self.u = np.zeros((2, array.rows, array._width, LANES))
        self.line = np.zeros((array._width, LANES))
        self.delivered = np.zeros((array.rows + array.cols, LANES))
        self.worst, self.largest = np.zeros((2, LANES))
        self.expected = expected
        self.count = expected

    def solve(self, v_row: Floats, v_col: Floats) -> tuple[Floats, Floats]:
        """Delivered currents (rows + cols, LANES) and the balance of currents per input."""
        array, coarse = self.array, self.coarse
        g, cols, x, u = array._g, array.cols, self.x, self.u
        row, col = array.row, array.column
        shape = (*coarse.diagonal.shape[:2], LANES)
        alpha, found, before = np.zeros((3, *shape))
        size = shape[0] * shape[1]
        diagonal, step = (m.reshape((size, size)) for m in (coarse.diagonal, coarse.step))
        columns = (g, cols, col.resistance, array._a_column, array._last_column, v_row, v_col)
        x[:] = 0.0
        block.column_sweep(x, *columns)
        check, last = self.expected, np.inf
        for count in range(1, _ITERATIONS + 1):
            out = u if count == check else x
            block.row_sweep(
                x, out, g, cols, row.resistance, array._a_row, array._last_row, v_row, v_col,
                coarse.down, coarse.knots, alpha, self.line, found,
            )  # fmt: skip
            if count == check:
                block.add_coarse(x, cols, coarse.down, coarse.knots, alpha)
                block.balance(
                    u, x, g, cols, row.resistance, row.start, row.end, col.resistance,
                    col.start, col.end, v_row, v_col, self.delivered, self.worst, self.largest,
                )  # fmt: skip
                residual = self.worst / np.maximum(self.largest, 1e-300)
                now = float(residual.max())
                if now <= _GOAL or not now < 0.5 * last:
                    break
                rate = min(max(now ** (1.0 / count), 0.01), 0.7)
                check = count + max(1, int(np.ceil(np.log(_GOAL / now) / np.log(rate))))
                if check > _ITERATIONS:
                    break
                last = now
                x[:] = u
            rho = (found - before).reshape((size, LANES)) - diagonal @ alpha.reshape((size, LANES))
            before[:] = found
            alpha = np.ascontiguousarray(step @ rho).reshape(shape)
            block.column_sweep(x, *columns)
        self.count = count
        return self.delivered, residual


def solve_blocks(
    array: LinearCrossbar, v_row: Floats, v_col: Floats, threads: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Delivered currents (batch, rows + cols), and which inputs are solved.

    Parameters
    ----------
    array : LinearCrossbar
        Wires of resistance > 0, no singular line.
    v_row, v_col : ndarray, shapes (batch, rows) and (batch, cols)
        [V]
    threads : int
        Blocks that are worked on at a time.
    """
    batch = len(v_row)
    array._factor()
    if array._coarse is None:
        array._coarse = coarse_space(array)
    coarse = array._coarse
    out = np.zeros((batch, array.rows + array.cols))
    good = np.zeros(batch, dtype=bool)

    def work(worker: _Worker, firsts: range) -> None:
        for first in firsts:
            part = slice(first, min(first + LANES, batch))
            count = part.stop - first
            rows, cols = np.zeros((array.rows, LANES)), np.zeros((array.cols, LANES))
            rows[:, :count], cols[:, :count] = v_row[part].T, v_col[part].T
            delivered, residual = worker.solve(rows, cols)
            out[part] = delivered[:, :count].T
            good[part] = residual[:count] <= _LIMIT

    first = _Worker(array, coarse, 5)
    work(first, range(1))
    if not good[:LANES].all():
        # The rest would hardly do better.
        return out, good
    # From here on every block is done the same way, whichever thread takes it.
    first.expected = first.count
    starts = range(LANES, batch, LANES)
    threads = min(threads, len(starts))
    workers = [first, *(_Worker(array, coarse, first.count) for _ in range(threads - 1))]
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, workers, [starts[k::threads] for k in range(threads)]))
    else:
        work(first, starts)
    return out, good
