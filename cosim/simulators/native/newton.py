"""Newton iteration on a whole array of nonlinear cells.

The unknowns are the deviations of the line nodes from their drivers; every cell is condensed to
its two line nodes (:mod:`cosim.simulators.native.cells`).  One step costs one pass over the cells
and one line-preconditioned GMRES solve; a sparse direct solve stands in where that fails.
Converged means: currents balance at *every* node to a given part of the largest branch current.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged
from cosim.simulators.native.evaluate import evaluate
from cosim.simulators.native.state import ArrayState
from cosim.simulators.native.steps import Convergence, newton_step

Floats = NDArray[np.float64]

# Step of a floating line's voltage from which on it is settled [V].
_SETTLED = 1e-6


@dataclass(eq=False, kw_only=True)
class ArraySystem(ArrayState):
    """One array and how it is solved.

    Parameters
    ----------
    max_newton : int
        Steps of one solve.
    **state
        Of :class:`cosim.simulators.native.state.ArrayState`.
    """

    max_newton: int = 60

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
        self.before = before
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
        floats = step == 0.0 and any(lines.size for lines in self.floating)
        for count in range(self.max_newton + 1):
            done: Convergence | None = None
            if self.balanced(worst, large) and not self.unfinished:
                done = Convergence(
                    residual=worst / max(large, 1e10 * self.rounding(), 1e-300),
                    newton=count, krylov=krylov, evaluations=evaluations, direct=direct,
                )  # fmt: skip
                if not floats or count == self.max_newton or self.open_voltage() <= _SETTLED:
                    return done
            elif count == self.max_newton:
                break
            try:
                du, dw, iterations = newton_step(
                    self, min(1e-4, max(1e-9, 1e-3 * worst / max(large, 1e-300)))
                )
            except NotConverged:
                # Currents balance already: that a floating line cannot settle is no failure.
                if done is not None:
                    return done
                raise
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
                if better or new <= 1e-9 * new_large or self.balanced(new, new_large):
                    break
                share *= 0.5
                if share < 1e-3:
                    self.u[:], self.w[:] = base_u, base_w
                    if worst <= 1e-9 * large:
                        # Rounding, not the iteration, sets this floor.
                        evaluate(self, bit, source, held, step)
                        return Convergence(
                            residual=worst / large, newton=count, krylov=krylov,
                            evaluations=evaluations, direct=direct,
                        )  # fmt: skip
                    raise self._failure(worst / large)
            worst, large = new, new_large
            self.rebase()
        raise self._failure(worst / large)

    def _failure(self, residual: float) -> NotConverged:
        return NotConverged(
            thing="currents do not balance at every node of the array",
            value=residual,
            limit=f"{self.tolerance:g} of the largest branch current",
            next_step="Look for lines without a path to a driver, or raise the voltages in steps",
        )
