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
import sys
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

_FORMAT = "7"
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
    path = generated_folder("kernels") / f"{model.name}_{key}_{backend}.py"
    if not path.is_file():
        _write_atomically(path, _source(model, backend))
    name = f"reram_cosim_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(thing="generated model code cannot be imported", value=str(path))
    module = importlib.util.module_from_spec(spec)
    # numba's cache finds functions again by the name of their module.
    sys.modules[name] = module
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


def generated_folder(name: str) -> Path:
    """Return the folder for generated code of one kind; private where there is no cache."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("reram-cosim")) / name
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
    title = f'"""Equations of {model.name}, printed by reram-cosim. Do not edit."""\n\n'
    values = _Writer(model, derivatives=False).function(backend, "values")
    evaluate = _Writer(model, derivatives=True).function(backend, "evaluate")
    return title + _HEADERS[backend] + "\n" + values + "\n\n" + evaluate


def node_sums(model: CompactModel) -> tuple[list[Any], list[Any]]:
    """Return, per node, the current into the device and the charge, in definitions."""
    currents: list[Any] = [sp.Integer(0)] * len(model.nodes)
    charges: list[Any] = [sp.Integer(0)] * len(model.nodes)
    for branch in model.branches:
        ends = ((model.nodes.index(branch.positive), 1), (model.nodes.index(branch.negative), -1))
        for position, sign in ends:
            if branch.current is not None:
                currents[position] += sign * branch.current
            if branch.charge is not None:
                charges[position] += sign * branch.charge
    return currents, charges


class _Writer:
    """Writes one function: definitions in order, derivatives carried along.

    Derivatives go forward through the definitions by the chain rule, so that the
    expressions stay as short as the model's author wrote them.
    """

    def __init__(self, model: CompactModel, *, derivatives: bool) -> None:
        self._model = model
        self._derivatives = derivatives
        self._printer = _Printer()
        self._count = 0
        self._used: set[Any] = set()
        self._lines: list[str] = []
        self._nodes = [v(n) for n in model.nodes]
        self._states = [x(s.name) for s in model.states]
        # Total derivatives of each quantity by each node or state, as short expressions.
        self._slopes: dict[Any, dict[Any, Any]] = {
            u: {u: sp.Integer(1)} for u in (*self._nodes, *self._states)
        }

    def function(self, backend: Backend, name: str) -> str:
        """Return the source of the function."""
        model = self._model
        currents, charges = node_sums(model)
        rates = [sp.sympify(s.rate) for s in model.states]
        for item in model.definition_order([*currents, *charges, *rates]):
            self._define(p(item.name), item.expression)
        groups = {"currents": currents, "charges": charges, "rates": rates}
        slopes: dict[str, list[dict[Any, Any]]] = {}
        for target, expressions in groups.items():
            slopes[target] = []
            for i, expression in enumerate(expressions):
                value, derivative = self._write(expression)
                self._lines.append(f"    {target}[{i}] = {self._text(value)}")
                slopes[target].append(derivative)
        arguments = ["v", "x", "p", *groups]
        if self._derivatives:
            for matrix, target, columns in (
                ("di_dv", "currents", self._nodes),
                ("di_dx", "currents", self._states),
                ("dq_dv", "charges", self._nodes),
                ("dr_dv", "rates", self._nodes),
                ("dr_dx", "rates", self._states),
            ):
                arguments.append(matrix)
                for i, derivative in enumerate(slopes[target]):
                    for j, column in enumerate(columns):
                        value = self._text(derivative.get(column, sp.Integer(0)))
                        self._lines.append(f"    {matrix}[{i}, {j}] = {value}")
        return (
            f"{_DECORATORS[backend]}def {name}({', '.join(arguments)}):\n"
            + "\n".join(self._inputs() + self._lines)
            + "\n"
        )

    def _define(self, symbol: Any, expression: Any) -> None:
        value, slopes = self._write(sp.sympify(expression))
        self._lines.append(f"    d_{symbol} = {self._text(value)}")
        self._used.discard(symbol)
        for variable, slope in slopes.items():
            if slope.is_Atom:
                continue
            name = sp.Symbol(f"s_{symbol}_{variable}")
            self._lines.append(f"    {name} = {self._text(slope)}")
            slopes[variable] = name
        self._slopes[symbol] = slopes

    def _write(self, expression: Any) -> tuple[Any, dict[Any, Any]]:
        """Share what an expression and its partial derivatives have in common."""
        inner = [s for s in sp.ordered(expression.free_symbols) if self._slopes.get(s)]
        partials = [sp.diff(expression, s) for s in inner] if self._derivatives else []
        names = (sp.Symbol(f"t_{k}") for k in range(self._count, 10**6))
        shared, reduced = sp.cse([expression, *partials], symbols=names, order="none")
        self._count += len(shared)
        for name, part in shared:
            self._lines.append(f"    {name} = {self._text(part)}")
        slopes: dict[Any, Any] = {}
        for symbol, partial in zip(inner, reduced[1:], strict=False):
            for variable, slope in self._slopes[symbol].items():
                slopes[variable] = slopes.get(variable, sp.Integer(0)) + partial * slope
        return reduced[0], {u: slope for u, slope in slopes.items() if slope != 0}

    def _text(self, expression: Any) -> str:
        expression = sp.sympify(expression)
        self._used |= expression.free_symbols
        defined = {
            p(d.name): sp.Symbol(f"d_{d.name}")
            for d in self._model.definitions
            if p(d.name) in expression.free_symbols
        }
        return str(self._printer.doprint(expression.xreplace(defined)))

    def _inputs(self) -> list[str]:
        arrays = (
            ("v", self._nodes),
            ("x", self._states),
            ("p", [p(n) for n in self._model.parameters]),
        )
        return [
            f"    {symbol} = {array}[{i}]"
            for array, symbols in arrays
            for i, symbol in enumerate(symbols)
            if symbol in self._used
        ]
