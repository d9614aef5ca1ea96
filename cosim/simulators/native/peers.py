"""Other linear solvers on the same crossbar, for benchmarks: run only where they are installed.

All of them get the crossbar of :func:`problem`: every segment, those to the drivers included, has
``WIRE`` Ohm; rows are driven at their first cell, columns are at 0 V there.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIRE = 0.35
"""Ohm a segment, the published MVM study's value."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another program on the same problem.

    Parameters
    ----------
    name, module : str
        ``module`` is what must be importable.
    get : str
        How to install it.
    largest, largest_full : int
        Sizes up to which it takes seconds, and up to which it is worth the wait.
    currents : callable
        (conductances (rows, cols) [S], inputs (batch, rows) [V]) to column currents (batch, cols)
        [A], everything included from the conductances on.
    """

    name: str
    module: str
    get: str
    largest: int
    largest_full: int
    currents: Callable[[Floats, Floats], Floats]

    @property
    def installed(self) -> bool:
        """Whether it can be imported."""
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:
            return False


def problem(size: int, inputs: int = 1) -> tuple[Floats, Floats]:
    """Random conductances (size, size) [S] and inputs (inputs, size) [V]."""
    rng = np.random.default_rng(size)
    return rng.uniform(9e-6, 88.2e-6, (size, size)), rng.uniform(-0.2, 0.2, (inputs, size))


def nodal_system(g: Floats, inputs: Floats) -> tuple[Any, Floats]:
    """Nodal analysis of the crossbar: matrix (2 rows cols)^2 and right sides, one a column."""
    rows, cols = g.shape
    wire, count = 1.0 / WIRE, rows * cols
    upper = np.arange(count).reshape(rows, cols)
    lower = upper + count
    on_row, on_column = np.full((2, rows, cols), 2 * wire) + g
    on_row[:, -1] -= wire
    on_column[-1] -= wire
    one = np.concatenate([upper[:, :-1].ravel(), lower[:-1].ravel()])
    other = np.concatenate([upper[:, 1:].ravel(), lower[1:].ravel()])
    every = np.arange(2 * count)
    i = np.concatenate([every, one, other, upper.ravel(), lower.ravel()])
    j = np.concatenate([every, other, one, lower.ravel(), upper.ravel()])
    values = np.concatenate(
        [on_row.ravel(), on_column.ravel(), np.full(2 * one.size, -wire), np.tile(-g.ravel(), 2)]
    )
    right = np.zeros((2 * count, len(inputs)), order="F")
    right[upper[:, 0]] = wire * inputs.T
    return sparse.csc_matrix((values, (i, j)), shape=(2 * count, 2 * count)), right


def _column_currents(g: Floats, voltages: Floats) -> Floats:
    first = voltages[g.size : g.size + g.shape[1]]
    return np.ascontiguousarray(first.T / WIRE)


def splu(g: Floats, inputs: Floats) -> Floats:
    """Sparse LU of SciPy (SuperLU), minimum-degree ordering of the symmetric pattern."""
    from scipy.sparse.linalg import splu as factor

    matrix, right = nodal_system(g, inputs)
    done = factor(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return _column_currents(g, done.solve(right))


def cholmod(g: Floats, inputs: Floats) -> Floats:
    """Sparse Cholesky of SuiteSparse."""
    matrix, right = nodal_system(g, inputs)
    solve = importlib.import_module("sksparse.cholmod").cholesky(matrix)
    return _column_currents(g, solve(right))


@lru_cache(maxsize=1)
def _pardiso_library() -> Any:
    # Looks for MKL on the disk, which is not solving. 2: real, symmetric, positive definite; of
    # such matrices it wants the upper triangle.
    return importlib.import_module("pypardiso").PyPardisoSolver(mtype=2)


def pardiso(g: Floats, inputs: Floats) -> Floats:
    """Sparse Cholesky of Intel's MKL."""
    matrix, right = nodal_system(g, inputs)
    solver = _pardiso_library()
    voltages = solver.solve(sparse.triu(matrix, format="csr"), right)
    solver.free_memory(everything=True)
    return _column_currents(g, voltages.reshape(right.shape))


def badcrossbar(g: Floats, inputs: Floats) -> Floats:
    """The package of that name; it senses at the far end, so that rows are turned round."""
    logging.disable(logging.INFO)
    try:
        found = importlib.import_module("badcrossbar").compute(
            inputs.T[::-1], 1.0 / g[::-1], WIRE, node_voltages=False, all_currents=False
        )
    finally:
        logging.disable(logging.NOTSET)
    return np.asarray(found.currents.output).reshape(len(inputs), -1)


def crosssim(g: Floats, inputs: Floats, tolerance: float = 1e-10) -> Floats:
    """The parasitic iteration of Sandia's CrossSim, input by input.

    Parameters
    ----------
    tolerance : float
        Largest change of a cell's voltage, relative to the largest input; its default is 2e-4.
    """
    from types import SimpleNamespace

    solver = importlib.import_module("simulator.circuits.array_simulator")
    wires = SimpleNamespace(gate_input=False, Rp_row=WIRE, Rp_col=WIRE)
    scale = 0.2  # V: inputs and tolerance of CrossSim count in the largest input
    bits = SimpleNamespace(mvm=SimpleNamespace(input_bitslicing=False))
    found = []
    for v in inputs:
        parameters = SimpleNamespace(
            xbar=SimpleNamespace(array=SimpleNamespace(parasitics=wires), dac=bits),
            simulation=SimpleNamespace(
                # Its default of 100 is for its default tolerance.
                Niters_max_parasitics=100 if tolerance > 1e-5 else 2000,
                Verr_th_mvm=tolerance,
                relaxation_gamma=0.9,
                hide_convergence_msg=True,
            ),
        )
        found.append(
            scale
            * solver.solve_mvm_circuit(
                solver.mvm_parasitics, v[::-1] / scale, np.ascontiguousarray(g[::-1].T), parameters
            )
        )
    return np.array(found)


PEERS = (
    Peer(
        name="scipy splu", module="scipy", get="installed with this project",
        largest=256, largest_full=512, currents=splu,
    ),
    Peer(
        name="CHOLMOD", module="sksparse.cholmod",
        get="apt-get install libsuitesparse-dev, then pip install 'scikit-sparse<0.5'",
        largest=512, largest_full=1024, currents=cholmod,
    ),
    Peer(
        name="MKL Pardiso", module="pypardiso", get="pip install pypardiso",
        largest=512, largest_full=1024, currents=pardiso,
    ),
    Peer(
        name="badcrossbar", module="badcrossbar",
        get="apt-get install libcairo2-dev pkg-config, then pip install badcrossbar",
        largest=128, largest_full=256, currents=badcrossbar,
    ),
    Peer(
        name="CrossSim", module="simulator.circuits.array_simulator",
        get="not on PyPI: clone github.com/sandialabs/cross-sim and pip install it",
        largest=256, largest_full=512, currents=crosssim,
    ),
    Peer(
        name="CrossSim at 2e-4", module="simulator.circuits.array_simulator",
        get="as CrossSim; its default tolerance",
        largest=256, largest_full=512, currents=partial(crosssim, tolerance=2e-4),
    ),
)  # fmt: skip


def linear_peers(size: int, full: bool) -> dict[str, Callable[[Floats, Floats], Floats]]:
    """Installed peers for arrays of a size."""
    return {
        p.name: p.currents
        for p in PEERS
        if p.installed and size <= (p.largest_full if full else p.largest)
    }
