"""A testbench as a netlist for VACASK, a simulator that knows compiled devices only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from compact_models.errors import NetlistError
from compact_models.model import CompactModel
from netlists.analysis import OperatingPoint, Transient
from netlists.names import check_text
from netlists.osdi import CompiledNetlist, device_modules
from netlists.spice import number, testbench_elements
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.testbench import Testbench
    from netlists.topology import Element

_INNER = re.compile(r"(?i)v\(x([rm]_\d+_\d+)\.(\w+)\)\Z")


def vector_name(name: str) -> str:
    """A raw vector of ngspice as VACASK calls it."""
    inner = _INNER.match(name)
    if inner:
        return f"n{inner[1]}:{inner[2]}".lower()
    kind, _, rest = name.partition("(")
    return rest[:-1].lower() if kind == "v" else f"{rest[:-1].lower()}:flow(br)"


def _source(testbench: Testbench, element: Element) -> str:
    wave = testbench.drives[element.name[1:]]
    if not isinstance(wave, Waveform):
        raise NetlistError(thing="source without a waveform", value=element.name)
    head = f"{element.name} ({' '.join(element.nodes)}) voltage dc={number(wave.values[0])}"
    if wave.is_constant or not isinstance(testbench.analysis, Transient):
        return head
    points = list(zip(wave.times, wave.values, strict=True))
    if points[0][0] > 0:
        points.insert(0, (0.0, points[0][1]))
    if points[-1][0] < testbench.analysis.stop:
        points.append((2 * testbench.analysis.stop, points[-1][1]))
    flat = ", ".join(f"{number(t)}, {number(u)}" for t, u in points)
    return f'{head} type="pwl" wave=[{flat}]'


def vacask_netlist(testbench: Testbench) -> CompiledNetlist:
    """Netlist of an operating point or a transient.

    Raises
    ------
    NetlistError
        A sweep, an attachment or a foundry card, which VACASK cannot run as we write them.
    """
    array, analysis = testbench.built_array, testbench.analysis
    for there, what in (
        (not isinstance(analysis, OperatingPoint | Transient), "a DC sweep"),
        (testbench.attachments, "attachments, which are SPICE text"),
        (
            not isinstance(array.cell.selector, CompactModel | None),
            "a foundry card, which is SPICE text",
        ),
    ):
        if there:
            raise NetlistError(
                thing=f"the testbench has {what}",
                limit="operating point or transient of our own devices in VACASK",
                next_step="Run it in ngspice",
            )
    title = check_text(testbench.title, "testbench title")
    devices = device_modules(testbench)
    lines = [f"reram-cosim: {title}", 'load "resistor.osdi"', 'load "capacitor.osdi"']
    lines += [f'load "{device.stem}.osdi"' for device in devices.values()]
    lines += ["model voltage vsource", "model resistance resistor", "model capacitance capacitor"]
    for device in devices.values():
        # VACASK folds the names of compiled parameters, and of nothing else.
        values = " ".join(f"{n.lower()}={number(x)}" for n, x in device.card.items())
        lines.append(f"model {device.name}_card {device.name} ( {values} )")
    for e in testbench_elements(testbench):
        nodes = " ".join(e.nodes)
        if e.kind == "source":
            lines.append(_source(testbench, e))
        elif e.kind == "device":
            values = "".join(f" {n.lower()}={number(x)}" for n, x in e.parameters.items())
            lines.append(f"n{e.name[1:]} ({nodes}) {e.model}_card{values}")
        else:
            letter = "r" if e.kind == "resistor" else "c"
            model = "resistance" if e.kind == "resistor" else "capacitance"
            lines.append(f"{e.name} ({nodes}) {model} {letter}={number(float(e.value or 0.0))}")
    o = testbench.options
    method = "gear2" if o.method == "gear" else "trap"
    lines += [
        "control",
        f"  options reltol={number(o.reltol)} abstol={number(o.abstol)} "
        f'vntol={number(o.vntol)} gmin={number(o.gmin)} tran_method="{method}" '
        f'tran_lteratio={number(o.step_tolerance)} rawfile="binary"',
    ]
    if isinstance(analysis, Transient):
        longest = analysis.stop / 50 if analysis.max_step is None else analysis.max_step
        lines.append(
            f"  analysis result tran step={number(min(analysis.step, longest))} "
            f"stop={number(analysis.stop)} maxstep={number(longest)}"
        )
    else:
        lines.append("  analysis result op")
    lines.append("endc")
    return CompiledNetlist(
        text="\n".join(lines) + "\n",
        modules={device.stem: device.text for device in devices.values()},
        vectors={name: vector_name(name) for name in testbench.vector_names()},
    )
