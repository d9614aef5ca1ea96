"""Subcircuits of attachments in forms that VACASK knows.

VACASK has no behavioural sources. A subcircuit of resistors, capacitors and sources is written in
its own language; one with behavioural sources becomes one Verilog-A module, in which each line of
the subcircuit is one contribution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from compact_models.errors import NetlistError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z", re.IGNORECASE)
_TOKEN = re.compile(
    r"\s*(?P<number>(\d+\.?\d*|\.\d+)(e[+-]?\d+)?(?![\w.]))"
    r"|\s*(?P<probe>[vi]\s*\([^()]*\))"
    r"|\s*(?P<name>[a-z_]\w*)"
    r"|\s*(?P<operator>\*\*|[<>=!]=|&&|\|\||[-+*/()<>?:,^])",
    re.IGNORECASE,
)
_FUNCTIONS = {
    **{n: n for n in ("exp", "sqrt", "abs", "min", "max", "pow", "tanh", "sinh", "cosh")},
    **{n: n for n in ("sin", "cos", "tan", "atan", "asinh", "floor", "ceil")},
    "ln": "ln",
    "log": "ln",
    "time": "$abstime",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A subcircuit as VACASK gets it.

    Parameters
    ----------
    text : str
        In VACASK's language; empty for a module.
    module : str
        Verilog-A; empty for a subcircuit.
    """

    name: str
    text: str = ""
    module: str = ""


@dataclass(frozen=True, kw_only=True)
class _Line:
    name: str
    nodes: tuple[str, str]
    rest: str


def _refuse(what: str, value: object) -> NetlistError:
    return NetlistError(
        thing=f"an attachment holds {what}, which has no form in VACASK",
        value=value,
        limit="R, C, V, I and B lines; v(), i(), arithmetic and the usual functions",
        next_step="Run it in ngspice",
    )


def translate(definition: str) -> dict[str, Part]:
    """Every subcircuit of a definition, by its name.

    Parameters
    ----------
    definition : str
        ``.subckt`` ... ``.ends`` blocks.

    Raises
    ------
    NetlistError
        It holds what neither form can express.
    """
    parts: dict[str, Part] = {}
    head: list[str] | None = None
    body: list[str] = []
    joined = re.sub(r"\n\s*\+", " ", definition)
    for raw in joined.splitlines():
        line = raw.split(";")[0].strip()
        if not line or line.startswith("*"):
            continue
        word = line.split()[0].lower()
        if word == ".subckt" and head is None:
            head, body = line.split()[1:], []
        elif word == ".ends" and head is not None:
            part = _subcircuit(head, body)
            parts[part.name] = part
            head = None
        elif head is not None and not word.startswith("."):
            body.append(line)
        else:
            raise _refuse("a command", line)
    return parts


def _subcircuit(head: list[str], body: list[str]) -> Part:
    name = head[0].lower()
    words = [w for w in head[1:] if w.lower() != "params:"]
    ports = [w.lower() for w in words if "=" not in w]
    parameters = {k.lower(): v for k, v in (w.split("=", 1) for w in words if "=" in w)}
    lines = []
    for text in body:
        found = text.split(maxsplit=3)
        if len(found) < 4 or text[0].lower() not in "rcvib":
            raise _refuse("a line", text)
        lines.append(
            _Line(name=found[0].lower(), nodes=(found[1].lower(), found[2].lower()), rest=found[3])
        )
    if any(line.name[0] == "b" for line in lines):
        return Part(name=name, module=_module(name, ports, parameters, lines))
    return Part(name=name, text=_native(name, ports, parameters, lines))


def _value(text: str) -> str:
    return text.strip().strip("{}'").strip()


def _native(name: str, ports: list[str], parameters: dict[str, str], lines: list[_Line]) -> str:
    out = [f"subckt {name}({' '.join(ports)})"]
    if parameters:
        out.append("  parameters " + " ".join(f"{k}={v}" for k, v in parameters.items()))
    kinds = {"r": ("resistance", "r"), "c": ("capacitance", "c")}
    for line in lines:
        head = f"  {line.name} ({' '.join(line.nodes)})"
        if line.name[0] in kinds:
            model, key = kinds[line.name[0]]
            out.append(f"{head} {model} {key}={_value(line.rest)}")
            continue
        model = "voltage" if line.name[0] == "v" else "current"
        wave = re.fullmatch(r"(?is)pwl\s*\((.*)\)", line.rest.strip())
        if wave is None:
            out.append(f"{head} {model} dc={_direct(line)}")
            continue
        points = wave[1].split()
        if len(points) % 2 or not all(_NUMBER.match(p) for p in points):
            raise _refuse("a waveform", line.rest[:60])
        out.append(f'{head} {model} dc={points[1]} type="pwl" wave=[{", ".join(points)}]')
    return "\n".join([*out, "ends"])


