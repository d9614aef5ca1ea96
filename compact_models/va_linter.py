"""Constructs in a Verilog-A file that circuit simulators refuse or, worse, get wrong.

Some compile with ``openvaf-r`` and then give wrong answers in ngspice without a word; others are
refused with a message that does not say what to write instead. :func:`lint` names both, with the
line and the cure. It reads text, not syntax: a file it passes may still be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Effect = Literal["wrong", "refused"]

_PIN = (
    "make it the potential of an internal node s: I(s) <+ ddt(V(s)); "
    "I(s) <+ ($abstime == 0.0) ? V(s) - x0 : -rate;"
)


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """One construct that will not do what it says.

    Parameters
    ----------
    line : int
        Counted from 1.
    construct : str
        As it is written.
    effect : {"wrong", "refused"}
        Wrong: compiles, and gives wrong answers silently. Refused: does not compile.
    reason, cure : str
    """

    line: int
    construct: str
    effect: Effect
    reason: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.construct}: {self.reason}; {self.cure}"


def without_comments(text: str, *, strings: bool = True) -> str:
    """`text` with comments, and strings unless they shall stay, blanked out; lines keep."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        if found[0] == '"':
            return found if strings else '"' + " " * (len(found) - 2) + '"'
        return re.sub(r"[^\n]", " ", found)

    return re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', blank, text, flags=re.DOTALL)


def lint(text: str) -> tuple[Complaint, ...]:
    """Everything in a Verilog-A text that is known to be refused or to go wrong.

    Parameters
    ----------
    text : str
        Complete file; what it includes is not read.

    Returns
    -------
    tuple of Complaint
        In the order of the lines.
    """
    clean = without_comments(text, strings=False)
    found = [complaint for rule in _RULES for complaint in rule(clean)]
    return tuple(sorted(found, key=lambda c: (c.line, c.construct)))


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def arguments(text: str, opening: int) -> list[str]:
    """Texts between the commas of the bracket that opens at `opening`."""
    parts: list[str] = []
    depth, start = 0, opening + 1
    for position in range(opening, len(text)):
        letter = text[position]
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth == 0:
                return [*parts, text[start:position].strip()]
        elif letter == "," and depth == 1:
            parts.append(text[start:position].strip())
            start = position + 1
    return parts


def _calls(
    pattern: str, effect: Effect, reason: str, cure: str
) -> Callable[[str], Iterator[Complaint]]:
    def rule(text: str) -> Iterator[Complaint]:
        for match in re.finditer(pattern, text):
            yield Complaint(
                line=_line(text, match.start()),
                construct=" ".join(match[0].split()).rstrip("( "),
                effect=effect,
                reason=reason,
                cure=cure,
            )

    return rule


def _idt(text: str) -> Iterator[Complaint]:
    for match in re.finditer(r"\bidt(?:mod)?\s*\(", text):
        if len(arguments(text, match.end() - 1)) > 1:
            yield Complaint(
                line=_line(text, match.start()),
                construct="idt with an initial condition",
                effect="wrong",
                reason="the initial state is lost in ngspice",
                cure=_PIN,
            )


def _ports(text: str) -> set[str]:
    return {
        name
        for match in re.finditer(r"\b(?:inout|input|output)\b([^;)]*)", text)
        for name in re.findall(r"[A-Za-z_]\w*", match[1])
        if name not in ("electrical", "thermal", "inout", "input", "output")
    }


