"""A testbench as a netlist for VACASK, a simulator that knows compiled devices only.

Our devices are the modules that ngspice gets. A foundry's SPICE files are read by VACASK itself,
with its own compiled transistors; attachments are translated
(:mod:`netlists.vacask_attachments`). In a sweep every driver's voltages are a list, and what is
swept is the position in all of them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from compact_models.errors import NetlistError
from compact_models.model import CompactModel
from netlists.analysis import DcSweep, Transient
from netlists.names import check_definition, check_library_lines, check_text
from netlists.nodes import inner_node
from netlists.osdi import CompiledNetlist, Device, device_modules
from netlists.spice import number, testbench_elements
from netlists.vacask_attachments import Part, translate
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.testbench import Testbench
    from netlists.topology import Element

_POINT = "sweep_point"


def vector_name(name: str) -> str:
    """A raw vector of ngspice as VACASK calls it."""
    inner = inner_node(name)
    if inner:
        return f"n{inner.device}:{inner.node}".lower()
    kind, _, rest = name.partition("(")
    rest = rest[:-1].lower()
    if kind == "v":
        return _node(rest)
    # What a sweep moves is a behavioural source in ngspice, and an ordinary one here.
    return f"{'v' + rest[1:] if rest[0] == 'b' else rest}:flow(br)"


def _node(name: str) -> str:
    """VACASK tells cases apart, and a raw vector has none."""
    return name.replace(".", "__").lower()


def _nodes(element: Element, more: tuple[str, ...] = ()) -> str:
    return " ".join(_node(n) for n in (*element.nodes, *more))


def _source(testbench: Testbench, element: Element) -> str:
    wave = testbench.drives[element.name[1:]]
    if not isinstance(wave, Waveform):
        raise NetlistError(thing="source without a waveform", value=element.name)
    head = f"v{element.name[1:]} ({_nodes(element)}) voltage dc="
    analysis = testbench.analysis
    if isinstance(analysis, DcSweep) and not wave.is_constant:
        values = ", ".join(number(u) for u in wave.at(analysis.points))
        return f"{head}[{values}][{_POINT}]"
    head += number(wave.values[0])
    if wave.is_constant or not isinstance(analysis, Transient):
        return head
    points = list(zip(wave.times, wave.values, strict=True))
    if points[0][0] > 0:
        points.insert(0, (0.0, points[0][1]))
    if points[-1][0] < analysis.stop:
        points.append((2 * analysis.stop, points[-1][1]))
    flat = ", ".join(f"{number(t)}, {number(u)}" for t, u in points)
    return f'{head} type="pwl" wave=[{flat}]'


def _library(line: str) -> str:
    """A library line of SPICE, for VACASK's own reader of such files."""
    _, path, section = re.match(r'\.(\w+) "([^"]+)" ?(\w*)', line).groups()  # type: ignore[union-attr]
    return f'include "{path}" lang=ngspice' + (f" section={section}" if section else "")


def _attachment_parts(testbench: Testbench) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for text in dict.fromkeys(check_definition(a.definition) for a in testbench.attachments):
        parts |= translate(text)
    return parts


def _stem(part: Part) -> str:
    return f"{part.name}_{hashlib.sha256(part.module.encode()).hexdigest()[:12]}"


def _element(
    testbench: Testbench, e: Element, devices: dict[str, Device], parts: dict[str, Part]
) -> str:
    if e.kind == "source":
        return _source(testbench, e)
    if e.kind == "resistor":
        return f"{e.name} ({_nodes(e)}) resistance r={number(float(e.value or 0.0))}"
    if e.kind == "capacitor":
        return f"{e.name} ({_nodes(e)}) capacitance c={number(float(e.value or 0.0))}"
    if e.role in devices:
        outside = tuple(f"{e.name}.{n}" for n in devices[e.role].outside)
        # VACASK folds the names of compiled parameters, and of nothing else.
        values = "".join(f" {n.lower()}={number(x)}" for n, x in e.parameters.items())
        return f"n{e.name[1:]} ({_nodes(e, outside)}) {e.model}_card{values}"
    prefix, master = "", e.model.lower()
    if e.role == "attachment":
        part = parts.get(master)
        if part is None:
            raise NetlistError(
                thing="an attachment's definition has no such subcircuit", value=e.model
            )
        if part.module:
            prefix, master = "p_", f"{master}_card"
    values = "".join(f" {prefix}{n.lower()}={number(x)}" for n, x in e.parameters.items())
    return f"{e.name} ({_nodes(e)}) {master}{values}"


