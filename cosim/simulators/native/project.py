"""What the coarse space sees of a vector: ``Z^T`` of it, row by row; see :mod:`.inner`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from cosim.simulators.native.lines import _FAST, Floats
from cosim.simulators.native.sweeps import Singles


@njit(**_FAST)
def project(
    force: Singles, p: Singles, across: Singles, many: int, by_force: Floats, by_wire: Floats
) -> None:
    """Sums over a row of `force` and `p` times each vector across."""
    cols = force.shape[0]
    zero = np.float32(0.0)
    for q in range(many):
        s, t = zero, zero
        for j in range(cols):
            s += force[j] * across[q, j]
            t += p[j] * across[q, j]
        by_force[q] = s
        by_wire[q] = t


@njit(**_FAST)
def collect(
    i: int,
    p: Singles,
    down: Floats,
    wired: Floats,
    across: Singles,
    start: Singles,
    end: Singles,
    by_force: Floats,
    by_wire: Floats,
    found: Floats,
) -> None:
    """Add row i to ``Z^T (force + C p)``."""
    rows = down.shape[0]
    for m in range(down.shape[1]):
        for q in range(across.shape[0]):
            found[m, q] += down[i, m] * by_force[q] + wired[i, m] * by_wire[q]
    if i == 0 or i == rows - 1:
        for q in range(across.shape[0]):
            s = 0.0
            for j in range(p.shape[0]):
                g = np.float32(0.0)
                if i == 0:
                    g += start[j]
                if i == rows - 1:
                    g += end[j]
                s += g * p[j] * across[q, j]
            for m in range(down.shape[1]):
                found[m, q] += down[i, m] * s


@njit(**_FAST)
def begin(
    z: Singles,
    g: Singles,
    cols: int,
    down: Floats,
    wired: Floats,
    across: Singles,
    wire: Any,
    start: Singles,
    end: Singles,
    q: Singles,
    found: Floats,
) -> float:
    """``Z^T M z`` into `found`; returns ``z . M z``."""
    rows = g.shape[0]
    many = across.shape[0]
    by_force, by_wire = np.zeros(many), np.zeros(many)
    zero = np.float32(0.0)
    norm = 0.0
    found[:] = 0.0
    for i in range(rows):
        s = zero
        for j in range(cols):
            v = g[i, j] * z[i, j]
            q[0, j] = v
            s += v * z[i, j]
        norm += float(s)
        s = zero
        if i > 0:
            for j in range(cols):
                step = z[i, j] - z[i - 1, j]
                s += step * step
            norm += float(wire * s)
        if many > 0:
            project(q[0, :cols], z[i, :cols], across, many, by_force, by_wire)
            collect(i, z[i, :cols], down, wired, across, start, end, by_force, by_wire, found)
    s = zero
    for j in range(cols):
        s += start[j] * z[0, j] * z[0, j] + end[j] * z[rows - 1, j] * z[rows - 1, j]
    return norm + float(s)
