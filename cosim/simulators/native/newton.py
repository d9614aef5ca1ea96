"""Newton iteration on a whole array of nonlinear cells.

The unknowns are the deviations of the line nodes from their drivers; every cell is condensed to
its two line nodes (:mod:`cosim.simulators.native.cells`).  One step costs one pass over the cells
and one line-preconditioned GMRES solve; a sparse direct solve stands in where that fails.
Converged means: currents balance at *every* node to a given part of the largest branch current.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from os import getpid

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged
from cosim.simulators.native.direct import Lines
from cosim.simulators.native.equations import CellEquations
from cosim.simulators.native.steps import Convergence, newton_step

Floats = NDArray[np.float64]

# Cells from which on a second thread gains more than waking it costs.
_SHARED = 64 * 64


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    # By process: threads do not survive a fork.
    return ThreadPoolExecutor(threads, thread_name_prefix="cells")


@dataclass(eq=False, kw_only=True)
class ArraySystem:
    """Cells, lines and the last solution of one array.

    Parameters
    ----------
    equations : CellEquations
    parameters : ndarray, shape (P,)
        In the order of the equations.
    varying, values : ndarray, shapes (K,) and (K, rows, cols)
        Positions and values of the parameters that differ from cell to cell.
    bit, source : Lines
        Bit lines run along rows, or along columns if `parallel`; source lines along columns.
    gate_along_rows : bool
    tolerance : float
        Of the balance of currents, relative to the largest branch current.
    max_newton : int
    threads : int
        That share the cells of a large array.
    """

    equations: CellEquations
    parameters: Floats
    varying: NDArray[np.int64]
    values: Floats
    rows: int
    cols: int
    bit: Lines
    source: Lines
    parallel: bool = False
    gate_along_rows: bool = True
    tolerance: float = 1e-10
    max_newton: int = 60
    threads: int = 1
    warm: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        from cosim.simulators.native import lines
        from cosim.simulators.native.cells import pin

        self._width = lines.width(self.cols)
        self._compiled = pin(self.equations)
        shape = (self.rows, self._width)
        n = len(self.equations.unknowns)
        self.y = np.zeros((self.rows, self.cols, n))
        self._slopes = np.zeros((self.rows, self.cols, 2 * n))
        self._at = np.zeros((self.rows, self.cols, 2))
        self.u, self.w, self.current = np.zeros((3, *shape))
        self.g1, self.g2, self.f_row, self.f_col = np.zeros((4, *shape))
        self.a_row, self.a_col = np.zeros((2, *shape))
        self.last_row, self.last_col = np.zeros(self.bit.start.size), np.zeros(self.cols)
        dynamic = any(name.startswith("x_reram_") for name in self.equations.unknowns) and (
            len(self.equations.unknowns) - self.equations.nodes > len(self.equations.settled)
        )
        self.dynamic = dynamic
        states = len(self.equations.held) if dynamic else 0
        self.rates = np.zeros((states, self.rows, self.cols))
        nodes = self.equations.nodes
        self._weights = np.ones(n)
        self._weights[nodes : n - states] = 1000.0
        # What all nodes of a line share of their deviation, apart from u and w.
        self.bit_offset, self.source_offset = np.zeros(self.bit.start.size), np.zeros(self.cols)
        self.bit_delivered = np.zeros((self.bit.start.size, 2))
        self.source_delivered = np.zeros((self.cols, 2))

    def solve(
        self,
        *,
        bit: Floats,
        source: Floats,
        gate: Floats,
        held: Floats,
        step: float = 0.0,
    ) -> Convergence:
        """Solve for driver voltages; the result stays in the system.

        Parameters
        ----------
        bit, source, gate : ndarray
            Voltage of each line's driver [V] (floating lines: anything).
        held : ndarray, shape (states, rows, cols)
            Held states, or their start in a time step.
        step : float
            Of the implicit stage [s].

        Raises
        ------
        NotConverged
        """
        bit = np.where(self.bit.start + self.bit.end > 0, bit, 0.0)
        source = np.where(self.source.start + self.source.end > 0, source, 0.0)
        try:
            done = self._newton(bit, source, gate, held, step)
        except NotConverged:
            if step > 0.0:
                self.warm = False
                raise
            done = self._ramp(bit, source, gate, held, step)
        self.warm = True
        return done

    def change(self, values: Mapping[str, Floats]) -> None:
        """Give parameters of the memory device other values, each (rows, cols) [SI]."""
        for name, value in values.items():
            k = self.equations.parameters.index(("reram", name))
            at = np.flatnonzero(self.varying == k)
            new = np.broadcast_to(value, (1, self.rows, self.cols)).astype(np.float64)
            if at.size:
                self.values[at] = new
            else:
                self.varying = np.append(self.varying, k)
                self.values = np.concatenate([self.values, new])

    def snapshot(self) -> tuple[Floats, ...]:
        """Copy of the present solution, for :meth:`restore`."""
        return tuple(a.copy() for a in self._solution())

    def _solution(self) -> tuple[Floats, ...]:
        offsets = self.bit_offset, self.source_offset
        return self.u, self.w, *offsets, self.y, self._slopes, self._at

    def _rebase(self) -> None:
        """Move what the nodes of a line have in common from the deviations to the offsets."""
        shared = self.w[0, : self.cols].copy()
        self.source_offset += shared
        self.w[:, : self.cols] -= shared
        if self.parallel:
            shared = self.u[0, : self.cols].copy()
            self.u[:, : self.cols] -= shared
        else:
            shared = self.u[:, 0].copy()
            self.u[:, : self.cols] -= shared[:, None]
        self.bit_offset += shared

    def restore(self, saved: tuple[Floats, ...]) -> None:
        """Go back to a solution that :meth:`snapshot` returned."""
        for own, old in zip(self._solution(), saved, strict=True):
            own[:] = old
        self.warm = True

    def _ramp(
        self, bit: Floats, source: Floats, gate: Floats, held: Floats, step: float
    ) -> Convergence:
        """Raise all line voltages together from zero, where everything is at rest."""
        self.warm = False
        for part in (self.u, self.w, self.bit_offset, self.source_offset):
            part[:] = 0.0
        reached, advance = 0.0, 0.25
        done: Convergence | None = None
        while reached < 1.0:
            trial = min(1.0, reached + advance)
            keep = self.snapshot()
            try:
                done = self._newton(trial * bit, trial * source, gate, held, step)
            except NotConverged:
                self.restore(keep)
                self.warm = False
                advance *= 0.25
                if advance < 1e-3:
                    raise
                continue
            reached = trial
            self.warm = True
            advance *= 2.0
        assert done is not None
        return done

    def _evaluate(
        self, bit: Floats, source: Floats, gate: Floats, held: Floats, step: float
    ) -> tuple[float, float, int, int]:
        """Cells and balance at the present deviations: worst, largest, evaluations, bad cell.

        A cell whose own iteration ended early counts as unbalanced until it is followed up.
        """
        from cosim.simulators.native.balance import balance_columns, balance_rows
        from cosim.simulators.native.cells import solve_cells

        row_zero, col_zero = np.zeros(self.rows), np.zeros(self.cols)
        gate = np.asarray(gate, dtype=float)
        small = 1e-5 if self.warm else 1e-3
        cold = 0 if self.warm else 1
        top, bottom = bit + self.bit_offset, source + self.source_offset

        def cells(first: int, stop: int) -> tuple[int, int, float]:
            done: tuple[int, int, float] = solve_cells(
                *self._compiled,
                self.parameters, self.equations.prepared, self.varying, self.values, held,
                row_zero if self.parallel else top, top if self.parallel else col_zero,
                row_zero, bottom,
                gate if self.gate_along_rows else row_zero,
                col_zero if self.gate_along_rows else gate,
                float(step), small, self.u, self.w, self.y, self._slopes, self._at, self.current,
                self.g1, self.g2, self.rates, self._weights, self.equations.nodes, self.cols,
                first, stop, cold,
            )  # fmt: skip
            return done

        if self.threads > 1 and self.rows * self.cols >= _SHARED:
            edges = np.linspace(0, self.rows, min(self.threads, self.rows) + 1).astype(int)
            parts = list(
                _pool(self.threads, getpid()).map(cells, edges[:-1].tolist(), edges[1:].tolist())
            )
        else:
            parts = [cells(0, self.rows)]
        evaluations = sum(p[0] for p in parts)
        bad = max(p[1] for p in parts)
        last = max(p[2] for p in parts)
        if bad >= 0:
            return np.inf, 1.0, evaluations, bad
        self.warm = True
        self._unfinished = last > 1e-6
        total = np.zeros(self._width)
        if self.parallel:
            np.negative(self.current, out=self.f_row)
            flow = self.f_row.copy()
            worst_bit, large_bit = balance_columns(
                flow, self.u, self.bit_offset, self.cols, self.bit.resistance, self.bit.start,
                self.bit.end, self.f_row, self.bit_delivered, total,
            )  # fmt: skip
        else:
            worst_bit, large_bit = balance_rows(
                self.current, self.u, self.bit_offset, self.cols, self.bit.resistance,
                self.bit.start, self.bit.end, self.f_row, self.bit_delivered,
            )  # fmt: skip
        worst, large = balance_columns(
            self.current, self.w, self.source_offset, self.cols, self.source.resistance,
            self.source.start, self.source.end, self.f_col, self.source_delivered, total,
        )  # fmt: skip
        large = max(large, large_bit, float(np.max(np.abs(self.current))))
        return max(worst, worst_bit), large, evaluations, -1

    def _newton(
        self, bit: Floats, source: Floats, gate: Floats, held: Floats, step: float
    ) -> Convergence:
        worst, large, evaluations, bad = self._evaluate(bit, source, gate, held, step)
        if bad >= 0:
            raise NotConverged(
                thing="no operating point found for cell",
                value=(bad // self.cols, bad % self.cols),
                limit="a finite solution of the cell's own equations",
                next_step="Check the voltages against the device's limits, or take smaller steps",
            )
        krylov = direct = 0
        for count in range(self.max_newton + 1):
            if self._balanced(worst, large) and not self._unfinished:
                return Convergence(
                    residual=worst / max(large, 1e10 * self._rounding(), 1e-300),
                    newton=count, krylov=krylov, evaluations=evaluations, direct=direct,
                )  # fmt: skip
            if count == self.max_newton:
                break
            du, dw, iterations = newton_step(
                self, min(1e-4, max(1e-9, 1e-3 * worst / max(large, 1e-300)))
            )
            krylov += max(iterations, 0)
            direct += iterations < 0
            base_u, base_w = self.u.copy(), self.w.copy()
            share = 1.0
            while True:
                np.multiply(du, share, out=self.u)
                self.u += base_u
                np.multiply(dw, share, out=self.w)
                self.w += base_w
                new, new_large, more, bad = self._evaluate(bit, source, gate, held, step)
                evaluations += more
                better = new < worst * (1.0 - 1e-4 * share)
                if better or new <= 1e-9 * new_large or self._balanced(new, new_large):
                    break
                share *= 0.5
                if share < 1e-3:
                    if worst <= 1e-9 * large:
                        # Rounding, not the iteration, sets this floor.
                        return Convergence(
                            residual=worst / large, newton=count, krylov=krylov,
                            evaluations=evaluations, direct=direct,
                        )  # fmt: skip
                    self.u[:], self.w[:] = base_u, base_w
                    raise self._failure(worst / large)
            worst, large = new, new_large
            self._rebase()
        raise self._failure(worst / large)

    def _rounding(self) -> float:
        # A femtovolt over the best cell is below the rounding of the voltages themselves.
        return 1e-15 * max(float(np.max(np.abs(self.g1))), float(np.max(np.abs(self.g2))))

    def _balanced(self, worst: float, large: float) -> bool:
        return worst <= max(self.tolerance * large, self._rounding())

    def _failure(self, residual: float) -> NotConverged:
        return NotConverged(
            thing="currents do not balance at every node of the array",
            value=residual,
            limit=f"{self.tolerance:g} of the largest branch current",
            next_step="Look for lines without a path to a driver, or raise the voltages in steps",
        )
