"""A transistor out of a SPICE library of one's own: found, checked, wrapped as a subcircuit.

The library is read far enough to find the transistor and to say clearly why it cannot be used:
which sections and which models there are, what kind they are of, and what they need besides.
ngspice reads the library itself; nothing of it is copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compact_models.errors import ModelError, best_matches
from compact_models.foundry import ForeignTransistor, compiled_modules
from compact_models.inputs import finite

_DEEPEST, _LARGEST = 8, 100_000_000
_OTHER = ("pmos", "vdmos", "njf", "pjf", "npn", "pnp", "d", "r", "c")
_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)\s*=\s*('[^']*'|\{[^}]*\}|\S+)")


@dataclass(kw_only=True)
class _Found:
    """What a library holds; names in lower case."""

    subcircuits: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    models: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    compiled: set[str] = field(default_factory=set)
    sections: list[str] = field(default_factory=list)


def _statements(path: Path) -> Iterator[str]:
    """Statements of a file, continuation lines joined, comments left out."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ModelError(
                thing="the library is too large", value=str(path), limit=f"{_LARGEST} bytes"
            )
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(
            thing="the library of the transistor cannot be read",
            value=str(path),
            next_step=error.strerror or "Check the path",
        ) from error
    statement = ""
    for line in text.splitlines():
        line = re.split(r"\s[$;]|;", line, maxsplit=1)[0].strip()
        if not line or line[0] in "*$":
            continue
        if line[0] == "+":
            statement += " " + line[1:]
            continue
        if statement:
            yield statement
        statement = line
    if statement:
        yield statement


def _scan(path: Path, section: str | None, found: _Found, depth: int = 0) -> None:
    """Collect what a library defines: all of it, or one section."""
    if depth > _DEEPEST:
        raise ModelError(
            thing="the library includes files in circles", value=str(path), limit=f"{_DEEPEST} deep"
        )
    inside: str | None = None
    subcircuit = ""
    for statement in _statements(path):
        words = ["".join(parts) for parts in _WORD.findall(statement)]
        command = words[0].lower()
        if command in (".lib", ".include", ".inc", ".subckt") and len(words) < 2:
            raise ModelError(
                thing=f"{path.name} holds a line that is not complete",
                value=statement,
                next_step="Correct the library",
            )
        if command == ".control":
            raise ModelError(
                thing="the library holds commands for the simulator, not only models",
                value=str(path),
                limit="no .control block",
                next_step="Take the models out of it into a file of their own",
            )
        if command == ".lib" and len(words) == 2:
            inside = words[1].lower()
            if depth == 0:
                found.sections.append(words[1])
            continue
        if command == ".endl":
            inside = None
            continue
        if inside != (section.lower() if section else None):
            continue
        if command in (".include", ".inc", ".lib"):
            target = path.parent / words[1]
            _scan(target, words[2] if len(words) > 2 else None, found, depth + 1)
        elif command == ".subckt":
            names = [w for w in re.split(r"\s+", re.sub(_ASSIGNMENT, " ", statement)) if w][1:]
            keys = tuple(m[0].lower() for m in re.findall(_ASSIGNMENT, statement))
            subcircuit = names[0].lower()
            pins = tuple(n.lower() for n in names[1:] if n.lower() != "params:")
            found.subcircuits[subcircuit] = (pins, keys)
        elif command == ".ends":
            subcircuit = ""
        elif command == ".model" and not subcircuit and len(words) > 2:
            kind = re.split(r"[(\s]", words[2].lower())[0]
            level = re.search(r"\blevel\s*=\s*(\d+)", statement, re.IGNORECASE)
            found.models[words[1].lower()] = (kind, int(level[1]) if level else None)
        elif subcircuit and command[0] == "n":
            found.compiled.add(subcircuit)


