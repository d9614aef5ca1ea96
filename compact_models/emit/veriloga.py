"""Print a compact model as a Verilog-A module.

The file is meant for people and for compilers: parameters with range, unit,
meaning and source; every intermediate quantity under its own name; standard
constructs only. A state is the potential of an internal node. While ``$abstime``
is zero a held state is pinned to its initial value in the same conditional
expression that later integrates its rate; ``idt`` with an initial condition and
``analysis("static")`` lose it in some simulators.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from compact_models.emit.ngspice import default_instance_parameters
from compact_models.emit.veriloga_printer import CONSTANTS, FUNCTIONS, VerilogAPrinter
from compact_models.errors import ModelError
from compact_models.model import CompactModel, Definition, State, p

_WIDTH = 96


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
    printer = VerilogAPrinter(model)
    internal = [*model.internal_nodes, *(s.name for s in model.states)]
    folded = [n.lower() for n in (*model.terminals, *internal)]
    if len(set(folded)) < len(folded):
        raise ModelError(thing=f"{model.name}: nodes differ only in case", value=sorted(folded))
    used = model.definition_order(
        [*(b.current for b in model.branches), *(b.charge for b in model.branches)]
        + [s.rate for s in model.states]
        + [p(s.time_constant) for s in model.states if s.time_constant]
    )
    equations = _equations(model, used, printer)
    terminals = ", ".join(t.lower() for t in model.terminals)
    lines = [
        *_head(model),
        '`include "constants.vams"',
        '`include "disciplines.vams"',
        "",
        *(f"`define {n} {CONSTANTS[n]}" for n in CONSTANTS if n in printer.constants),
        *([""] if printer.constants else []),
        f"module {name or model.name}({terminals});",
        f"    inout {terminals};",
        f"    electrical {terminals};",
        *(f"    electrical {node.lower()};" for node in model.internal_nodes),
        *(f"    electrical {s.name.lower()};  // {_state_text(s)}" for s in model.states),
        *(
            f"    branch ({b.positive.lower()}, {b.negative.lower()}) br_{b.name};"
            for b in model.branches
        ),
        *(f"    branch ({s.name.lower()}) br_{s.name};" for s in model.states),
    ]
    for parameter in model.parameters.parameters.values():
        lines += ["", *_declaration(parameter, parameter.name in open_names)]
    for function in printer.functions:
        meaning, text = FUNCTIONS[function]
        lines += [
            "",
            f"    // {meaning}",
            f"    analog function real {function};",
            "        input x;",
            "        real x;",
            f"        {function} = {text};",
            "    endfunction",
        ]
    if used:
        lines += ["", "    real " + _wrapped([printer.rename(d.name) for d in used]) + ";"]
    lines += ["", "    analog begin", *equations, "    end"]
    return "\n".join([*lines, "endmodule", ""])


def _head(model: CompactModel) -> list[str]:
    lines = [f"// {model.description or model.name}", "//"]
    for (one, other), (low, high) in model.limits.items():
        lines.append(f"// Meant for {low:g} to {high:g} V from {one} to {other}.")
    held = [s.name.lower() for s in model.states if s.held]
    settling = [s.name.lower() for s in model.states if not s.held]
    if held:
        lines += [
            f"// Memory: the potentials of the internal nodes {', '.join(held)} are states. While",
            "// $abstime is zero (operating point, DC sweep, small signal, start of a transient)",
            "// they stay at their initial values; then they follow their rates.",
        ]
    if settling:
        lines.append(f"// Internal nodes {', '.join(settling)} settle in an operating point.")
    if model.parameters.citation:
        cited = textwrap.wrap(f"Source: {model.parameters.citation}", _WIDTH - 2)
        lines += [f"// {line}" for line in cited]
    lines += [
        f"// Parameters: {model.parameters.name} ({model.parameters.fingerprint})",
        "// Printed by reram-cosim from the equations its other back ends use.",
        "",
    ]
    return lines


def _state_text(state: State) -> str:
    unit = "" if state.unit == "dimensionless" else f" {state.unit}"
    return f"{state.description}; 1 V stands for {state.scale:g}{unit}"


def _declaration(parameter: Any, instance: bool) -> list[str]:
    """Source, attributes and the parameter itself."""
    said = str(parameter.source)
    # A source that begins with its own kind needs it once.
    if not said.startswith(str(parameter.provenance)):
        said = f"{parameter.provenance}: {said}"
    if parameter.calibrated_to:
        said += f" (to {parameter.calibrated_to})"
    words = [f'desc = "{_plain(parameter.description)}"', f'units = "{parameter.unit}"']
    if instance:
        words.append('type = "instance"')
    attributes = [f"    (* {', '.join(words)} *)"]
    if len(attributes[0]) > _WIDTH + 4:
        attributes = [f"    (* {words[0]},", f"       {', '.join(words[1:])} *)"]
    return [
        *(f"    // {line}" for line in textwrap.wrap(_plain(said), _WIDTH)),
        *attributes,
        f"    parameter real {parameter.name} = {parameter.value!r}{_range(parameter)};",
    ]


def _equations(model: CompactModel, used: list[Definition], printer: VerilogAPrinter) -> list[str]:
    lines = []
    for item in used:
        lines += [
            f"        // {item.description} [{item.unit}]",
            f"        {printer.rename(item.name)} = {printer(item.expression)};",
        ]
    lines += [""] if used else []
    lines.append("        // currents and charges of the branches")
    for branch in model.branches:
        if branch.current is not None:
            lines.append(f"        I(br_{branch.name}) <+ {printer(branch.current)};")
        if branch.charge is not None:
            lines.append(f"        I(br_{branch.name}) <+ ddt({printer(branch.charge)});")
    for state in model.states:
        lines += ["", f"        // {state.description}", *_state(state, printer, model)]
    return [part for line in lines for part in _broken(line)]


def _broken(line: str) -> list[str]:
    """A long equation on several lines, never inside an access function."""
    if "//" in line or len(line) <= _WIDTH + 4:
        return [line]
    text = re.sub(r"(V\(\w+),\s", "\\1,\0", line.strip()).replace(")*(", ") * (")
    broken = textwrap.wrap(
        text,
        _WIDTH + 4,
        initial_indent=" " * 8,
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace("\0", " ") for part in broken]


def _wrapped(names: list[str]) -> str:
    return "\n        ".join(textwrap.wrap(", ".join(names), _WIDTH - 8))


def _state(state: State, printer: VerilogAPrinter, model: CompactModel) -> list[str]:
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
    if low == high:
        # Room for the last digit, which not every simulator reads exactly.
        low, high = sorted(float(f"{low * (1 + side * 1e-9):.10g}") for side in (-1, 1))
    left = "(-inf" if low == -float("inf") else f"[{low!r}"
    right = "inf)" if high == float("inf") else f"{high!r}]"
    return f" from {left}:{right}"


def _plain(text: str) -> str:
    return text.replace('"', "'").replace("\\", "/").replace("\n", " ")
