"""Every cell of an array solved for given line voltages: the inner Newton iteration.

A cell seen from its two line nodes is a current ``I(u, w)`` with two derivatives.  Its own
unknowns (internal nodes, temperature, in a time step also the held states) are found by Newton
iteration on the printed equations and eliminated, so the array never sees them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, njit, types
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_A1, _A2, _A3 = float64[::1], float64[:, ::1], float64[:, :, ::1]
_I1 = int64[::1]
EQUATIONS = types.FunctionType(types.void(_A1, _A1, _A1, _A1, _A2))
PREPARE = types.FunctionType(types.void(_A1, _A1))

# Steps are measured in V (nodes), 1000 K (temperature) and 1 (states).
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(int64(_A2, int64, int64), **_OPTIONS)
def _eliminate(m: Floats, n: int, columns: int) -> int:
    """Solve the leading (n, n) of `m` for its further columns, in place; 0 if singular."""
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(m[i, k]) > abs(m[pivot, k]):
                pivot = i
        if not abs(m[pivot, k]) > 0.0:
            return 0
        if pivot != k:
            for j in range(k, columns):
                m[k, j], m[pivot, j] = m[pivot, j], m[k, j]
        inverse = 1.0 / m[k, k]
        for i in range(k + 1, n):
            factor = m[i, k] * inverse
            if factor != 0.0:
                for j in range(k + 1, columns):
                    m[i, j] -= factor * m[k, j]
    for k in range(n - 1, -1, -1):
        inverse = 1.0 / m[k, k]
        for j in range(n, columns):
            s = m[k, j]
            for i in range(k + 1, n):
                s -= m[k, i] * m[i, j]
            m[k, j] = s * inverse
    return 1


@njit(int64(EQUATIONS, _A1, _A1, _A1, _A1, _A1, _A2, _A2, _A1, int64, int64, float64), **_OPTIONS)
def _newton(
    equations: Any,
    y: Floats,
    external: Floats,
    q: Floats,
    weights: Floats,
    F: Floats,
    J: Floats,
    m: Floats,
    result: Floats,
    n: int,
    limit: int,
    small: float,
) -> int:
    """Solve one cell from `y`; fills result = I, dI/du, dI/dw, last step, then dy/du, dy/dw.

    Ends with the first step below `small`, by which the current is corrected to first order.
    Returns the number of evaluations, or -1.
    """
    for count in range(1, limit + 1):
        equations(y, external, q, F, J)
        for i in range(n):
            for j in range(n):
                m[i, j] = J[i, j]
            m[i, n] = -F[i]
            m[i, n + 1] = -J[i, n]
            m[i, n + 2] = -J[i, n + 1]
        if _eliminate(m, n, n + 3) == 0:
            return -1
        largest = 0.0
        for i in range(n):
            size = abs(m[i, n]) / weights[i]
            if not size < 1e300:
                return -1
            largest = max(largest, size)
        shrink = 1.0 if largest <= 0.5 else 0.5 / largest
        for i in range(n):
            y[i] += shrink * m[i, n]
        if largest < small:
            current = F[n]
            du, dw = J[n, n], J[n, n + 1]
            for i in range(n):
                current += J[n, i] * m[i, n]
                du += J[n, i] * m[i, n + 1]
                dw += J[n, i] * m[i, n + 2]
                result[4 + 2 * i] = m[i, n + 1]
                result[5 + 2 * i] = m[i, n + 2]
            result[0], result[1], result[2], result[3] = current, du, dw, largest
            return count
    return -1


@njit(int64(EQUATIONS, _A1, _A1, _A1, _A1, _A1, _A2, _A2, _A1, int64, int64), **_OPTIONS)
def _from_rest(
    equations: Any,
    y: Floats,
    external: Floats,
    q: Floats,
    weights: Floats,
    F: Floats,
    J: Floats,
    m: Floats,
    result: Floats,
    n: int,
    nodes: int,
) -> int:
    """Solve a hard cell by raising its voltage from zero, where the solution is known."""
    u, w = external[0], external[1]
    held = external.size - 5
    dynamic = n - nodes >= held and held > 0
    for i in range(n):
        y[i] = w if i < nodes else 0.0
    if dynamic:
        for k in range(held):
            y[n - held + k] = external[5 + k]
    good = y.copy()
    total, reached, step = 0, 0.0, 0.25
    while reached < 1.0:
        trial = min(1.0, reached + step)
        external[0] = w + trial * (u - w)
        count = _newton(equations, y, external, q, weights, F, J, m, result, n, 40, 1e-8)
        if count > 0:
            reached = trial
            good[:] = y
            step *= 2.0
            total += count
        else:
            y[:] = good
            step *= 0.25
            if step < 1e-6:
                external[0] = u
                return -1
    external[0] = u
    return total


@njit(
    types.Tuple((int64, int64, float64))(
        EQUATIONS, PREPARE, _A1, int64, _I1, _A3, _A3, _A1, _A1, _A1, _A1, _A1, _A1, float64,
        float64, _A2, _A2, _A3, _A3, _A3, _A2, _A2, _A2, _A3, _A1,
        int64, int64, int64, int64, int64,
    ),
    **_OPTIONS,
)  # fmt: skip
def solve_cells(
    equations: Any,
    prepare: Any,
    parameters: Floats,
    prepared: int,
    varying: NDArray[np.int64],
    values: Floats,
    held: Floats,
    u_row: Floats,
    u_col: Floats,
    w_row: Floats,
    w_col: Floats,
    gate_row: Floats,
    gate_col: Floats,
    step: float,
    small: float,
    u: Floats,
    w: Floats,
    y: Floats,
    slopes: Floats,
    at: Floats,
    current: Floats,
    g1: Floats,
    g2: Floats,
    rates: Floats,
    weights: Floats,
    nodes: int,
    cols: int,
    first: int,
    stop: int,
    cold: int,
) -> tuple[int, int, float]:
    """Solve the cells of rows `first` to `stop`.

    Voltages are ``u_row[i] + u_col[j] + u[i, j]`` on the bit line, likewise `w` on the source
    line; `varying` and `values` are the parameters that differ from cell to cell.  `y` (rows,
    cols, n) is the start and the result, `slopes` and `at` predict it from the last solution.
    A cold start takes the neighbour's solution for a first guess.  Returns (evaluations, flat
    index of the first cell without a solution or -1, largest last step).
    """
    n = weights.size
    states = held.shape[0]
    p = parameters.copy()
    q = np.zeros(prepared)
    external = np.zeros(5 + states)
    F, J = np.zeros(n + 1 + states), np.zeros((n + 1, n + 2))
    m = np.zeros((n, n + 3))
    result = np.zeros(4 + 2 * n)
    guess = np.zeros(n)
    external[4] = step
    prepare(p, q)
    total, bad, largest = 0, -1, 0.0
    for i in range(first, stop):
        for j in range(cols):
            if varying.size > 0:
                for k in range(varying.size):
                    p[varying[k]] = values[k, i, j]
                prepare(p, q)
            top, bottom = u_row[i] + u_col[j] + u[i, j], w_row[i] + w_col[j] + w[i, j]
            external[0], external[1] = top, bottom
            external[2] = gate_row[i] + gate_col[j]
            for k in range(states):
                external[5 + k] = held[k, i, j]
            count = -1
            si, sj = i, j
            if cold != 0:
                if j > 0:
                    sj = j - 1
                elif i > first:
                    si = i - 1
                else:
                    si = -1
            if si >= 0:
                du, dw = top - at[si, sj, 0], bottom - at[si, sj, 1]
                for k in range(n):
                    slope = slopes[si, sj, 2 * k] * du + slopes[si, sj, 2 * k + 1] * dw
                    guess[k] = y[si, sj, k] + slope
                count = _newton(
                    equations, guess, external, q, weights, F, J, m, result, n, 25, small
                )
            if count < 0:
                count = _from_rest(
                    equations, guess, external, q, weights, F, J, m, result, n, nodes
                )
            if count < 0:
                if bad < 0:
                    bad = i * cols + j
                continue
            total += count
            for k in range(n):
                y[i, j, k] = guess[k]
                slopes[i, j, 2 * k] = result[4 + 2 * k]
                slopes[i, j, 2 * k + 1] = result[5 + 2 * k]
            largest = max(largest, result[3])
            at[i, j, 0], at[i, j, 1] = top, bottom
            current[i, j] = result[0]
            g1[i, j] = result[1]
            g2[i, j] = -result[2]
            for k in range(rates.shape[0]):
                rates[k, i, j] = F[n + 1 + k]
    return total, bad, largest
