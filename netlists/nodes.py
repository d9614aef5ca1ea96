"""What the nodes of a testbench are called: by users, and by ngspice inside a device."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compact_models.errors import NetlistError, best_matches
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.topology import driver_node

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

# As names count cells: bl_00 is no node.
_N = r"(0|[1-9]\d*)"
_LINE_NODE = re.compile(rf"(bl|sl|wl)_{_N}_{_N}\Z")
_LINE = re.compile(rf"(bl|sl|wl)(_?){_N}\Z")
_MIDDLE = re.compile(rf"mid_{_N}_{_N}\Z")
_INSIDE = re.compile(rf"x([rm])_{_N}_{_N}\.(\w+)\Z")
_INNER_VECTOR = re.compile(r"(?i)v\(x([rm])(_\d+_\d+)\.(\w+)\)\Z")


@dataclass(frozen=True, kw_only=True)
class InnerNode:
    """A node inside a device.

    Parameters
    ----------
    role : {"reram", "selector"}
    device : str
        Name of the element without the letter of its kind: ``r_0_0``, ``m_0_0``.
    node : str
        As it is written.
    """

    role: str
    device: str
    node: str


def inner_node(vector: str) -> InnerNode | None:
    """What a raw vector such as ``v(xr_0_0.m)`` stands for; None for all others."""
    match = _INNER_VECTOR.match(vector)
    if match is None:
        return None
    letter = match[1].lower()
    return InnerNode(
        role="reram" if letter == "r" else "selector", device=letter + match[2], node=match[3]
    )


def resolve_node(testbench: Testbench, node: str) -> str:
    """Circuit node that a probe's node means; lines without resistance are one node.

    Raises
    ------
    NetlistError
        The circuit has no such node.
    """
    array = testbench.array
    sets = array.line_sets
    known = [node for attachment in testbench.attachments for node in attachment.nodes]
    feed = array.parasitics.r_feed
    match = _LINE_NODE.match(node)
    if match and match[1] in sets:
        row, column = int(match[2]), int(match[3])
        if row < array.rows and column < array.cols:
            return sets[match[1]].node_at(row, column)
    match = _LINE.match(node)
    if match and match[1] in sets:
        lines = sets[match[1]]
        line = int(match[3])
        if line < lines.count:
            if match[2] and lines.resistance == 0.0:
                return node
            if not match[2] and testbench.drives.get(node) is not None:
                return driver_node(lines, line, feed)
    match = _MIDDLE.match(node)
    if match and array.cell.selector is not None and _inside(array, match[1], match[2]):
        return node
    match = _INSIDE.match(node)
    if match and _inside(array, match[2], match[3]):
        model = array.cell.reram if match[1] == "r" else array.cell.selector
        if isinstance(model, CompactModel | ForeignModel):
            inner = model.internal_nodes
            if isinstance(model, CompactModel):
                inner = (*inner, *(s.name for s in model.states))
            if match[4] in inner:
                return node
    if node == "0" or node in known:
        return node
    examples = [*array.drivers, sets["bl"].node_at(0, 0), sets["sl"].node_at(0, 0), *known]
    raise NetlistError(
        thing="probe of a node that the circuit does not have",
        value=node,
        next_step=best_matches(node, examples),
    )


def _inside(array: Array, row: str, column: str) -> bool:
    return int(row) < array.rows and int(column) < array.cols
