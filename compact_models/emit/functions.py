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
import importlib.util
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray
from sympy.printing.pycode import PythonCodePrinter

from compact_models.errors import ModelError
from compact_models.functions import NAMES, NUMBA_SOURCE, NUMPY_SOURCE
from compact_models.model import CompactModel, p, v, x

Backend = Literal["numpy", "numba"]

_FORMAT = "5"
_HEADERS = {
    "numpy": "from numpy import exp, log, logaddexp, maximum, minimum, sinh, cosh, tanh\n"
    + f"from numpy import sqrt, pi, where\n\n{NUMPY_SOURCE}\n",
    "numba": "from math import exp, log, log1p, sinh, cosh, tanh, sqrt, pi\n\nimport numba\n"
    + f"\n{NUMBA_SOURCE}\n",
}
_DECORATORS = {"numpy": "", "numba": '@numba.njit(cache=True, error_model="numpy")\n'}


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
    if backend not in _HEADERS:
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
    path = _cache_folder() / f"{model.name}_{key}_{backend}.py"
    if not path.is_file():
        _write_atomically(path, _source(model, backend))
    spec = importlib.util.spec_from_file_location(f"reram_cosim_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ModelError(thing="generated model code cannot be imported", value=str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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


def _cache_folder() -> Path:
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("reram-cosim")) / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    # Nobody else may place code where we import from: a private folder, made anew.
    return Path(_private_folder())


@lru_cache(maxsize=1)
def _private_folder() -> str:
    return tempfile.mkdtemp(prefix="reram-cosim-")


def _write_atomically(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


class _Printer(PythonCodePrinter):
    """Bare function names, so that one body serves numpy and numba."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": False})
        self.known_functions |= {n: n for n in NAMES}

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        # Small integer powers as products: exact in both back ends and fast.
        base, exponent = expr.as_base_exp()
        if exponent == 2:
            text = self.parenthesize(base, 100)
            return f"({text}*{text})"
        return str(super()._print_Pow(expr, rational=rational))


def _source(model: CompactModel, backend: Backend) -> str:
    nodes = [v(n) for n in model.nodes]
    states = [x(s.name) for s in model.states]
    currents, charges = node_sums(model)
    rates = [model.expand(s.rate) for s in model.states]
    plain = {"currents": currents, "charges": charges, "rates": rates}
    matrices = {
        "di_dv": _jacobian(currents, nodes),
        "di_dx": _jacobian(currents, states),
        "dq_dv": _jacobian(charges, nodes),
        "dr_dv": _jacobian(rates, nodes),
        "dr_dx": _jacobian(rates, states),
    }
    values = _function(model, backend, "values", plain, {})
    evaluate = _function(model, backend, "evaluate", plain, matrices)
    title = f'"""Equations of {model.name}, printed by reram-cosim. Do not edit."""\n\n'
    return title + _HEADERS[backend] + "\n" + values + "\n\n" + evaluate


def node_sums(model: CompactModel) -> tuple[list[Any], list[Any]]:
    """Return, per node, the expanded current into the device and the charge."""
    currents: list[Any] = [sp.Integer(0)] * len(model.nodes)
    charges: list[Any] = [sp.Integer(0)] * len(model.nodes)
    for branch in model.branches:
        ends = ((model.nodes.index(branch.positive), 1), (model.nodes.index(branch.negative), -1))
        for position, sign in ends:
            if branch.current is not None:
                currents[position] += sign * model.expand(branch.current)
            if branch.charge is not None:
                charges[position] += sign * model.expand(branch.charge)
    return currents, charges


def _jacobian(rows: list[Any], columns: list[Any]) -> list[list[Any]]:
    return [[sp.diff(row, column) for column in columns] for row in rows]


def _function(
    model: CompactModel,
    backend: Backend,
    name: str,
    vectors: dict[str, list[Any]],
    matrices: dict[str, list[list[Any]]],
) -> str:
    targets = [f"{n}[{i}]" for n, rows in vectors.items() for i in range(len(rows))]
    expressions = [e for rows in vectors.values() for e in rows]
    for matrix_name, rows in matrices.items():
        for i, row in enumerate(rows):
            targets += [f"{matrix_name}[{i}, {j}]" for j in range(len(row))]
            expressions += row
    shared, reduced = sp.cse(expressions, symbols=sp.numbered_symbols("t_"), order="none")
    used: set[Any] = set()
    for expression in [*(e for _, e in shared), *reduced]:
        used |= expression.free_symbols
    printer = _Printer()
    lines = [
        f"    {symbol} = {array}[{i}]"
        for array, symbols in (
            ("v", [v(n) for n in model.nodes]),
            ("x", [x(s.name) for s in model.states]),
            ("p", [p(n) for n in model.parameters]),
        )
        for i, symbol in enumerate(symbols)
        if symbol in used
    ]
    lines += [f"    {symbol} = {printer.doprint(e)}" for symbol, e in shared]
    lines += [f"    {t} = {printer.doprint(e)}" for t, e in zip(targets, reduced, strict=True)]
    arguments = ", ".join(["v", "x", "p", *vectors, *matrices])
    return f"{_DECORATORS[backend]}def {name}({arguments}):\n" + "\n".join(lines) + "\n"
