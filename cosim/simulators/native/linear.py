"""Linear crossbar with wires: voltages, currents and the exact matrix that it computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError, NotConverged
from cosim.simulators.native.crossbar import Crossbar
from cosim.simulators.native.direct import DirectSystem, assemble
from cosim.simulators.native.solution import LinearSolution

if TYPE_CHECKING:
    from cosim.simulators.native.many import CoarseSpace
    from cosim.simulators.native.mixed import MixedSolver

Floats = NDArray[np.float64]

# Bytes a cell that conjugate gradients in double precision move, and each iteration of them.
_KRYLOV = 464.0, 168.0
# Inputs from which a block is faster than one at a time.
_BLOCK_FROM = 3


@dataclass(eq=False)
class LinearCrossbar(Crossbar):
    """A crossbar of linear cells between row lines and column lines.

    Factors once, then solves any number of inputs.

    Parameters
    ----------
    conductances : array_like, shape (rows, cols)
        Of the cells [S], not negative; 0 is an open cell.
    row, column : Lines
    tolerance : float
        Fall of the residual in the energy norm at which the Krylov iteration stops.
    iterations : int
        After these it gives up and the sparse direct solver takes over.  Large arrays are tried
        in mixed precision first (:mod:`.mixed`), which has limits of its own.
    method : {"auto", "direct"}
    threads : int
        That share a batch of inputs.

    Raises
    ------
    ConfigError
        For conductances that are negative or not finite, and lines of another shape.
    """

    tolerance: float = 1e-12
    iterations: int = 400
    method: str = "auto"
    threads: int = 1
    _direct: DirectSystem | None = field(default=None, init=False)
    _coarse: CoarseSpace | None = field(default=None, init=False)
    _mixed: MixedSolver | None = field(default=None, init=False)
    _quickly: bool = field(default=True, init=False)
    _work: Floats | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.method not in ("auto", "direct"):
            raise ConfigError(
                thing="method of a linear crossbar", value=self.method, limit="auto or direct"
            )
        super().__post_init__()

    def _solve_forces(self, u: Floats, w: Floats, f_row: Floats, f_column: Floats) -> int:
        """Deviations u, w under node currents; returns iterations, or -1 where it gave up."""
        from cosim.simulators.native import lines
        from cosim.simulators.native.krylov import solve_schur

        self.factor()
        if self.singular:
            return -1
        if self._work is None:
            self._work = np.zeros((5, self.rows, self.width))
            self._work[4] = 1.0
        count, _ = solve_schur(
            self.g, self.cols,
            self.row.resistance, self.a_row, self.last_row,
            self.column.resistance, self.a_column, self.last_column,
            f_row, f_column, u, w, self._work, np.zeros((self.width, lines.TILE)),
            np.zeros(lines.TILE),
            self.tolerance, self.iterations,
        )  # fmt: skip
        return int(count)

    def solve(self, row_voltages: ArrayLike, column_voltages: ArrayLike) -> LinearSolution:
        """Solve for one set of driver voltages.

        Parameters
        ----------
        row_voltages, column_voltages : array_like, shape (rows,) and (cols,)
            Of the drivers [V]; what a floating line is given does not matter.

        Raises
        ------
        NotConverged
            If the currents at some node do not balance to 1e-9 of the largest branch current.
        """
        v_row = self.voltages(self.row, row_voltages, (self.rows,))
        v_column = self.voltages(self.column, column_voltages, (self.cols,))
        if self.method == "auto":
            quick = self._solve_quickly(v_row, v_column)
            if quick is not None:
                return quick
        for method in ("krylov", "direct") if self.method == "auto" else ("direct",):
            solution = self._refined(v_row, v_column, method)
            if solution is not None and solution.residual <= 1e-9:
                return solution
        raise NotConverged(
            thing="currents do not balance at every node of the linear array",
            value=solution.residual if solution else None,
            limit="1e-9 of the largest branch current",
            next_step="Look for lines without any path to a driver",
        )

    def _solve_quickly(self, v_row: Floats, v_column: Floats) -> LinearSolution | None:
        """Solution in mixed precision, or None where that is not worth it or has failed."""
        from cosim.simulators.native import mixed

        if not self._quickly:
            return None
        built = self._mixed is None
        if self._mixed is None:
            self._quickly = mixed.worth_it(self)
            if not self._quickly:
                return None
            self._mixed = mixed.MixedSolver(self)
        found = self._mixed.solution(self, v_row, v_column, built=built)
        if found is None:
            self._mixed, self._quickly = None, False
        return found

    def _refined(self, v_row: Floats, v_column: Floats, method: str) -> LinearSolution | None:
        """Solve, and solve again for what is left where rounding on a far-off line needs it."""
        inner = (slice(None), slice(0, self.cols))
        f_row, f_column = np.zeros((2, *self.g.shape))
        np.subtract.outer(v_row, v_column, out=f_column[inner])
        f_column *= self.g
        np.negative(f_column, out=f_row)
        row_offset, column_offset = np.zeros(self.rows), np.zeros(self.cols)
        solution: LinearSolution | None = None
        u = w = np.zeros((0, 0))
        total = 0
        for _ in range(3):
            du, dw = np.zeros((2, *self.g.shape))
            if method == "krylov":
                count = self._solve_forces(du, dw, f_row, f_column)
                if count < 0:
                    break
                total += count
            else:
                if self._direct is None:
                    self._direct = assemble(self.g[inner], self.g[inner], self.row, self.column)
                du[inner], dw[inner] = self._direct.solve(f_row[inner], f_column[inner])
            if solution is not None:
                du += u
                dw += w
            u, w = du, dw
            row_offset += u[:, 0]
            column_offset += w[0, : self.cols]
            u[inner] -= u[:, :1].copy()
            w[inner] -= w[:1, : self.cols].copy()
            solution = self._finish(
                v_row + row_offset, v_column + column_offset, u, w, row_offset, column_offset,
                f_row, f_column, total, method,
            )  # fmt: skip
            if solution.residual <= 1e-12:
                break
        if solution is not None:
            # From deviations to voltages, in place: large arrays need the memory.
            u[inner] += (v_row + row_offset)[:, None]
            w[inner] += (v_column + column_offset)[None, :]
        return solution

    def solve_many(self, row_voltages: ArrayLike, column_voltages: ArrayLike) -> Floats:
        """Currents into every driver's line for a batch of inputs, without the maps.

        Parameters
        ----------
        row_voltages, column_voltages : array_like, shape (batch, rows) and (batch, cols)

        Returns
        -------
        ndarray, shape (batch, rows + cols)
            Delivered currents [A], rows first.
        """
        batch = max(len(np.atleast_2d(v)) for v in (row_voltages, column_voltages))
        v_row = self.voltages(self.row, row_voltages, (batch, self.rows))
        v_column = self.voltages(self.column, column_voltages, (batch, self.cols))
        out = np.empty((batch, self.rows + self.cols))
        rest = list(range(batch))
        if batch >= _BLOCK_FROM and self._blockable():
            from cosim.simulators.native.many import coarse_space, solve_blocks

            if self._coarse is None:
                self._coarse = coarse_space(self)
            out, good = solve_blocks(self, self._coarse, v_row, v_column, self.threads)
            rest = np.flatnonzero(~good).tolist()
        for k in rest:
            solution = self.solve(v_row[k], v_column[k])
            out[k, : self.rows] = solution.row_current
            out[k, self.rows :] = solution.column_current
        return out

    def _blockable(self) -> bool:
        """Whether the block iteration takes these lines: wires, and a path to ground by wire."""
        if self.method == "direct":
            return False
        self.factor()
        driven = [family.start + family.end for family in (self.row, self.column)]
        return (
            not self.singular
            and min(self.row.resistance, self.column.resistance) > 0
            and all(np.isfinite(total).all() and (total > 0).all() for total in driven)
        )

    def effective_conductance(self) -> Floats:
        """The matrix that the array with its wires computes, exactly.

        Element (i, j) is the current leaving column driver j per volt at row driver i with every
        other driver at 0 V.  By reciprocity one solve with only one driver of the *shorter*
        family at 1 V gives all elements of that driver: ``min(rows, cols)`` solves.

        Returns
        -------
        ndarray, shape (rows, cols)
            [S]
        """
        if self.cols <= self.rows:
            drivers = np.eye(self.cols)
            return -self.solve_many(np.zeros((1, self.rows)), drivers)[:, : self.rows].T
        drivers = np.eye(self.rows)
        return -self.solve_many(drivers, np.zeros((1, self.cols)))[:, self.rows :]

    def _finish(
        self,
        v_row: Floats,
        v_column: Floats,
        u: Floats,
        w: Floats,
        row_offset: Floats,
        column_offset: Floats,
        f_row: Floats,
        f_column: Floats,
        count: int,
        method: str,
    ) -> LinearSolution:
        """Currents and their balance; leaves what is out of balance in the forces.

        The solution's voltages are the deviations u and w, until the caller is done with them.
        """
        from cosim.simulators.native.balance import balance_columns, balance_rows

        rows, cols = self.rows, self.cols
        cell = np.zeros_like(self.g)
        np.subtract.outer(v_row, v_column, out=cell[:, :cols])
        cell += u
        cell -= w
        cell *= self.g
        by_row, by_column = np.zeros((rows, 2)), np.zeros((cols, 2))
        worst_row, large_row = balance_rows(
            cell, u, row_offset, cols, self.row.resistance, self.row.start, self.row.end,
            f_row, by_row,
        )  # fmt: skip
        worst_column, large_column = balance_columns(
            cell, w, column_offset, cols, self.column.resistance, self.column.start,
            self.column.end, f_column, by_column, np.zeros(self.width),
        )  # fmt: skip
        worst, large = max(worst_row, worst_column), max(large_row, large_column)
        return LinearSolution(
            row_voltage=u[:, :cols],
            column_voltage=w[:, :cols],
            cell_current=cell[:, :cols],
            row_current=by_row.sum(axis=1),
            column_current=by_column.sum(axis=1),
            residual=worst / large if large > 0 else worst,
            iterations=count,
            method=method,
            moved=rows * cols * (_KRYLOV[0] + _KRYLOV[1] * count)
            if method == "krylov"
            else math.nan,
        )
