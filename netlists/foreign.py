"""Somebody's compiled memory device in a netlist: its module renamed, its cards and instances."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compact_models.foreign_model import ForeignModel
from netlists.names import check_name
from netlists.topology import Element


@dataclass(frozen=True, kw_only=True)
class ForeignPart:
    """What a netlist holds of a foreign device.

    Parameters
    ----------
    stem : str
        Compiled file, without ending.
    text : str
        Verilog-A.
    lines : tuple of str
        Model cards and instances.
    nodes : mapping of str to str
        Internal node in lower case -> what the text calls it.
    open_ports : frozenset of str
        Ports that are left open, in lower case.
    """

    stem: str
    text: str
    lines: tuple[str, ...]
    nodes: Mapping[str, str]
    open_ports: frozenset[str]


def foreign_module(model: ForeignModel) -> tuple[str, str, dict[str, str]]:
    """Name and text of somebody's module, and its nodes by the names they have there.

    It is renamed, because ngspice takes ``d`` or ``nmos`` for its own; nodes with capitals are
    too, because ngspice keeps those of a compiled device and folds those of what is saved.
    """
    name = f"own_{check_name(model.name)}"
    text = re.sub(rf"\bmodule(\s+){model.name}\b", rf"module\g<1>{name}", model.text)
    nodes = {}
    for node in model.internal_nodes:
        new = node.lower()
        while new != node and re.search(rf"\b{new}\b", text):
            new += "_node"
        text = re.sub(rf"(?<![\w.$`]){node}\b", new, text) if new != node else text
        nodes[node.lower()] = new
    return name, text, nodes


def foreign_part(model: ForeignModel, elements: Sequence[Element]) -> ForeignPart:
    """Module, cards and instances of the cells.

    Cells with the same values share a card: what is no instance parameter stands there only.

    Parameters
    ----------
    elements : sequence of Element
        The memory devices of an array.
    """
    module, text, nodes = foreign_module(model)
    cards: dict[tuple[tuple[str, float], ...], str] = {}
    lines = []
    for element in elements:
        values = {**model.given, **element.parameters}
        key = tuple(sorted(values.items()))
        if key not in cards:
            cards[key] = f"{module}_card{len(cards) or ''}"
            words = [f".model {cards[key]} {module}"]
            for name, value in values.items():
                whole = model.declared[name].kind == "integer"
                words.append(f"{name}={int(value) if whole else repr(float(value))}")
            lines.append("\n+ ".join(words))
        wired = dict(zip(model.terminals, element.nodes, strict=True))
        at = [wired.get(port, f"{element.name}.{port.lower()}") for port in model.ports]
        lines.append(" ".join((f"n{element.name[1:]}", *at, cards[key])))
    return ForeignPart(
        stem=f"{module}_{hashlib.sha256(text.encode()).hexdigest()[:12]}",
        text=text,
        lines=tuple(lines),
        nodes=nodes,
        open_ports=frozenset(port.lower() for port in model.monitors),
    )
