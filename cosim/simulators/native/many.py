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
from cosim.simulators.native.reduced import modes

if TYPE_CHECKING:
    from cosim.simulators.native.crossbar import Crossbar

Floats = NDArray[np.float64]

# Directions of a mean line that may be worth it, and the part of the error that one iteration
# leaves, above which a product of two is.
_DIRECTIONS, _WORTH = 8, 0.02
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


def coarse_space(array: Crossbar) -> CoarseSpace:
    """The coarse space of a crossbar with wires of resistance > 0 and ordinary drivers."""
    array.factor()
    cols = array.cols
    inner = array.g[:, :cols]
    down, left_down = modes(inner.mean(axis=1), array.column, _DIRECTIONS)
    across, left_across = modes(inner.mean(axis=0), array.row, _DIRECTIONS)
    chosen = np.outer(left_down, left_across) > _WORTH
    # At least one direction each: empty arrays only complicate the kernels.
    p, q = (max(int(chosen.any(axis=k).sum()), 1) for k in (1, 0))
    down, chosen = down[:, :p].copy(), chosen[:p, :q]
    at = np.minimum(np.arange(-(-cols // SPACING) + 1) * SPACING, cols - 1)
    knots = across[at, :q].copy()
    where = np.arange(cols) / SPACING
    across = np.stack([np.interp(where, np.arange(at.size), knots[:, k]) for k in range(q)], axis=1)
    by_cells = np.einsum(
        "abj,jc,jd->acbd",
        np.einsum("ia,ib,ij->abj", down, down, inner, optimize=True),
        across,
        across,
        optimize=True,
    )
    between = np.diff(down, axis=0)
    wired = between.T @ between / array.column.resistance
    ends = np.einsum("jc,jd,j->cdj", across, across, array.column.start)
    wires = np.einsum("ab,cd->acbd", wired, across.T @ across)
    wires += np.einsum("a,b,cd->acbd", down[0], down[0], ends.sum(axis=2))
    ends = np.einsum("jc,jd,j->cdj", across, across, array.column.end)
    wires += np.einsum("a,b,cd->acbd", down[-1], down[-1], ends.sum(axis=2))
    diagonal = by_cells + wires
    step = np.zeros((p * q, p * q))
    keep = np.flatnonzero(chosen.ravel())
    if keep.size:
        part = np.ix_(keep, keep)
        d = diagonal.reshape((p * q, p * q))[part]
        e = d - _crossed(array, down, knots, keep)
        # The correction only saves iterations: where rounding makes it singular, there is none.
        with suppress(np.linalg.LinAlgError):
            step[part] = np.linalg.inv(0.5 * (e + e.T)) - np.linalg.inv(d)
    return CoarseSpace(down=down, knots=knots, diagonal=diagonal, step=step.reshape((p, q, p, q)))


def _crossed(array: Crossbar, down: Floats, knots: Floats, keep: NDArray[np.intp]) -> Floats:
    """``Z^T G (R + G)^-1 G Z`` of the vectors that are kept."""
    p, q = down.shape[1], knots.shape[1]
    nothing = np.zeros((array.rows, array.width, LANES))
    u = np.empty_like(nothing)
    line = np.zeros((array.width, LANES))
    still = np.zeros((max(array.rows, array.cols), LANES))
    found = np.zeros((p, q, LANES))
    crossed = np.empty((keep.size, keep.size))
    for first in range(0, keep.size, LANES):
        some = keep[first : first + LANES]
        alpha = np.zeros((p * q, LANES))
        alpha[some, np.arange(some.size)] = 1.0
        block.row_sweep(
            nothing, u, array.g, array.cols, array.row.resistance, array.a_row,
            array.last_row, still, still, down, knots, alpha.reshape((p, q, LANES)), line, found,
        )  # fmt: skip
        crossed[:, first : first + some.size] = found.reshape((p * q, LANES))[keep, : some.size]
    return crossed


class _Worker:
    """Buffers of one thread; `expected` iterations until the first look at the balance."""

    def __init__(self, array: Crossbar, coarse: CoarseSpace, expected: int) -> None:
        self.array, self.coarse = array, coarse
        self.x, self.u = np.zeros((2, array.rows, array.width, LANES))
        self.line = np.zeros((array.width, LANES))
        self.delivered = np.zeros((array.rows + array.cols, LANES))
        self.worst, self.largest = np.zeros((2, LANES))
        self.expected = expected
        self.count = expected

    def solve(self, v_row: Floats, v_col: Floats) -> tuple[Floats, Floats]:
        """Delivered currents (rows + cols, LANES) and the balance of currents per input."""
        array, coarse = self.array, self.coarse
        g, cols, x, u = array.g, array.cols, self.x, self.u
        row, col = array.row, array.column
        shape = (*coarse.diagonal.shape[:2], LANES)
        alpha, found, before = np.zeros((3, *shape))
        size = shape[0] * shape[1]
        diagonal, step = (m.reshape((size, size)) for m in (coarse.diagonal, coarse.step))
        columns = (g, cols, col.resistance, array.a_column, array.last_column, v_row, v_col)
        x[:] = 0.0
        block.column_sweep(x, *columns)
        check, last = self.expected, np.inf
        for count in range(1, _ITERATIONS + 1):
            out = u if count == check else x
            block.row_sweep(
                x, out, g, cols, row.resistance, array.a_row, array.last_row, v_row, v_col,
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
    array: Crossbar, coarse: CoarseSpace, v_row: Floats, v_col: Floats, threads: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Delivered currents (batch, rows + cols), and which inputs are solved.

    Parameters
    ----------
    array : Crossbar
        Wires of resistance > 0, no singular line.
    coarse : CoarseSpace
        Of this crossbar.
    v_row, v_col : ndarray, shapes (batch, rows) and (batch, cols)
        [V]
    threads : int
        Blocks that are worked on at a time.
    """
    batch = len(v_row)
    array.factor()
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
