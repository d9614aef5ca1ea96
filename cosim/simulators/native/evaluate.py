"""All cells of an array at given deviations of the lines, and the balance of their currents."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from os import getpid
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosim.simulators.native.state import ArrayState

Floats = NDArray[np.float64]

# Cells from which on a second thread gains more than waking it costs.
_SHARED = 64 * 64


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    # By process: threads do not survive a fork.
    return ThreadPoolExecutor(threads, thread_name_prefix="cells")


def evaluate(
    system: ArrayState, bit: Floats, source: Floats, held: Floats, step: float
) -> tuple[float, float, int, int]:
    """Cells and balance at the present deviations: worst, largest, evaluations, bad cell.

    A cell whose own iteration ended early counts as unbalanced until it is followed up.
    """
    from cosim.simulators.native.balance import balance_columns, balance_rows
    from cosim.simulators.native.cells import solve_cells

    row_zero, col_zero = np.zeros(system.rows), np.zeros(system.cols)
    small = 1e-5 if system.warm else 1e-3
    cold = 0 if system.warm else 1
    top, bottom = bit + system.bit_offset, source + system.source_offset

    def cells(first: int, stop: int) -> tuple[int, int, float]:
        done: tuple[int, int, float] = solve_cells(
            *system.compiled,
            system.parameters, system.equations.prepared, system.varying, system.values, held,
            row_zero if system.parallel else top, top if system.parallel else col_zero,
            row_zero, bottom,
            system.gate, float(step), small, system.u, system.w, system.y, system.slopes,
            system.at, system.current, system.g1, system.g2, system.rates, system.extra,
            system.weights, system.equations.nodes, system.unknown_states, system.cols,
            first, stop, cold,
        )  # fmt: skip
        return done

    if system.threads > 1 and system.rows * system.cols >= _SHARED:
        edges = np.linspace(0, system.rows, min(system.threads, system.rows) + 1).astype(int)
        parts = list(
            _pool(system.threads, getpid()).map(cells, edges[:-1].tolist(), edges[1:].tolist())
        )
    else:
        parts = [cells(0, system.rows)]
    evaluations = sum(p[0] for p in parts)
    bad = max(p[1] for p in parts)
    last = max(p[2] for p in parts)
    if bad >= 0:
        return np.inf, 1.0, evaluations, bad
    system.warm = True
    system.unfinished = last > 1e-6
    total = np.zeros(system.width)
    out_of_bit = into_source = system.current
    inner = slice(0, system.cols)
    if system.charged:
        into_source = np.zeros_like(system.current)
        into_source[:, inner] = system.extra[:, :, 0]
        # What a line node's voltage drives into the gate hangs on that node alone.
        by_bit, by_source = system.extra[:, :, 1], -system.extra[:, :, 2]
        system.load_row[:, inner] = system.k_row + system.g1[:, inner] - by_bit
        system.load_col[:, inner] = system.k_col + by_source - system.g2[:, inner]
        system.g1[:, inner] = by_bit
    if system.before is not None:
        now = system.node_voltages(bit, source)
        out_of_bit, into_source = out_of_bit.copy(), into_source.copy()
        out_of_bit[:, inner] += system.k_row * (now[0] - system.before[0])
        into_source[:, inner] -= system.k_col * (now[1] - system.before[1])
    if system.parallel:
        flow = -out_of_bit
        worst_bit, large_bit = balance_columns(
            flow, system.u, system.bit_offset, system.cols, system.bit.resistance, system.bit.start,
            system.bit.end, system.f_row, system.bit_delivered, total,
        )  # fmt: skip
    else:
        worst_bit, large_bit = balance_rows(
            out_of_bit, system.u, system.bit_offset, system.cols, system.bit.resistance,
            system.bit.start, system.bit.end, system.f_row, system.bit_delivered,
        )  # fmt: skip
    worst, large = balance_columns(
        into_source, system.w, system.source_offset, system.cols, system.source.resistance,
        system.source.start, system.source.end, system.f_col, system.source_delivered, total,
    )  # fmt: skip
    large = max(large, large_bit, float(np.max(np.abs(system.current))))
    return max(worst, worst_bit), large, evaluations, -1
