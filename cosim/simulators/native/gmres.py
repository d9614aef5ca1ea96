"""Flexible-size GMRES for the Newton steps of a nonlinear array, row lines eliminated exactly.

A cell with a transistor answers differently to its two lines (body effect, saturation), so the
system ``[[R + G1, -G2], [-G1, C + G2]]`` is not symmetric.  Eliminating the rows leaves
``S = C + G2 - G1 (R + G1)^-1 G2``; with ``M = C + G2`` as right preconditioner the operator is
``t -> t - G1 (R + G1)^-1 G2 M^-1 t``, and the residual is the true imbalance of the currents.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.simulators.native.lines import _FAST, TILE, Floats, solve_columns, solve_rows


@njit(**_FAST)
def _gather(v: Floats, cols: int) -> None:
    """Zero-resistance columns are one node: keep the sum of the forces in the last row."""
    last = v.shape[0] - 1
    for i in range(last):
        for j in range(cols):
            v[last, j] += v[i, j]
            v[i, j] = 0.0


@njit(**_FAST)
def _coupled(
    z: Floats,
    g1: Floats,
    g2: Floats,
    cols: int,
    parallel: bool,
    r_row: float,
    a_row: Floats,
    last_row: Floats,
    tile: Floats,
    scratch: Floats,
    out: Floats,
) -> None:
    """``out = G1 (R + G1)^-1 (G2 z)``."""
    rows = z.shape[0]
    if parallel:
        for i in range(rows):
            for j in range(cols):
                scratch[i, j] = g2[i, j] * z[i, j]
        solve_columns(scratch, cols, r_row, a_row, last_row, out)
    else:
        solve_rows(z, g2, cols, r_row, a_row, last_row, tile, out)
    for i in range(rows):
        for j in range(cols):
            out[i, j] *= g1[i, j]


@njit(**_FAST)
def _dot(a: Floats, b: Floats, cols: int) -> float:
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(cols):
            total += a[i, j] * b[i, j]
    return total


@njit(**_FAST)
def solve_newton(
    g1: Floats,
    g2: Floats,
    cols: int,
    parallel: bool,
    r_row: float,
    a_row: Floats,
    last_row: Floats,
    r_col: float,
    a_col: Floats,
    last_col: Floats,
    f_row: Floats,
    f_col: Floats,
    u: Floats,
    w: Floats,
    tolerance: float,
    restart: int,
    cycles: int,
) -> tuple[int, float]:
    """Solve ``(R + G1) u - G2 w = f_row``, ``(C + G2) w - G1 u = f_col``.

    Returns (iterations, residual over right-hand side); the caller judges the residual.  With
    `parallel` both families run along the columns.
    """
    rows, stride = g1.shape
    tile = np.zeros((stride, TILE))
    scratch = np.zeros((rows, stride))
    z = np.zeros((rows, stride))
    rhs = np.zeros((rows, stride))
    load = np.zeros((rows, stride))
    basis = np.empty((restart + 1, rows, stride))
    ones = np.ones((rows, stride))
    h = np.zeros((restart + 1, restart))
    cs, sn, y, e = np.zeros(restart), np.zeros(restart), np.zeros(restart), np.zeros(restart + 1)
    if parallel:
        solve_columns(f_row, cols, r_row, a_row, last_row, scratch)
    else:
        solve_rows(f_row, ones, cols, r_row, a_row, last_row, tile, scratch)
    for i in range(rows):
        for j in range(cols):
            rhs[i, j] = f_col[i, j] + g1[i, j] * scratch[i, j]
            w[i, j] = 0.0
    if r_col == 0.0:
        _gather(rhs, cols)
    norm = _dot(rhs, rhs, cols) ** 0.5
    count = 0
    reached = 0.0
    if norm > 0.0:
        for cycle in range(cycles):
            v = basis[0]
            if cycle == 0:
                for i in range(rows):
                    for j in range(cols):
                        v[i, j] = rhs[i, j]
            else:
                _coupled(w, g1, g2, cols, parallel, r_row, a_row, last_row, tile, scratch, v)
                for i in range(rows):
                    for j in range(cols):
                        v[i, j] += rhs[i, j] - load[i, j]
                if r_col == 0.0:
                    _gather(v, cols)
            beta = _dot(v, v, cols) ** 0.5
            reached = beta / norm
            if not reached > tolerance:
                break
            for i in range(rows):
                for j in range(cols):
                    v[i, j] /= beta
            e[:] = 0.0
            e[0] = beta
            used = 0
            for k in range(restart):
                solve_columns(basis[k], cols, r_col, a_col, last_col, z)
                v = basis[k + 1]
                _coupled(z, g1, g2, cols, parallel, r_row, a_row, last_row, tile, scratch, v)
                for i in range(rows):
                    for j in range(cols):
                        v[i, j] = basis[k, i, j] - v[i, j]
                if r_col == 0.0:
                    _gather(v, cols)
                for m in range(k + 1):
                    s = _dot(basis[m], v, cols)
                    h[m, k] = s
                    for i in range(rows):
                        for j in range(cols):
                            v[i, j] -= s * basis[m, i, j]
                s = _dot(v, v, cols) ** 0.5
                for m in range(k):
                    first = cs[m] * h[m, k] + sn[m] * h[m + 1, k]
                    h[m + 1, k] = cs[m] * h[m + 1, k] - sn[m] * h[m, k]
                    h[m, k] = first
                size = (h[k, k] ** 2 + s**2) ** 0.5
                count += 1
                used = k + 1
                if not size > 0.0:
                    used = k
                    break
                cs[k], sn[k] = h[k, k] / size, s / size
                h[k, k] = size
                e[k + 1] = -sn[k] * e[k]
                e[k] *= cs[k]
                reached = abs(e[k + 1]) / norm
                if not reached > tolerance or not s > 0.0:
                    break
                for i in range(rows):
                    for j in range(cols):
                        v[i, j] /= s
            for k in range(used - 1, -1, -1):
                s = e[k]
                for m in range(k + 1, used):
                    s -= h[k, m] * y[m]
                y[k] = s / h[k, k]
            for i in range(rows):
                for k in range(used):
                    for j in range(cols):
                        load[i, j] += y[k] * basis[k, i, j]
            solve_columns(load, cols, r_col, a_col, last_col, w)
            if not reached > tolerance or used == 0:
                break
    for i in range(rows):
        for j in range(cols):
            load[i, j] = f_row[i, j] + g2[i, j] * w[i, j]
    if parallel:
        solve_columns(load, cols, r_row, a_row, last_row, u)
    else:
        solve_rows(load, ones, cols, r_row, a_row, last_row, tile, u)
    return count, reached
