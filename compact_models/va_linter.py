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

from compact_models.va_text import arguments, line_of, without_comments

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
    found += _analysis(without_comments(text))
    return tuple(sorted(found, key=lambda c: (c.line, c.construct)))


def _calls(
    pattern: str, effect: Effect, reason: str, cure: str
) -> Callable[[str], Iterator[Complaint]]:
    def rule(text: str) -> Iterator[Complaint]:
        for match in re.finditer(pattern, text):
            yield Complaint(
                line=line_of(text, match.start()),
                construct=" ".join(match[0].split()).rstrip("( "),
                effect=effect,
                reason=reason,
                cure=cure,
            )

    return rule


def _idt(text: str) -> Iterator[Complaint]:
    for match in re.finditer(r"\bidt(?:mod)?\s*\(", text):
        given = arguments(text, match.end() - 1)
        # From zero it starts right.
        if len(given) > 1 and not re.fullmatch(r"[+-]?0*\.?0*(?:[eE][+-]?\d+)?", given[1]):
            yield Complaint(
                line=line_of(text, match.start()),
                construct="idt with an initial condition",
                effect="wrong",
                reason="the initial state is lost in ngspice after the first step",
                cure="write V(s) <+ x0 + idt(rate, 0.0); or " + _PIN,
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
        short = re.compile(r"\s*0*\.?0*\s*;").match(text, match.end())
        if len(ends) == 2 and set(ends) <= ports and not short:
            yield Complaint(
                line=line_of(text, match.start()),
                construct=f"V({', '.join(ends)}) <+",
                effect="wrong",
                reason="a potential across two ports fixes what the circuit should",
                cure="contribute a current, I(a, b) <+ ..., or put an internal node between",
            )


def _ranges(text: str) -> Iterator[Complaint]:
    for match in re.finditer(r"\bfrom\s*[\[(]([^;:\[\]()]*),[^;:\[\]()]*[\])]", text):
        yield Complaint(
            line=line_of(text, match.start()),
            construct=" ".join(match[0].split()),
            effect="refused",
            reason="the ends of a range are parted by a colon",
            cure=match[0].replace(",", ":"),
        )


def _starting_values(text: str) -> Iterator[Complaint]:
    """Variables whose declaration computes with other variables."""
    declared: set[str] = set()
    for match in re.finditer(r"\b(?:real|integer)\b([^;]*);|\bend(?:module|function)\b", text):
        if match[1] is None or re.search(r"\bparameter\s*\Z", text[: match.start()]):
            declared -= declared if match[1] is None else set()
            continue
        for part in arguments(f"({match[1]})", 0):
            name, _, value = part.partition("=")
            used = set(re.findall(r"(?<![\w.$`])[A-Za-z_]\w*", value)) & declared
            if used:
                yield Complaint(
                    line=line_of(text, match.start()),
                    construct=f"starting value of {name.strip()}",
                    effect="refused",
                    reason=f"it computes with {', '.join(sorted(used))}, and only numbers and "
                    "parameters are allowed there",
                    cure="make it a localparam, or set it as the first thing in the analog block",
                )
            declared |= set(re.findall(r"\A\s*([A-Za-z_]\w*)", name))


def _carried(text: str) -> Iterator[Complaint]:
    """Variables that count on another pass through the analog block."""
    from compact_models.va_flow import misuses

    for found in misuses(text):
        carried = found.use == "carried"
        yield Complaint(
            line=line_of(text, found.position),
            construct=f"variable {found.name}",
            effect="wrong",
            reason="is read before it is set, so it would have to keep its value from one "
            "step to the next, and it never changes"
            if carried
            else "is set from voltages in @(initial_step), which runs again in every step",
            cure=(
                "set it further up if it follows from this very step; if it is a state, "
                if carried
                else ""
            )
            + _PIN,
        )


_RULES: tuple[Callable[[str], Iterator[Complaint]], ...] = (
    _idt,
    _ranges,
    _starting_values,
    _potential_contributions,
    _carried,
    _calls(
        r"\babsdelay\s*\(",
        "wrong",
        "does not delay, or finds no solution",
        "write the delay as a chain of RC sections",
    ),
    _calls(
        r"@\s*\(\s*(?:cross|above|timer)\b",
        "refused",
        "events inside a step are not supported",
        "write the change as a smooth function, e.g. 0.5*(1 + tanh((V(a) - v0)/w))",
    ),
    _calls(
        r"@\s*\(\s*initial_step\b[^)]*\bor\b",
        "refused",
        "events cannot be joined with or",
        "write @(initial_step) alone",
    ),
    _calls(
        r"\$(?:a?random|urandom|rdist_\w+|dist_\w+)\b",
        "refused",
        "randomness is not supported",
        "make it a parameter, and let the study draw it for every cell",
    ),
    _calls(
        r"\$table_model\b", "refused", "tables are not supported", "fit a smooth function to it"
    ),
    _calls(
        r"(?<![\w$])(?:transition|slew|last_crossing)\s*\(",
        "refused",
        "filters of edges are not supported",
        "write the change as a smooth function, or as a node with a time constant",
    ),
    _calls(
        r"(?<![\w$])(?:laplace|zi)_[np][dp]\s*\(",
        "refused",
        "transfer functions are not supported",
        "write the filter as internal nodes with ddt",
    ),
    _calls(
        r"(?<![\w$])ac_stim\s*\(",
        "refused",
        "the compiler crashes on it",
        "put the small signal on a source of the testbench",
    ),
    _calls(
        r"\$(?:f(?:open|close|strobe|display|write|monitor|scanf|gets)|sscanf|swrite|readmem\w)\b",
        "refused",
        "files cannot be read or written",
        "take it out; probes bring back voltages, and parameters bring in numbers",
    ),
    _calls(
        r"\$realtime\b|\$time\b", "refused", "is not known", "write $abstime, which is in seconds"
    ),
    _calls(r"(?<![\w$.])repeat\s*\(", "refused", "is not supported", "write a for loop"),
    _calls(
        r"\b[VI]\s*\([^()]*\)\s*:(?!:)(?=[^;?]*==)",
        "refused",
        "indirect contributions are not supported",
        "solve for the quantity, or let a large gain in an internal node do it",
    ),
    _calls(
        r"\b(?:real|integer|electrical)\s+(?:\[[^\]]*\]\s*\w+|\w+\s*\[[^\]]*\])",
        "refused",
        "arrays are not supported",
        "write one scalar for each element",
    ),
)


def _analysis(text: str) -> Iterator[Complaint]:
    for match in re.finditer(r"\banalysis\s*\(([^)]*)\)", text):
        kinds = re.findall(r'"(\w+)"', match[1])
        # Not inside a string itself, and not one that a transient never meets.
        if not kinds or set(kinds) <= {"noise", "ac"}:
            continue
        yield Complaint(
            line=line_of(text, match.start()),
            construct="analysis",
            effect="wrong",
            reason="the initial state is lost in ngspice",
            cure="test $abstime == 0.0 in one conditional expression, as in "
            "I(s) <+ ($abstime == 0.0) ? V(s) - x0 : -rate;",
        )
