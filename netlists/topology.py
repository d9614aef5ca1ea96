"""The one list of elements from which circuit and graph are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from compact_models.errors import NetlistError
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.names import check_definition, check_library_lines, check_name

if TYPE_CHECKING:
    import networkx as nx

    from netlists.array import Array
    from netlists.cell import ForeignTransistor
    from netlists.lines import LineSet

Kind = Literal["resistor", "capacitor", "source", "device"]
_HOW_TO_COMPILE = (
    "Name such an ngspice in COSIM_NGSPICE_OSDI (.ci/ngspice-backports DIR gets one), and "
    "pip install 'reram-cosim[verilog-a]'"
)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a circuit.

    Parameters
    ----------
    kind : {"resistor", "capacitor", "source", "device"}
    name : str
        As in SPICE, its letter included: ``rbl_0_1``, ``xr_0_0``.
    nodes : tuple of str
    value : float or str, optional
        Resistance, capacitance, or the text of a source.
    model : str
        Subcircuit of a device.
    role : str
        ``line``, ``feed``, ``driver``, ``reram``, ``selector``, ``ammeter`` or ``attachment``.
    parameters : mapping of str to float
        Those of a device that differ from the subcircuit's defaults.
    """

    kind: Kind
    name: str
    nodes: tuple[str, ...]
    value: float | str | None = None
    model: str = ""
    role: str = "line"
    parameters: Mapping[str, float] = field(default_factory=dict)


def driver_node(lines: LineSet, line: int, feed: float) -> str:
    """Terminal of a driver; the line itself when nothing lies between."""
    if lines.resistance == 0.0 and feed == 0.0:
        return lines.node(line, 0)
    return f"{lines.kind}{line}"


def _line_elements(lines: LineSet, feed: float, floating: frozenset[str]) -> Iterable[Element]:
    kind = lines.kind
    for line in range(lines.count):
        driver = f"{kind}{line}"
        terminal = driver_node(lines, line, feed)
        driven = lines.ends != "floating" and driver not in floating
        if driven and terminal == driver:
            for end, position in (("start", 0), ("end", lines.length - 1)):
                if lines.ends in (end, "both"):
                    yield Element(
                        "resistor",
                        f"r{driver}_{end}",
                        (driver, lines.node(line, position)),
                        feed + lines.resistance,
                        role="feed",
                    )
        if lines.resistance > 0.0:
            nodes = [lines.node(line, position) for position in range(lines.length)]
            for before, after in pairwise(nodes):
                yield Element("resistor", f"r{after}", (before, after), lines.resistance)
            if lines.capacitance > 0.0:
                for node in nodes:
                    yield Element("capacitor", f"c{node}", (node, "0"), lines.capacitance)
        elif lines.capacitance > 0.0:
            node = lines.node(line, 0)
            yield Element("capacitor", f"c{node}", (node, "0"), lines.capacitance * lines.length)


def split_parameters(
    values: Mapping[str, Any], model: CompactModel
) -> tuple[dict[str, float], dict[str, list[Any]]]:
    """Parameters that all cells share, and those that go onto the instances (nested lists).

    The first become numbers in the subcircuit, because a behavioural source costs its parse
    tree. Initial states never do: they change from run to run, and the text of the subcircuit
    is worth keeping.
    """
    initial = {state.initial for state in model.states}
    common: dict[str, float] = {}
    single: dict[str, list[Any]] = {}
    for name, value in values.items():
        array = np.asarray(value)
        if not (array != model.parameters[name]).any():
            continue
        if name not in initial and array.size > 1 and (array == array.flat[0]).all():
            common[name] = float(array.flat[0])
        else:
            single[name] = array.tolist()
    return common, single


def array_elements(
    array: Array, floating: frozenset[str], cells: Iterable[tuple[int, int]] | None = None
) -> list[Element]:
    """Every element of an array, without sources; of the cells only `cells`, if given."""
    feed = array.parasitics.r_feed
    sets = array.line_sets
    elements = [e for lines in sets.values() for e in _line_elements(lines, feed, floating)]
    reram, selector = array.cell.reram, array.cell.selector
    bit, source, word = sets["bl"], sets["sl"], sets.get("wl")
    foreign = isinstance(reram, ForeignModel)
    if foreign:
        values = {n: np.asarray(a).tolist() for n, a in array.parameters.items()}
    else:
        values = split_parameters(array.parameters, reram)[1]
    selector_defaults: dict[str, float] = {}
    selector_values: dict[str, list[Any]] = {}
    if isinstance(selector, CompactModel):
        selector_name = subcircuit_name(selector)
        selector_values = split_parameters(array.selector_parameters, selector)[1]
    elif selector is not None:
        # A foundry card has its own defaults, so all of ours are written.
        selector_name = check_name(selector.subcircuit, "subcircuit of the selector")
        selector_defaults = {check_name(n): float(x) for n, x in selector.parameters.items()}
        selector_values = {n: np.asarray(a).tolist() for n, a in array.selector_parameters.items()}
    name = subcircuit_name(reram)
    defaults, selector_default = reram.parameters, selector_defaults
    if cells is None:
        cells = product(range(array.rows), range(array.cols))
    for i, j in cells:
        given = {n: x[i][j] for n, x in values.items() if foreign or x[i][j] != defaults[n]}
        top, end = bit.node_at(i, j), source.node_at(i, j)
        if foreign:
            # Nobody else knows what current a compiled device takes.
            nodes = (top, f"top_{i}_{j}")
            elements.append(Element("source", f"vr_{i}_{j}", nodes, "DC 0.0", role="ammeter"))
            top = nodes[1]
        if selector is None or word is None:
            elements.append(
                Element("device", f"xr_{i}_{j}", (top, end), None, name, "reram", given)
            )
            continue
        middle = f"mid_{i}_{j}"
        elements.append(Element("device", f"xr_{i}_{j}", (top, middle), None, name, "reram", given))
        chosen = {**selector_default, **{n: x[i][j] for n, x in selector_values.items()}}
        if isinstance(selector, CompactModel):
            chosen = {n: x for n, x in chosen.items() if x != selector.parameters[n]}
        elements.append(
            Element(
                "device",
                f"xm_{i}_{j}",
                (middle, word.node_at(i, j), end, "0"),
                None,
                selector_name,
                "selector",
                chosen,
            )
        )
    return elements


