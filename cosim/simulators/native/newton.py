"""Newton iteration on a whole array of nonlinear cells.

The unknowns are the deviations of the line nodes from their drivers; every cell is condensed to
its two line nodes (:mod:`cosim.simulators.native.cells`).  One step costs one pass over the cells
and one line-preconditioned GMRES solve; a sparse direct solve stands in where that fails.
Converged means: currents balance at *every* node to a given part of the largest branch current.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged
from cosim.simulators.native.direct import Lines
from cosim.simulators.native.equations import CellEquations
from cosim.simulators.native.evaluate import evaluate
from cosim.simulators.native.steps import Convergence, newton_step

Floats = NDArray[np.float64]


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
    bit_load, source_load : float
        Capacitance of every wire node to ground [F], where a solve is given their voltages before.
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
    bit_load: float = 0.0
    source_load: float = 0.0
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
        nodes = self.equations.nodes
        # Held states are unknowns in the dynamic form only.
        self.unknown_states = states = n - nodes - len(self.equations.settled)
        charges = len(self.equations.charges)
        # Rates of the held states, then charges [C] and temperatures.
        self.rates = np.zeros((states + charges, self.rows, self.cols))
        # Currents into source line and gate with their derivatives by bit line, source line and
        # gate, and that of the current out of the bit line by the gate.
        self.charged = charges > 0
        self.extra = np.zeros((self.rows, self.cols, 9 if charges else 0))
        self._weights = np.ones(n)
        self._weights[nodes : n - states] = 1000.0
        # What all nodes of a line share of their deviation, apart from u and w.
        self.bit_offset, self.source_offset = np.zeros(self.bit.start.size), np.zeros(self.cols)
        self.bit_delivered = np.zeros((self.bit.start.size, 2))
        self.source_delivered = np.zeros((self.cols, 2))
        self.gate = np.zeros((self.rows, self.cols))
        # What charges the memory device is in `current`, and not meant by a cell's current.
        self.displacement: Floats | float = 0.0
        # Gates draw no current: only word lines that are charged carry any.
        self.word_delivered = np.zeros(self.rows if self.gate_along_rows else self.cols)
        self._before: tuple[Floats, Floats] | None = None
        self._unfinished = False
        # Conductance that the capacitances of wires are worth in a time step; with those of the
        # devices at every node, where there are any.
        self.k_row = self.k_col = 0.0
        self.load_row, self.load_col = np.zeros((2, *shape))

    def solve(
        self,
        *,
        bit: Floats,
        source: Floats,
        gate: Floats,
        held: Floats,
        step: float = 0.0,
        before: tuple[Floats, Floats] | None = None,
    ) -> Convergence:
        """Solve for driver voltages; the result stays in the system.

        Parameters
        ----------
        bit, source, gate : ndarray
            Voltage of each line's driver [V] (floating lines: anything); gates also (rows, cols).
        held : ndarray, shape (states, rows, cols)
            Held states, or their start in a time step; of the charged form also what is charged.
        step : float
            Of the implicit stage [s].
        before : pair of ndarray (rows, cols), optional
            Voltages of the bit- and source-line nodes from which the stage charges their
            capacitances [V]; without, the lines are quasi-static.

        Raises
        ------
        NotConverged
        """
        bit = np.where(self.bit.start + self.bit.end > 0, bit, 0.0)
        source = np.where(self.source.start + self.source.end > 0, source, 0.0)
        gate = np.asarray(gate, dtype=float)
        if gate.ndim == 1:
            gate = gate[:, None] if self.gate_along_rows else gate[None, :]
        self.gate[:] = gate
        self._before = before
        self.k_row, self.k_col = 0.0, 0.0
        if before is not None:
            self.k_row, self.k_col = self.bit_load / step, self.source_load / step
        self.load_row[:], self.load_col[:] = self.k_row, self.k_col
        try:
            done = self._newton(bit, source, held, step)
        except NotConverged:
            if step > 0.0:
                self.warm = False
                raise
            done = self._ramp(bit, source, held, step)
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

    def node_voltages(self, bit: Floats, source: Floats) -> tuple[Floats, Floats]:
        """Voltages of the bit- and source-line nodes, (rows, cols), for these drivers [V]."""
        bit = np.where(self.bit.start + self.bit.end > 0, bit, 0.0) + self.bit_offset
        source = np.where(self.source.start + self.source.end > 0, source, 0.0)
        first = bit[None, :] if self.parallel else bit[:, None]
        return (
            np.asarray(self.u[:, : self.cols] + first),
            np.asarray(self.w[:, : self.cols] + (source + self.source_offset)[None, :]),
        )

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

    def _ramp(self, bit: Floats, source: Floats, held: Floats, step: float) -> Convergence:
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
                done = self._newton(trial * bit, trial * source, held, step)
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

    def _newton(self, bit: Floats, source: Floats, held: Floats, step: float) -> Convergence:
        worst, large, evaluations, bad = evaluate(self, bit, source, held, step)
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
                new, new_large, more, bad = evaluate(self, bit, source, held, step)
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
        # A femtovolt over the best cell, or the rounding of a node's voltage over what charges it.
        cells = max(float(np.max(np.abs(self.g1))), float(np.max(np.abs(self.g2))))
        loads = max(self.k_row, self.k_col)
        if self.charged:
            # Charges of several volts, each a difference of two.
            loads = 10.0 * max(float(np.max(self.load_row)), float(np.max(self.load_col)))
        return 1e-15 * max(cells, loads)

    def _balanced(self, worst: float, large: float) -> bool:
        return worst <= max(self.tolerance * large, self._rounding())

    def _failure(self, residual: float) -> NotConverged:
        return NotConverged(
            thing="currents do not balance at every node of the array",
            value=residual,
            limit=f"{self.tolerance:g} of the largest branch current",
            next_step="Look for lines without a path to a driver, or raise the voltages in steps",
        )
