"""Kernels of the mixed-precision solve of one input; see :mod:`.mixed` for the method.

Row factors lie in tiles, ``[tile, column, row of the tile]``, so that the recurrence along a wire
is a vector operation over TILE rows; the cells' values are transposed tile by tile in cache.  The
last node's factor is ``1 / (r e)``: multiplied by ``r`` on the way back it is the node's solution,
so that it needs no case of its own, and nodes beyond it (factor 0) stay 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosim.simulators.native.lines import _FAST, _STRICT, Floats

Singles = NDArray[np.float32]
Reals = NDArray[Any]

TILE = 16
"""Rows solved side by side."""


@njit(**_FAST)
def _turn(source: Reals, target: Reals) -> None:
    """``target[j, k] = source[k, j]`` for TILE rows of a multiple of TILE columns."""
    for j0 in range(0, target.shape[0], TILE):
        for k in range(TILE):
            for j in range(TILE):
                target[j0 + j, k] = source[k, j0 + j]


@njit(**_FAST)
def _turn_back(source: Reals, target: Reals) -> None:
    """``target[k, j] = source[j, k]``."""
    for j0 in range(0, source.shape[0], TILE):
        for k in range(TILE):
            for j in range(TILE):
                target[k, j0 + j] = source[j0 + j, k]


@njit(**_FAST)
def _solve_tile(q: Reals, a: Reals, r: Any, turned: Reals) -> None:
    """``q = (R + G)^-1 q`` for TILE rows; ``turned`` (columns, TILE) is scratch."""
    wide = turned.shape[0]
    _turn(q, turned)
    for k in range(TILE):
        turned[0, k] *= a[0, k]
    for j in range(1, wide):
        for k in range(TILE):
            turned[j, k] = (turned[j, k] + turned[j - 1, k]) * a[j, k]
    for k in range(TILE):
        turned[wide - 1, k] *= r
    for j in range(wide - 2, -1, -1):
        for k in range(TILE):
            turned[j, k] = r * turned[j, k] + a[j, k] * turned[j + 1, k]
    _turn_back(turned, q)


@njit(**_STRICT)
def factor(
    g: Floats,
    cols: int,
    r_row: float,
    row_start: Floats,
    row_end: Floats,
    r_col: float,
    col_start: Floats,
    col_end: Floats,
    a_row: Floats,
    a_col: Floats,
    g_single: Singles,
    row_single: Singles,
    col_single: Singles,
    q: Floats,
    turned: Floats,
) -> bool:
    """Factors of both families in both precisions; whether every line could be factored."""
    rows = g.shape[0]
    last, bottom = cols - 1, rows - 1
    back = np.zeros(TILE)
    below = np.zeros(cols)
    good = True
    for t in range(a_row.shape[0]):
        i0 = t * TILE
        height = min(TILE, rows - i0)
        for k in range(TILE):
            back[k] = row_start[i0 + k] if k < height else 1.0
            q[k] = 0.0
        for k in range(height):
            i = i0 + k
            for j in range(cols):
                q[k, j] = g[i, j]
                g_single[i, j] = g[i, j]
            if i == 0:
                for j in range(cols):
                    below[j] = col_start[j]
            if i < bottom:
                for j in range(cols):
                    e = g[i, j] + below[j]
                    f = 1.0 / (1.0 + r_col * e)
                    below[j] = e * f
                    a_col[i, j] = f
                    col_single[i, j] = f
            else:
                for j in range(cols):
                    e = g[i, j] + below[j] + col_end[j]
                    good = good and e > 0.0
                    a_col[i, j] = 1.0 / (r_col * e)
                    col_single[i, j] = a_col[i, j]
        _turn(q, turned)
        for j in range(last):
            for k in range(TILE):
                e = turned[j, k] + back[k]
                f = 1.0 / (1.0 + r_row * e)
                back[k] = e * f
                a_row[t, j, k] = f
                row_single[t, j, k] = f
        for k in range(TILE):
            e = turned[last, k] + back[k] + (row_end[i0 + k] if k < height else 0.0)
            good = good and e > 0.0
            a_row[t, last, k] = 1.0 / (r_row * e)
            row_single[t, last, k] = a_row[t, last, k]
    return good


@njit(**_FAST)
def exact(
    w: Floats,
    v_row: Floats,
    v_col: Floats,
    g: Floats,
    cols: int,
    r_row: float,
    a_row: Floats,
    r_col: float,
    a_col: Floats,
    u: Floats,
    column: Floats,
    scale: float,
    d: Singles,
    q: Floats,
    turned: Floats,
) -> float:
    """``u = (R + G)^-1 G (w - v)``, ``d = scale ((C + G)^-1 G (u + v) - w)``, v rows less columns.

    The columns' elimination goes down with the rows.  ``column`` (rows, width) is scratch.
    Returns the largest ``G d / scale``, the imbalance of u and w [A].
    """
    rows = g.shape[0]
    bottom = rows - 1
    for t in range(a_row.shape[0]):
        i0 = t * TILE
        height = min(TILE, rows - i0)
        for k in range(height):
            i = i0 + k
            for j in range(cols):
                q[k, j] = g[i, j] * (w[i, j] - v_row[i] + v_col[j])
        _solve_tile(q, a_row[t], r_row, turned)
        for k in range(height):
            i = i0 + k
            if i == 0:
                for j in range(cols):
                    u[i, j] = q[k, j]
                    column[i, j] = g[i, j] * (q[k, j] + v_row[i] - v_col[j]) * a_col[i, j]
            else:
                for j in range(cols):
                    u[i, j] = q[k, j]
                    x = g[i, j] * (q[k, j] + v_row[i] - v_col[j])
                    column[i, j] = (x + column[i - 1, j]) * a_col[i, j]
    above, large = np.zeros(cols), np.zeros(cols)
    for i in range(bottom, -1, -1):
        if i == bottom:
            for j in range(cols):
                above[j] = r_col * column[i, j]
        else:
            for j in range(cols):
                above[j] = r_col * column[i, j] + a_col[i, j] * above[j]
        for j in range(cols):
            x = above[j] - w[i, j]
            d[i, j] = scale * x
            x = abs(g[i, j] * x)
            large[j] = large[j] if x <= large[j] else x
    return float(np.max(large))


@njit(**_FAST)
def add(w: Floats, x: Singles, cols: int, scale: float) -> None:
    """``w += scale x``."""
    for i in range(w.shape[0]):
        for j in range(cols):
            w[i, j] += scale * x[i, j]


@njit(**_FAST)
def balance(
    u: Floats,
    w: Floats,
    g: Floats,
    cols: int,
    v_row: Floats,
    v_col: Floats,
    r_row: float,
    row_start: Floats,
    row_end: Floats,
    r_col: float,
    col_start: Floats,
    col_end: Floats,
    cell: Floats,
    row_current: Floats,
    column_current: Floats,
) -> tuple[float, float]:
    """Cell and driver currents and how they balance; deviations u, w become voltages.

    Returns (largest imbalance at any node, largest branch current); NaN where anything is not
    finite.
    """
    rows = g.shape[0]
    last, bottom = cols - 1, rows - 1
    row_wire, col_wire = 1.0 / r_row, 1.0 / r_col
    worst, large, into = np.zeros(cols), np.zeros(cols), np.zeros(cols)
    total = 0.0
    for j in range(cols):
        column_current[j] = -col_start[j] * w[0, j] - col_end[j] * w[bottom, j]
        into[j] = -col_start[j] * w[0, j]
    for i in range(rows):
        first, final = -row_start[i] * u[i, 0], -row_end[i] * u[i, last]
        row_current[i] = first + final
        for j in range(cols):
            cell[i, j] = g[i, j] * (v_row[i] - v_col[j] + u[i, j] - w[i, j])
            total += cell[i, j]
            x = abs(cell[i, j])
            large[j] = large[j] if x <= large[j] else x
        for j in range(1, last):
            before = (u[i, j - 1] - u[i, j]) * row_wire
            x = abs(before)
            large[j] = large[j] if x <= large[j] else x
            x = abs(before - (u[i, j] - u[i, j + 1]) * row_wire - cell[i, j])
            worst[j] = worst[j] if x <= worst[j] else x
        if last == 0:
            worst[0] = max(worst[0], abs(first + final - cell[i, 0]))
        else:
            flow = (u[i, 0] - u[i, 1]) * row_wire
            large[0] = max(large[0], abs(flow))
            worst[0] = max(worst[0], abs(first - flow - cell[i, 0]))
            flow = (u[i, last - 1] - u[i, last]) * row_wire
            large[last] = max(large[last], abs(flow))
            worst[last] = max(worst[last], abs(flow + final - cell[i, last]))
        if i < bottom:
            for j in range(cols):
                after = (w[i, j] - w[i + 1, j]) * col_wire
                x = abs(into[j] + cell[i, j] - after)
                worst[j] = worst[j] if x <= worst[j] else x
                x = abs(after)
                large[j] = large[j] if x <= large[j] else x
                into[j] = after
        else:
            for j in range(cols):
                x = abs(into[j] + cell[i, j] - col_end[j] * w[i, j])
                worst[j] = worst[j] if x <= worst[j] else x
        for j in range(cols):
            u[i, j] += v_row[i]
            w[i, j] += v_col[j]
        total += row_current[i]
    for j in range(cols):
        total += column_current[j]
    most = max(np.max(large), max(np.max(np.abs(row_current)), np.max(np.abs(column_current))))
    # Comparisons lose what is not a number, sums keep it.
    return (np.max(worst) if np.isfinite(total) else np.nan), most