def _options(testbench: Testbench) -> str:
    o = testbench.options
    method = "gear2" if o.method == "gear" else "trap"
    words = [
        f"options reltol={number(o.reltol)} abstol={number(o.abstol)} vntol={number(o.vntol)}",
        f'gmin={number(o.gmin)} tran_method="{method}" tran_lteratio={number(o.step_tolerance)}',
        'rawfile="binary"',
    ]
    if o.max_iterations is not None:
        words.append(f"tran_itl={o.max_iterations}")
    if testbench.temperature is not None:
        words.append(f"temp={number(testbench.temperature - 273.15)}")
    return " ".join(words)


def _analysis(testbench: Testbench) -> list[str]:
    analysis = testbench.analysis
    if isinstance(analysis, Transient):
        longest = analysis.stop / 50 if analysis.max_step is None else analysis.max_step
        return [
            f"analysis result tran step={number(min(analysis.step, longest))} "
            f"stop={number(analysis.stop)} start={number(analysis.save_from)} "
            f"maxstep={number(longest)}"
        ]
    if isinstance(analysis, DcSweep):
        count = ", ".join(str(k) for k in range(len(analysis.points)))
        return [
            f"var {_POINT}=0",
            f'sweep {_POINT} variable="{_POINT}" values=[{count}]',
            "analysis result op",
        ]
    return ["analysis result op"]


def _save(vectors: dict[str, str]) -> list[str]:
    """Only what was asked for, some names a line."""
    words = [
        f'i("{new.partition(":")[0]}")' if name.startswith("i(") else f'v("{new}")'
        for name, new in vectors.items()
    ]
    return ["save " + " ".join(words[k : k + 50]) for k in range(0, len(words), 50)]


def vacask_netlist(testbench: Testbench) -> CompiledNetlist:
    """Netlist of a testbench.

    Raises
    ------
    NetlistError
        An attachment that has no form in VACASK, or somebody's compiled device.
    """
    selector = testbench.built_array.cell.selector
    title = check_text(testbench.title, "testbench title")
    devices = device_modules(testbench)
    parts = _attachment_parts(testbench)
    modules = {device.stem: device.text for device in devices.values()}
    modules |= {_stem(part): part.module for part in parts.values() if part.module}
    lines = [f"reram-cosim: {title}", 'load "resistor.osdi"', 'load "capacitor.osdi"']
    lines += [f'load "{stem}.osdi"' for stem in modules]
    if selector is not None and not isinstance(selector, CompactModel):
        if getattr(selector, "definition", "") or getattr(selector, "modules", None):
            raise NetlistError(
                thing="VACASK is given transistors of a foundry's own library files only",
                value=selector.name,
                limit="no wrapping subcircuit, no compiled models beside the library",
                next_step="Run it in ngspice",
            )
        lines += [_library(line) for line in check_library_lines(selector.library)]
    lines += ["model voltage vsource", "model current isource"]
    lines += ["model resistance resistor", "model capacitance capacitor"]
    for device in devices.values():
        values = " ".join(f"{n.lower()}={number(x)}" for n, x in device.card.items())
        lines.append(f"model {device.name}_card {device.module} ( {values} )")
    for part in parts.values():
        lines.append(f"model {part.name}_card {part.name}" if part.module else part.text)
    for element in testbench_elements(testbench):
        # Stands for the swept value in ngspice.
        if element.role != "sweep":
            lines.append(_element(testbench, element, devices, parts))
    vectors = {}
    for name in testbench.vector_names():
        inner = inner_node(name)
        own = devices.get(inner.role) if inner else None
        outside = {n.lower() for n in own.outside} if own else set()
        shared = inner is not None and inner.node.lower() in outside
        vectors[name] = _node(name[2:-1].lower()) if shared else vector_name(name)
    control = [_options(testbench), *_save(vectors), *_analysis(testbench)]
    lines += ["control", *(f"  {line}" for line in control), "endc"]
    return CompiledNetlist(text="\n".join(lines) + "\n", modules=modules, vectors=vectors)