def load_card(
    library: str | Path,
    model: str,
    *,
    section: str | None = None,
    level: int | None = None,
    width: float | None = None,
    length: float | None = None,
    values: Mapping[str, float] | None = None,
    verilog_a: Sequence[str | Path] = (),
) -> ForeignTransistor:
    """A transistor that a SPICE library describes, as a ``.subckt`` or a ``.model``.

    Parameters
    ----------
    library : str or Path
    model : str
        Name in the library.
    section : str, optional
        Section of the library, such as ``tt``.
    level : int, optional
        Level the model must have.
    width, length : float, optional
        [m]; default: those of the library.
    values : mapping of str to float, optional
        More instance parameters, SI.
    verilog_a : sequence of str or Path
        Files with the modules that the models are written in (PSP, HiSIM, ...), compiled by
        ``openvaf-r`` and loaded by an ngspice with the ``osdi`` command.

    Raises
    ------
    ModelError
        The library cannot be read, or holds no such n-channel transistor; or a size is no finite
        number.

    Examples
    --------
    >>> load_card("models.lib", "nch", section="tt", width=2e-6)    # doctest: +SKIP
    """
    path = Path(library)
    found = _Found()
    _scan(path, section, found)
    if section is not None and section.lower() not in [s.lower() for s in found.sections]:
        raise ModelError(
            thing=f"{path.name} has no section of that name",
            value=section,
            next_step=best_matches(section, found.sections) if found.sections else "Leave it out",
        )
    own = model.lower()
    binned = [name for name in found.models if re.fullmatch(rf"{re.escape(own)}\.\d+", name)]
    asked = {"w": width, "l": length, **(values or {})}
    size = {n: float(finite(x, f"{model}: {n}")) for n, x in asked.items() if x is not None}
    lines = (
        (f'.lib "{path.resolve()}" {section}',) if section else (f'.include "{path.resolve()}"',)
    )
    if own in found.subcircuits:
        parameters = _subcircuit_values(path, model, found.subcircuits[own], size)
        _need_modules(path, model, own in found.compiled, verilog_a)
        subcircuit, definition = model, ""
    elif own in found.models or binned:
        kind, its_level = found.models[own if own in found.models else binned[0]]
        _check_kind(path, model, kind, its_level, level, verilog_a)
        parameters = size
        subcircuit = f"{re.sub(r'[^A-Za-z0-9_]', '_', model)}_selector"
        definition = _wrapper(subcircuit, model, "m" if kind == "nmos" else "n", size)
    else:
        known = [*found.subcircuits, *(re.sub(r"\.\d+$", "", name) for name in found.models)]
        hint = best_matches(model, dict.fromkeys(known)) if known else "The library holds no model"
        if found.sections and section is None:
            hint += f"; or give a section: {', '.join(dict.fromkeys(found.sections))}"
        raise ModelError(
            thing=f"{path.name} holds no transistor of that name", value=model, next_step=hint
        )
    return ForeignTransistor(
        name=re.sub(r"[^A-Za-z0-9_]", "_", model),
        subcircuit=subcircuit,
        library=lines,
        parameters=parameters,
        definition=definition,
        modules=compiled_modules(verilog_a),
        citation=f"{path.name}{f', section {section}' if section else ''}, {model}",
    )


def _subcircuit_values(
    path: Path,
    model: str,
    found: tuple[tuple[str, ...], tuple[str, ...]],
    size: Mapping[str, float],
) -> dict[str, float]:
    pins, keys = found
    if len(pins) != 4 or [p[0] for p in pins[:3]] != ["d", "g", "s"]:
        raise ModelError(
            thing=f"subcircuit {model} of {path.name} does not have the pins of a transistor",
            value=" ".join(pins),
            limit="drain gate source bulk, in this order",
            next_step="Write a subcircuit with these four around it, into a file of your own",
        )
    for name in size:
        if name.lower() not in keys:
            raise ModelError(
                thing=f"subcircuit {model} of {path.name} has no parameter of that name",
                value=name,
                next_step=best_matches(name, keys) if keys else "It has none at all",
            )
    return dict(size)


def _need_modules(path: Path, model: str, needed: bool, given: Sequence[str | Path]) -> None:
    if needed and not given:
        raise ModelError(
            thing=f"{model} of {path.name} is written in a Verilog-A module",
            value=model,
            next_step='Name its files: verilog_a = ["psp103.va"]',
        )


def _check_kind(
    path: Path,
    model: str,
    kind: str,
    level: int | None,
    wanted: int | None,
    verilog_a: Sequence[str | Path],
) -> None:
    if kind in _OTHER:
        raise ModelError(
            thing=f"{model} of {path.name} is not an n-channel MOSFET", value=kind, limit="nmos"
        )
    if wanted is not None and kind == "nmos" and (level or 1) != wanted:
        raise ModelError(
            thing=f"{model} of {path.name} has another level", value=level or 1, limit=f"{wanted}"
        )
    _need_modules(path, f"{model} (type {kind})", kind != "nmos", verilog_a)


def _wrapper(name: str, model: str, letter: str, size: Mapping[str, float]) -> str:
    """Subcircuit around one transistor, so that every selector is used in the same way."""
    if not re.fullmatch(r"[A-Za-z][\w.]*", model):
        raise ModelError(
            thing="name of a model", value=model, limit="letters, digits, underscores and dots"
        )
    given = " ".join(f"{n}={x!r}" for n, x in size.items())
    passed = " ".join(f"{n}={{{n}}}" for n in size)
    return (
        f".subckt {name} d g s b {given}\n{letter}1 d g s b {model} {passed}\n.ends {name}"
    ).replace(" \n", "\n")
