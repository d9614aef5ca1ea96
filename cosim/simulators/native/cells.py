"""Every cell of an array solved for given line voltages: the inner Newton iteration.

A cell seen from its two line nodes is a current ``I(u, w)`` with two derivatives.  Its own
unknowns (internal nodes, temperature, in a time step also the held states) are found by Newton
iteration on the printed equations and eliminated, so the array never sees them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import float64, int64, njit, types
from numba.extending import typeof_impl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosim.simulators.native.equations import CellEquations

Floats = NDArray[np.float64]

_A1, _A2, _A3 = float64[::1], float64[:, ::1], float64[:, :, ::1]
_I1 = int64[::1]
_STEP_SIGNATURE = types.void(_A1, _A1, _A1, _A1)
_PREPARE_SIGNATURE = types.void(_A1, _A1)
STEP = types.FunctionType(_STEP_SIGNATURE)
PREPARE = types.FunctionType(_PREPARE_SIGNATURE)


class _Pinned(types.WrapperAddressProtocol):  # type: ignore[misc,unused-ignore]
    """A compiled function by its address: numba looks a dispatcher up anew on every call."""

    def __init__(self, function: Any, signature: Any, kind: Any) -> None:
        compiled = function.get_compile_result(signature)
        name = compiled.fndesc.llvm_cfunc_wrapper_name
        self._address = compiled.library.get_pointer_to_function(name)
        self._signature = signature
        self._function = function
        self.kind = kind

    def __wrapper_address__(self) -> int:
        return int(self._address)

    def signature(self) -> Any:
        return self._signature


@typeof_impl.register(_Pinned)  # type: ignore[untyped-decorator,unused-ignore]
def _typeof_pinned(value: _Pinned, context: Any) -> Any:
    # Known beforehand: numba's own way takes longer than the cells of a small array.
    return value.kind


def pin(equations: CellEquations) -> tuple[Any, Any]:
    """The step and prepare functions of a cell, in the form that :func:`solve_cells` takes."""
    return (
        _Pinned(equations.step, _STEP_SIGNATURE, STEP),
        _Pinned(equations.prepare, _PREPARE_SIGNATURE, PREPARE),
    )


# Steps are measured in V (nodes), 1000 K (temperature) and 1 (states).
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(int64(STEP, _A1, _A1, _A1, _A1, _A1, int64, float64), **_OPTIONS)
def _newton(
    advance: Any,
    y: Floats,
    external: Floats,
    q: Floats,
    weights: Floats,
    r: Floats,
    limit: int,
    small: float,
) -> int:
    """Solve one cell from `y`; fills `r` as the printed step does, r[3] with the last step's size.

    Ends with the first step below `small`, by which the current is corrected to first order.
    Returns the number of evaluations, or -1.
    """
    n = weights.size
    for count in range(1, limit + 1):
        advance(y, external, q, r)
        largest = 0.0
        for i in range(n):
            size = abs(r[3 + i]) / weights[i]
            if not size < 1e300:
                return -1
            largest = max(largest, size)
        shrink = 1.0 if largest <= 0.5 else 0.5 / largest
        for i in range(n):
            y[i] += shrink * r[3 + i]
        if largest < small:
            if n > 0:
                r[3] = largest
            return count
    return -1


@njit(int64(STEP, _A1, _A1, _A1, _A1, _A1, int64, int64), **_OPTIONS)
def _from_rest(
    advance: Any,
    y: Floats,
    external: Floats,
    q: Floats,
    weights: Floats,
    r: Floats,
    nodes: int,
    held: int,
) -> int:
    """Solve a hard cell by raising its voltage from zero, where the solution is known."""
    n = weights.size
    u, w = external[0], external[1]
    for i in range(n):
        y[i] = w if i < nodes else 0.0
    for k in range(held):
        y[n - held + k] = external[5 + k]
    good = y.copy()
    total, reached, step = 0, 0.0, 0.25
    while reached < 1.0:
        trial = min(1.0, reached + step)
        external[0] = w + trial * (u - w)
        count = _newton(advance, y, external, q, weights, r, 40, 1e-8)
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
        STEP, PREPARE, _A1, int64, _I1, _A3, _A3, _A1, _A1, _A1, _A1, _A2, float64,
        float64, _A2, _A2, _A3, _A3, _A3, _A2, _A2, _A2, _A3, _A3, _A1,
        int64, int64, int64, int64, int64, int64,
    ),
    **_OPTIONS,
)  # fmt: skip
def solve_cells(
    advance: Any,
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
    gate: Floats,
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
    extra: Floats,
    weights: Floats,
    nodes: int,
    unknown: int,
    cols: int,
    first: int,
    stop: int,
    cold: int,
) -> tuple[int, int, float]:
    """Solve the cells of rows `first` to `stop`.

    Voltages are ``u_row[i] + u_col[j] + u[i, j]`` on the bit line, likewise `w` on the source
    line, `gate` (rows, cols); `varying` and `values` are the parameters that differ.  `y` (rows,
    cols, n) is the start and the result, `slopes` and `at` predict it from the last solution; its
    last `unknown` entries are held states.  `extra` takes what a step gives beyond its rates.
    A cold start takes the neighbour's solution for a first guess.  Returns (evaluations, flat
    index of the first cell without a solution or -1, largest last step).
    """
    n = weights.size
    states = held.shape[0]
    p = parameters.copy()
    q = np.zeros(prepared)
    external = np.zeros(5 + states)
    behind = 3 + 3 * n + rates.shape[0]
    r = np.zeros(behind + extra.shape[2])
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
            external[2] = gate[i, j]
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
                count = _newton(advance, guess, external, q, weights, r, 25, small)
            if count < 0:
                count = _from_rest(advance, guess, external, q, weights, r, nodes, unknown)
            if count < 0:
                if bad < 0:
                    bad = i * cols + j
                continue
            total += count
            for k in range(n):
                y[i, j, k] = guess[k]
                slopes[i, j, 2 * k] = r[3 + n + 2 * k]
                slopes[i, j, 2 * k + 1] = r[4 + n + 2 * k]
            if n > 0:
                largest = max(largest, r[3])
            at[i, j, 0], at[i, j, 1] = top, bottom
            current[i, j] = r[0]
            g1[i, j] = r[1]
            g2[i, j] = -r[2]
            for k in range(rates.shape[0]):
                rates[k, i, j] = r[3 + 3 * n + k]
            for k in range(extra.shape[2]):
                extra[i, j, k] = r[behind + k]
    return total, bad, largest