def _branches(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for match in re.finditer(r"\bbranch\s*\(([^)]*)\)\s*([^;]+);", text):
        ends = tuple(part.strip() for part in match[1].split(","))
        found |= {name.strip(): ends for name in match[2].split(",")}
    return found


def _potential_contributions(text: str) -> Iterator[Complaint]:
    ports, branches = _ports(text), _branches(text)
    for match in re.finditer(r"\bV\s*\(([^()]*)\)\s*<\+", text):
        ends = tuple(part.strip() for part in match[1].split(","))
        ends = branches.get(ends[0], ends) if len(ends) == 1 else ends
        if len(ends) == 2 and set(ends) <= ports:
            yield Complaint(
                line=_line(text, match.start()),
                construct=f"V({', '.join(ends)}) <+",
                effect="wrong",
                reason="a potential across two ports fixes what the circuit should",
                cure="contribute a current, I(a, b) <+ ..., or put an internal node between",
            )


def _carried(text: str) -> Iterator[Complaint]:
    """Variables read before the pass through the analog block gave them a value."""
    start = re.search(r"\banalog\b(?!\s+function)", text)
    if start is None:
        return
    names = set()
    for match in re.finditer(r"(?m)^\s*(?:real|integer)\b([^;]*);", text[: start.start()]):
        for part in match[1].split(","):
            declared = re.match(r"\s*([A-Za-z_]\w*)", part)
            if declared:
                names.add(declared[1])
    block = text[start.end() :]
    end = re.search(r"\bendmodule\b", block)
    block = block[: end.start()] if end else block
    # What an event sets belongs to another pass.
    steady = _without_events(block)
    for name in sorted(names):
        reads = re.compile(rf"(?<![\w.$`]){name}\b(?!\s*=(?!=))(?!\s*\()")
        first = reads.search(block)
        if first is None:
            continue
        given = re.search(rf"(?<![\w.$`]){name}\s*=(?!=)", steady)
        after = len(block) if given is None else steady.find(";", given.end())
        if first.start() < after and re.search(rf"\b{name}\s*=(?!=)", block):
            yield Complaint(
                line=_line(text, start.end() + first.start()),
                construct=f"variable {name}",
                effect="wrong",
                reason="is read before it is set, so it would have to keep its value from one "
                "step to the next, and it never changes",
                cure=_PIN,
            )


def _without_events(block: str) -> str:
    """Blank out the statements of ``@(...)`` events."""
    result = list(block)
    for match in re.finditer(r"@\s*\(", block):
        position = match.end() - 1
        depth = 0
        while position < len(block):
            depth += {"(": 1, ")": -1}.get(block[position], 0)
            position += 1
            if depth == 0:
                break
        body = re.compile(r"\s*begin\b").match(block, position)
        if body is None:
            stop = block.find(";", position)
        else:
            depth, stop = 0, len(block)
            for word in re.finditer(r"\b(begin|end)\b", block[position:]):
                depth += 1 if word[1] == "begin" else -1
                if depth == 0:
                    stop = position + word.end()
                    break
        for k in range(match.start(), stop if stop >= 0 else len(block)):
            if result[k] != "\n":
                result[k] = " "
    return "".join(result)


_RULES: tuple[Callable[[str], Iterator[Complaint]], ...] = (
    _idt,
    _potential_contributions,
    _carried,
    _calls(
        r"\banalysis\s*\(",
        "wrong",
        "the initial state is lost in ngspice",
        "test $abstime == 0.0 in one conditional expression, as in "
        "I(s) <+ ($abstime == 0.0) ? V(s) - x0 : -rate;",
    ),
    _calls(
        r"\babsdelay\s*\(", "wrong", "does not delay", "write the delay as a chain of RC sections"
    ),
    _calls(
        r"@\s*\(\s*(?:cross|above|timer)\b",
        "refused",
        "events inside a step are not supported",
        "write the change as a smooth function, e.g. 0.5*(1 + tanh((V(a) - v0)/w))",
    ),
    _calls(
        r"\$(?:a?random|rdist_\w+|dist_\w+)\b",
        "refused",
        "randomness is not supported",
        "make it a parameter, and let the study draw it for every cell",
    ),
    _calls(
        r"\$table_model\b", "refused", "tables are not supported", "fit a smooth function to it"
    ),
    _calls(
        r"\b(?:real|integer|electrical)\s+(?:\[[^\]]*\]\s*\w+|\w+\s*\[[^\]]*\])",
        "refused",
        "arrays are not supported",
        "write one scalar for each element",
    ),
)