def subcircuit_name(model: CompactModel | ForeignModel) -> str:
    """Name of a model's subcircuit."""
    return check_name(model.name, "model name")


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """Everything the text of a device depends on, as a key that can be hashed."""

    equations: tuple[Any, ...]
    fingerprint: str
    instance_parameters: tuple[str, ...]
    model: CompactModel = field(compare=False)

    @classmethod
    def of(cls, model: CompactModel, instance_parameters: tuple[str, ...]) -> DeviceKey:
        equations = (
            model.name,
            model.description,
            model.terminals,
            model.internal_nodes,
            model.definitions,
            model.branches,
            model.states,
        )
        return cls(equations, model.parameters.fingerprint, instance_parameters, model)


@lru_cache(maxsize=64)
def _subcircuit_text(definition: DeviceKey) -> str:
    """Printing takes some 0.3 s of symbolic work, and a study writes thousands of netlists."""
    from compact_models.emit.ngspice import subcircuit

    names = definition.instance_parameters
    return subcircuit(definition.model, instance_parameters=names).strip()


def foundry_text(selector: ForeignTransistor) -> list[str]:
    """Lines that a netlist with somebody's transistor needs once."""
    lines = list(check_library_lines(selector.library))
    return [*lines, check_definition(selector.definition)] if selector.definition else lines


def definitions(array: Array) -> str:
    """Library lines and subcircuit texts that the array's devices need."""
    parts: list[str] = []
    selector = array.cell.selector
    if isinstance(array.cell.reram, ForeignModel):
        raise NetlistError(
            thing=f"{array.cell.reram.path.name} runs as compiled Verilog-A only",
            value=array.cell.reram.name,
            limit="an ngspice with the `osdi` command, and the compiler openvaf-r",
            next_step=_HOW_TO_COMPILE,
        )
    if selector is not None and not isinstance(selector, CompactModel):
        if selector.modules:
            raise NetlistError(
                thing=f"{selector.name} runs as compiled Verilog-A only",
                value=", ".join(selector.modules),
                limit="an ngspice with the `osdi` command, and the compiler openvaf-r",
                next_step=_HOW_TO_COMPILE,
            )
        parts += foundry_text(selector)
    for model, values in (
        (array.cell.reram, array.parameters),
        (selector, array.selector_parameters),
    ):
        if isinstance(model, CompactModel):
            common, single = split_parameters(values, model)
            shared = model.with_parameters(**common) if common else model
            parts.append(_subcircuit_text(DeviceKey.of(shared, tuple(sorted(single)))))
    return "\n".join(parts) + "\n"


def to_circuit(elements: Iterable[Element], title: str, preamble: str = "") -> Any:
    """PySpice ``Circuit`` of a list of elements."""
    # The package adds the element methods to Circuit after its module Netlist has loaded: a thread
    # that imports the module alone, while another loads the package, gets a Circuit without them.
    import PySpice.Spice  # noqa: F401
    from PySpice.Spice.Netlist import Circuit

    circuit = Circuit(title)
    circuit.raw_spice += preamble
    add = {"resistor": circuit.R, "capacitor": circuit.C}
    for e in elements:
        if e.kind == "device":
            circuit.X(e.name[1:], e.model, *e.nodes, **e.parameters)
        elif e.kind == "source":
            # The letter decides between an independent source and a function of the sweep.
            if e.name[0] == "b":
                circuit.B(e.name[1:], *e.nodes, v=e.value)
            else:
                circuit.V(e.name[1:], *e.nodes, e.value)
        else:
            add[e.kind](e.name[1:], *e.nodes, e.value)
    return circuit


def to_graph(elements: Iterable[Element]) -> nx.MultiGraph:
    """Graph of a list of elements.

    Edges carry ``name``, ``kind``, ``role``, ``value`` and ``conducts`` (whether current can
    flow at DC). A transistor has three edges: the channel, which conducts, and gate and bulk
    to its source, which do not.
    """
    import networkx as nx

    graph = nx.MultiGraph()
    for e in elements:
        if e.role == "selector":
            drain, gate, source, bulk = e.nodes
            pairs = [(drain, source, True), (gate, source, False), (bulk, source, False)]
        elif e.role == "attachment":
            pairs = [(node, "0", True) for node in e.nodes if node != "0"]
        else:
            pairs = [(e.nodes[0], e.nodes[1], e.kind != "capacitor")]
        for a, b, conducts in pairs:
            graph.add_edge(
                a, b, name=e.name, kind=e.kind, role=e.role, value=e.value, conducts=conducts
            )
    return graph
