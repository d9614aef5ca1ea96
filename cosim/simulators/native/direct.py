"""Sparse direct solve of a crossbar: the fallback, and the referee of the fast solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from cosim.errors import ConfigError, NotConverged


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """One family of parallel lines.

    Parameters
    ----------
    resistance : float
        Of one segment between neighbouring cells [Ohm]; 0 makes each line one node.
    start, end : ndarray, shape (lines,)
        Conductance between a driver and the first / last node [S]: 0 without a driver, ``inf``
        for an ideal one.

    Raises
    ------
    ConfigError
        For what is negative or no number.
    """

    resistance: float
    start: NDArray[np.float64]
    end: NDArray[np.float64]

    def __post_init__(self) -> None:
        good = 0.0 <= self.resistance < np.inf
        if not (good and (self.start >= 0.0).all() and (self.end >= 0.0).all()):
            raise ConfigError(
                thing="resistance and smallest driver conductances of lines",
                value=(self.resistance, float(np.min(self.start)), float(np.min(self.end))),
                limit=">= 0 Ohm, finite; >= 0 S",
            )

    @classmethod
    def driven(
        cls,
        lines: int,
        resistance: float,
        *,
        driver: float | None = None,
        ends: str = "start",
        floating: NDArray[np.bool_] | None = None,
    ) -> Lines:
        """Lines with the same driver resistance (default: one segment) at the given ends.

        Parameters
        ----------
        lines : int
        resistance : float
            [Ohm]
        driver : float, optional
            Between driver and first node [Ohm].
        ends : {"start", "end", "both"}
        floating : ndarray of bool, shape (lines,), optional
            Lines whose driver is off.
        """
        with np.errstate(divide="ignore"):
            g = np.full(lines, np.divide(1.0, resistance if driver is None else driver))
        if floating is not None:
            g[floating] = 0.0
        none = np.zeros(lines)
        return cls(
            resistance=float(resistance),
            start=g if ends in ("start", "both") else none,
            end=g.copy() if ends in ("end", "both") else none,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class DirectSystem:
    """The assembled, factored system of one crossbar; unknowns as in the fast solver."""

    row_index: NDArray[np.intp]
    column_index: NDArray[np.intp]
    size: int
    factor: Any

    def solve(
        self, f_row: NDArray[np.float64], f_column: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Deviations (rows, cols) of both families under node currents f [A]."""
        rhs = np.zeros(self.size + 1)
        np.add.at(rhs, self.row_index, f_row)
        np.add.at(rhs, self.column_index, f_column)
        x = np.zeros(self.size + 1)
        if self.size:
            x[:-1] = self.factor.solve(rhs[:-1])
        return x[self.row_index], x[self.column_index]


def _family(
    lines: int, length: int, family: Lines, offset: int
) -> tuple[NDArray[np.intp], int, list[tuple[Any, Any, Any]]]:
    """Node numbers (-1: clamped to its driver) and wire triplets of one family."""
    start, end = family.start, family.end
    index = np.zeros((lines, length), dtype=np.intp)
    entries: list[tuple[Any, Any, Any]] = []
    if family.resistance == 0.0:
        total = start + end
        free = np.isfinite(total)
        number = np.where(free, offset + np.cumsum(free) - 1, -1)
        index[:] = number[:, None]
        entries.append((number[free], number[free], total[free]))
        return index, offset + int(free.sum()), entries
    free = np.ones((lines, length), dtype=bool)
    free[:, 0] &= np.isfinite(start)
    free[:, -1] &= np.isfinite(end)
    index = np.where(free, offset + np.cumsum(free).reshape(free.shape) - 1, -1)
    for end_node, g in ((index[:, 0], start), (index[:, -1], end)):
        keep = (end_node >= 0) & np.isfinite(g)
        entries.append((end_node[keep], end_node[keep], g[keep]))
    if length > 1:
        a, b = index[:, :-1].ravel(), index[:, 1:].ravel()
        g = np.full(a.size, 1.0 / family.resistance)
        entries.extend([(a, a, g), (b, b, g), (a, b, -g), (b, a, -g)])
    return index, offset + int(free.sum()), entries


def assemble(
    g_row: NDArray[np.float64],
    g_column: NDArray[np.float64],
    row: Lines,
    column: Lines,
    *,
    parallel: bool = False,
    loads: tuple[Any, Any] = (0.0, 0.0),
) -> DirectSystem:
    """Assemble and factor ``[[R + G1, -G2], [-G1, C + G2]]``.

    Parameters
    ----------
    g_row, g_column : ndarray, shape (rows, cols)
        Derivative of each cell's current with respect to its row node, and minus that with
        respect to its column node [S]; equal for a linear cell.
    row, column : Lines
    parallel : bool
        Whether the first family runs along the columns too.
    loads : pair of float or ndarray (rows, cols)
        Conductance to ground of the nodes of either family [S].

    Raises
    ------
    NotConverged
        If the system is singular: some node has no conducting path to any driver.
    """
    rows, cols = g_row.shape
    if parallel:
        row_index, size, entries = _family(cols, rows, row, 0)
        row_index = np.ascontiguousarray(row_index.T)
    else:
        row_index, size, entries = _family(rows, cols, row, 0)
    column_index, size, more = _family(cols, rows, column, size)
    column_index = np.ascontiguousarray(column_index.T)
    entries += more
    u, w, g1, g2 = row_index.ravel(), column_index.ravel(), g_row.ravel(), g_column.ravel()
    hung, below = np.ravel(loads[0]), np.ravel(loads[1])
    entries += [(u, u, g1 + hung), (w, w, g2 + below), (u, w, -g2), (w, u, -g1)]
    i, j, value = (np.concatenate([e[k] for e in entries]) for k in range(3))
    keep = (i >= 0) & (j >= 0)
    matrix = sparse.csc_matrix((value[keep], (i[keep], j[keep])), shape=(size, size))
    factor = None
    if size:
        try:
            factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        except RuntimeError as error:
            raise NotConverged(
                thing="the array's equations are singular",
                value=str(error),
                limit="every node needs a conducting path to a driver",
                next_step="Drive the floating lines, or give the open cells a finite resistance",
            ) from error
    return DirectSystem(row_index=row_index, column_index=column_index, size=size, factor=factor)
