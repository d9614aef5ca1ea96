"""A Verilog-A file with what it includes, and what its declarations say.

Read as text, not as syntax: enough to list terminals, internal nodes and parameters with their
ranges, and to say in which line of which file something stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from compact_models.errors import ModelError
from compact_models.va_expression import evaluate
from compact_models.va_text import arguments, without_comments

_INCLUDE = re.compile(r'^\s*`include\s+"([^"]+)"')
# Every compiler brings these along.
_STANDARD = ("disciplines.vams", "constants.vams", "discipline.h", "constants.h")
_DEEPEST, _LARGEST = 16, 5_000_000
_STATEMENT = re.compile(
    r"(?:\(\*(?P<attributes>.*?)\*\)\s*)?\b(?P<word>parameter|localparam)\s+"
    r"(?:(?P<kind>real|integer|string)\s+)?"
    r"(?P<items>[^;]*);",
    re.DOTALL,
)
_ITEM = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<default>.*?)\s*(?P<range>\b(?:from|exclude)\b.*)?\Z",
    re.DOTALL,
)
_MODULE = re.compile(r"\bmodule\s+([A-Za-z_]\w*)\s*(?:\(([^)]*)\))?\s*;")
_DISCIPLINES = (
    "electrical", "voltage", "current", "thermal", "magnetic", "kinematic", "kinematic_v",
    "rotational", "rotational_omega",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One parameter as a module declares it.

    Parameters
    ----------
    name, kind : str
        Kind is ``real``, ``integer`` or ``string``.
    default : str
        As written.
    value : float, optional
        The default, where it is a number or follows from other defaults.
    minimum, maximum : float
        From its ``from`` clause, infinite where that is no number.
    unit, description : str
        From its attributes.
    place : str
        File and line.
    instance : bool
        Whether it may differ between instances of one model card.
    """

    name: str
    kind: str
    default: str
    value: float | None
    minimum: float
    maximum: float
    unit: str
    description: str
    place: str
    instance: bool


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file, with its own includes put in.

    Parameters
    ----------
    path : Path
    text : str
    origin : tuple of (file name, line)
        Of every line of `text`.
    """

    path: Path
    text: str
    origin: tuple[tuple[str, int], ...]

    def place(self, line: int) -> str:
        """File and line of a line of `text`, counted from 1."""
        file, own = self.origin[min(line, len(self.origin)) - 1]
        return f"{file}, line {own}"


@dataclass(frozen=True, kw_only=True)
class Module:
    """What a module declares.

    Parameters
    ----------
    name : str
    terminals, internal_nodes : tuple of str
    parameters : mapping of str to Declared
    """

    name: str
    terminals: tuple[str, ...]
    internal_nodes: tuple[str, ...]
    parameters: Mapping[str, Declared]


def read_source(path: str | Path) -> Source:
    """Read a Verilog-A file and what it includes, from its own folder.

    Raises
    ------
    ModelError
        A file cannot be read, or includes go in circles.
    """
    file = Path(path)
    lines: list[str] = []
    origin: list[tuple[str, int]] = []
    _read(file, lines, origin, 0)
    return Source(path=file, text="\n".join(lines) + "\n", origin=tuple(origin))


def _read(file: Path, lines: list[str], origin: list[tuple[str, int]], depth: int) -> None:
    try:
        if file.stat().st_size > _LARGEST or depth > _DEEPEST:
            raise ModelError(
                thing="a Verilog-A file is too large, or its includes go in circles",
                value=str(file),
                limit=f"{_LARGEST} bytes, {_DEEPEST} files deep",
            )
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(
            thing="the Verilog-A file cannot be read",
            value=str(file),
            next_step=error.strerror or "Check the path",
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        found = _INCLUDE.match(line)
        if found and Path(found[1]).name.lower() not in _STANDARD:
            _read(file.parent / found[1], lines, origin, depth + 1)
            continue
        lines.append(line)
        origin.append((file.name, number))


def modules(source: Source) -> dict[str, Module]:
    """Every module of a source, in the order of the text."""
    clean = without_comments(source.text)
    macros = {
        match[1]: match[2].strip()
        for match in re.finditer(r"(?m)^\s*`define[ \t]+(\w+)[ \t]+(\S.*)$", clean)
    }
    found: dict[str, Module] = {}
    for head in _MODULE.finditer(clean):
        end = clean.find("endmodule", head.end())
        body = clean[head.end() : end if end >= 0 else len(clean)]
        offset = clean.count("\n", 0, head.end()) + 1
        ports = re.sub(
            rf"\(\*.*?\*\)|\b(?:inout|input|output|{'|'.join(_DISCIPLINES)})\b", " ", head[2] or ""
        )
        terminals = tuple(re.findall(r"[A-Za-z_]\w*", ports))
        found[head[1]] = Module(
            name=head[1],
            terminals=terminals,
            internal_nodes=_internal_nodes(body, terminals),
            parameters=_parameters(body, offset, source, macros),
        )
    return found


def _internal_nodes(body: str, terminals: tuple[str, ...]) -> tuple[str, ...]:
    own = re.findall(r"\bdiscipline\s+(\w+)", body)
    words = "|".join((*_DISCIPLINES, *own))
    names: list[str] = []
    for match in re.finditer(rf"(?m)(?:^|;|\*\))\s*(?:{words})\s+([^;()]*);", body):
        names += [part.split("=")[0].strip() for part in match[1].split(",")]
    grounds = {
        name.strip()
        for match in re.finditer(r"(?m)^\s*ground\s+([^;]*);", body)
        for name in match[1].split(",")
    }
    plain = [n for n in names if re.fullmatch(r"[A-Za-z_]\w*", n)]
    return tuple(n for n in dict.fromkeys(plain) if n not in terminals and n not in grounds)


def _parameters(
    body: str, offset: int, source: Source, macros: Mapping[str, str]
) -> dict[str, Declared]:
    found: dict[str, Declared] = {}
    values: dict[str, float] = {}

    def value(text: str) -> float | None:
        return evaluate(text, values, macros)

    body = _expanded(body, source.text)
    for match in _STATEMENT.finditer(body):
        pairs: list[tuple[str, str]] = re.findall(
            r'(\w+)\s*=\s*"([^"]*)"', match["attributes"] or ""
        )
        attributes = dict(pairs)
        start = match.start("items")
        for text in arguments(f"({match['items']})", 0):
            item = _ITEM.match(text)
            if item is None:
                continue
            name, default = item["name"], item["default"].strip()
            low, high = _range(item["range"] or "", value)
            at = re.compile(rf"\b{name}\b").search(body, start)
            number = value(default)
            if number is not None:
                values[name] = number
            if match["word"] == "localparam":
                continue
            found[name] = Declared(
                name=name,
                kind=match["kind"] or "real",
                default=default,
                value=number,
                minimum=low,
                maximum=high,
                unit=attributes.get("units", ""),
                description=attributes.get("desc", attributes.get("info", "")),
                place=source.place(offset + body.count("\n", 0, at.start() if at else start)),
                instance=attributes.get("type", "") == "instance",
            )
    return found


def _expanded(body: str, text: str) -> str:
    """`body` with the macros put in that declare parameters, each on its own line."""
    pattern = r"(?m)^\s*`define[ \t]+(\w+)\(([^)]*)\)((?:[^\n]*\\\n)*[^\n]*)"
    for name, names, content in re.findall(pattern, without_comments(text)):
        if not re.search(r"\bparameter\b", content):
            continue
        given = [n.strip() for n in names.split(",")]
        plain = " ".join(content.replace("\\\n", " ").split())

        def put(match: re.Match[str], plain: str = plain, given: list[str] = given) -> str:
            values = arguments(match[0], match[0].index("("))
            known = dict(zip(given, values, strict=False))
            return re.sub(r"\b\w+\b", lambda m: known.get(m[0], m[0]), plain)

        body = re.sub(rf"`{name}\s*\((?:[^()\n]|\([^()\n]*\))*\)", put, body)
    return body


def _range(clause: str, value: Callable[[str], float | None]) -> tuple[float, float]:
    """Closed range of a ``from`` clause; an open end is moved in by the smallest step."""
    match = re.search(
        r"from\s*([\[(])\s*([^:\]]*):(.*?)([\])])\s*(?:exclude|from|\Z)", clause, re.S
    )
    if match is None:
        return -math.inf, math.inf
    low, high = value(match[2].strip()), value(match[3].strip())
    if low is not None and match[1] == "(":
        low = math.nextafter(low, math.inf)
    if high is not None and match[4] == ")":
        high = math.nextafter(high, -math.inf)
    return (-math.inf if low is None else low, math.inf if high is None else high)
