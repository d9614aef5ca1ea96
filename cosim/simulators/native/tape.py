"""Forward differentiation of a compact model's definitions into straight-line scalar code.

Each definition becomes one assignment and one assignment per derivative, so the code grows with
the number of definitions and not with their expansion.  Functions become intermediate scalars
that share one exponential: ``sinh``, ``cosh`` and ``tanh`` of the same argument cost one ``exp``.
What depends on parameters alone is put aside, to be computed once per cell.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from compact_models.errors import ModelError
from compact_models.functions import NAMES


class Printer(PythonCodePrinter):
    """Bare names, floats at full length, small powers as products."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": False})
        self.known_functions |= {n: n for n in NAMES}

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Rational(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.base, expr.exp
        if exponent.is_Integer and 2 <= int(exponent) <= 3:
            text = self.parenthesize(base, 100)
            return "(" + "*".join([text] * int(exponent)) + ")"
        if exponent == -1:
            return f"(1.0/{self.parenthesize(base, 100)})"
        if exponent.is_Integer:
            return f"{self.parenthesize(base, 100)}**({int(exponent)})"
        return str(super()._print_Pow(expr, rational=rational))


class Tape:
    """Records assignments with their derivatives.

    Parameters
    ----------
    variables : symbols that derivatives are taken of
    fixed : symbols that are given at run time without derivatives
    """

    def __init__(self, variables: list[Any], fixed: list[Any]) -> None:
        self.lines: list[str] = []
        self.prepared: list[tuple[str, str]] = []
        self._slopes: dict[Any, dict[Any, Any]] = {v: {v: sp.Integer(1)} for v in variables}
        self._moving: set[Any] = set(variables) | set(fixed)
        self._functions: dict[tuple[str, Any], Any] = {}
        self._print = Printer()
        self._count = 0

    def define(self, symbol: Any, expression: Any) -> None:
        """Let `symbol` be `expression` of symbols known so far."""
        expression = self._lower(sp.sympify(expression))
        self._assign(symbol, expression)

    def value(self, expression: Any) -> tuple[Any, dict[Any, Any]]:
        """Symbol that holds `expression`, and its derivatives by variable."""
        symbol = self._fresh("f")
        self.define(symbol, expression)
        return symbol, self._slopes.get(symbol, {})

    def text(self, expression: Any) -> str:
        """`expression` of known symbols as code."""
        return str(self._print.doprint(expression))

    def _fresh(self, stem: str) -> Any:
        self._count += 1
        return sp.Symbol(f"{stem}_{self._count}", real=True)

    def _assign(self, symbol: Any, expression: Any, partials: dict[Any, Any] | None = None) -> None:
        """Record ``symbol = expression``; `partials` by symbol, otherwise differentiated."""
        free = expression.free_symbols
        if partials is None and not free & self._moving:
            self.prepared.append((str(symbol), self.text(expression)))
            return
        self._moving.add(symbol)
        if partials is None:
            partials = {s: sp.diff(expression, s) for s in free if s in self._slopes}
        ordered = sorted(partials, key=str)
        shared, reduced = sp.cse(
            [expression, *(partials[s] for s in ordered)], symbols=iter(lambda: self._fresh("k"), 0)
        )
        for name, term in shared:
            self._moving.add(name)
            self.lines.append(f"{name} = {self.text(term)}")
        self.lines.append(f"{symbol} = {self.text(reduced[0])}")
        slopes: dict[Any, Any] = {}
        for s, partial in zip(ordered, reduced[1:], strict=True):
            for variable, slope in self._slopes[s].items():
                slopes[variable] = slopes.get(variable, sp.Integer(0)) + partial * slope
        kept = {}
        for variable, slope in slopes.items():
            if slope == 0:
                continue
            name = self._fresh("d")
            self.lines.append(f"{name} = {self.text(slope)}")
            kept[variable] = name
        if kept:
            self._slopes[symbol] = kept

    def _lower(self, expression: Any) -> Any:
        """Replace functions by symbols that hold their values, innermost first."""
        if not expression.args:
            return expression
        lowered = expression.func(*(self._lower(a) for a in expression.args))
        if isinstance(lowered, sp.Pow) and lowered.exp.is_Integer and lowered.exp < 0:
            # Division is dear: one reciprocal for each different denominator.
            return self._function("reciprocal", lowered.base) ** (-lowered.exp)
        if isinstance(lowered, sp.Pow) and not lowered.exp.is_Integer:
            if lowered.exp == sp.Rational(1, 2):
                return self._function("sqrt", lowered.base)
            if lowered.exp == sp.Rational(-1, 2):
                return self._function("reciprocal", self._function("sqrt", lowered.base))
            if not (lowered.free_symbols & self._moving):
                return lowered
            return self._function("exp", lowered.exp * self._function("log", lowered.base))
        if isinstance(lowered, sp.Function):
            if not (lowered.free_symbols & self._moving):
                return lowered
            if len(lowered.args) > 1:
                return self._call(lowered)
            return self._function(lowered.func.__name__, lowered.args[0])
        return lowered

    def _hold(self, argument: Any) -> Any:
        """A symbol that holds `argument`."""
        if argument.is_Symbol:
            return argument
        held = self._fresh("a")
        self._assign(held, argument)
        return held

    def _follow(self, result: Any, argument: Any, slope: Any) -> None:
        """Record the derivatives of `result`, whose slope by `argument` is known."""
        self._moving.add(result)
        kept = {}
        for variable, inner in self._slopes.get(argument, {}).items():
            d = self._fresh("d")
            self.lines.append(f"{d} = {self.text(slope * inner)}")
            kept[variable] = d
        if kept:
            self._slopes[result] = kept

    def _function(self, name: str, argument: Any) -> Any:
        key = (name, argument)
        if key in self._functions:
            return self._functions[key]
        if not (argument.free_symbols & self._moving):
            if name == "reciprocal":
                result = self._fresh("c")
                self.prepared.append((str(result), f"1.0 / {self.text(argument)}"))
            else:
                result = sp.sqrt(argument) if name == "sqrt" else getattr(sp, name)(argument)
        elif name in ("exp", "log", "sqrt", "reciprocal"):
            held = self._hold(argument)
            result = self._fresh(name[0])
            code = f"1.0 / {held}" if name == "reciprocal" else f"{name}({held})"
            self.lines.append(f"{result} = {code}")
            self._moving.add(result)
            if name == "log":
                slope = self._function("reciprocal", held)
            elif name == "sqrt":
                slope = self._fresh("i")
                self._moving.add(slope)
                self.lines.append(f"{slope} = 0.5 / {result}")
            else:
                slope = result if name == "exp" else -(result**2)
            self._follow(result, held, slope)
        elif name in ("sinh", "cosh"):
            held = self._hold(argument)
            grown = self._function("exp", held)
            odd, even = self._fresh("h"), self._fresh("h")
            self.lines += [
                f"{odd} = 0.5 * ({grown} - 1.0 / {grown})",
                f"{even} = {grown} - {odd}",
            ]
            self._follow(odd, held, even)
            self._follow(even, held, odd)
            self._functions["sinh", argument], self._functions["cosh", argument] = odd, even
            result = self._functions[key]
        elif name in ("softplus", "logistic"):
            self._softplus(argument)
            result = self._functions[key]
        elif name == "tanh":
            # 1 - 2 / (e^2x + 1) stays finite where e^2x overflows; its slope is 1 - tanh^2.
            held = self._hold(argument)
            result = self._fresh("h")
            self.lines.append(f"{result} = 1.0 - 2.0 / (exp(2.0 * {held}) + 1.0)")
            self._follow(result, held, 1 - result**2)
        else:
            raise ModelError(
                thing="the native solver knows no such function in a model",
                value=name,
                limit="exp, log, sqrt, sinh, cosh, tanh, " + ", ".join(NAMES),
            )
        self._functions[key] = result
        return result

    def _call(self, function: Any) -> Any:
        """Record a call of a function of several arguments, with the slopes it declares."""
        key = (function.func.__name__, function.args)
        if key in self._functions:
            return self._functions[key]
        if key[0] not in NAMES:
            raise ModelError(
                thing="the native solver knows no such function in a model",
                value=key[0],
                limit=", ".join(NAMES),
            )
        result = self._fresh("n")
        self.lines.append(f"{result} = {self.text(function)}")
        self._moving.add(result)
        total: dict[Any, Any] = {}
        for k, argument in enumerate(function.args):
            moved = argument.free_symbols & set(self._slopes)
            if not moved:
                continue
            partial = self._lower(function.fdiff(k + 1))
            for s in moved:
                for variable, slope in self._slopes[s].items():
                    term = partial * sp.diff(argument, s) * slope
                    total[variable] = total.get(variable, sp.Integer(0)) + term
        kept = {}
        for variable, slope in total.items():
            name = self._fresh("d")
            self.lines.append(f"{name} = {self.text(slope)}")
            kept[variable] = name
        if kept:
            self._slopes[result] = kept
        self._functions[key] = result
        return result

    def _softplus(self, argument: Any) -> None:
        """Record softplus and its derivative, the logistic function, with one exponential."""
        inner = self._hold(argument)
        small, soft, share = (self._fresh(stem) for stem in "esl")
        self.lines += [
            f"{small} = exp(-abs({inner}))",
            f"{soft} = max({inner}, 0.0) + log1p({small})",
            f"{share} = (1.0 if {inner} >= 0.0 else {small}) / (1.0 + {small})",
        ]
        self._follow(soft, inner, share)
        self._follow(share, inner, share * (1 - share))
        self._functions["softplus", argument] = soft
        self._functions["logistic", argument] = share
