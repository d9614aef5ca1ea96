"""A testbench as a netlist of compiled devices: instances and model cards, no subcircuits.

A simulator that loads compiled Verilog-A (ngspice with its ``osdi`` command) evaluates the same
equations as compiled code, 10 to 25 times faster than behavioural sources. Instances are direct:
``nr_0_0 bl_0 mid_0_0 cmo_hfox_card c_0=1.2``, with numbers that all cells share on one model card.
The module's text does not depend on them, so that one compilation serves a whole study.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from compact_models.errors import ModelError, ParameterError
from compact_models.model import CompactModel
from netlists.names import check_library_lines
from netlists.spice import assemble, number, testbench_elements
from netlists.topology import DeviceKey, Element, split_parameters, subcircuit_name

if TYPE_CHECKING:
    from netlists.testbench import Testbench

__all__ = ["CompiledNetlist", "compiled_netlist"]

_INNER = re.compile(r"(?i)v\(x([rm]_\d+_\d+)\.(\w+)\)\Z")
# From here on KLU beats the simulator's own sparse solver (measured in ngspice 46).
KLU_CELLS = 1024


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
    match = _INNER.match(name)
    return f"v(n{match[1].lower()}#{match[2].lower()})" if match else name


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


def module_text(model: CompactModel, instance_parameters: tuple[str, ...]) -> str:
    """Verilog-A text whose numbers, where possible, are those of the shipped parameter file.

    The numbers of `model` itself go onto its model card.
    """
    shipped = _shipped(model.name)
    if shipped is not None and _same_equations(shipped, model):
        model = shipped
    return _text(DeviceKey.of(model, instance_parameters))


def _card(model: CompactModel) -> str:
    return f"{subcircuit_name(model)}_card"


def _instance(element: Element) -> str:
    words = [f"n{element.name[1:]}", *element.nodes, f"{element.model}_card"]
    words += [f"{name}={number(value)}" for name, value in element.parameters.items()]
    return " ".join(words)


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
    from compact_models.emit.ngspice import default_instance_parameters

    array = testbench.built_array
    selector = array.cell.selector
    lines: list[str] = []
    if selector is not None and not isinstance(selector, CompactModel):
        lines += check_library_lines(selector.library)
    modules: dict[str, str] = {}
    compiled: set[str] = set()
    for model, values in (
        (array.cell.reram, array.parameters),
        (selector, array.selector_parameters),
    ):
        if not isinstance(model, CompactModel):
            continue
        common, single = split_parameters(values, model)
        names = tuple(sorted({*default_instance_parameters(model), *single}))
        text = module_text(model, names)
        stem = f"{model.name}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        modules[stem] = text
        compiled.add(subcircuit_name(model))
        card = {**dict(model.parameters), **common}
        words = [f".model {_card(model)} {model.name}"]
        words += [f"{name}={number(value)}" for name, value in card.items()]
        lines.append("\n+ ".join(words))
    rest = []
    for element in testbench_elements(testbench):
        if element.role in ("reram", "selector") and element.model in compiled:
            lines.append(_instance(element))
        else:
            rest.append(element)
    names = testbench.vector_names()
    klu = ("klu",) if array.rows * array.cols >= KLU_CELLS else ()
    text = assemble(
        testbench,
        raw,
        preamble="".join(f"{line}\n" for line in lines),
        elements=rest,
        vectors=tuple(vector_name(name) for name in names),
        before=tuple(f"pre_osdi {stem}.osdi" for stem in modules),
        options=klu,
    )
    renamed = {name: vector_name(name) for name in names}
    return CompiledNetlist(
        text=text,
        modules=modules,
        vectors={name: new for name, new in renamed.items() if name != new},
    )
