"""Verilog-A as text: comments blanked out, brackets followed, lines counted."""

from __future__ import annotations

import re


def without_comments(text: str, *, strings: bool = True) -> str:
    """`text` with comments, and strings unless they shall stay, blanked out; lines keep."""

    def blank(match: re.Match[str]) -> str:
        found = match[0]
        if found[0] == '"':
            return found if strings else '"' + re.sub(r"[^\n]", " ", found[1:-1]) + '"'
        return re.sub(r"[^\n]", " ", found)

    return re.sub(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', blank, text, flags=re.DOTALL)


def line_of(text: str, position: int) -> int:
    """Line of a position, counted from 1."""
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
