"""sympy expressions as Verilog-A that a person can read.

Differences of potentials become one access, numbers that are products of natural constants get
their names back, and long repeated forms become analog functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from typing import Any

import sympy as sp
from sympy.printing.codeprinter import CodePrinter

from compact_models.constants import BOLTZMANN, ELEMENTARY_CHARGE
from compact_models.errors import ModelError
from compact_models.model import CompactModel

# Access functions, functions and keywords a variable may not be called.
_TAKEN = {"V", "I", "ddt", "idt", "exp", "ln", "log", "sqrt", "pow", "min", "max", "abs"}

# 2019 SI, exact. Not those of constants.vams: each simulator ships its own, older values.
CONSTANTS = {"Q_E": repr(ELEMENTARY_CHARGE), "K_B": repr(BOLTZMANN)}

FUNCTIONS = {
    "softplus": (
        "ln(1 + exp(x)), which is x for large x",
        "(x > 40.0) ? x : ln(1.0 + exp(x))",
    ),
    "logistic": ("1 / (1 + exp(-x))", "0.5 + 0.5*tanh(0.5*x)"),
}


class VerilogAPrinter(CodePrinter):
    """sympy to Verilog-A, for the expressions of one model.

    Attributes
    ----------
    functions, constants : dict of str to None
        What the expressions printed so far use of :data:`FUNCTIONS` and :data:`CONSTANTS`.
    """

    printmethod = "_veriloga"
    language = "Verilog-A"
    _default_settings: dict[str, Any] = {  # noqa: RUF012
        **CodePrinter._default_settings,
        "precision": 17,
        "user_functions": {},
    }

    def __init__(self, model: CompactModel) -> None:
        super().__init__()
        self.known_functions = {
            n: n for n in ("exp", "sinh", "cosh", "tanh", "sqrt", "atan", "asinh", "sin", "cos")
        } | {"log": "ln", "Abs": "abs"}
        self.functions: dict[str, None] = {}
        self.constants: dict[str, None] = {}
        lowered = {n.lower() for n in (*model.parameters, *model.nodes)}
        lowered |= {s.name.lower() for s in model.states} | set(FUNCTIONS)
        # ngspice folds case, so a variable `C` beside a node `c` would be one name there.
        self._names = {
            d.name: d.name + "_" if d.name in _TAKEN or d.name.lower() in lowered else d.name
            for d in model.definitions
        }

    def __call__(self, expression: Any) -> str:
        """Text of an expression."""
        text = str(self.doprint(sp.sympify(expression)))
        # sympy puts fractions into parentheses, and they are decimal numbers here.
        return re.sub(r"(?<!\w)\((\d+\.\d+(?:e[+-]?\d+)?)\)", r"\1", text)

    def rename(self, name: str) -> str:
        """Return the variable's name in the module."""
        return self._names[name]

    def _print_Symbol(self, expr: Any) -> str:
        name = str(expr)
        if name.startswith(("v_", "x_")):
            return f"V({name[2:].lower()})"
        return self._names.get(name, name)

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        pairs, rest = _differences(expr.args)
        if not pairs:
            return str(super()._print_Add(expr, order=order))
        words = [
            f"{'' if factor == 1 else self._print(factor) + '*'}V({plus[2:].lower()}, "
            f"{minus[2:].lower()})"
            for plus, minus, factor in pairs
        ]
        if rest:
            last = self._print(sp.Add(*rest, evaluate=False) if len(rest) > 1 else rest[0])
            words.append(last)
        return " + ".join(words).replace("+ -", "- ")

    def _print_Mul(self, expr: Any) -> str:
        factors = list(expr.args)
        # A lone difference of potentials needs no parentheses.
        for k, factor in enumerate(factors):
            if factor.is_Add:
                pairs, rest = _differences(factor.args)
                if len(pairs) == 1 and not rest and pairs[0][2] == 1:
                    plus, minus, _ = pairs[0]
                    access = sp.Symbol(f"V({plus[2:].lower()}, {minus[2:].lower()})")
                    factors[k] = access
        if factors == list(expr.args):
            return str(super()._print_Mul(expr))
        return str(super()._print_Mul(sp.Mul(*factors, evaluate=False)))

    def _print_Float(self, expr: Any) -> str:
        value = float(expr)
        named = _named(abs(value))
        if named is None:
            return repr(value)
        text, used = named
        self.constants |= dict.fromkeys(used)
        return f"-{text}" if value < 0 else text

    _print_Rational = _print_Float

    def _print_NumberSymbol(self, expr: Any) -> str:
        if expr is sp.pi:
            return "`M_PI"
        return repr(float(expr))

    _print_Pi = _print_NumberSymbol

    def _print_Integer(self, expr: Any) -> str:
        return f"{int(expr)}.0"

    def _print_Pow(self, expr: Any) -> str:
        base, exponent = expr.base, expr.exp
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent == -1:
            return f"1.0/({self._print(base)})"
        if exponent == 2:
            text = self._print(base)
            if re.fullmatch(r"\w+(\([^()]*\))?", text) is None:
                text = f"({text})"
            return f"({text}*{text})"
        return f"pow({self._print(base)}, {self._print(exponent)})"

    def _call(self, name: str, expr: Any) -> str:
        self.functions[name] = None
        return f"{name}({self._print(expr.args[0])})"

    def _print_softplus(self, expr: Any) -> str:
        return self._call("softplus", expr)

    def _print_logistic(self, expr: Any) -> str:
        return self._call("logistic", expr)

    def _print_clamp(self, expr: Any) -> str:
        text, low, high = (self._print(a) for a in expr.args)
        return f"min(max({text}, {low}), {high})"

    def _print_not_supported(self, expr: Any) -> str:
        raise ModelError(thing="no Verilog-A form for an expression", value=str(expr))

    def _format_code(self, lines: list[str]) -> list[str]:
        return lines


