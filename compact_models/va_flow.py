"""Which variables of an analog block are read before the same pass gave them a value.

Compiled with ``openvaf-r``, a variable forgets its value when a pass through the block ends, and
``@(initial_step)`` runs in every pass. A model that counts on either compiles, runs, and is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_WORD = re.compile(r"\s*([A-Za-z_$`][\w$]*|\S)")
_NAME = re.compile(r"(?<![\w.$`])([A-Za-z_]\w*)")
_TARGET = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[[^\]]*\])?\s*=(?!=)")
_CHANGING = re.compile(r"\b[VI]\s*\(|\bTemp\s*\(|\bPwr\s*\(|\$abstime|\bpotential\s*\(|\bflow\s*\(")

Use = Literal["carried", "initial"]


@dataclass(frozen=True, kw_only=True)
class Misuse:
    """A variable whose value another pass would have to bring.

    Parameters
    ----------
    name : str
    position : int
        In the text.
    use : {"carried", "initial"}
        Carried: read before it is set. Initial: set from voltages in ``@(initial_step)``.
    """

    name: str
    position: int
    use: Use


@dataclass(kw_only=True)
class _Flow:
    """Walks through the statements of one module with the set of variables that have a value."""

    text: str
    variables: set[str]
    initial: bool = False
    written: set[str] = field(default_factory=set)
    early: dict[str, int] = field(default_factory=dict)
    wrong: list[Misuse] = field(default_factory=list)

    def word(self, position: int) -> tuple[str, int]:
        match = _WORD.match(self.text, position)
        return (match[1], match.start(1)) if match else ("", len(self.text))

    def bracket(self, position: int) -> int:
        """Position behind the bracket that opens at or after `position`."""
        start = self.text.find("(", position)
        depth = 0
        for k in range(start if start >= 0 else len(self.text), len(self.text)):
            depth += {"(": 1, ")": -1}.get(self.text[k], 0)
            if depth == 0:
                return k + 1
        return len(self.text)

    def read(self, start: int, end: int, known: set[str]) -> None:
        for match in _NAME.finditer(self.text, start, end):
            if match[1] in self.variables and match[1] not in known:
                self.early.setdefault(match[1], match.start())

    def write(self, name: str, start: int, end: int, known: set[str]) -> set[str]:
        if name not in self.variables:
            return known
        if self.initial:
            if _CHANGING.search(self.text, start, end):
                self.wrong.append(Misuse(name=name, position=start, use="initial"))
        else:
            self.written.add(name)
        return known | {name}

    def settled(self, start: int, end: int) -> bool:
        """Whether a condition depends on parameters only: the same branch is always taken."""
        names = {m[1] for m in _NAME.finditer(self.text, start, end)}
        return not names & self.variables and not _CHANGING.search(self.text, start, end)

    def statement(self, position: int, known: set[str]) -> tuple[int, set[str]]:
        """Walk one statement; return the position behind it and what has a value then."""
        word, at = self.word(position)
        after = at + len(word)
        if word == "begin":
            return self.block(after, known)
        if word == "if":
            return self.branch(after, known)
        if word in ("case", "casex", "casez"):
            return self.choice(after, known)
        if word in ("for", "while", "repeat"):
            return self.loop(word, after, known)
        if word == "@":
            return self.event(after, known)
        if word[0:1] == "`":
            return self.macro(after, known)
        end = self.text.find(";", at)
        end = len(self.text) if end < 0 else end
        if word in ("real", "integer", "string"):
            found = {m[1] for m in _NAME.finditer(self.text, after, end)}
            self.variables |= found
            return end + 1, known - found
        target = _TARGET.match(self.text, at, end)
        if target:
            self.read(target.end(), end, known)
            known = self.write(target[1], target.end(), end, known)
        else:
            self.read(at, end, known)
        return end + 1, known

    def macro(self, position: int, known: set[str]) -> tuple[int, set[str]]:
        """A macro in place of a statement may set whatever it is given."""
        end = position
        word, at = self.word(position)
        if word == "(":
            end = self.bracket(at)
            known = known | {m[1] for m in _NAME.finditer(self.text, at, end)} & self.variables
        word, at = self.word(end)
        return (at + 1 if word == ";" else end), known

    def block(self, position: int, known: set[str]) -> tuple[int, set[str]]:
        word, at = self.word(position)
        if word == ":":
            name, at = self.word(at + 1)
            position = at + len(name)
        while True:
            word, at = self.word(position)
            if word in ("end", "", "endmodule"):
                return at + len(word), known
            before = position
            position, known = self.statement(position, known)
            if position <= before:
                return len(self.text), known

    def branch(self, position: int, known: set[str]) -> tuple[int, set[str]]:
        start, end = position, self.bracket(position)
        self.read(start, end, known)
        position, one = self.statement(end, known)
        other = known
        word, at = self.word(position)
        if word == "else":
            position, other = self.statement(at + len(word), known)
        return position, (one | other if self.settled(start, end) else one & other)

    def choice(self, position: int, known: set[str]) -> tuple[int, set[str]]:
        start, end = position, self.bracket(position)
        self.read(start, end, known)
        position, ends, complete = end, list[set[str]](), False
        while True:
            word, at = self.word(position)
            if word in ("endcase", ""):
                break
            body = self.text.find(":", at) + 1
            if word == "default":
                complete, body = True, at + len(word)
                mark, colon = self.word(body)
                # Its colon may be left out.
                body = colon + 1 if mark == ":" else body
            elif body == 0:
                return len(self.text), known
            position, one = self.statement(body, known)
            ends.append(one)
        every = set[str]().union(*ends) | known
        if not self.settled(start, end):
            every = set.intersection(*ends) if ends and complete else known
        return at + len(word), every

    def loop(self, word: str, position: int, known: set[str]) -> tuple[int, set[str]]:
        end = self.bracket(position)
        inside = self.text.find("(", position) + 1
        if word == "for":
            # First and last of the three parts set the variable that counts.
            for part in re.finditer(r"[^;]+", self.text[inside : end - 1]):
                start, stop = inside + part.start(), inside + part.end()
                target = _TARGET.match(self.text, start, stop)
                self.read(target.end() if target else start, stop, known)
                if target:
                    known = self.write(target[1], target.end(), stop, known)
        else:
            self.read(inside, end, known)
        return self.statement(end, known)

    def event(self, position: int, known: set[str]) -> tuple[int, set[str]]:
        end = self.bracket(position)
        kind = self.text[position:end]
        before, kept, initial = dict(self.early), set(self.written), self.initial
        self.initial = "initial_step" in kind
        position, _ = self.statement(end, known)
        self.initial = initial
        if "initial_step" not in kind:
            self.early, self.written = before, kept
        return position, known


def misuses(text: str) -> Iterator[Misuse]:
    """Variables of every module that count on another pass through the analog block.

    Parameters
    ----------
    text : str
        Verilog-A without comments and strings.
    """
    text = _blanked(text, r"\banalog\s+function\b.*?\bendfunction\b")
    by_macro = {
        name
        for define in re.finditer(r"`define\b(?:[^\n]*\\\n)*[^\n]*", text)
        for name in re.findall(r"\b([A-Za-z_]\w*)\s*=(?!=)", define[0])
    }
    text = _blanked(text, r"`define\b(?:[^\n]*\\\n)*[^\n]*")
    text = _blanked(text, r"`(?:ifdef|ifndef|else|elsif|endif|include|undef|timescale)\b[^\n]*")
    text = _blanked(text, r"\(\*.*?\*\)")
    for head in re.finditer(r"\bmodule\b", text):
        end = text.find("endmodule", head.end())
        end = len(text) if end < 0 else end
        start = re.compile(r"\banalog\b").search(text, head.end(), end)
        if start is None:
            continue
        names = {
            name
            for match in re.finditer(
                r"(?m)(?:^|;)\s*(?:real|integer)\b([^;(]*);", text[head.end() : start.start()]
            )
            for name in re.findall(r"[A-Za-z_]\w*", re.sub(r"=[^,;]*", "", match[1]))
        }
        flow = _Flow(text=text[:end], variables=names - by_macro)
        known: set[str] = set()
        position = start.start()
        while (block := re.compile(r"\banalog\b").search(flow.text, position)) is not None:
            word, at = flow.word(block.end())
            flow.initial = word == "initial"
            position, found = flow.statement(at + len(word) if flow.initial else block.end(), known)
            known = known if flow.initial else found
            flow.initial = False
        yield from flow.wrong
        for name, where in flow.early.items():
            if name in flow.written:
                yield Misuse(name=name, position=where, use="carried")


def _blanked(text: str, pattern: str) -> str:
    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return re.sub(pattern, blank, text, flags=re.DOTALL)
