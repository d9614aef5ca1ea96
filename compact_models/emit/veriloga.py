"""Print a compact model as a Verilog-A module.

The file is meant for people and for compilers: parameters with range, unit,
meaning and source; every intermediate quantity under its own name; standard
constructs only. A state is the potential of an internal node. While ``$abstime``
is zero a held state is pinned to its initial value in the same conditional
expression that later integrates its rate; ``idt`` with an initial condition and
``analysis("static")`` lose it in some simulators.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.printing.codeprinter import CodePrinter

from compact_models.emit.ngspice import default_instance_parameters
from compact_models.errors import ModelError
from compact_models.model import CompactModel, State, p

# Access functions, functions and keywords a variable may not be called.
_TAKEN = {"V", "I", "ddt", "idt", "exp", "ln", "log", "sqrt", "pow", "min", "max", "abs"}


def module(
    model: CompactModel,
    *,
    name: str | None = None,
    instance_parameters: Iterable[str] | None = None,
) -> str:
    """Return the text of a Verilog-A module for `model`.

    Nodes are written in lower case, because simulators that fold case cannot save others.

    Parameters
    ----------
    name : str, optional
        Of the module; the model's name by default.
    instance_parameters : iterable of str, optional
        Parameters that instances may set; all others belong to the model card. By default
        :func:`compact_models.emit.ngspice.default_instance_parameters`.

    Raises
    ------
    ParameterError
        If one of them is not a parameter of the model.
    ModelError
        If an expression has no Verilog-A form, a settling state no time constant, or two
        nodes the same name but for case.
    """
    open_names = frozenset(
        default_instance_parameters(model) if instance_parameters is None else instance_parameters
    )
    model.check_parameters(sorted(open_names))
    printer = _Printer(model)
    internal = [*model.internal_nodes, *(s.name for s in model.states)]
    folded = [n.lower() for n in (*model.terminals, *internal)]
    if len(set(folded)) < len(folded):
        raise ModelError(thing=f"{model.name}: nodes differ only in case", value=sorted(folded))
    terminals = ", ".join(t.lower() for t in model.terminals)
    lines = [
        f"// {model.description or model.name}",
        f"// Parameters: {model.parameters.name} ({model.parameters.fingerprint})",
        f"// {model.parameters.citation}",
        "// Printed by reram-cosim from the equations its other back ends use.",
        "",
        '`include "constants.vams"',
        '`include "disciplines.vams"',
        "",
        f"module {name or model.name}({terminals});",
        f"    inout {terminals};",
        f"    electrical {terminals};",
    ]
    for node in model.internal_nodes:
        lines.append(f"    electrical {node.lower()};")
    for state in model.states:
        unit = f"{state.scale:g} {state.unit}" if state.scale != 1.0 else state.unit
        lines.append(f"    electrical {state.name.lower()};  // {state.description}; 1 V is {unit}")
    lines += [
        f"    branch ({b.positive.lower()}, {b.negative.lower()}) br_{b.name};"
        for b in model.branches
    ]
    lines += [f"    branch ({s.name.lower()}) br_{s.name};" for s in model.states]
    lines.append("")
    for parameter in model.parameters.parameters.values():
        value = repr(parameter.value)
        kind = ', type = "instance"' if parameter.name in open_names else ""
        lines.append(f"    // {parameter.provenance}: {parameter.source}")
        lines.append(
            f'    (* desc = "{_plain(parameter.description)}", units = "{parameter.unit}"{kind} *) '
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
    node = state.name.lower()
    if state.held:
        pinned = f"V({node}) - {state.initial}"
        return [
            f"{contribute}ddt(V({node}));",
            f"{contribute}($abstime == 0.0) ? {pinned} : -({printer(state.rate)});",
        ]
    if state.time_constant is None:
        raise ModelError(
            thing=f"{model.name}: state '{state.name}' settles but has no time constant",
            next_step="Name the parameter or definition that holds it",
        )
    tau = printer(p(state.time_constant))
    return [
        f"{contribute}ddt({tau} * V({node}));",
        f"{contribute}-{tau} * ({printer(state.rate)});",
    ]


def _range(parameter: Any) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low == -float("inf") and high == float("inf"):
        return ""
    if low == high:
        # Room for the last digit, which not every simulator reads exactly.
        low, high = sorted(float(f"{low * (1 + side * 1e-9):.10g}") for side in (-1, 1))
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
            return f"V({name[2:].lower()})"
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
