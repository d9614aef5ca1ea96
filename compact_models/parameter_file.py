"""Write a parameter set as a file that :meth:`ParameterSet.load` reads back."""

from __future__ import annotations

import json
import math
from pathlib import Path

from compact_models.parameters import ParameterSet, Spread


def parameter_text(parameters: ParameterSet, comment: str = "") -> str:
    """TOML text of a parameter set.

    Parameters
    ----------
    comment : str
        Lines for the head of the file.
    """
    head = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines = [*head, *([""] if head else []), "[device]"]
    lines += [
        f"name = {_text(parameters.name)}",
        f"model = {_text(parameters.model)}",
        f"citation = {_text(parameters.citation)}",
    ]
    for name, own in parameters.parameters.items():
        lines += ["", f"[parameters.{name}]", f"value = {_number(own.value)}"]
        lines += [f"unit = {_text(own.unit)}", f"source = {_text(own.source)}"]
        lines.append(f"provenance = {_text(str(own.provenance))}")
        for key in ("description", "calibrated_to"):
            if getattr(own, key):
                lines.append(f"{key} = {_text(getattr(own, key))}")
        for key in ("minimum", "maximum"):
            if math.isfinite(getattr(own, key)):
                lines.append(f"{key} = {_number(getattr(own, key))}")
        for key in ("dtod", "ctoc"):
            spread: Spread | None = getattr(own, key)
            if spread is not None:
                lines.append(f"{key} = {_spread(spread)}")
    return "\n".join(lines) + "\n"


def save_parameters(parameters: ParameterSet, path: str | Path, comment: str = "") -> None:
    """Write :func:`parameter_text` into a file, its folder made when missing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(parameter_text(parameters, comment), encoding="utf-8")


def _text(text: str) -> str:
    # JSON strings are TOML strings, but for what lies beyond the basic plane.
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    return repr(float(value))


def _spread(spread: Spread) -> str:
    parts = [f"sigma = {_number(spread.sigma)}", f"relative = {str(spread.relative).lower()}"]
    if spread.distribution != "normal":
        parts.append(f"distribution = {_text(spread.distribution)}")
    parts.append(f"source = {_text(spread.source)}")
    return f"{{ {', '.join(parts)} }}"
