"""Conjugate gradients on the column voltages of a linear crossbar, rows eliminated exactly.

With row wires ``R``, column wires ``C`` and cell conductances ``G`` (diagonal), eliminating the row
deviations leaves ``S = C + G - G (R + G)^-1 G``, symmetric positive definite.  Preconditioned
with ``C + G`` all eigenvalues lie in (0, 1], and near 1 where wires conduct better than cells, so
a handful of iterations suffices.  One iteration is two passes over memory: the row pass (search
direction, row solve, matrix product) and the column pass (update, column solve).
"""

from __future__ import annotations

from numba import njit

from cosim.simulators.native.lines import _FAST, TILE, Floats, solve_columns, solve_rows


@njit(**_FAST)
def _row_pass(
    g: Floats,
    cols: int,
    r: float,
    a: Floats,
    inverse_last: Floats,
    beta: float,
    residual: Floats,
    z: Floats,
    p: Floats,
    mp: Floats,
    tile: Floats,
    c: Floats,
) -> float:
    """``p = z + beta p``; ``z = S p``; returns ``p . S p``."""
    rows = g.shape[0]
    last = cols - 1
    dot = 0.0
    for i0 in range(0, rows, TILE):
        height = min(TILE, rows - i0)
        for i in range(i0, i0 + height):
            for j in range(cols):
                p[i, j] = z[i, j] + beta * p[i, j]
                mp[i, j] = residual[i, j] + beta * mp[i, j]
        c[:] = 0.0
        if height == TILE:
            for j in range(last):
                for k in range(TILE):
                    c[k] = (p[i0 + k, j] * g[i0 + k, j] + c[k]) * a[i0 + k, j]
                    tile[j, k] = c[k]
            for k in range(TILE):
                c[k] = (p[i0 + k, last] * g[i0 + k, last] + c[k]) * inverse_last[i0 + k]
                tile[last, k] = c[k]
            for j in range(last - 1, -1, -1):
                for k in range(TILE):
                    c[k] = r * tile[j, k] + a[i0 + k, j] * c[k]
                    tile[j, k] = c[k]
        else:
            for k in range(height):
                s = c[k]
                for j in range(last):
                    s = (p[i0 + k, j] * g[i0 + k, j] + s) * a[i0 + k, j]
                    tile[j, k] = s
                s = (p[i0 + k, last] * g[i0 + k, last] + s) * inverse_last[i0 + k]
                tile[last, k] = s
                for j in range(last - 1, -1, -1):
                    s = r * tile[j, k] + a[i0 + k, j] * s
                    tile[j, k] = s
        for k in range(height):
            i = i0 + k
            for j in range(cols):
                q = mp[i, j] - g[i, j] * tile[j, k]
                z[i, j] = q
                dot += p[i, j] * q
    return dot


@njit(**_FAST)
def _column_pass(
    cols: int,
    r: float,
    a: Floats,
    inverse_last: Floats,
    alpha: float,
    x: Floats,
    p: Floats,
    residual: Floats,
    z: Floats,
) -> float:
    """``x += alpha p``; ``residual -= alpha z``; ``z = (C + G)^-1 residual``; returns their dot."""
    rows = x.shape[0]
    last = rows - 1
    dot = 0.0
    for i in range(rows):
        for j in range(cols):
            x[i, j] += alpha * p[i, j]
            residual[i, j] -= alpha * z[i, j]
        if i == 0:
            for j in range(cols):
                z[i, j] = residual[i, j] * (a[i, j] if i < last else inverse_last[j])
        elif i < last:
            for j in range(cols):
                z[i, j] = (residual[i, j] + z[i - 1, j]) * a[i, j]
        else:
            for j in range(cols):
                z[i, j] = (residual[i, j] + z[i - 1, j]) * inverse_last[j]
    for j in range(cols):
        dot += residual[last, j] * z[last, j]
    for i in range(last - 1, -1, -1):
        for j in range(cols):
            s = r * z[i, j] + a[i, j] * z[i + 1, j]
            z[i, j] = s
            dot += residual[i, j] * s
    return dot


@njit(**_FAST)
def solve_schur(
    g: Floats,
    cols: int,
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
    work: Floats,
    tile: Floats,
    c: Floats,
    tolerance: float,
    iterations: int,
) -> tuple[int, float]:
    """Solve ``(R + G) u - G w = f_row``, ``(C + G) w - G u = f_col`` for the deviations u, w.

    ``work`` is scratch of shape (4, rows, width), ``tile`` (width, TILE), ``c`` (TILE,).  Stops
    when the energy norm of the residual has fallen by ``tolerance``.  Returns the number of
    iterations (negative: broke down or ran out) and the reduction reached.
    """
    rows = g.shape[0]
    residual, z, p, mp = work[0], work[1], work[2], work[3]
    solve_rows(f_row, work[4], cols, r_row, a_row, last_row, tile, u)
    for i in range(rows):
        for j in range(cols):
            residual[i, j] = f_col[i, j] + g[i, j] * u[i, j]
            w[i, j] = 0.0
            p[i, j] = 0.0
            mp[i, j] = 0.0
    rz = solve_columns(residual, cols, r_col, a_col, last_col, z)
    start = rz
    count = 0
    beta = 0.0
    status = 0
    while rz > tolerance * tolerance * start:
        if count >= iterations:
            status = -1
            break
        pq = _row_pass(g, cols, r_row, a_row, last_row, beta, residual, z, p, mp, tile, c)
        if not pq > 0.0:
            status = -1
            break
        alpha = rz / pq
        previous = rz
        rz = _column_pass(cols, r_col, a_col, last_col, alpha, w, p, residual, z)
        beta = rz / previous
        count += 1
    for i in range(rows):
        for j in range(cols):
            z[i, j] = f_row[i, j] + g[i, j] * w[i, j]
    solve_rows(z, work[4], cols, r_row, a_row, last_row, tile, u)
    reached = (rz / start) ** 0.5 if start > 0.0 else 0.0
    return (count if status == 0 else -count - 1), reached
