"""Kernels for many inputs of one linear crossbar at once; see :mod:`.many` for the method.

Inputs lie innermost (`LANES` of them), so that every recurrence along a wire is a vector
operation and every cell value that is loaded serves all of them; rows and columns overwrite each
other in place.  One iteration reads and writes each unknown twice and nothing else.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.simulators.native.lines import _FAST, Floats

LANES = 8
"""Inputs of a block."""

SPACING = 16
"""Cells from one knot to the next of a coarse vector along a row, which is linear between."""

_COLUMNS = 8


@njit(**_FAST)
def row_sweep(
    x: Floats,
    u: Floats,
    g: Floats,
    cols: int,
    r: float,
    a: Floats,
    inverse_last: Floats,
    v_row: Floats,
    v_col: Floats,
    down: Floats,
    knots: Floats,
    alpha: Floats,
    line: Floats,
    found: Floats,
) -> None:
    """``u = (R + G)^-1 G (x + Z alpha - v_row + v_col)``; `u` may be `x`.

    `found` (P, Q, LANES) is ``Z^T G u``; `line` (cols, LANES) is scratch.
    """
    rows = g.shape[0]
    last = cols - 1
    many = knots.shape[1]
    beta, seen = np.zeros((2, many, LANES))
    c, smooth, slope, total, moment, v = np.zeros((6, LANES))
    found[:] = 0.0
    for i in range(rows):
        beta[:] = 0.0
        for p in range(down.shape[1]):
            for q in range(many):
                for k in range(LANES):
                    beta[q, k] += down[i, p] * alpha[p, q, k]
        for k in range(LANES):
            c[k] = 0.0
            v[k] = v_row[i, k]
        for m in range(knots.shape[0] - 1):
            smooth[:] = 0.0
            slope[:] = 0.0
            for q in range(many):
                step = (knots[m + 1, q] - knots[m, q]) / SPACING
                for k in range(LANES):
                    smooth[k] += knots[m, q] * beta[q, k]
                    slope[k] += step * beta[q, k]
            for j in range(m * SPACING, min(cols, (m + 1) * SPACING)):
                gij = g[i, j]
                factor = a[i, j] if j < last else inverse_last[i]
                for k in range(LANES):
                    y = x[i, j, k] + smooth[k] - v[k] + v_col[j, k]
                    y = (y * gij + c[k]) * factor
                    smooth[k] += slope[k]
                    c[k] = y
                    line[j, k] = y
        seen[:] = 0.0
        for m in range(knots.shape[0] - 2, -1, -1):
            total[:] = 0.0
            moment[:] = 0.0
            for j in range(min(cols, (m + 1) * SPACING) - 1, m * SPACING - 1, -1):
                # The last node is solved already: its own value is what comes from there.
                f, s = (a[i, j], r) if j < last else (1.0, 0.0)
                gij = g[i, j]
                along = (j - m * SPACING) / SPACING
                for k in range(LANES):
                    y = s * line[j, k] + f * c[k]
                    c[k] = y
                    u[i, j, k] = y
                    y *= gij
                    total[k] += y
                    moment[k] += along * y
            for q in range(many):
                step = knots[m + 1, q] - knots[m, q]
                for k in range(LANES):
                    seen[q, k] += knots[m, q] * total[k] + step * moment[k]
        for p in range(down.shape[1]):
            for q in range(many):
                for k in range(LANES):
                    found[p, q, k] += down[i, p] * seen[q, k]


@njit(**_FAST)
def column_sweep(
    x: Floats,
    g: Floats,
    cols: int,
    r: float,
    a: Floats,
    inverse_last: Floats,
    v_row: Floats,
    v_col: Floats,
) -> None:
    """``x = (C + G)^-1 G (x + v_row - v_col)`` in place."""
    rows = g.shape[0]
    last = rows - 1
    for j0 in range(0, cols, _COLUMNS):
        j1 = min(cols, j0 + _COLUMNS)
        for i in range(rows):
            for j in range(j0, j1):
                factor = a[i, j] if i < last else inverse_last[j]
                s = factor * g[i, j]
                if i > 0:
                    for k in range(LANES):
                        y = x[i, j, k] + v_row[i, k] - v_col[j, k]
                        x[i, j, k] = y * s + x[i - 1, j, k] * factor
                else:
                    for k in range(LANES):
                        x[i, j, k] = (x[i, j, k] + v_row[i, k] - v_col[j, k]) * s
        for i in range(last - 1, -1, -1):
            for j in range(j0, j1):
                f = a[i, j]
                for k in range(LANES):
                    x[i, j, k] = r * x[i, j, k] + f * x[i + 1, j, k]


@njit(**_FAST)
def add_coarse(x: Floats, cols: int, down: Floats, knots: Floats, alpha: Floats) -> None:
    """``x += Z alpha``."""
    many = knots.shape[1]
    beta = np.zeros((many, LANES))
    smooth, slope = np.zeros((2, LANES))
    for i in range(x.shape[0]):
        beta[:] = 0.0
        for p in range(down.shape[1]):
            for q in range(many):
                for k in range(LANES):
                    beta[q, k] += down[i, p] * alpha[p, q, k]
        for m in range(knots.shape[0] - 1):
            smooth[:] = 0.0
            slope[:] = 0.0
            for q in range(many):
                step = (knots[m + 1, q] - knots[m, q]) / SPACING
                for k in range(LANES):
                    smooth[k] += knots[m, q] * beta[q, k]
                    slope[k] += step * beta[q, k]
            for j in range(m * SPACING, min(cols, (m + 1) * SPACING)):
                for k in range(LANES):
                    x[i, j, k] += smooth[k]
                    smooth[k] += slope[k]


@njit(**_FAST)
def balance(
    u: Floats,
    w: Floats,
    g: Floats,
    cols: int,
    r_row: float,
    row_start: Floats,
    row_end: Floats,
    r_col: float,
    col_start: Floats,
    col_end: Floats,
    v_row: Floats,
    v_col: Floats,
    delivered: Floats,
    worst: Floats,
    largest: Floats,
) -> None:
    """Imbalance of currents at every node, per input.

    Fills `delivered` (rows + cols, LANES) with what the drivers deliver into each line, `worst`
    and `largest` (LANES,) with the largest imbalance and the largest branch current.
    """
    rows = g.shape[0]
    last, bottom = cols - 1, rows - 1
    row_wire, col_wire = 1.0 / r_row, 1.0 / r_col
    worst[:] = 0.0
    largest[:] = 0.0
    row_into, col_into, flow = np.zeros((3, LANES))
    for j in range(cols):
        for k in range(LANES):
            delivered[rows + j, k] = -col_start[j] * w[0, j, k] - col_end[j] * w[bottom, j, k]
            largest[k] = max(largest[k], abs(delivered[rows + j, k]))
    for i in range(rows):
        for k in range(LANES):
            delivered[i, k] = -row_start[i] * u[i, 0, k] - row_end[i] * u[i, last, k]
            largest[k] = max(largest[k], abs(delivered[i, k]))
        flow[:] = 0.0
        for j in range(cols):
            own, cell = u[i, j], w[i, j]
            for k in range(LANES):
                current = g[i, j] * (v_row[i, k] - v_col[j, k] + own[k] - cell[k])
                largest[k] = max(largest[k], abs(current))
                row_into[k] = flow[k] - current
                col_into[k] = current
            if j == 0:
                for k in range(LANES):
                    row_into[k] -= row_start[i] * own[k]
            if j == last:
                for k in range(LANES):
                    row_into[k] -= row_end[i] * own[k]
            else:
                following = u[i, j + 1]
                for k in range(LANES):
                    flow[k] = (own[k] - following[k]) * row_wire
                    row_into[k] -= flow[k]
                    largest[k] = max(largest[k], abs(flow[k]))
            if i > 0:
                other = w[i - 1, j]
                for k in range(LANES):
                    col_into[k] += (other[k] - cell[k]) * col_wire
            else:
                for k in range(LANES):
                    col_into[k] -= col_start[j] * cell[k]
            if i < bottom:
                other = w[i + 1, j]
                for k in range(LANES):
                    after = (cell[k] - other[k]) * col_wire
                    col_into[k] -= after
                    largest[k] = max(largest[k], abs(after))
            else:
                for k in range(LANES):
                    col_into[k] -= col_end[j] * cell[k]
            for k in range(LANES):
                worst[k] = max(worst[k], max(abs(row_into[k]), abs(col_into[k])))
