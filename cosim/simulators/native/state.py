"""Everything that a whole array of nonlinear cells is at: unknowns, derivatives, currents.

The unknowns are the deviations of the line nodes from their drivers; every cell is condensed to
its two line nodes (:mod:`cosim.simulators.native.cells`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ParameterError, best_matches
from cosim.simulators.native.direct import Lines
from cosim.simulators.native.equations import CellEquations

Floats = NDArray[np.float64]


@dataclass(eq=False, kw_only=True)
class ArrayState:
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
    threads: int = 1
    warm: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        # numba is loaded only by who solves something.
        from cosim.simulators.native.cells import pin
        from cosim.simulators.native.lines import width

        self.width = width(self.cols)
        self.compiled = pin(self.equations)
        shape = (self.rows, self.width)
        n = len(self.equations.unknowns)
        self.y = np.zeros((self.rows, self.cols, n))
        self.slopes = np.zeros((self.rows, self.cols, 2 * n))
        self.at = np.zeros((self.rows, self.cols, 2))
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
        self.weights = np.ones(n)
        self.weights[nodes : n - states] = 1000.0
        self.floating = tuple(
            np.flatnonzero(family.start + family.end == 0.0) for family in (self.bit, self.source)
        )
        # What all nodes of a line share of their deviation, apart from u and w.
        self.bit_offset, self.source_offset = np.zeros(self.bit.start.size), np.zeros(self.cols)
        self.bit_delivered = np.zeros((self.bit.start.size, 2))
        self.source_delivered = np.zeros((self.cols, 2))
        self.gate = np.zeros((self.rows, self.cols))
        # What charges the memory device is in `current`, and not meant by a cell's current.
        self.displacement: Floats | float = 0.0
        # Gates draw no current: only word lines that are charged carry any.
        self.word_delivered = np.zeros(self.rows if self.gate_along_rows else self.cols)
        self.before: tuple[Floats, Floats] | None = None
        self.unfinished = False
        # Conductance that the capacitances of wires are worth in a time step; with those of the
        # devices at every node, where there are any.
        self.k_row = self.k_col = 0.0
        self.load_row, self.load_col = np.zeros((2, *shape))

    def change(self, values: Mapping[str, Floats]) -> None:
        """Give parameters of the memory device other values, each (rows, cols) [SI].

        Raises
        ------
        ParameterError
            An unknown name, or values that are not finite or of another shape.
        """
        known = [name for device, name in self.equations.parameters if device == "reram"]
        for name, value in values.items():
            if name not in known:
                raise ParameterError(
                    thing="the memory device has no parameter of that name",
                    value=name,
                    next_step=best_matches(name, known),
                )
            k = self.equations.parameters.index(("reram", name))
            at = np.flatnonzero(self.varying == k)
            new = np.asarray(value, dtype=float)
            if new.shape not in ((), (self.rows, self.cols)) or not np.isfinite(new).all():
                raise ParameterError(
                    thing=f"new values of parameter {name} of the cells",
                    value=new.shape,
                    limit=f"finite numbers of shape {(self.rows, self.cols)}, or one",
                )
            new = np.broadcast_to(new, (1, self.rows, self.cols)).copy()
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
        return self.u, self.w, *offsets, self.y, self.slopes, self.at

    def rebase(self) -> None:
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

    def open_voltage(self) -> float:
        """By how much a next Newton step would move the lines that float, at most [V].

        Behind transistors that are nearly off, a current far below the tolerance of the balance
        still moves them.
        """
        inner, worst = slice(0, self.cols), 0.0
        for lines, axis, force, slope, load in (
            (self.floating[0], 0 if self.parallel else 1, self.f_row, self.g1, self.load_row),
            (self.floating[1], 0, self.f_col, self.g2, self.load_col),
        ):
            if lines.size:
                into = np.abs(force[:, inner].sum(axis=axis)[lines])
                answer = (slope[:, inner] + load[:, inner]).sum(axis=axis)[lines]
                worst = max(worst, float(np.max(into / np.maximum(answer, 1e-300))))
        return worst

    def rounding(self) -> float:
        """Imbalance that is rounding [A]."""
        # A femtovolt over the best cell, or the rounding of a node's voltage over what charges it.
        cells = max(float(np.max(np.abs(self.g1))), float(np.max(np.abs(self.g2))))
        loads = max(self.k_row, self.k_col)
        if self.charged:
            # Charges of several volts, each a difference of two.
            loads = 10.0 * max(float(np.max(self.load_row)), float(np.max(self.load_col)))
        return 1e-15 * max(cells, loads)

    def balanced(self, worst: float, large: float) -> bool:
        """Whether a largest imbalance is small beside the largest branch current."""
        return worst <= max(self.tolerance * large, self.rounding())
