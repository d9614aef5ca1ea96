"""A testbench as a netlist for neospice, a simulator that reads SPICE with some differences.

It has no ``a ? b : c`` in expressions (``if(a, b, c)`` is there), no capacitors given by their
charge, and no control block. What it does not read it leaves out with a
warning, so nothing is written that it is not known to read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from compact_models.errors import NetlistError
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.analysis import Transient
from netlists.osdi import CompiledNetlist
from netlists.spice import number
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.testbench import Testbench

# Words of the options line that only ngspice knows.
_NGSPICE_ONLY = {"noacct", "noinit", "klu"}
_LETTERS = "rcvibx"
_UNIT = 1e-15
"""Charge that one volt stands for [C]."""


def neospice_netlist(testbench: Testbench) -> CompiledNetlist:
    """Netlist of a testbench.

    Raises
    ------
    NetlistError
        A foundry card or somebody's Verilog-A, which neospice does not read, or a line that is
        not known to mean the same there.
    """
    cell = testbench.built_array.cell
    if isinstance(cell.reram, ForeignModel):
        raise NetlistError(
            thing=f"{cell.reram.path.name} is compiled Verilog-A, which neospice does not load",
            value=cell.reram.name,
            next_step="Run it in ngspice",
        )
    if not isinstance(cell.selector, CompactModel | None):
        raise NetlistError(
            thing="neospice does not read foundry cards: it takes a library that names itself in "
            "a .lib line for an endless loop, and leaves the transistors out",
            value=cell.selector.name,
            next_step="Run it in ngspice or VACASK, or take the selector nmos_3v3",
        )
    waves = {
        f"v{name}": _points(wave)
        for name, wave in testbench.drives.items()
        if isinstance(testbench.analysis, Transient)
        and isinstance(wave, Waveform)
        and not wave.is_constant
    }
    return CompiledNetlist(
        text=convert(testbench.spice(check=False), waves),
        modules={},
        vectors={name: name for name in testbench.vector_names()},
    )


def _points(wave: Waveform) -> str:
    """A waveform by its points.

    Where the corners of a PULSE fall between two floats, neospice 0.2.0 takes a step of nothing
    and gives up (measured: a pulse of 100 ns with edges of 10 ns).
    """
    pairs = zip(wave.times, wave.values, strict=True)
    return "PWL( " + " ".join(f"{number(t)} {number(u)}" for t, u in pairs) + " )"


def convert(text: str, waves: Mapping[str, str] = MappingProxyType({})) -> str:
    """An ngspice netlist of this project as neospice reads it.

    Parameters
    ----------
    waves : mapping of str to str
        Sources whose values are written in another way.

    Raises
    ------
    NetlistError
        A line is not known to mean the same there.
    """
    out: list[str] = []
    in_control = False
    for position, line in enumerate(re.sub(r"\n\+ ?", " ", text).splitlines()):
        word = line.split()[0].lower() if line.strip() else ""
        if position == 0 or word.startswith("*"):
            out.append(line)
        elif word == ".control":
            in_control = True
        elif word == ".endc":
            in_control = False
        elif in_control:
            if word in ("op", "dc", "tran"):
                out.append(f".{line.strip()}")
        elif word == ".options":
            words = [w for w in line.split() if w.lower() not in _NGSPICE_ONLY]
            out.append(" ".join(words))
        elif word in (".subckt", ".ends", ".end"):
            out.append(line)
        elif word not in (".title", ".save", ""):
            name, *nodes = line.split()[:3]
            wave = waves.get(name.lower())
            out.append(" ".join((name, *nodes, wave)) if wave else _element(line))
    return "\n".join(out) + "\n"


def _element(line: str) -> str:
    letter = line.strip()[0].lower()
    if letter not in _LETTERS:
        raise NetlistError(
            thing="a line of the netlist is not known to mean the same in neospice",
            value=line[:80],
            limit="R, C, V, I, B and X lines",
            next_step="Run it in ngspice",
        )
    if letter == "b":
        head, _, expression = line.partition("=")
        return f"{head}={_conditions(expression.replace('{', '(').replace('}', ')'))}"
    charge = re.match(r"(?i)c(\S+) (\S+) (\S+) q='(.*)'\s*\Z", line)
    if charge:
        # Its own ddt() is zero in a small-signal analysis, and now and then off in time: the
        # charge becomes a voltage, and what a capacitor draws under it is copied.
        name, plus, minus, law = charge.groups()
        return "\n".join(
            (
                f"bq_{name} q_{name} 0 v=({_conditions(law)})*{1 / _UNIT!r}",
                f"cq_{name} q_{name} s_{name} {_UNIT!r}",
                f"vq_{name} s_{name} 0 0",
                f"fq_{name} {plus} {minus} vq_{name} 1",
            )
        )
    return line


def _conditions(text: str) -> str:
    """``a ? b : c`` as ``if(a,b,c)``, at every depth."""
    out = ""
    position = 0
    while position < len(text):
        if text[position] != "(":
            out += text[position]
            position += 1
            continue
        end = _closing(text, position)
        out += f"({_conditions(text[position + 1 : end])})"
        position = end + 1
    return ",".join(_condition(part) for part in _split(out, ","))


def _closing(text: str, position: int) -> int:
    depth = 0
    for k in range(position, len(text)):
        depth += (text[k] == "(") - (text[k] == ")")
        if depth == 0:
            return k
    raise NetlistError(thing="expression with an open parenthesis", value=text[:80])


def _split(text: str, mark: str, limit: int = -1) -> list[str]:
    """Parts between marks that stand in no parentheses."""
    parts: list[str] = []
    depth, begin = 0, 0
    for k, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == mark and depth == 0 and limit != len(parts):
            parts.append(text[begin:k])
            begin = k + 1
    return [*parts, text[begin:]]


def _condition(text: str) -> str:
    found = _split(text, "?", 1)
    if len(found) == 1:
        return text
    nested = 0
    rest = found[1]
    depth = 0
    for k, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if depth:
            continue
        if letter == "?":
            nested += 1
        elif letter == ":" and nested:
            nested -= 1
        elif letter == ":":
            one, other = _condition(rest[:k].strip()), _condition(rest[k + 1 :].strip())
            return f"if({found[0].strip()},{one},{other})"
    raise NetlistError(thing="condition without its second value", value=text[:80])