def _direct(line: _Line) -> str:
    """Value of a source of direct current."""
    text = re.sub(r"(?i)^dc\s+", "", line.rest.strip())
    if " " in text or "(" in text:
        raise _refuse("a source", f"{line.name} {line.rest[:60]}")
    return _value(text)


def _module(name: str, ports: list[str], parameters: dict[str, str], lines: list[_Line]) -> str:
    nodes = dict.fromkeys(n for line in lines for n in line.nodes if n != "0")
    for line in lines:
        for probe in re.findall(r"(?i)\bv\s*\(([^()]*)\)", line.rest):
            nodes |= dict.fromkeys(n.strip().lower() for n in probe.split(",") if n.strip() != "0")
    branches, values = [], []
    known = {*parameters}
    # True where the branch runs from the second node to the first.
    sources = {line.name: line.nodes[0] == "0" for line in lines if line.name[0] == "v"}
    contributions = []
    for line in lines:
        plus, minus = line.nodes
        if plus == minus:
            raise _refuse("an element with both ends at one node", line.name)
        ends = ", ".join(_node(n) for n in (plus, minus) if n != "0")
        across = f"br_{line.name}"
        if plus == "0":
            ends, flipped = _node(minus), "-"
        else:
            flipped = ""
        branches.append(f"    branch ({ends}) {across};")
        kind, rest = line.name[0], line.rest.strip()
        if kind == "b":
            found = re.fullmatch(r"(?is)([vi])\s*=\s*(.*)", rest)
            if found is None:
                raise _refuse("a line", f"{line.name} {rest[:60]}")
            expression = _expression(_value(found[2]), known, sources)
            access = found[1].upper()
            contributions.append(f"        {access}({across}) <+ {flipped}({expression});")
        elif kind in "vi":
            # A literal zero would merge the nodes, and with them the current that is asked for.
            values.append(f"    parameter real dc_{line.name} = {_real(_direct(line), known)};")
            contributions.append(f"        {kind.upper()}({across}) <+ {flipped}dc_{line.name};")
        else:
            value = _expression(_value(rest), known, sources)
            law = f"V({across}) / ({value})" if kind == "r" else f"ddt(({value}) * V({across}))"
            contributions.append(f"        I({across}) <+ {law};")
    given = [
        f'    (* type = "instance" *) parameter real p_{k} = {_real(v, set())};'
        for k, v in parameters.items()
    ]
    listed = ", ".join(_node(p) for p in ports)
    return "\n".join(
        [
            '`include "disciplines.vams"',
            f"module {name}({listed});",
            f"    inout {listed};",
            "    electrical " + ", ".join(_node(n) for n in dict.fromkeys([*ports, *nodes])) + ";",
            *branches,
            *given,
            *values,
            "    analog begin",
            *contributions,
            "    end",
            "endmodule",
            "",
        ]
    )


def _node(name: str) -> str:
    """A name that is no keyword of Verilog-A."""
    return f"n_{name}"


def _real(text: str, known: set[str]) -> str:
    if _NUMBER.match(text):
        return text
    if text.lower() in known:
        return f"p_{text.lower()}"
    raise _refuse("a number", text)


def _expression(text: str, parameters: set[str], sources: dict[str, bool]) -> str:
    out: list[str] = []
    position = 0
    while position < len(text.rstrip()):
        token = _TOKEN.match(text, position)
        if token is None:
            raise _refuse("an expression", text[position : position + 60])
        position = token.end()
        if token["number"]:
            digits = token["number"]
            out.append(digits if re.search(r"[.e]", digits, re.IGNORECASE) else f"{digits}.0")
        elif token["probe"]:
            out.append(_probe(token["probe"], sources))
        elif token["name"]:
            name = token["name"].lower()
            if name not in parameters and name not in _FUNCTIONS:
                raise _refuse("a name", token["name"])
            out.append(f"p_{name}" if name in parameters else _FUNCTIONS[name])
        elif token["operator"] == "^":
            out.append("**")
        else:
            out.append(token["operator"])
    return " ".join(out)


def _probe(text: str, sources: dict[str, bool]) -> str:
    kind = text[0].upper()
    names = [n.strip().lower() for n in text[text.index("(") + 1 : -1].split(",")]
    if kind == "I":
        if len(names) != 1 or names[0] not in sources:
            raise _refuse("the current of what is no source of the same subcircuit", text)
        return f"(-I(br_{names[0]}))" if sources[names[0]] else f"I(br_{names[0]})"
    if names[0] == "0":
        return f"(-V({_node(names[1])}))"
    return f"V({', '.join(_node(n) for n in names if n != '0')})"
