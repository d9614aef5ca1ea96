"""The text of the functions that :mod:`compact_models.emit.functions` compiles."""

from __future__ import annotations

from typing import Any, Literal

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from compact_models.functions import NAMES, NUMBA_SOURCE, NUMPY_SOURCE
from compact_models.model import CompactModel, p, v, x

Backend = Literal["numpy", "numba"]

HEADERS = {
    "numpy": "from numpy import exp, log, logaddexp, maximum, minimum, sinh, cosh, tanh\n"
    + f"from numpy import sqrt, pi, where\n\n{NUMPY_SOURCE}\n",
    "numba": "from math import exp, log, log1p, sinh, cosh, tanh, sqrt, pi\n\nimport numba\n"
    + f"\n{NUMBA_SOURCE}\n",
}
_DECORATORS = {"numpy": "", "numba": '@numba.njit(cache=True, error_model="numpy")\n'}


class _Printer(PythonCodePrinter):
    """Bare function names, so that one body serves numpy and numba."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": False})
        self.known_functions |= {n: n for n in NAMES}

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        # Squares as products: exact in both back ends and fast.
        base, exponent = expr.as_base_exp()
        if exponent == 2:
            text = self.parenthesize(base, 100)
            return f"({text}*{text})"
        return str(super()._print_Pow(expr, rational=rational))


def source(model: CompactModel, backend: Backend) -> str:
    """Text of the module with both functions of `model`."""
    title = f'"""Equations of {model.name}, printed by reram-cosim. Do not edit."""\n\n'
    values = _Writer(model, derivatives=False).function(backend, "values")
    evaluate = _Writer(model, derivatives=True).function(backend, "evaluate")
    return title + HEADERS[backend] + "\n" + values + "\n\n" + evaluate


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
