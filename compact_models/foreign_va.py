"""A device engineer's own Verilog-A file: its module, terminals and parameters, checked.

>>> from compact_models.foreign_va import load_veriloga
>>> model = load_veriloga("my_model.va")        # doctest: +SKIP
>>> model.module, model.terminals               # doctest: +SKIP
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compact_models.errors import ModelError, ParameterError, best_matches
from compact_models.va_linter import Complaint, arguments, lint, without_comments

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+|[TGMKkmunpfa])?\Z")
_SCALE = {
    "T": 1e12, "G": 1e9, "M": 1e6, "K": 1e3, "k": 1e3,
    "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "a": 1e-18,
}  # fmt: skip
_STATEMENT = re.compile(
    r"(?:\(\*(?P<attributes>.*?)\*\)\s*)?\bparameter\s+(?:(?P<kind>real|integer|string)\s+)?"
    r"(?P<items>[^;]*);",
    re.DOTALL,
)
_ITEM = re.compile(
    r"\s*(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<default>.*?)\s*(?P<range>\b(?:from|exclude)\b.*)?\Z",
    re.DOTALL,
)
_MODULE = re.compile(r"\bmodule\s+([A-Za-z_]\w*)\s*(?:\(([^)]*)\))?\s*;")


@dataclass(frozen=True, kw_only=True)
class ForeignParameter:
    """One parameter of a Verilog-A module.

    Parameters
    ----------
    name, kind : str
        Kind is ``real``, ``integer`` or ``string``.
    default : str
        As written.
    value : float, optional
        The default where it is a number.
    minimum, maximum : float
        From its ``from`` clause, infinite where that is no number.
    unit, description : str
        From its attributes.
    line : int
    """

    name: str
    kind: str
    default: str
    value: float | None
    minimum: float
    maximum: float
    unit: str
    description: str
    line: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignModel:
    """A module from a user's Verilog-A file.

    Parameters
    ----------
    path : Path
    text : str
    module : str
    terminals : tuple of str
        In the order of the module's ports.
    parameters : mapping of str to ForeignParameter
    complaints : tuple of Complaint
        Empty unless it was loaded with ``accept=True``.
    """

    path: Path
    text: str
    module: str
    terminals: tuple[str, ...]
    parameters: Mapping[str, ForeignParameter]
    complaints: tuple[Complaint, ...] = ()

    @property
    def fingerprint(self) -> str:
        """First digits of the text's hash."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def check(self, values: Mapping[str, float]) -> None:
        """Refuse values for parameters that the module lacks, or out of their range.

        Raises
        ------
        ParameterError
        """
        for name, value in values.items():
            if name not in self.parameters:
                raise ParameterError(
                    thing=f"{self.module} has no parameter of that name",
                    value=name,
                    next_step=best_matches(name, self.parameters),
                )
            parameter = self.parameters[name]
            if not parameter.minimum <= value <= parameter.maximum:
                raise ParameterError(
                    thing=f"parameter {name} of {self.module} is out of range",
                    value=value,
                    limit=f"{parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}",
                    next_step=f"See line {parameter.line} of {self.path.name}",
                )


def load_veriloga(
    path: str | Path, *, module: str | None = None, accept: bool = False
) -> ForeignModel:
    """Read a Verilog-A file, refuse what would not run or run wrong, list its parameters.

    Parameters
    ----------
    path : str or Path
    module : str, optional
        Which module, when the file holds several.
    accept : bool
        Load it in spite of what the linter says; the complaints come with the model.

    Raises
    ------
    ModelError
        The file cannot be read, holds no such module, or the linter complains.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(
            thing="the Verilog-A file cannot be read",
            value=str(path),
            next_step=error.strerror or "Check the path",
        ) from error
    clean = without_comments(text)
    heads = {match[1]: match for match in _MODULE.finditer(clean)}
    if not heads or (module is not None and module not in heads):
        raise ModelError(
            thing=f"{file.name} holds no module" + (f" called {module}" if module else ""),
            value=module,
            limit=", ".join(heads),
            next_step=best_matches(module or "", heads) if heads else "Give the .va file itself",
        )
    if module is None and len(heads) > 1:
        raise ModelError(
            thing=f"{file.name} holds several modules",
            value=", ".join(heads),
            next_step="Say which: module='...'",
        )
    head = heads[module] if module else next(iter(heads.values()))
    complaints = lint(text)
    if complaints and not accept:
        more = f"; and {len(complaints) - 1} more" if len(complaints) > 1 else ""
        worst = min(complaints, key=lambda c: (c.effect != "wrong", c.line))
        raise ModelError(
            thing=f"{file.name}, line {worst.line}: {worst.construct} {_what(worst)}{more}",
            value=text.splitlines()[worst.line - 1].strip(),
            limit=worst.reason,
            next_step=worst.cure,
        )
    end = clean.find("endmodule", head.end())
    body = clean[head.end() : end if end >= 0 else len(clean)]
    offset = clean.count("\n", 0, head.end()) + 1
    ports = re.sub(r"\b(?:inout|input|output|electrical)\b", " ", head[2] or "")
    return ForeignModel(
        path=file,
        text=text,
        module=head[1],
        terminals=tuple(re.findall(r"[A-Za-z_]\w*", ports)),
        parameters=_parameters(body, offset),
        complaints=complaints,
    )


def _what(complaint: Complaint) -> str:
    return "gives wrong answers" if complaint.effect == "wrong" else "does not compile"


def _parameters(body: str, offset: int) -> dict[str, ForeignParameter]:
    found: dict[str, ForeignParameter] = {}
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
            low, high = _range(item["range"] or "")
            default = item["default"].strip()
            at = re.compile(rf"\b{item['name']}\b").search(body, start)
            found[item["name"]] = ForeignParameter(
                name=item["name"],
                kind=match["kind"] or "real",
                default=default,
                value=_number(default),
                minimum=low,
                maximum=high,
                unit=attributes.get("units", ""),
                description=attributes.get("desc", attributes.get("info", "")),
                line=offset + body.count("\n", 0, at.start() if at else start),
            )
    return found


def _range(clause: str) -> tuple[float, float]:
    match = re.search(r"from\s*[\[(]\s*([^:\]]*):([^\])]*)[\])]", clause)
    ends = [_number(part.strip()) for part in match.groups()] if match else [None, None]
    low, high = ends
    return (-float("inf") if low is None else low, float("inf") if high is None else high)


def _number(text: str) -> float | None:
    if not _NUMBER.match(text):
        return None
    scale = _SCALE.get(text[-1])
    return float(text) if scale is None else float(text[:-1]) * scale
