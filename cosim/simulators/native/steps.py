"""One Newton step of a whole array: Krylov with line factors, or a sparse direct solve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged
from cosim.simulators.native.direct import assemble

if TYPE_CHECKING:
    from cosim.simulators.native.state import ArrayState

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Convergence:
    """How a solve ended.

    Parameters
    ----------
    residual : float
        Largest imbalance of currents at any node over the largest branch current.
    newton, krylov, evaluations : int
        Array Newton steps, Krylov iterations, cell evaluations.
    direct : int
        Steps that needed the sparse direct solver.
    """

    residual: float
    newton: int
    krylov: int
    evaluations: int
    direct: int


def newton_step(system: ArrayState, forcing: float) -> tuple[Floats, Floats, int]:
    """Newton step of the deviations; iterations, or -1 for the direct solver."""
    from cosim.simulators.native import lines
    from cosim.simulators.native.gmres import solve_newton

    factor = lines.factor_columns if system.parallel else lines.factor_rows
    du, dw = np.zeros_like(system.u), np.zeros_like(system.w)
    bad = factor(
        system.g1 + system.load_row, system.cols, system.bit.resistance, system.bit.start,
        system.bit.end, system.a_row, system.last_row,
    )  # fmt: skip
    bad_col = lines.factor_columns(
        system.g2 + system.load_col, system.cols, system.source.resistance, system.source.start,
        system.source.end, system.a_col, system.last_col,
    )  # fmt: skip
    if max(bad, bad_col) < 0:
        count, reached = solve_newton(
            system.g1, system.g2, system.cols, system.parallel,
            system.bit.resistance, system.a_row, system.last_row,
            system.source.resistance, system.a_col, system.last_col,
            system.f_row, system.f_col, du, dw, forcing, 30, 6,
        )  # fmt: skip
        if reached <= max(10.0 * forcing, 1e-3):
            return du, dw, int(count)
    inner = (slice(None), slice(0, system.cols))
    exact = assemble(
        system.g1[inner],
        system.g2[inner],
        system.bit,
        system.source,
        parallel=system.parallel,
        loads=(system.load_row[inner], system.load_col[inner]),
    )
    du[inner], dw[inner] = exact.solve(system.f_row[inner], system.f_col[inner])
    if not (np.isfinite(du).all() and np.isfinite(dw).all()):
        raise NotConverged(
            thing="the array's equations are singular",
            limit="every node needs a conducting path to a driver",
            next_step="Drive the floating lines, or give the open cells a finite resistance",
        )
    return du, dw, -1
