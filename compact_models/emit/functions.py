"""Print a compact model as numpy or numba functions with exact derivatives.

The generated source is an ordinary module in the user's cache folder, named
after a hash of the equations, so that it is written once, can be read, and
numba can cache its machine code beside it. Parameter values are arguments:
changing one never recompiles.

Signatures of the generated functions, with N nodes (terminals, then internal),
S states and P parameters, each in the order of the model::

    values(v, x, p, currents, charges, rates)
    evaluate(v, x, p, currents, charges, rates, di_dv, di_dx, dq_dv, dr_dv, dr_dx)

`currents[n]` is the current that flows from node n into the device [A],
`charges[n]` the charge on it [C], `rates[s]` the rate of the normalised state
[1/s]; ``di_dv[n, m]`` is d(currents[n])/d(v[m]), and so on. The outputs are
arrays that the caller owns. The numpy form takes arrays with any trailing shape
(v of shape (N, ...)); the numba form takes one device (v of shape (N,)).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from compact_models.emit.generated import generated_folder, import_generated, write_generated
from compact_models.emit.python_printer import HEADERS, Backend, source
from compact_models.errors import ModelError
from compact_models.model import CompactModel

_FORMAT = "7"


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """Compiled functions of one model; see the module's docstring for signatures.

    Parameters
    ----------
    nodes, states, parameters : tuple of str
        Order of the axes of v, x and p.
    values, evaluate : callable
    source : Path
        Where the generated code can be read.
    """

    nodes: tuple[str, ...]
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Callable[..., None]
    evaluate: Callable[..., None]
    source: Path

    def parameter_vector(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Return the parameters as an array of shape (P, ...), broadcast together."""
        columns = np.broadcast_arrays(*[np.asarray(values[n], float) for n in self.parameters])
        return np.array(columns)

    def call(self, nodes: ArrayLike, states: ArrayLike, parameters: ArrayLike) -> Values:
        """Call the numpy `values` on broadcast arrays and return what it gives.

        Parameters
        ----------
        nodes : array_like, shape (N, ...)
            Potentials [V].
        states : array_like, shape (S, ...)
            Normalised states.
        parameters : array_like, shape (P, ...)
            SI values.
        """
        v_, x_, p_ = (np.asarray(a, float) for a in (nodes, states, parameters))
        shape = np.broadcast_shapes(v_.shape[1:], x_.shape[1:], p_.shape[1:])
        n, s = len(self.nodes), len(self.states)
        currents, charges = np.zeros((n, *shape)), np.zeros((n, *shape))
        rates = np.zeros((s, *shape))
        self.values(v_, x_, p_, currents, charges, rates)
        return Values(currents=currents, charges=charges, rates=rates)


@dataclass(frozen=True, kw_only=True)
class Values:
    """Currents [A], charges [C] of the nodes and rates [1/s] of the states."""

    currents: NDArray[np.float64]
    charges: NDArray[np.float64]
    rates: NDArray[np.float64]


def compile_model(model: CompactModel, backend: Backend = "numpy") -> Kernels:
    """Return the functions of `model`; generated on first use, cached on disk.

    Raises
    ------
    ModelError
        If `backend` is unknown or the generated source cannot be imported.
    """
    if backend not in HEADERS:
        raise ModelError(thing="unknown back end", value=backend, limit="numpy, numba")
    return _compile(_key(model), _Recipe(model), backend)


class _Recipe:
    """Carries a model past lru_cache without being part of the key."""

    def __init__(self, model: CompactModel) -> None:
        self.model = model

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Recipe)


@lru_cache(maxsize=64)
def _compile(key: str, recipe: _Recipe, backend: Backend) -> Kernels:
    model = recipe.model
    path = generated_folder("kernels") / f"{model.name}_{key}_{backend}.py"
    if not path.is_file():
        write_generated(path, source(model, backend))
    module = import_generated(path)
    return Kernels(
        nodes=model.nodes,
        states=tuple(s.name for s in model.states),
        parameters=tuple(model.parameters),
        values=module.values,
        evaluate=module.evaluate,
        source=path,
    )


def _key(model: CompactModel) -> str:
    parts = [_FORMAT, sp.__version__, model.name, *model.nodes, *model.parameters]
    parts += [f"{d.name}={sp.srepr(d.expression)}" for d in model.definitions]
    for b in model.branches:
        parts.append(f"{b.positive}>{b.negative}:{sp.srepr(b.current)}:{sp.srepr(b.charge)}")
    parts += [f"{s.name}'={sp.srepr(s.rate)}" for s in model.states]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
