"""Checks of everything that reaches a netlist as text.

A netlist is a program: ngspice runs what stands between ``.control`` and
``.endc``, shell commands included. Names, paths and titles come from study
files, so each is checked against a short list of what is allowed before it is
written, and numbers are written only from finite floats.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from compact_models.errors import NetlistError

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}\Z")
_NODE = re.compile(r"(?:0|[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z][A-Za-z0-9_]{0,63}){0,4})\Z")
_FORBIDDEN_IN_TEXT = set("{}[]();`\"'\\$|<>&#!")
_FORBIDDEN_IN_PATH = set("{};`\"'\\$|<>&*?!")
# A word which starts with a dot is read as a command wherever a line breaks.
_DOT_COMMAND = re.compile(r"(?:^|\s)\.[A-Za-z]")


def check_name(name: str, what: str = "name") -> str:
    """Return `name` when it is a letter followed by letters, digits and underscores.

    Parameters
    ----------
    name : str
    what : str
        What is being named, for the error text.

    Raises
    ------
    NetlistError
        Anything else, in particular a line break, a dot command, braces, semicolons or
        quotes.
    """
    if not isinstance(name, str) or not _IDENTIFIER.match(name):
        raise NetlistError(
            thing=f"{what} cannot be written into a netlist",
            value=name,
            limit="a letter, then at most 63 letters, digits or underscores",
            next_step="Rename it",
        )
    return name


def check_node(name: str, what: str = "node") -> str:
    """Return `name` when it is ground ``0``, a name, or names joined by dots.

    Raises
    ------
    NetlistError
    """
    if not isinstance(name, str) or not _NODE.match(name):
        raise NetlistError(
            thing=f"{what} cannot be written into a netlist",
            value=name,
            limit="'0', or a name of letters, digits and underscores, or such names and dots",
            next_step="Rename it",
        )
    return name


def check_text(text: str, what: str = "title") -> str:
    """Return `text` when it is one harmless line, for titles and comments.

    Raises
    ------
    NetlistError
        It holds a control character, a dot command, a bracket, a quote, ``;`` or ``$``, or
        is longer than 200 characters.
    """
    if (
        not isinstance(text, str)
        or len(text) > 200
        or not text.isprintable()
        or _FORBIDDEN_IN_TEXT & set(text)
        or _DOT_COMMAND.search(text)
    ):
        raise NetlistError(
            thing=f"{what} cannot be written into a netlist",
            value=text,
            limit="one printable line of at most 200 characters, without dot commands, "
            "brackets, quotes, semicolons or shell characters",
            next_step="Use plain words",
        )
    return text


def check_path(path: str | Path, what: str = "library path", *, must_exist: bool = True) -> str:
    """Return `path` as text when it can stand between double quotes in a netlist.

    Parameters
    ----------
    must_exist : bool
        Also require that the file is there.

    Raises
    ------
    NetlistError
    """
    text = str(path)
    if not text or not text.isprintable() or _FORBIDDEN_IN_PATH & set(text):
        raise NetlistError(
            thing=f"{what} cannot be written into a netlist",
            value=text,
            limit="printable, without quotes, braces, semicolons or shell characters",
            next_step="Move the file to a folder with a plain name",
        )
    try:
        found = not must_exist or Path(text).is_file()
    except OSError:
        found = False
    if not found:
        raise NetlistError(
            thing=f"{what} does not exist", value=text, next_step="Check where the file is"
        )
    return text


def check_number(value: float, what: str = "value", *, minimum: float | None = None) -> float:
    """Return `value` as a finite float.

    Raises
    ------
    NetlistError
        It is no number, not finite, or below `minimum`.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise NetlistError(
            thing=f"{what} is not a number", value=value, limit="a finite SI float"
        ) from error
    if isinstance(value, str) or not math.isfinite(number):
        raise NetlistError(thing=f"{what} is not a finite number", value=value)
    if minimum is not None and number < minimum:
        raise NetlistError(thing=f"{what} is too small", value=number, limit=f">= {minimum:g}")
    return number


def check_library_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Return library lines when each is ``.include "path"`` or ``.lib "path" section``.

    Raises
    ------
    NetlistError
        Any other command, or a path that :func:`check_path` refuses.
    """
    checked = []
    for line in lines:
        match = re.fullmatch(
            r"\.(include|lib) +(?:\"([^\"]+)\"|([^\"\s]+))(?: +([A-Za-z][A-Za-z0-9_]*))?", line
        )
        if match is None or (match[1] == "include" and match[4]):
            raise NetlistError(
                thing="library line cannot be written into a netlist",
                value=line,
                limit='.include "path" or .lib "path" section',
            )
        path = check_path(match[2] or match[3])
        section = f" {match[4]}" if match[4] else ""
        checked.append(f'.{match[1]} "{path}"{section}')
    return tuple(checked)


def check_definition(text: str) -> str:
    """Return a subcircuit text when it holds nothing but subcircuits.

    Raises
    ------
    NetlistError
        A dot command other than ``.subckt``, ``.ends``, ``.model``, ``.param``, ``.func``.
    """
    allowed = (".subckt", ".ends", ".model", ".param", ".func")
    for line in re.split(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", text):
        word = line.split()[:1]
        if word and word[0].startswith(".") and word[0].lower() not in allowed:
            raise NetlistError(
                thing="definition of an attachment holds more than subcircuits",
                value=line[:80],
                limit=", ".join(allowed),
            )
    return text.strip()
