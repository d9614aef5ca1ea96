"""Line kernels of the native array solver: tridiagonal wires, condensed and solved in place.

A *line* is a chain of nodes joined by segments of resistance ``r`` (0 allowed), with an optional
driver at each end (conductance ``g_start``, ``g_end``; 0 = no driver, ``inf`` = ideal) and a cell
conductance ``g[k]`` hanging on every node.  Unknowns are *deviations* from the voltage of the
line's own driver, so that a wire a million times better than its cells loses no digits.

Factors are kept as the current transfer ratio ``a[k] = 1 / (1 + r e[k])``, where ``e[k]`` is the
conductance seen from node ``k`` backwards.  Every operation adds positive numbers or multiplies
them, so the factors are accurate to rounding for any ratio of wire to cell, and ``r = 0`` (one
node for the whole line) and ``g = inf`` (an ideal driver) are ordinary values.

All kernels run on one thread, allocate nothing and release the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: rows solved side by side in one vector register
TILE = 8


def width(cols: int) -> int:
    """Row stride [elements] for ``cols`` columns: whole vectors, never a power of two apart."""
    stride = -(-cols // 8) * 8
    return stride + 8 if stride >= 128 and stride % 32 == 0 else stride


_FAST: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "nsz"},
}
# Factors meet infinities and zeros on purpose: no reassociation there.
_STRICT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_STRICT)
def factor_rows(
    g: Floats,
    cols: int,
    r: float,
    g_start: Floats,
    g_end: Floats,
    a: Floats,
    inverse_last: Floats,
) -> int:
    """Factor every row line; returns the first singular (or negative) row, or -1."""
    rows = g.shape[0]
    bad = -1
    for i in range(rows):
        back = 0.0
        for j in range(cols):
            e = g[i, j] + back
            if j == 0:
                e += g_start[i]
            if j == cols - 1:
                e += g_end[i]
                a[i, j] = 0.0
                inverse_last[i] = 1.0 / e
            elif e == np.inf:
                a[i, j] = 0.0
            else:
                a[i, j] = 1.0 / (1.0 + r * e)
            back = 1.0 / (r + 1.0 / e)
            if not (e > 0.0 or (j < cols - 1 and e == 0.0)) and bad < 0:
                bad = i
    return bad


@njit(**_STRICT)
def factor_columns(
    g: Floats,
    cols: int,
    r: float,
    g_start: Floats,
    g_end: Floats,
    a: Floats,
    inverse_last: Floats,
) -> int:
    """Factor every column line; returns the first singular (or negative) column, or -1."""
    rows = g.shape[0]
    bad = -1
    back = inverse_last
    for j in range(cols):
        back[j] = 0.0
    for i in range(rows):
        for j in range(cols):
            e = g[i, j] + back[j]
            if i == 0:
                e += g_start[j]
            if i == rows - 1:
                e += g_end[j]
                a[i, j] = 0.0
                back[j] = 1.0 / e
            else:
                a[i, j] = 0.0 if e == np.inf else 1.0 / (1.0 + r * e)
                back[j] = 1.0 / (r + 1.0 / e)
            if not (e > 0.0 or (i < rows - 1 and e == 0.0)) and bad < 0:
                bad = j
    return bad


@njit(**_FAST)
def solve_rows(
    f: Floats,
    scale: Floats,
    cols: int,
    r: float,
    a: Floats,
    inverse_last: Floats,
    tile: Floats,
    out: Floats,
) -> None:
    """``out = (rows + G)^-1 (scale * f)``; ``tile`` is scratch of shape (cols, TILE)."""
    rows = f.shape[0]
    full = rows - rows % TILE
    last = cols - 1
    c = np.zeros(TILE, f.dtype)
    for i0 in range(0, full, TILE):
        c[:] = 0.0
        for j in range(last):
            for k in range(TILE):
                c[k] = (f[i0 + k, j] * scale[i0 + k, j] + c[k]) * a[i0 + k, j]
                tile[j, k] = c[k]
        for k in range(TILE):
            i = i0 + k
            c[k] = (f[i, last] * scale[i, last] + c[k]) * inverse_last[i]
            out[i, last] = c[k]
        for j in range(last - 1, -1, -1):
            for k in range(TILE):
                c[k] = r * tile[j, k] + a[i0 + k, j] * c[k]
                out[i0 + k, j] = c[k]
    for i in range(full, rows):
        s = f.dtype.type(0.0)
        for j in range(last):
            s = (f[i, j] * scale[i, j] + s) * a[i, j]
            tile[j, 0] = s
        s = (f[i, last] * scale[i, last] + s) * inverse_last[i]
        out[i, last] = s
        for j in range(last - 1, -1, -1):
            s = r * tile[j, 0] + a[i, j] * s
            out[i, j] = s


@njit(**_FAST)
def solve_columns(
    f: Floats, cols: int, r: float, a: Floats, inverse_last: Floats, out: Floats
) -> float:
    """``out = (columns + G)^-1 f``; returns ``f . out``."""
    rows = f.shape[0]
    dot = 0.0
    last = rows - 1
    if last > 0:
        for j in range(cols):
            out[0, j] = f[0, j] * a[0, j]
        for i in range(1, last):
            for j in range(cols):
                out[i, j] = (f[i, j] + out[i - 1, j]) * a[i, j]
        for j in range(cols):
            out[last, j] = (f[last, j] + out[last - 1, j]) * inverse_last[j]
    else:
        for j in range(cols):
            out[0, j] = f[0, j] * inverse_last[j]
    for j in range(cols):
        dot += f[last, j] * out[last, j]
    for i in range(last - 1, -1, -1):
        for j in range(cols):
            x = r * out[i, j] + a[i, j] * out[i + 1, j]
            out[i, j] = x
            dot += f[i, j] * x
    return dot
