"""What a solved linear crossbar gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearSolution:
    """One solved linear crossbar.

    Parameters
    ----------
    row_voltage, column_voltage, cell_current : ndarray, shape (rows, cols)
        Node voltages [V] and the current from row to column through each cell [A].
    row_current, column_current : ndarray, shape (rows,) and (cols,)
        Delivered into each line by its drivers [A].
    residual : float
        Largest imbalance of currents at any node, divided by the largest branch current.
    iterations : int
        Of the Krylov method; 0 for a direct solve.
    method : {"mixed", "krylov", "direct"}
    moved : float
        Bytes to and from memory, were nothing kept in caches; NaN for a direct solve.
    """

    row_voltage: Floats
    column_voltage: Floats
    cell_current: Floats
    row_current: Floats
    column_current: Floats
    residual: float
    iterations: int
    method: str
    moved: float = math.nan
