"""Print a compact model as a Verilog-A module.

The file is meant for people and for compilers: parameters with range, unit,
meaning and source; every intermediate quantity under its own name; standard
constructs only. A state is the potential of an internal node. While ``$abstime``
is zero a held state is pinned to its initial value in the same conditional
expression that later integrates its rate; ``idt`` with an initial condition and
``analysis("static")`` lose it in some simulators.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.codeprinter import CodePrinter

from compact_models.errors import ModelError
from compact_models.model import CompactModel, State, p

# Access functions, functions and keywords a variable may not be called.
_TAKEN = {"V", "I", "ddt", "idt", "exp", "ln", "log", "sqrt", "pow", "min", "max", "abs"}


def module(model: CompactModel, *, name: str | None = None) -> str:
    """Return the text of a Verilog-A module for `model`.

    Parameters
    ----------
    name : str, optional
        Of the module; the model's name by default.

    Raises
    ------
    ModelError
        If an expression has no Verilog-A form, or a settling state no time constant.
    """
    printer = _Printer(model)
    internal = [*model.internal_nodes, *(s.name for s in model.states)]
    lines = [
        f"// {model.description or model.name}",
        f"// Parameters: {model.parameters.name} ({model.parameters.fingerprint})",
        f"// {model.parameters.citation}",
        "// Printed by reram-cosim from the equations its other back ends use.",
        "",
        '`include "constants.vams"',
        '`include "disciplines.vams"',
        "",
        f"module {name or model.name}({', '.join(model.terminals)});",
        f"    inout {', '.join(model.terminals)};",
        f"    electrical {', '.join(model.terminals)};",
    ]
    for node in model.internal_nodes:
        lines.append(f"    electrical {node};")
    for state in model.states:
        unit = f"{state.scale:g} {state.unit}" if state.scale != 1.0 else state.unit
        lines.append(f"    electrical {state.name};  // {state.description}; 1 V is {unit}")
    lines += [f"    branch ({b.positive}, {b.negative}) br_{b.name};" for b in model.branches]
    lines += [f"    branch ({s.name}) br_{s.name};" for s in model.states]
    lines.append("")
    for parameter in model.parameters.parameters.values():
        value = repr(parameter.value)
        lines.append(f"    // {parameter.provenance}: {parameter.source}")
        lines.append(
            f'    (* desc = "{_plain(parameter.description)}", units = "{parameter.unit}" *) '
            f"parameter real {parameter.name} = {value}{_range(parameter)};"
        )
    used = model.definition_order(
        [*(b.current for b in model.branches), *(b.charge for b in model.branches)]
        + [s.rate for s in model.states]
        + [p(s.time_constant) for s in model.states if s.time_constant]
    )
    lines.append("")
    lines += [f"    real {printer.rename(d.name)};  // {d.description} [{d.unit}]" for d in used]
    lines += ["", "    analog begin"]
    lines += [f"        {printer.rename(d.name)} = {printer(d.expression)};" for d in used]
    for branch in model.branches:
        if branch.current is not None:
            lines.append(f"        I(br_{branch.name}) <+ {printer(branch.current)};")
        if branch.charge is not None:
            lines.append(f"        I(br_{branch.name}) <+ ddt({printer(branch.charge)});")
    for state in model.states:
        lines += _state(state, printer, model)
    lines += ["    end", f"endmodule  // {len(internal)} internal nodes", ""]
    return "\n".join(lines)


def _state(state: State, printer: _Printer, model: CompactModel) -> list[str]:
    contribute = f"        I(br_{state.name}) <+ "
    if state.held:
        pinned = f"V({state.name}) - {state.initial}"
        return [
            f"{contribute}ddt(V({state.name}));",
            f"{contribute}($abstime == 0.0) ? {pinned} : -({printer(state.rate)});",
        ]
    if state.time_constant is None:
        raise ModelError(
            thing=f"{model.name}: state '{state.name}' settles but has no time constant",
            next_step="Name the parameter or definition that holds it",
        )
    tau = printer(p(state.time_constant))
    return [
        f"{contribute}ddt({tau} * V({state.name}));",
        f"{contribute}-{tau} * ({printer(state.rate)});",
    ]


def _range(parameter: Any) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low == -float("inf") and high == float("inf"):
        return ""
    left = "(-inf" if low == -float("inf") else f"[{low!r}"
    right = "inf)" if high == float("inf") else f"{high!r}]"
    return f" from {left}:{right}"


def _plain(text: str) -> str:
    return text.replace('"', "'").replace("\\", "/").replace("\n", " ")


class _Printer(CodePrinter):
    """sympy to Verilog-A."""

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
        lowered = {n.lower() for n in (*model.parameters, *model.nodes)}
        lowered |= {s.name.lower() for s in model.states}
        # ngspice folds case, so a variable `C` beside a node `c` would be one name there.
        self._names = {
            d.name: d.name + "_" if d.name in _TAKEN or d.name.lower() in lowered else d.name
            for d in model.definitions
        }

    def __call__(self, expression: Any) -> str:
        return str(self.doprint(sp.sympify(expression)))

    def rename(self, name: str) -> str:
        """Return the variable's name in the module."""
        return self._names[name]

    def _print_Symbol(self, expr: Any) -> str:
        name = str(expr)
        if name.startswith(("v_", "x_")):
            return f"V({name[2:]})"
        return self._names.get(name, name)

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    _print_Rational = _print_Float
    _print_NumberSymbol = _print_Float

    def _print_Integer(self, expr: Any) -> str:
        return f"{int(expr)}.0"

    def _print_Pow(self, expr: Any) -> str:
        base, exponent = expr.base, expr.exp
        if exponent == sp.Rational(1, 2):
            return f"sqrt({self._print(base)})"
        if exponent == -1:
            return f"1.0/({self._print(base)})"
        if exponent == 2:
            return f"(({self._print(base)})*({self._print(base)}))"
        return f"pow({self._print(base)}, {self._print(exponent)})"

    def _print_softplus(self, expr: Any) -> str:
        text = self._print(expr.args[0])
        return f"(({text}) > 40.0 ? ({text}) : ln(1.0 + exp({text})))"

    def _print_logistic(self, expr: Any) -> str:
        return f"(0.5 + 0.5*tanh(0.5*({self._print(expr.args[0])})))"

    def _print_clamp(self, expr: Any) -> str:
        text, low, high = (self._print(a) for a in expr.args)
        return f"min(max({text}, {low}), {high})"

    def _print_not_supported(self, expr: Any) -> str:
        raise ModelError(thing="no Verilog-A form for an expression", value=str(expr))

    def _format_code(self, lines: list[str]) -> list[str]:
        return lines
