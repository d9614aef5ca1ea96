"""Coarse space of one input: the smooth vectors of a crossbar, from a crossbar of fewer cells.

Blocks of cells become one cell, with the wires of a block's lines in parallel and its segments in
series: a physical crossbar of at most ``_NODES`` lines a side with the same smooth solutions.
Eigenvectors of its mean row and column, carried over to the full array by interpolation, span the
space; how line solves act on it is computed exactly on the small crossbar and good to a few
percent for the large one, which costs conjugate gradients nothing.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from cosim.simulators.native.crossbar import Crossbar
from cosim.simulators.native.direct import Lines

Floats = NDArray[np.float64]

_NODES = 64
# Directions of a mean line that may be worth it, and the part of the error that one iteration
# leaves, above which a product of two is.
_DIRECTIONS, _WORTH = 12, 0.1


def _blocks(count: int) -> tuple[NDArray[np.intp], int]:
    """First members of blocks of neighbours, and how many a block has."""
    size = -(-count // _NODES)
    return np.arange(0, count, size), size


def _fewer(family: Lines, along: int, firsts: NDArray[np.intp], across: int) -> Lines:
    """Lines of blocks of `across` lines and `along` cells."""
    resistance = family.resistance / across
    # From a block's middle to its edge.
    way = 0.5 * (along - 1) * resistance
    start, end = (np.add.reduceat(g, firsts) for g in (family.start, family.end))
    return Lines(
        resistance=resistance * along, start=start / (1 + way * start), end=end / (1 + way * end)
    )


def modes(weight: Floats, family: Lines, most: int) -> tuple[Floats, Floats]:
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
        select_range=(0, min(most, n) - 1),
    )
    vectors *= scale[:, None]
    # The coarse step does not depend on their size, its rounding does.
    vectors /= np.abs(vectors).max(axis=0)
    return np.asarray(vectors, dtype=np.float64), 1.0 / (1.0 + np.maximum(values, 0.0))


def _carried(vectors: Floats, count: int, firsts: NDArray[np.intp], family: Lines) -> Floats:
    """Vectors of the blocks on all nodes of a line; drivers are where they are 0."""
    at = 0.5 * (firsts + np.append(firsts[1:], count) - 1)
    start, end = float(np.median(family.start)), float(np.median(family.end))
    first = -1.0 / (family.resistance * start) if start > 0 else at[0] - 1.0
    final = count - 1.0 + 1.0 / (family.resistance * end) if end > 0 else at[-1] + 1.0
    at = np.concatenate([[first], at, [final]])
    where = np.arange(count)
    full = np.zeros((count, vectors.shape[1]))
    for k, vector in enumerate(vectors.T):
        edges = vector[0] * (start <= 0), vector[-1] * (end <= 0)
        full[:, k] = np.interp(where, at, np.concatenate([[edges[0]], vector, [edges[1]]]))
    return full


def _crossed(few: Crossbar, down: Floats, across: Floats) -> Floats:
    """``Z^T G (R + G)^-1 G Z``, shape (P, Q, P, Q)."""
    from cosim.simulators.native import lines

    p, q = down.shape[1], across.shape[1]
    found = np.empty((p, q, p, q))
    given, solved = np.zeros_like(few.g), np.zeros_like(few.g)
    tile = np.zeros((few.width, lines.TILE))
    for k in range(q):
        given[:, : few.cols] = across[:, k]
        lines.solve_rows(
            given, few.g, few.cols, few.row.resistance, few.a_row, few.last_row, tile, solved
        )
        inner = few.g[:, : few.cols] * solved[:, : few.cols] @ across
        found[:, k] = np.einsum("ia,ib,id->abd", down, down, inner)
    return found


def _diagonal(few: Crossbar, down: Floats, across: Floats) -> Floats:
    """``Z^T (C + G) Z``, shape (P, Q, P, Q)."""
    column = few.column
    pairs = np.einsum("ia,ib,ij->abj", down, down, few.g[:, : few.cols], optimize=True)
    between = np.diff(down, axis=0)
    pairs += (between.T @ between / column.resistance)[:, :, None]
    pairs += np.einsum("a,b,j->abj", down[0], down[0], column.start)
    pairs += np.einsum("a,b,j->abj", down[-1], down[-1], column.end)
    return np.einsum("abj,jc,jd->acbd", pairs, across, across, optimize=True)


def coarse_space(array: Crossbar) -> tuple[Floats, Floats, NDArray[np.float32], Floats]:
    """The coarse space of a crossbar with wires of resistance > 0 and ordinary drivers.

    Returns
    -------
    down, wired : ndarray, shape (rows, P)
        And what the wires of the columns make of it, drivers apart.
    across : ndarray of float32, shape (Q, cols)
        Z is the products of both.
    step : ndarray, shape (P Q, P Q)
        ``E^-1 - D^-1`` with ``D = Z^T (C + G) Z`` and ``E = D - Z^T G (R + G)^-1 G Z``.
    """
    rows, cols = array.rows, array.cols
    (some_rows, tall), (some_cols, long) = _blocks(rows), _blocks(cols)
    by_rows = np.add.reduceat(array.g[:, :cols], some_rows, axis=0)
    few = Crossbar(
        np.add.reduceat(by_rows, some_cols, axis=1),
        _fewer(array.row, long, some_rows, tall),
        _fewer(array.column, tall, some_cols, long),
    )
    few.factor()
    inner = few.g[:, : few.cols]
    down, left_down = modes(inner.mean(axis=1), few.column, _DIRECTIONS)
    across, left_across = modes(inner.mean(axis=0), few.row, _DIRECTIONS)
    chosen = np.outer(left_down, left_across) > _WORTH
    p, q = (int(chosen.any(axis=k).sum()) for k in (1, 0))
    down, across = down[:, :p], across[:, :q]
    step = np.zeros((p * q, p * q))
    if p * q:
        keep = np.flatnonzero(chosen[:p, :q].ravel())
        part = np.ix_(keep, keep)
        d = _diagonal(few, down, across).reshape((p * q, p * q))[part]
        e = d - _crossed(few, down, across).reshape((p * q, p * q))[part]
        # The correction only saves iterations: where rounding makes it singular, there is none.
        with suppress(np.linalg.LinAlgError):
            step[part] = np.linalg.inv(0.5 * (e + e.T)) - np.linalg.inv(d)
    full = _carried(down, rows, some_rows, array.column)
    wired = np.zeros_like(full)
    between = np.diff(full, axis=0) / array.column.resistance
    wired[1:] += between
    wired[:-1] -= between
    over = _carried(across, cols, some_cols, array.row)
    return full, wired, np.ascontiguousarray(over.T, dtype=np.float32), step
