"""Constant expressions of Verilog-A: numbers with suffixes, macros, functions of constants."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

from compact_models.constants import BOLTZMANN, ELEMENTARY_CHARGE

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+|[TGMKkmunpfa])?\Z")
_SUFFIXED = re.compile(r"(?<![\w.])(\d+\.?\d*|\.\d+)([TGMKkmunpfa])(?!\w)")
_SCALE = {
    "T": 1e12, "G": 1e9, "M": 1e6, "K": 1e3, "k": 1e3,
    "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18,
}  # fmt: skip
_CONSTANTS = {
    "M_PI": math.pi, "M_E": math.e, "P_Q": ELEMENTARY_CHARGE, "P_K": BOLTZMANN,
    "P_EPS0": 8.8541878128e-12, "P_CELSIUS0": 273.15,
}  # fmt: skip
_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "exp": math.exp, "ln": math.log, "log": math.log10, "sqrt": math.sqrt, "pow": math.pow,
    "abs": abs, "min": min, "max": max, "tanh": math.tanh, "sinh": math.sinh, "cosh": math.cosh,
}  # fmt: skip


def evaluate(text: str, values: Mapping[str, float], macros: Mapping[str, str]) -> float | None:
    """Value of a constant expression, or None where it is no arithmetic of known names."""
    for _ in range(8):
        known = re.sub(
            r"`(\w+)",
            lambda m: f"({macros[m[1]]})" if m[1] in macros else repr(_CONSTANTS.get(m[1], m[0])),
            text,
        )
        if known == text:
            break
        text = known
    if _NUMBER.match(text) and text[-1] in _SCALE:
        return float(text[:-1]) * _SCALE[text[-1]]
    plain = _SUFFIXED.sub(lambda m: repr(float(m[1]) * _SCALE[m[2]]), text)
    try:
        # A fractional power of a negative number is complex: float() refuses it.
        number = float(_value(ast.parse(plain.strip(), mode="eval").body, values))
    except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError):
        return None
    return number if math.isfinite(number) else None


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _value(node.operand, values)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, values), _value(node.right, values))
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _FUNCTIONS
        and not node.keywords
    ):
        return _FUNCTIONS[node.func.id](*(_value(a, values) for a in node.args))
    raise ValueError(ast.dump(node))
