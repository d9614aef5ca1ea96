"""Conjugate gradients in single precision with a coarse correction; see :mod:`.mixed`.

Solves ``S e = f`` with ``S = C + G - G (R + G)^-1 G`` from the line residual ``z = M^-1 f``,
``M = C + G``.  The preconditioner is ``M^-1 + Z step Z^T``, with Z the products of ``down`` and
``across``.  The residual itself is never formed: ``M^-1 S p = p - M^-1 G (R + G)^-1 G p`` needs
no more than the two line solves, norms in M are sums of positive terms, and of the residual only
``Z^T`` is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from cosim.simulators.native.lines import _FAST, Floats
from cosim.simulators.native.project import begin, collect, project
from cosim.simulators.native.sweeps import TILE, Singles, _solve_tile

PASSES = 15
"""Values of single precision a cell that one iteration moves between memory and processor."""


@njit(**_FAST)
def _row_pass(
    z: Singles,
    p: Singles,
    y: Singles,
    g: Singles,
    cols: int,
    r: Any,
    a: Singles,
    a_col: Singles,
    beta: Any,
    coarse: Floats,
    down: Floats,
    wired: Floats,
    across: Singles,
    wire: Any,
    start: Singles,
    end: Singles,
    q: Singles,
    turned: Singles,
    found: Floats,
) -> float:
    """``p = z + Z coarse + beta p`` and y, which is half of ``t = M^-1 G (R + G)^-1 G p``.

    The columns' elimination goes down with the rows; :func:`_column_pass` comes back up.  Fills
    `found` with ``Z^T S p`` and returns ``p . S p``.
    """
    rows = g.shape[0]
    bottom = rows - 1
    many = across.shape[0]
    by_force, by_wire = np.zeros(many), np.zeros(many)
    zero = np.float32(0.0)
    energy = 0.0
    found[:] = 0.0
    for t in range(a.shape[0]):
        i0 = t * TILE
        height = min(TILE, rows - i0)
        for k in range(height):
            i = i0 + k
            for j in range(cols):
                p[i, j] = z[i, j] + beta * p[i, j]
            for m in range(many):
                total = 0.0
                for n in range(down.shape[1]):
                    total += down[i, n] * coarse[n, m]
                part = np.float32(total)
                for j in range(cols):
                    p[i, j] += part * across[m, j]
            s = zero
            if i > 0:
                for j in range(cols):
                    step = p[i, j] - p[i - 1, j]
                    s += step * step
                energy += float(wire * s)
            s = zero
            for j in range(cols):
                x = g[i, j] * p[i, j]
                q[k, j] = x
                s += x * p[i, j]
            energy += float(s)
            if i == 0:
                s = zero
                for j in range(cols):
                    s += start[j] * p[i, j] * p[i, j]
                energy += float(s)
            if i == bottom:
                s = zero
                for j in range(cols):
                    s += end[j] * p[i, j] * p[i, j]
                energy += float(s)
        _solve_tile(q, a[t], r, turned)
        for k in range(height):
            i = i0 + k
            s = zero
            if i == 0:
                for j in range(cols):
                    x = g[i, j] * q[k, j]
                    y[i, j] = x * a_col[i, j]
                    s += x * p[i, j]
                    q[k, j] = g[i, j] * p[i, j] - x
            else:
                for j in range(cols):
                    x = g[i, j] * q[k, j]
                    y[i, j] = (x + y[i - 1, j]) * a_col[i, j]
                    s += x * p[i, j]
                    q[k, j] = g[i, j] * p[i, j] - x
            energy -= float(s)
            if many > 0:
                project(q[k, :cols], p[i, :cols], across, many, by_force, by_wire)
                collect(i, p[i, :cols], down, wired, across, start, end, by_force, by_wire, found)
    return energy


@njit(**_FAST)
def _column_pass(
    y: Singles,
    p: Singles,
    z: Singles,
    x: Singles,
    g: Singles,
    cols: int,
    r: Any,
    a: Singles,
    alpha: Any,
    wire: Any,
    start: Singles,
    end: Singles,
    t: Singles,
) -> float:
    """``x += alpha p``, ``z -= alpha (p - t)``; returns ``z . M z``; ``t`` is scratch of a row."""
    rows = g.shape[0]
    bottom = rows - 1
    zero = np.float32(0.0)
    norm = 0.0
    for i in range(bottom, -1, -1):
        if i == bottom:
            for j in range(cols):
                t[j] = r * y[i, j]
        else:
            for j in range(cols):
                t[j] = r * y[i, j] + a[i, j] * t[j]
        s = zero
        for j in range(cols):
            x[i, j] += alpha * p[i, j]
            v = z[i, j] - alpha * (p[i, j] - t[j])
            z[i, j] = v
            s += g[i, j] * v * v
        norm += float(s)
        if i < bottom:
            s = zero
            for j in range(cols):
                step = z[i, j] - z[i + 1, j]
                s += step * step
            norm += float(wire * s)
    s = zero
    for j in range(cols):
        s += start[j] * z[0, j] * z[0, j] + end[j] * z[bottom, j] * z[bottom, j]
    return norm + float(s)


def solve_inner(
    z: Singles,
    x: Singles,
    p: Singles,
    y: Singles,
    g: Singles,
    cols: int,
    r_row: Any,
    a_row: Singles,
    r_col: Any,
    a_col: Singles,
    start: Singles,
    end: Singles,
    down: Floats,
    wired: Floats,
    across: Singles,
    step: Floats,
    q: Singles,
    turned: Singles,
    tolerance: float,
    iterations: int,
) -> int:
    """x from z, which is lost; returns the iterations n, or -n - 1 where it broke down.

    Stops when the preconditioned norm of the residual has fallen by `tolerance`.
    """
    # A loop in Python: compiled, it would take a second to compile and save no time.
    left, found = np.zeros((2, down.shape[1], across.shape[0]))
    wire = np.float32(1.0) / r_col
    norm = begin(z, g, cols, down, wired, across, wire, start, end, q, left)
    x[:] = 0.0
    p[:] = 0.0
    first = last = lowest = 0.0
    for count in range(iterations + 1):
        coarse = (step @ left.ravel()).reshape(left.shape)
        now = norm + float(np.vdot(coarse, left))
        if count == 0:
            first = lowest = now
        lowest = min(now, lowest)
        if now <= tolerance * tolerance * first:
            return count
        # Where rounding takes over, the norm of the residual rises again.
        if count == iterations or not 0.0 < now <= 4.0 * lowest:
            break
        beta = np.float32(now / last if count > 0 else 0.0)
        last = now
        energy = _row_pass(
            z, p, y, g, cols, r_row, a_row, a_col, beta, coarse, down, wired, across, wire, start,
            end, q, turned, found,
        )  # fmt: skip
        if not energy > 0.0:
            break
        left -= now / energy * found
        norm = _column_pass(
            y, p, z, x, g, cols, r_col, a_col, np.float32(now / energy), wire, start, end, q[0]
        )
    return -count - 1
