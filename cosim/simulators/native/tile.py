"""A tile of cells as the matrix that it really computes, wires included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError

if TYPE_CHECKING:
    from netlists.array import Array

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TileMatrix:
    """The linearised product of an array with its wires.

    Parameters
    ----------
    matrix : ndarray, shape (bit lines, source lines)
        Current into source line j per volt on bit line i [S].
    ideal : ndarray, shape (rows, cols)
        Conductances of the cells themselves [S].
    nonlinearity : float
        Largest error against the full nonlinear solution over random inputs up to the read
        voltage, relative to the largest output.
    read_voltage : float
        At which the cells were linearised [V].
    """

    matrix: Floats
    ideal: Floats
    nonlinearity: float
    read_voltage: float

    def product(self, inputs: ArrayLike) -> Floats:
        """Source-line currents [A] for bit-line voltages [V], shape (batch, bit lines)."""
        return np.asarray(inputs, dtype=float) @ self.matrix


def effective_matrix(
    array: Array,
    *,
    read_voltage: float = 0.2,
    gate: float = 3.3,
    samples: int = 4,
    seed: int = 0,
) -> TileMatrix:
    """Linearise an array's cells at the read voltage and solve its wires once, by adjoints.

    Parameters
    ----------
    array : Array
        Crossing lines.
    read_voltage, gate : float
        [V]
    samples : int
        Random inputs on which the remaining nonlinearity is measured; 0 for none (NaN).
    seed : int

    Raises
    ------
    ConfigError
        If bit and source lines are parallel: such an array computes no matrix product; or if
        the read voltage is 0 or not finite.
    """
    from cosim.simulators.native.build import array_states, build_system
    from cosim.simulators.native.linear import LinearCrossbar
    from netlists.parasitics import Parasitics

    if array.line_set("bl").along != "row":
        raise ConfigError(
            thing="an array with parallel bit and source lines computes no matrix product",
            value=str(array.layout),
            limit="Layout.CROSSING",
        )
    if not read_voltage or not np.isfinite(read_voltage):
        raise ConfigError(
            thing="voltage at which an array is linearised [V]",
            value=read_voltage,
            limit="finite, not 0",
        )
    rows, cols = array.shape
    held = array_states(array)
    gates = np.full(array.line_set("wl").count, float(gate))
    zero = np.zeros(cols)
    ideal = build_system(array.replace(parasitics=Parasitics()))
    ideal.solve(bit=np.full(rows, read_voltage), source=zero, gate=gates, held=held)
    g = ideal.current[:, :cols] / read_voltage
    full = build_system(array)
    matrix = LinearCrossbar(g, full.bit, full.source).effective_conductance()
    rng = np.random.default_rng(seed)
    worst = 0.0 if samples else float("nan")
    for _ in range(samples):
        v = read_voltage * rng.uniform(0.0, 1.0, rows)
        full.solve(bit=v, source=zero, gate=gates, held=held)
        exact = -full.source_delivered.sum(axis=1)
        worst = max(worst, float(np.max(np.abs(v @ matrix - exact)) / np.max(np.abs(exact))))
    return TileMatrix(matrix=matrix, ideal=g, nonlinearity=worst, read_voltage=read_voltage)
