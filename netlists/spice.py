"""The text of a complete netlist."""

from __future__ import annotations

import textwrap
from dataclasses import fields
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.analysis import DcSweep, Transient
from netlists.names import check_definition, check_name
from netlists.topology import Element, definitions, driver_node, to_circuit
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

SWEEP = "sweep_value"
# Cells from which KLU beats the simulator's own sparse solver. With wires, a pulse in ngspice 46:
# compiled devices 1.5 times at 16 x 16 and 3 times at 32 x 32, subcircuits 8 times at 16 x 16.
_KLU_CELLS = 256
_FAR = 1e3
"""A pulse train that must not repeat gets a period this many times its length."""


def number(value: float) -> str:
    """A float as text that reads back as the same float, without SPICE suffixes."""
    return repr(float(value))


def _wrap(words: list[str], width: int = 110) -> str:
    """Words on lines that SPICE joins again."""
    return "\n+ ".join(
        textwrap.wrap(" ".join(words), width, break_long_words=False, break_on_hyphens=False)
    )


def source_text(wave: Waveform, stop: float) -> str:
    """DC value, PULSE, or PWL of a waveform in a transient that ends at `stop`."""
    if wave.is_constant:
        return f"DC {number(wave.values[0])}"
    train = _as_pulse(wave, stop)
    if train is not None:
        return train
    points = [number(x) for pair in zip(wave.times, wave.values, strict=True) for x in pair]
    return _wrap(["PWL(", *points, ")"])


def _as_pulse(wave: Waveform, stop: float) -> str | None:
    """PULSE text when the waveform is equal trapezoids until `stop`, else None."""
    times, values = wave.breakpoints, np.asarray(wave.values)
    base = values[0]
    top = values[np.argmax(np.abs(values - base))]
    rising = np.flatnonzero((values[:-1] == base) & (values[1:] == top))
    count = rising.size
    if count == 0 or not np.isin(values, (base, top)).all():
        return None
    corners = rising[:, None] + np.arange(4)
    if corners.max() >= times.size or (values[corners] != [base, top, top, base]).any():
        return None
    inside = np.zeros(times.size, dtype=bool)
    inside[corners] = True
    if (values[~inside] != base).any():
        return None
    starts = times[rising]
    shapes = np.diff(times[corners], axis=1)
    scale = 1e-9 * times[-1]
    if np.ptp(shapes, axis=0).max() > 1e-6 * shapes.min():
        return None
    rise, width, fall = shapes[0]
    if count == 1:
        period = _FAR * max(stop, wave.duration)
    else:
        period = (starts[-1] - starts[0]) / (count - 1)
        if np.abs(starts - starts[0] - period * np.arange(count)).max() > scale:
            return None
        # PULSE never ends, so the next pulse must lie beyond the end of the run.
        if starts[-1] + period < stop * (1 - 1e-9):
            return None
    values_text = " ".join(number(x) for x in (base, top, starts[0], rise, fall, width, period))
    return f"PULSE({values_text})"


def _swept_text(wave: Waveform) -> str:
    """Behavioural voltage that follows the sweep value."""
    times, values = list(wave.times), list(wave.values)
    # pwl() runs on along its last slope outside its points: hold the ends instead.
    span = max(1.0, times[-1] - times[0])
    times = [times[0] - _FAR * span, *times, times[-1] + _FAR * span]
    values = [values[0], *values, values[-1]]
    pairs = [f"{number(t)},{number(v)}" for t, v in zip(times, values, strict=True)]
    return _wrap([f"pwl(v({SWEEP}),", *[p + "," for p in pairs[:-1]], pairs[-1] + ")"])


def testbench_elements(testbench: Testbench) -> list[Element]:
    """Elements of the array, its sources and the attachments."""
    array = testbench.built_array
    return (
        array.elements(testbench.floating)
        + _junction_elements(array, testbench.options.gmin)
        + stimulus_elements(testbench)
    )


def _junction_elements(array: Array, gmin: float) -> list[Element]:
    """The simulator's ``gmin`` across every channel, as it has on its built-in transistors.

    Newton starts from zero, and with gate and states at zero too the node between memory
    device and transistor hangs on nothing: the matrix is singular, the first pivots fall on
    the wrong elements, and ngspice keeps them. With it a 16 x 20 read took 6 iterations and
    24 000 fill-ins in ngspice 39, instead of 33 and 158 000. Initial guesses (``.nodeset``)
    do the same, at a cost that grows with the square of the number of cells.
    """
    if not isinstance(array.cell.selector, CompactModel):
        return []
    lines = array.line_set("sl")
    return [
        Element("resistor", f"rg_{i}_{j}", (f"mid_{i}_{j}", lines.node_at(i, j)), 1 / gmin)
        for i in range(array.rows)
        for j in range(array.cols)
    ]


