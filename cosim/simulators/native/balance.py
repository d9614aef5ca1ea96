"""Kirchhoff's current law on both line families: what is left over at every node.

Wire currents are differences of *deviations* (see :mod:`cosim.simulators.native.lines`), and what
all nodes of a line have in common is kept apart in `offset`, so the balance keeps its digits
however good the wires are and however far a line is from its driver.  Lines of zero resistance are
one node: their imbalance is the sum over the line.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from cosim.simulators.native.lines import _STRICT, Floats


@njit(**_STRICT)
def balance_rows(
    current: Floats,
    delta: Floats,
    offset: Floats,
    cols: int,
    r: float,
    g_start: Floats,
    g_end: Floats,
    out: Floats,
    delivered: Floats,
) -> tuple[float, float]:
    """Imbalance of row nodes, where `current` leaves the row through each cell.

    Fills `out` with what flows in minus what flows out and `delivered` (rows, 2) with the current
    that the drivers at start and end deliver.  Returns (largest imbalance, largest branch current).
    """
    rows = current.shape[0]
    last = cols - 1
    worst = 0.0
    largest = 0.0
    for i in range(rows):
        total = 0.0
        for j in range(cols):
            total += current[i, j]
            largest = max(largest, abs(current[i, j]))
        first = -g_start[i] * (offset[i] + delta[i, 0]) if g_start[i] < np.inf else 0.0
        final = -g_end[i] * (offset[i] + delta[i, last]) if g_end[i] < np.inf else 0.0
        if r == 0.0:
            # One node. An ideal driver supplies whatever is missing (the start one if both are).
            if g_start[i] == np.inf:
                first = total - final
            elif g_end[i] == np.inf:
                final = total - first
            left = first + final - total
            for j in range(cols):
                out[i, j] = -current[i, j]
            out[i, 0] += first
            out[i, last] += final
            worst = max(worst, abs(left))
        else:
            flow = 0.0
            for j in range(cols):
                after = (delta[i, j] - delta[i, j + 1]) / r if j < last else 0.0
                into = flow - after - current[i, j]
                if j == 0:
                    if g_start[i] == np.inf:
                        first = -into if last > 0 or g_end[i] < np.inf else -into - final
                        into = 0.0
                    else:
                        into += first
                if j == last:
                    if g_end[i] == np.inf:
                        if last > 0 or g_start[i] < np.inf:
                            final = -into
                        into = 0.0
                    else:
                        into += final
                out[i, j] = into
                worst = max(worst, abs(into))
                largest = max(largest, abs(after))
                flow = after
        largest = max(largest, abs(first), abs(final))
        delivered[i, 0] = first
        delivered[i, 1] = final
    return worst, largest


@njit(**_STRICT)
def balance_columns(
    current: Floats,
    delta: Floats,
    offset: Floats,
    cols: int,
    r: float,
    g_start: Floats,
    g_end: Floats,
    out: Floats,
    delivered: Floats,
    total: Floats,
) -> tuple[float, float]:
    """Imbalance of column nodes, where `current` enters the column through each cell.

    `delivered` (cols, 2) is what the drivers deliver into the column (negative: they sink it);
    `total` (width,) is scratch.  Otherwise as :func:`balance_rows`.
    """
    rows = current.shape[0]
    last = rows - 1
    worst = 0.0
    largest = 0.0
    for j in range(cols):
        total[j] = 0.0
        first = -g_start[j] * (offset[j] + delta[0, j])
        delivered[j, 0] = first if g_start[j] < np.inf else 0.0
        final = -g_end[j] * (offset[j] + delta[last, j])
        delivered[j, 1] = final if g_end[j] < np.inf else 0.0
    for i in range(rows):
        for j in range(cols):
            into = current[i, j]
            if r == 0.0:
                total[j] += into
            else:
                after = (delta[i, j] - delta[i + 1, j]) / r if i < last else 0.0
                before = (delta[i - 1, j] - delta[i, j]) / r if i > 0 else 0.0
                largest = max(largest, abs(after))
                into += before - after
            if i == 0:
                if g_start[j] == np.inf and r > 0.0:
                    if last > 0 or g_end[j] < np.inf:
                        delivered[j, 0] = -into
                    else:
                        delivered[j, 0] = -into - delivered[j, 1]
                    into = 0.0
                else:
                    into += delivered[j, 0]
            if i == last:
                if g_end[j] == np.inf and r > 0.0:
                    if last > 0 or g_start[j] < np.inf:
                        delivered[j, 1] = -into
                    into = 0.0
                else:
                    into += delivered[j, 1]
            out[i, j] = into
            if r > 0.0:
                worst = max(worst, abs(into))
    for j in range(cols):
        if r == 0.0:
            if g_start[j] == np.inf:
                delivered[j, 0] = -total[j] - delivered[j, 1]
            elif g_end[j] == np.inf:
                delivered[j, 1] = -total[j] - delivered[j, 0]
            else:
                worst = max(worst, abs(total[j] + delivered[j, 0] + delivered[j, 1]))
        largest = max(largest, abs(delivered[j, 0]), abs(delivered[j, 1]))
    return worst, largest
