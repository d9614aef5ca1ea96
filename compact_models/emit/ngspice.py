"""Print a compact model as an ngspice subcircuit of behavioural sources.

Runs in every ngspice from 39 on. Three choices matter:

- A held state is a capacitor charged by its rate; in ``.op``, ``.dc`` and at the
  start of ``.tran`` a unit conductance pins it to its initial value, so no ``.ic``
  is needed and an operating point does not drift to the state's end. ``time`` alone
  does not tell a ``.dc``: there ngspice sets it to the last sweep value. So it is
  multiplied with a source that is 0 V at direct current and 1 V in a transient.
- A settling state (temperature) is its own RC network: an operating point finds
  its steady value.
- Where a state can run away (forming), Newton iterates overshoot, and ngspice does
  not recover from an overflow by cutting the time step; there, and only there, the
  exponentials are guarded by bounds that no device reaches.
- The cost of a behavioural source is its parse tree, so parameters that do not
  change from instance to instance are folded into numbers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.printing.codeprinter import CodePrinter

from compact_models.errors import ModelError
from compact_models.model import CompactModel, Definition, State, p, v, x

# One farad: a current in amperes is a rate in 1/s, and the state's own equation
# dominates its row of the matrix, without which pivoting fails in a breakdown.
STATE_CAPACITANCE = 1.0


def default_instance_parameters(model: CompactModel) -> tuple[str, ...]:
    """Initial states, and parameters with a device-to-device or cycle spread."""
    initial = [s.initial for s in (*model.frozen, *model.states) if s.held]
    spread = [
        n
        for n, q in model.parameters.parameters.items()
        if q.dtod is not None or q.ctoc is not None
    ]
    return tuple(dict.fromkeys(initial + spread))


def subcircuit(
    model: CompactModel,
    *,
    name: str | None = None,
    instance_parameters: Iterable[str] | None = None,
) -> str:
    """Return the text of a ``.subckt`` for `model`.

    Inside it, each state is a node of the state's own name, in normalised units
    (a temperature rise in kelvin).

    Parameters
    ----------
    name : str, optional
        Of the subcircuit; the model's name by default.
    instance_parameters : iterable of str, optional
        Parameters that instances may set on their X line. All others become
        numbers. By default :func:`default_instance_parameters`.

    Raises
    ------
    ParameterError
        If one of them is not a parameter of the model.
    ModelError
        If an expression has no ngspice form.
    """
    open_names = tuple(
        default_instance_parameters(model) if instance_parameters is None else instance_parameters
    )
    model.check_parameters(open_names)
    return _subcircuit(model, name or model.name, open_names)


@lru_cache(maxsize=64)
def _subcircuit(model: CompactModel, name: str, open_names: tuple[str, ...]) -> str:
    fold = _Folder(model, open_names)
    lines = [f"* {model.name}: {model.description}".rstrip(": ")]
    for state in model.states:
        lines.append(f"*   v({state.name}): {state.description} [{state.scale:g} {state.unit}]")
    head = f".subckt {name} {' '.join(model.terminals)}"
    if open_names:
        # ngspice reads "params:" as an optional keyword; every simulator takes the bare form.
        head += " " + " ".join(f"{n}={model.parameters[n]!r}" for n in open_names)
    lines += _wrap(head)
    for branch in model.branches:
        across = v(branch.positive) - v(branch.negative)
        ends = f"{branch.positive} {branch.negative}"
        if branch.current is not None:
            conductance = _factor(across, fold(branch.current))
            if conductance is not None:
                lines += _wrap(f"r{branch.name} {ends} {_value(1 / conductance)}")
            else:
                lines += _wrap(f"b{branch.name} {ends} i={fold.text(branch.current)}")
        if branch.charge is not None:
            capacitance = _factor(across, fold(branch.charge))
            if capacitance is None:
                lines += _wrap(f"c{branch.name} {ends} q='{fold.text(branch.charge)}'")
            elif capacitance != 0:
                lines += _wrap(f"c{branch.name} {ends} {_value(capacitance)}")
    for item in fold.auxiliaries:
        lines += _auxiliary(item, fold)
    if any(state.held for state in model.states):
        lines.append("vtran tran 0 dc 0 sin(1 0 1)")
    for state in model.states:
        lines += _state(model, state, fold)
    lines.append(f".ends {name}")
    return "\n".join(lines) + "\n"


def _auxiliary(item: Definition, fold: _Folder) -> list[str]:
    """A node whose voltage is a definition that would otherwise be repeated."""
    value = fold.text(item.expression / sp.Float(item.auxiliary_scale))
    return [*_wrap(f"b{item.name} 0 {item.name} i={value}"), f"r{item.name} {item.name} 0 1"]


def _state(model: CompactModel, state: State, fold: _Folder) -> list[str]:
    if state.held:
        capacitance: Any = sp.Float(STATE_CAPACITANCE)
        start = fold.text(p(state.initial) - x(state.name))
        current = f"time*v(tran)==0 ? {start} : {fold.text(capacitance * state.rate)}"
    else:
        if state.time_constant is None:
            raise ModelError(
                thing=f"{model.name}: state '{state.name}' settles but has no time constant",
                next_step="Name the parameter or definition that holds it",
            )
        capacitance = fold(p(state.time_constant))
        current = fold.text(p(state.time_constant) * state.rate)
    return [
        *_wrap(f"b{state.name} 0 {state.name} i={current}"),
        *_wrap(f"c{state.name} {state.name} 0 {_value(capacitance)}"),
    ]


class _Folder:
    """Expands definitions and turns all but the open parameters into numbers."""

    def __init__(self, model: CompactModel, open_names: tuple[str, ...]) -> None:
        self._model = model
        self.guarded = any(s.runaway for s in model.states)
        self._numbers = {
            p(n): sp.Float(value) for n, value in model.parameters.items() if n not in open_names
        }
        used = model.definition_order(
            [*(b.current for b in model.branches), *(b.charge for b in model.branches)]
            + [s.rate for s in model.states]
        )
        self.auxiliaries = [
            d
            for d in used
            if d.auxiliary_scale is not None
            # Without a node or a state in it, it is a number or a parameter expression.
            and any(
                str(s).startswith(("v_", "x_")) for s in model.expand(d.expression).free_symbols
            )
        ]
        self._nodes = {p(d.name): sp.Float(d.auxiliary_scale) * v(d.name) for d in self.auxiliaries}

    def __call__(self, expression: Any) -> Any:
        expression = sp.sympify(expression)
        for item in reversed(self._model.definitions):
            symbol = p(item.name)
            if symbol in expression.free_symbols:
                expression = expression.xreplace({symbol: self._nodes.get(symbol, item.expression)})
        return _evaluate(expression.xreplace(self._numbers))

    def text(self, expression: Any) -> str:
        """Return the folded expression as ngspice writes it."""
        return str(_Printer(guarded=self.guarded).doprint(self(expression)))


def _evaluate(expression: Any) -> Any:
    # Exact rationals stay, because they may be exponents.
    return expression.replace(
        lambda e: e.is_number and not e.is_Rational and not e.is_Float, lambda e: sp.Float(e)
    )


def _factor(across: Any, expression: Any) -> Any:
    """Return expression / across when that holds no voltage and no state, else None."""
    ends = across.free_symbols
    others = expression.free_symbols - ends
    if not expression.has(*ends) or any(str(s).startswith(("v_", "x_")) for s in others):
        return None
    first = next(iter(sp.ordered(ends)))
    slope = sp.diff(expression, first) * sp.diff(across, first)
    if slope.has(*ends) or sp.expand(expression - slope * across) != 0:
        return None
    return slope


def _value(expression: Any) -> str:
    if expression.is_number:
        return repr(float(expression))
    return "{" + _Printer(parameters_bare=True).doprint(expression) + "}"


class _Printer(CodePrinter):
    """sympy to the expression language of ngspice B-sources."""

    printmethod = "_ngspice"
    language = "ngspice"
    _default_settings: dict[str, Any] = {  # noqa: RUF012
        **CodePrinter._default_settings,
        "precision": 17,
        "user_functions": {},
        "parameters_bare": False,
        "guarded": True,
    }

    def __init__(self, *, parameters_bare: bool = False, guarded: bool = True) -> None:
        super().__init__({"parameters_bare": parameters_bare, "guarded": guarded})
        self.known_functions = dict(_FUNCTIONS)

    def _print_Symbol(self, expr: Any) -> str:
        name = str(expr)
        if name.startswith(("v_", "x_")):
            return f"v({name[2:]})"
        return name if self._settings["parameters_bare"] else "{" + name + "}"

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    _print_Rational = _print_Float

    def _print_Pow(self, expr: Any) -> str:
        base, exponent = expr.base, expr.exp
        if exponent == sp.Rational(1, 2):
            # An auxiliary node may pass through a negative value on its way.
            text = self._print(base)
            return f"sqrt({text})" if base.is_nonnegative else f"sqrt(abs({text}))"
        if exponent.is_negative:
            return f"1/({self._print(base**-exponent)})"
        text = f"({self._print(base)})"
        if exponent == 2:
            # A product, because ngspice's power takes the modulus of its base.
            return f"({text}*{text})"
        if exponent.is_Integer and exponent % 2 == 0:
            return f"pow({text[1:-1]},{exponent})"
        if exponent.is_Integer:
            return f"({text}*pow({text[1:-1]},{exponent - 1}))"
        raise ModelError(thing="no ngspice form for a power", value=str(expr))

    def _print_sinh(self, expr: Any) -> str:
        # Beyond +-25, more than any bias within limits gives, a straight line.
        text = self._print(expr.args[0])
        if not self._settings["guarded"]:
            return f"sinh({text})"
        return f"(abs({text})<25 ? sinh({text}) : 3.6e10*({text}-24*sgn({text})))"

    def _print_softplus(self, expr: Any) -> str:
        text = self._print(expr.args[0])
        # Always: ngspice's exp turns into a straight line at 228.
        return f"({text}>40 ? {text} : ln(1+exp({text})))"

    def _print_logistic(self, expr: Any) -> str:
        return f"(0.5+0.5*tanh(0.5*({self._print(expr.args[0])})))"

    def _print_clamp(self, expr: Any) -> str:
        text, low, high = (self._print(a) for a in expr.args)
        if not self._settings["guarded"]:
            return self.parenthesize(expr.args[0], 1000)
        return f"min(max({text},{low}),{high})"

    def _print_not_supported(self, expr: Any) -> str:
        raise ModelError(thing="no ngspice form for an expression", value=str(expr))

    def _format_code(self, lines: list[str]) -> list[str]:
        return lines


_FUNCTIONS = {name: name for name in ("exp", "tanh", "sqrt", "atan", "asinh", "sin", "cos")} | {
    "log": "ln",
    "Abs": "abs",
}


@lru_cache(maxsize=1)
def _wrapper() -> textwrap.TextWrapper:
    return textwrap.TextWrapper(
        width=100, subsequent_indent="+ ", break_long_words=False, break_on_hyphens=False
    )


def _wrap(line: str) -> list[str]:
    return _wrapper().wrap(line)