def stimulus_elements(testbench: Testbench) -> list[Element]:
    """Sources and attachments of a testbench."""
    array, analysis = testbench.array, testbench.analysis
    elements: list[Element] = []
    stop = analysis.stop if isinstance(analysis, Transient) else 0.0
    swept = False
    for lines in array.line_sets.values():
        for line, driver in enumerate(lines.drivers):
            wave = testbench.drives[driver]
            if not isinstance(wave, Waveform):
                continue
            name = testbench.source_name(driver)
            if name[0] == "b":
                swept, value = True, _swept_text(wave)
            elif isinstance(analysis, Transient):
                value = source_text(wave, stop)
            else:
                value = f"DC {number(wave.values[0])}"
            nodes = (driver_node(lines, line, array.parasitics.r_feed), "0")
            elements.append(Element("source", name, nodes, value, role="driver"))
    if swept or isinstance(analysis, DcSweep):
        elements.append(Element("source", f"v{SWEEP}", (SWEEP, "0"), "DC 0.0", role="sweep"))
    for a in testbench.attachments:
        elements.append(
            Element("device", f"x{a.name}", a.nodes, None, a.subcircuit, "attachment", a.parameters)
        )
    return elements


@lru_cache(maxsize=1)
def package_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("reram-cosim")
    except PackageNotFoundError:
        return "unknown"


def _device_text(array: Array) -> str:
    parts = []
    for device in (array.cell.reram, array.cell.selector):
        if isinstance(device, CompactModel):
            parts.append(f"{device.name} ({device.parameters.fingerprint})")
        elif device is not None:
            kind = "Verilog-A" if isinstance(device, ForeignModel) else "foundry card"
            parts.append(f"{check_name(device.name)} ({kind})")
    return ", ".join(parts)


def _header(testbench: Testbench) -> str:
    array = testbench.built_array
    seed = "none" if testbench.seed is None else str(int(testbench.seed))
    wires = ", ".join(
        f"{name} = {getattr(array.parasitics, name):g}"
        for name in (f.name for f in fields(array.parasitics))
        if getattr(array.parasitics, name)
    )
    lines = (
        f"reram-cosim {package_version()}: {testbench.title}",
        f"circuit: {array.name}, {array.rows} x {array.cols}, {array.layout.value} lines",
        f"devices and parameter fingerprints: {_device_text(array)}",
        f"array fingerprint: {array.fingerprint}",
        f"wires per segment and feeds: {wires or 'ideal'}",
        f"seed: {seed}",
        "run: ngspice -b FILE",
    )
    return "".join(f"* {line}\n" for line in lines)


def _analysis_command(testbench: Testbench) -> str:
    analysis = testbench.analysis
    if isinstance(analysis, Transient):
        longest = analysis.stop / 50 if analysis.max_step is None else analysis.max_step
        step = min(analysis.step, longest)
        times = (step, analysis.stop, analysis.save_from, longest)
        return "tran " + " ".join(number(t) for t in times)
    if isinstance(analysis, DcSweep):
        # ngspice adds up its steps: without room for their rounding it loses the last point.
        stop = analysis.points[-1] + 0.25 * analysis.step
        words = (analysis.start, stop, analysis.step)
        return f"dc v{SWEEP} " + " ".join(number(w) for w in words)
    return "op"


def _options(testbench: Testbench, more: tuple[str, ...] = ()) -> str:
    o = testbench.options
    words = [
        ".options",
        f"reltol={number(o.reltol)}",
        f"abstol={number(o.abstol)}",
        f"vntol={number(o.vntol)}",
        f"gmin={number(o.gmin)}",
        f"trtol={number(o.step_tolerance)}",
        f"method={o.method}",
        "noacct",
        "noinit",
        *more,
    ]
    if o.max_iterations is not None:
        words.append(f"itl4={o.max_iterations}")
    if testbench.temperature is not None:
        words.append(f"temp={number(testbench.temperature - 273.15)}")
    return _wrap(words)


def solver_options(array: Array) -> tuple[str, ...]:
    """KLU for large arrays; an ngspice built without it ignores the word."""
    return ("klu",) if array.rows * array.cols >= _KLU_CELLS else ()


def assemble(
    testbench: Testbench,
    raw: str,
    *,
    preamble: str,
    elements: list[Element],
    vectors: tuple[str, ...],
    before: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
) -> str:
    """Complete netlist from its parts.

    Parameters
    ----------
    preamble : str
        Definitions, and elements that are text already.
    vectors : tuple of str
        What is saved.
    before : tuple of str
        First lines of the control block.
    options : tuple of str
        Words added to the simulator's options.
    """
    stem, _, ending = raw.partition(".")
    check_name(stem, "raw file name")
    check_name(ending, "ending of the raw file name")
    texts = dict.fromkeys(check_definition(a.definition) for a in testbench.attachments)
    preamble += "".join(f"{text}\n" for text in texts)
    body = str(to_circuit(elements, testbench.title, preamble))
    control = (
        ".control",
        *before,
        "set num_threads=1",
        "set filetype=binary",
        _analysis_command(testbench),
        f"write {raw}",
        "quit 0",
        ".endc",
    )
    saves = _wrap([".save", *vectors])
    tail = "\n".join((_options(testbench, options), saves, *control, ".end"))
    return f"{_header(testbench)}{body.rstrip()}\n{tail}\n"


def netlist(testbench: Testbench, raw: str = "result.raw") -> str:
    """Complete netlist of a testbench; see :meth:`netlists.testbench.Testbench.spice`."""
    return assemble(
        testbench,
        raw,
        preamble=definitions(testbench.built_array),
        elements=testbench.elements(),
        vectors=testbench.vector_names(),
        options=solver_options(testbench.array),
    )