def _differences(terms: Iterable[Any]) -> tuple[list[tuple[str, str, Any]], list[Any]]:
    """Potentials as differences (plus, minus, factor), and the other terms.

    Only where the factors of all potentials add up to zero, as they do in anything that does not
    depend on where ground is.
    """
    sides: dict[bool, list[list[Any]]] = {True: [], False: []}
    rest = []
    terms = list(terms)
    for term in terms:
        factor, symbol = term.as_coeff_Mul()
        if symbol.is_Symbol and str(symbol).startswith("v_"):
            sides[bool(factor > 0)].append([str(symbol), abs(factor)])
        else:
            rest.append(term)
    rising, falling = sides[True], sides[False]
    if sum(f for _, f in rising) != sum(f for _, f in falling):
        return [], terms
    pairs = []
    while rising:
        factor = min(rising[0][1], falling[0][1])
        pairs.append((rising[0][0], falling[0][0], factor))
        for side in (rising, falling):
            side[0][1] -= factor
            if side[0][1] == 0:
                side.pop(0)
    return pairs, rest


@lru_cache(maxsize=256)
def _named(value: float) -> tuple[str, tuple[str, ...]] | None:
    """A number as a product of natural constants and a small number, or None."""
    if not 0 < value < math.inf:
        return None
    charge, boltzmann = (float(text) for text in CONSTANTS.values())
    for a, b in product((1, -1, 0), (1, -1, 0)):
        if a == b == 0:
            continue
        for small in (1.0, 2.0, 0.5, 4.0, 0.25):
            if not math.isclose(small * charge**a * boltzmann**b, value, rel_tol=4e-16):
                continue
            over = [f"`{n}" for n, power in zip(CONSTANTS, (a, b), strict=True) if power > 0]
            under = [f"`{n}" for n, power in zip(CONSTANTS, (a, b), strict=True) if power < 0]
            if small >= 1.0:
                over = [f"{small:.1f}"] * (small != 1.0) + over
            else:
                under = [f"{1 / small:.1f}", *under]
            text = "*".join(over) or "1.0"
            if under:
                text += f"/({'*'.join(under)})" if len(under) > 1 else f"/{under[0]}"
            used = tuple(n for n, power in zip(CONSTANTS, (a, b), strict=True) if power)
            # In parentheses, so that what is around it cannot bind to a part of it.
            return f"({text})" if "/" in text or "*" in text else text, used
    return None
