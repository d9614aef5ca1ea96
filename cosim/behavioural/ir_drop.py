"""Effective conductances of an array with resistive lines.

For cells that are linear, what the sense ends see is again a matrix: the network of
wires and cells is reduced to its terminals once (Kron reduction), and every product
afterwards costs one matrix product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from compact_models.errors import ParameterError
from netlists import Drive, Parasitics

FloatArray = NDArray[np.floating[Any]]

# Cells above which lines are solved as lines; a factorisation of everything grows faster.
LARGE = 2048


def ideal(parasitics: Parasitics) -> bool:
    """True when no line resistance stands between drivers and cells."""
    return parasitics.r_row == parasitics.r_col == parasitics.r_feed == 0.0


def effective_conductance(
    conductance: FloatArray, parasitics: Parasitics, drive: Drive | None = None
) -> FloatArray:
    """Transfer conductance from every bit-line driver to every sensed source line.

    Parameters
    ----------
    conductance : ndarray, shape (rows, cols)
        Cell conductances [S], selector included. Bit line i runs along row i, source line
        j along column j (the crossing layout).
    parasitics : Parasitics
        Resistances of the lines; capacitances play no part at DC.
    drive : Drive, optional
        Which ends are driven and sensed.

    Returns
    -------
    ndarray, shape (rows, cols)
        ``G_eff`` with ``I_j = sum_i V_i G_eff[i, j]``, all source lines at 0 V [S].

    Notes
    -----
    Exact for linear cells. Small arrays cost one sparse factorisation of 2 rows x cols
    unknowns and one solve per column; large ones go to the array rung's solver.
    """
    drive = drive or Drive()
    conductance = np.asarray(conductance, float)
    if conductance.ndim != 2 or not (np.isfinite(conductance).all() and (conductance >= 0).all()):
        raise ParameterError(
            thing="conductances of an array", value=conductance.shape, limit="2-D, finite, >= 0"
        )
    if "floating" in (drive.bit_line, drive.source_line):
        raise ParameterError(
            thing="driven ends of a tile",
            value=(drive.bit_line, drive.source_line),
            limit="start, end or both; a floating line gives no product",
        )
    if ideal(parasitics):
        return conductance.copy()
    if conductance.size > LARGE:
        return _by_lines(conductance, parasitics, drive)
    rows, cols = conductance.shape
    cells = rows * cols
    bit = np.arange(cells).reshape(rows, cols)
    source = bit + cells
    drivers = 2 * cells + np.arange(rows)
    senses = 2 * cells + rows + np.arange(cols)
    edges = [
        (bit[:, :-1], bit[:, 1:], parasitics.r_row),
        (source[:-1], source[1:], parasitics.r_col),
    ]
    for end, k in (("start", 0), ("end", -1)):
        if drive.bit_line in (end, "both"):
            edges.append((drivers, bit[:, k], parasitics.r_feed + parasitics.r_row))
        if drive.source_line in (end, "both"):
            edges.append((senses, source[k], parasitics.r_feed + parasitics.r_col))
    total = 2 * cells + rows + cols
    start = np.concatenate([a.ravel() for a, _, _ in edges])
    end_ = np.concatenate([b.ravel() for _, b, _ in edges])
    ohms = np.concatenate([np.full(a.size, r) for a, _, r in edges])
    short = ohms == 0.0
    joins = coo_array((np.ones(short.sum()), (start[short], end_[short])), shape=(total, total))
    merged = connected_components(joins, directed=False)[1]

    a = np.concatenate([merged[start[~short]], merged[bit.ravel()]])
    b = np.concatenate([merged[end_[~short]], merged[source.ravel()]])
    value = np.concatenate([1.0 / ohms[~short], conductance.ravel()])
    size = int(merged.max()) + 1
    index, other = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
    entries = np.concatenate([value, value, -value, -value])
    laplacian = csc_array(coo_array((entries, (index, other)), shape=(size, size)))
    ends, outs = merged[drivers], merged[senses]
    inner = np.setdiff1d(np.arange(size), np.concatenate([ends, outs]))
    direct = laplacian[ends][:, outs].toarray()
    if inner.size == 0:
        return -direct
    right = laplacian[inner][:, outs].toarray()
    solved = splu(csc_array(laplacian[inner][:, inner])).solve(right)
    return -(direct - laplacian[ends][:, inner] @ solved)


def _by_lines(conductance: FloatArray, parasitics: Parasitics, drive: Drive) -> FloatArray:
    from cosim.simulators.native import LinearCrossbar, Lines

    rows, cols = conductance.shape
    bit, source = (
        Lines.driven(count, r, driver=parasitics.r_feed + r, ends=ends)
        for count, r, ends in (
            (rows, parasitics.r_row, drive.bit_line),
            (cols, parasitics.r_col, drive.source_line),
        )
    )
    return np.asarray(LinearCrossbar(conductance, bit, source).effective_conductance())
