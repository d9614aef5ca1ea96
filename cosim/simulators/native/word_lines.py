"""Word lines that are charged: wires, their capacitance, and the charge on every gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged
from cosim.simulators.native.direct import Lines
from cosim.simulators.native.steps import Convergence, newton_step

if TYPE_CHECKING:
    from cosim.simulators.native.state import ArrayState
    from netlists.array import Array

Floats = NDArray[np.float64]

_MOST = 20
# Of the largest branch current; and a voltage that never matters, over what charges a node [V].
_TOLERANCE, _SMALL = 5e-10, 1e-13


class WordLines:
    """All word lines of an array, solved in turn with its cells.

    The cells are solved for given gate voltages, then the gates take a Newton step for the current
    that the cells draw from them. Its derivative holds how everything else answers to a gate: the
    nodes within the cells exactly, bit and source lines by a solve for every direction that the
    Krylov iteration asks for.

    Parameters
    ----------
    array : Array
        With selectors and driven word lines.
    """

    def __init__(self, array: Array) -> None:
        from cosim.simulators.native import lines as kernels

        lines = array.line_set("wl")
        self._along_rows, self._length = lines.along == "row", lines.length
        self._lines = Lines.driven(
            lines.count,
            lines.resistance,
            driver=array.parasitics.r_feed + lines.resistance,
            ends=lines.ends,
        )
        # With ideal drivers and wires, the gates are where the drivers are.
        self.ideal = bool(np.isinf(self._lines.start + self._lines.end).any())
        self._load = lines.capacitance
        shape = (lines.count, kernels.width(lines.length))
        self._deviation, self._flow, self._left, self._factor, self._hung, self._change = np.zeros(
            (6, *shape)
        )
        self._ones, self._last = np.ones(shape), np.zeros(lines.count)
        self._tile = np.zeros((shape[1], kernels.TILE))
        self._delivered = np.zeros((lines.count, 2))

    def _turned(self, values: Floats) -> Floats:
        return values if self._along_rows else values.T

    def at_rest(self, drive: Floats) -> Floats:
        """Voltage of every gate where nothing moves, shape (lines, cells)."""
        return np.repeat(drive[:, None], self._length, axis=1)

    def solve(
        self,
        system: ArrayState,
        cells: Callable[[Floats], Convergence],
        drive: Floats,
        start: Floats,
        base: Floats,
        step: float,
    ) -> tuple[Convergence, Floats]:
        """One implicit stage of gates and cells together; gate voltages (lines, cells).

        Parameters
        ----------
        cells : callable
            Solves the array for gate voltages (rows, cols).
        drive : ndarray, shape (lines,)
            [V]
        start, base : ndarray, shape (lines, cells)
            First guess, and voltages that the stage charges the lines from [V].
        step : float
            Of the stage [s]; 0: nothing moves.

        Raises
        ------
        NotConverged
        """
        from cosim.simulators.native.balance import balance_rows

        inner = slice(0, self._length)
        rest = self.at_rest(drive)
        gate = rest.copy() if self.ideal or step == 0.0 else start
        lines, no_offset = self._lines, np.zeros(drive.size)
        krylov = newton = evaluations = direct = 0
        worst = large = np.inf
        for _ in range(_MOST):
            done = cells(self._turned(gate))
            newton, krylov = newton + done.newton, krylov + done.krylov
            evaluations, direct = evaluations + done.evaluations, direct + done.direct
            if step == 0.0:
                system.word_delivered[:] = 0.0
                return done, gate
            into = self._turned(system.extra[:, :, 4]) if system.charged else 0.0
            slope = self._turned(system.extra[:, :, 7]) if system.charged else 0.0
            self._flow[:, inner] = into + self._load * (gate - base) / step
            self._hung[:, inner] = slope + self._load / step
            self._deviation[:, inner] = gate - rest
            worst, large = balance_rows(
                self._flow, self._deviation, no_offset, self._length, lines.resistance,
                lines.start, lines.end, self._left, self._delivered,
            )  # fmt: skip
            large = max(large, float(np.max(np.abs(system.current))))
            stiff = float(np.max(self._hung)) + float(np.max(lines.start + lines.end))
            if self.ideal or worst <= max(_TOLERANCE * large, _SMALL * stiff):
                system.word_delivered[:] = self._delivered.sum(axis=1)
                residual = done.residual
                if not self.ideal:
                    residual = max(residual, worst / max(large, 1e10 * _SMALL * stiff))
                return replace(
                    done, residual=residual, newton=newton, krylov=krylov,
                    evaluations=evaluations, direct=direct,
                ), gate  # fmt: skip
            gate = gate + self._newton_step(system, self._left[:, inner].copy())
        raise NotConverged(
            thing="the word lines and the cells find no common solution",
            value=worst / max(large, 1e-300),
            limit=f"{_TOLERANCE:g} of the largest branch current",
            next_step="Use slower edges of the gates",
        )

    def _newton_step(self, system: ArrayState, force: Floats) -> Floats:
        """Change of the gates for currents into them, with all lines following."""
        from scipy.sparse.linalg import LinearOperator, gmres

        if not system.charged:
            return self._answer(force)
        inner = slice(0, system.cols)
        kept = system.f_row.copy(), system.f_col.copy()
        by_bit, by_source = (self._turned(system.extra[:, :, k]) for k in (5, 6))
        one_node = self._lines.resistance == 0.0
        nodes = (force.shape[0], 1 if one_node else force.shape[1])

        def spread(x: Floats) -> Floats:
            return np.broadcast_to(x.reshape(nodes), force.shape)

        def gathered(values: Floats) -> Floats:
            return np.ravel(values.sum(axis=1) if one_node else values)

        def product(x: Floats) -> Floats:
            change = spread(x)
            cells = self._turned(change)
            system.f_row[:], system.f_col[:] = 0.0, 0.0
            system.f_row[:, inner] = -system.extra[:, :, 8] * cells
            system.f_col[:, inner] = system.extra[:, :, 3] * cells
            du, dw, _ = newton_step(system, 1e-6)
            answer = by_bit * self._turned(du[:, inner]) + by_source * self._turned(dw[:, inner])
            return gathered(self._stiffness(change) + answer)

        def alone(x: Floats) -> Floats:
            into = np.zeros_like(force)
            into[:, : nodes[1]] = x.reshape(nodes)
            return np.ravel(self._answer(into)[:, : nodes[1]])

        wanted = gathered(force)
        shape = (wanted.size, wanted.size)
        found, _ = gmres(
            LinearOperator(shape, matvec=product, dtype=float),
            wanted,
            M=LinearOperator(shape, matvec=alone, dtype=float),
            rtol=1e-4,
            restart=30,
            maxiter=4,
        )
        system.f_row[:], system.f_col[:] = kept
        return spread(np.asarray(found))

    def _stiffness(self, change: Floats) -> Floats:
        """Currents out of the nodes by their own voltages."""
        lines = self._lines
        out = self._hung[:, : self._length] * change
        if lines.resistance > 0.0:
            flow = np.diff(change, axis=1) / lines.resistance
            out[:, :-1] -= flow
            out[:, 1:] += flow
        out[:, 0] += lines.start * change[:, 0]
        out[:, -1] += lines.end * change[:, -1]
        return out

    def filtered(self, error: Floats) -> float:
        """Largest error of a gate voltage, after one linear solve with what it charges [V]."""
        if self.ideal:
            return 0.0
        return float(np.max(np.abs(self._answer(self._hung[:, : self._length] * error))))

    def _answer(self, force: Floats) -> Floats:
        """Voltages by currents into the nodes, with the last derivatives, all else at rest."""
        from cosim.simulators.native import lines as kernels

        lines, inner = self._lines, slice(0, self._length)
        self._left[:] = 0.0
        self._left[:, inner] = force
        kernels.factor_rows(
            self._hung, self._length, lines.resistance, lines.start, lines.end, self._factor,
            self._last,
        )  # fmt: skip
        kernels.solve_rows(
            self._left, self._ones, self._length, lines.resistance, self._factor, self._last,
            self._tile, self._change,
        )  # fmt: skip
        return self._change[:, inner].copy()
