"""A testbench as a netlist of compiled devices: instances and model cards, no subcircuits.

A simulator that loads compiled Verilog-A (ngspice with its ``osdi`` command) evaluates the same
equations as compiled code, 10 to 25 times faster than behavioural sources. Instances are direct:
``nr_0_0 bl_0 mid_0_0 cmo_hfox_card c_0=1.2``, with numbers that all cells share on one model card.
The module's text does not depend on them, so that one compilation serves a whole study.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from compact_models.errors import ModelError, NetlistError, ParameterError
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.foreign import foreign_part
from netlists.nodes import inner_node
from netlists.spice import assemble, number, solver_options, testbench_elements
from netlists.topology import (
    DeviceKey,
    Element,
    foundry_text,
    split_parameters,
    subcircuit_name,
)

if TYPE_CHECKING:
    from netlists.testbench import Testbench

__all__ = ["CompiledNetlist", "compiled_netlist"]

# Types of the simulators' own devices: a module of that name is never asked.
_TAKEN = ("resistor", "capacitor", "inductor", "diode", "vsource", "isource")


@dataclass(frozen=True, kw_only=True)
class CompiledNetlist:
    """A netlist and the modules it loads.

    Parameters
    ----------
    text : str
        Complete netlist.
    modules : mapping of str to str
        Name of the compiled file that the netlist loads from its own folder (without ending)
        -> Verilog-A text.
    vectors : mapping of str to str
        Raw vector as the testbench names it -> as this netlist names it, where they differ.
    """

    text: str
    modules: Mapping[str, str]
    vectors: Mapping[str, str]


def vector_name(name: str) -> str:
    """Raw vector of a node inside a device, as ngspice calls it in a compiled one."""
    inner = inner_node(name)
    return f"v(n{inner.device}#{inner.node.lower()})" if inner else name


@lru_cache(maxsize=16)
def _text(key: DeviceKey) -> str:
    from compact_models.emit.veriloga import module

    return module(key.model, instance_parameters=key.instance_parameters)


@lru_cache(maxsize=8)
def _shipped(name: str) -> CompactModel | None:
    from compact_models import load_model

    try:
        return load_model(name)
    except (ModelError, ParameterError):
        return None


def _same_equations(one: CompactModel, other: CompactModel) -> bool:
    def parts(model: CompactModel) -> tuple[object, ...]:
        states = tuple((s.name, s.rate, s.initial, s.held) for s in model.states)
        return (
            model.terminals,
            model.internal_nodes,
            model.definitions,
            model.branches,
            states,
            frozenset(model.parameters),
        )

    return parts(one) == parts(other)


def _module_name(name: str) -> str:
    return f"{name}_device" if name in _TAKEN else name


def module_text(model: CompactModel, instance_parameters: tuple[str, ...]) -> str:
    """Verilog-A text whose numbers, where possible, are those of the shipped parameter file.

    The numbers of `model` itself go onto its model card.
    """
    shipped = _shipped(model.name)
    if shipped is not None and _same_equations(shipped, model):
        model = shipped
    if model.name in _TAKEN:
        model = replace(model, name=_module_name(model.name))
    return _text(DeviceKey.of(model, instance_parameters))


def _open(model: CompactModel, nodes: tuple[str, ...]) -> CompactModel:
    """`model` with some internal nodes as terminals."""
    if not nodes:
        return model
    inner = tuple(n for n in model.internal_nodes if n not in nodes)
    return replace(model, terminals=(*model.terminals, *nodes), internal_nodes=inner)


def _outside(testbench: Testbench, role: str, model: CompactModel) -> tuple[str, ...]:
    """Internal nodes of a device that attachments are wired to.

    Raises
    ------
    NetlistError
        An attachment is wired to a state.
    """
    wired = set()
    for attachment in testbench.attachments:
        for node in attachment.nodes:
            inner = inner_node(f"v({node})")
            if inner and inner.role == role:
                wired.add(inner.node.lower())
    known = {name.lower(): name for name in model.internal_nodes}
    if not wired <= set(known):
        raise NetlistError(
            thing=f"an attachment is wired to a node inside {model.name} that is no circuit node",
            value=sorted(wired - set(known)),
            limit=", ".join(known) or "no internal nodes",
            next_step="Run it with devices='subcircuit'",
        )
    return tuple(known[name] for name in known if name in wired)


def _instance(element: Element, outside: tuple[str, ...]) -> str:
    nodes = (*element.nodes, *(f"{element.name}.{name}" for name in outside))
    words = [f"n{element.name[1:]}", *nodes, f"{element.model}_card"]
    words += [f"{name}={number(value)}" for name, value in element.parameters.items()]
    return " ".join(words)


@dataclass(frozen=True, kw_only=True)
class Device:
    """A compiled device of a testbench.

    Parameters
    ----------
    name : str
        Its card, without the ending.
    module : str
        What the Verilog-A text calls it.
    stem : str
        Compiled file, without ending.
    text : str
        Verilog-A.
    card : mapping of str to float
        What all cells share.
    outside : tuple of str
        Internal nodes that are terminals, because attachments are wired to them.
    """

    name: str
    module: str
    stem: str
    text: str
    card: Mapping[str, float]
    outside: tuple[str, ...]


def device_modules(testbench: Testbench, *, foreign: bool = False) -> dict[str, Device]:
    """Our own devices by their role, ``"reram"`` and ``"selector"``.

    Parameters
    ----------
    foreign : bool
        Whether the caller runs somebody's compiled memory device, which is left out here.

    Raises
    ------
    NetlistError
        There is one, and the caller does not.
    """
    from compact_models.emit.ngspice import default_instance_parameters

    array = testbench.built_array
    devices = {}
    for role, model, values in (
        ("reram", array.cell.reram, array.parameters),
        ("selector", array.cell.selector, array.selector_parameters),
    ):
        if isinstance(model, ForeignModel) and not foreign:
            raise NetlistError(
                thing=f"{model.path.name} runs in ngspice only",
                value=model.name,
                next_step="Take simulator='ngspice'",
            )
        if not isinstance(model, CompactModel):
            continue
        common, single = split_parameters(values, model)
        names = tuple(sorted({*default_instance_parameters(model), *single}))
        # A compiled device hides its inside, so what the outside is wired to is a terminal.
        outside = _outside(testbench, role, model)
        text = module_text(_open(model, outside), names)
        devices[role] = Device(
            name=subcircuit_name(model),
            module=_module_name(model.name),
            stem=f"{model.name}_{hashlib.sha256(text.encode()).hexdigest()[:12]}",
            text=text,
            card={**dict(model.parameters), **common},
            outside=outside,
        )
    return devices


def compiled_netlist(testbench: Testbench, raw: str = "result.raw") -> CompiledNetlist:
    """Netlist with compiled devices.

    Parameters
    ----------
    raw : str
        File that the simulator writes, in its working folder.

    Raises
    ------
    NetlistError
        A name does not fit into a netlist.
    ModelError
        A device has no Verilog-A form.
    """
    array = testbench.built_array
    selector = array.cell.selector
    lines: list[str] = []
    if selector is not None and not isinstance(selector, CompactModel):
        lines += foundry_text(selector)
    devices = device_modules(testbench, foreign=True)
    for device in devices.values():
        words = [f".model {device.name}_card {device.module}"]
        words += [f"{name}={number(value)}" for name, value in device.card.items()]
        lines.append("\n+ ".join(words))
    modules = {device.stem: device.text for device in devices.values()}
    if selector is not None and not isinstance(selector, CompactModel):
        modules |= selector.modules
    outside = {role: device.outside for role, device in devices.items()}
    elements = testbench_elements(testbench)
    rest = []
    open_ports = frozenset[str]()
    renamed: Mapping[str, str] = {}
    if isinstance(array.cell.reram, ForeignModel):
        own = [element for element in elements if element.role == "reram"]
        elements = [element for element in elements if element.role != "reram"]
        part = foreign_part(array.cell.reram, own)
        lines += part.lines
        modules[part.stem] = part.text
        open_ports, renamed = part.open_ports, part.nodes
    for element in elements:
        if element.role in outside:
            lines.append(_instance(element, outside[element.role]))
        else:
            rest.append(element)
    vectors = {}
    for name in testbench.vector_names():
        inner = inner_node(name)
        if inner is None:
            vectors[name] = name
            continue
        terminals = {n.lower() for n in outside.get(inner.role, ())}
        node = inner.node
        if inner.role == "reram":
            terminals |= open_ports
            node = renamed.get(node.lower(), node)
        shared = inner.node.lower() in terminals
        vectors[name] = name if shared else vector_name(f"v(x{inner.device}.{node})")
    text = assemble(
        testbench,
        raw,
        preamble="".join(f"{line}\n" for line in lines),
        elements=rest,
        vectors=tuple(vectors.values()),
        before=tuple(f"pre_osdi {stem}.osdi" for stem in modules),
        options=solver_options(array),
    )
    return CompiledNetlist(
        text=text,
        modules=modules,
        vectors={name: new for name, new in vectors.items() if name != new},
    )
