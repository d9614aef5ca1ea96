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
    bytes_a_cell : float
        Memory at its largest size with one input, measured where it is known.
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
    bytes_a_cell: float = 4000.0

    @property
    def installed(self) -> bool:
        """Whether it can be imported."""
        try:
            return find_spec(self.module) is not None
        except ModuleNotFoundError:
            return False

    def needs(self, size: int, inputs: int) -> float:
        """Memory for an array of a size, about [bytes]."""
        # Right sides, solutions and a copy of either.
        return size**2 * (self.bytes_a_cell + 96.0 * inputs)


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

    # Inputs and tolerance count in the largest input.
    scale = 0.2  # V
    wires = SimpleNamespace(
        # The first three for release 3.0, the others for 3.1.
        gate_input=False, Rp_row=WIRE, Rp_col=WIRE, Rp_row_norm=WIRE, Rp_col_norm=WIRE,
        Rp_row_terminal_norm=0.0, Rp_col_terminal_norm=0.0,
    )  # fmt: skip
    bits = SimpleNamespace(mvm=SimpleNamespace(input_bitslicing=False))
    solve = _crosssim_solver()
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
                fast_matmul=False,
                Verr_matmul_criterion="max_max",
            ),
        )
        found.append(scale * solve(v[::-1] / scale, np.ascontiguousarray(g[::-1].T), parameters))
    return np.array(found)


def _crosssim_solver() -> Callable[[Floats, Floats, Any], Floats]:
    """Its solver of one input in the form of release 3.0 or of 3.1."""
    if find_spec("simulator.circuits.array_simulator") is not None:
        old = importlib.import_module("simulator.circuits.array_simulator")
        return partial(old.solve_mvm_circuit, old.mvm_parasitics)
    new = importlib.import_module("simulator.circuits.array.NonInterleaved_InputSource")

    def solve(v: Floats, g: Floats, parameters: Any) -> Floats:
        array = new.NonInterleaved_InputSource_Array(parameters)
        return np.asarray(array.iterative_solve(g, v))

    return solve


PEERS = (
    Peer(
        name="scipy splu", module="scipy", get="installed with this project",
        largest=256, largest_full=512, currents=splu,
    ),
    Peer(
        name="CHOLMOD", module="sksparse.cholmod",
        get="apt-get install libsuitesparse-dev, then pip install 'scikit-sparse<0.5'",
        largest=512, largest_full=1024, currents=cholmod, bytes_a_cell=1600.0,
    ),
    Peer(
        name="MKL Pardiso", module="pypardiso", get="pip install pypardiso",
        largest=512, largest_full=1024, currents=pardiso, bytes_a_cell=2000.0,
    ),
    Peer(
        name="badcrossbar", module="badcrossbar",
        get="apt-get install libcairo2-dev pkg-config, then pip install badcrossbar",
        largest=128, largest_full=256, currents=badcrossbar,
    ),
    Peer(
        name="CrossSim", module="simulator.circuits",
        get="not on PyPI: pip install git+https://github.com/sandialabs/cross-sim (3.0 or 3.1)",
        largest=256, largest_full=512, currents=crosssim,
    ),
    Peer(
        name="CrossSim at 2e-4", module="simulator.circuits",
        get="as CrossSim; its default tolerance",
        largest=256, largest_full=512, currents=partial(crosssim, tolerance=2e-4),
    ),
)  # fmt: skip


def linear_peers(
    size: int, full: bool, inputs: int, memory: float
) -> tuple[dict[str, Callable[[Floats, Floats], Floats]], dict[str, str]]:
    """Installed peers for arrays of a size, and why others that are installed are left out.

    Parameters
    ----------
    size : int
    full : bool
    inputs : int
    memory : float
        What they can have [bytes].
    """
    taken: dict[str, Callable[[Floats, Floats], Floats]] = {}
    skipped: dict[str, str] = {}
    for peer in PEERS:
        if not peer.installed or size > (peer.largest_full if full else peer.largest):
            continue
        needs = peer.needs(size, inputs)
        if needs < memory:
            taken[peer.name] = peer.currents
        else:
            skipped[peer.name] = (
                f"left out: needs about {needs / 1e9:.0f} GB, {memory / 1e9:.1f} GB are free"
            )
    return taken, skipped
