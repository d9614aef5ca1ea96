"""Electrical rules find what is wrong and stay quiet about what is right."""

from __future__ import annotations

import pytest

from compact_models import load_model
from compact_models.errors import NetlistError
from netlists import (
    Array,
    Attachment,
    Cell,
    Drive,
    Parasitics,
    Testbench,
    Transient,
    Waveform,
    bias,
)
from netlists.limits import Finding
from netlists.rules import check, graph_findings
from netlists.topology import Element, to_graph

WIRES = Parasitics(r_row=0.35, r_col=0.35, r_word=1.0)


@pytest.fixture(scope="module")
def array() -> Array:
    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")), rows=3, cols=2, parasitics=WIRES
    )


def _bench(array: Array, drives: bias.Drives, **more: object) -> Testbench:
    return Testbench(array=array, drives=drives, probes=("cell_current",), **more)  # type: ignore[arg-type]


def _rules(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(f.rule, f.severity) for f in findings}


def test_a_good_testbench_has_no_findings(array: Array) -> None:
    assert check(_bench(array, bias.read(array, 0.2))) == []
    for voltage in (1.35, -1.3):
        drives = bias.one_cell(array, (1, 1), Waveform.pulse(voltage, 1e-6), gate=1.4)
        bench = _bench(array, drives, analysis=Transient(stop=2e-6, step=1e-8))
        assert bench.check() == ()


def test_a_floating_gate_is_found(array: Array) -> None:
    drives = bias.read(array, 0.2) | {"wl1": None}
    with pytest.raises(NetlistError, match=r"floating node.*2 nodes.*wl_1_0, wl_1_1"):
        _bench(array, drives).check()


def test_floating_bit_lines_are_held_by_their_cells(array: Array) -> None:
    drives = bias.one_cell(array, (0, 0), 0.2, scheme="floating")
    assert _bench(array, drives).check() == ()


def test_a_circuit_without_any_voltage_has_no_ground(array: Array) -> None:
    drives: bias.Drives = dict.fromkeys(array.drivers)
    with pytest.raises(NetlistError, match="ground"):
        _bench(array, drives).spice()


def test_sources_in_parallel_are_found() -> None:
    elements = [
        Element("source", "vbl0", ("a", "0"), "DC 1.0", role="driver"),
        Element("source", "vbl1", ("b", "0"), "DC 0.5", role="driver"),
        Element("resistor", "r1", ("a", "b"), 10.0),
    ]
    assert graph_findings(to_graph(elements)) == []
    shorted = [*elements, Element("source", "vamp", ("b", "a"), "DC 0.0", role="driver")]
    (finding,) = graph_findings(to_graph(shorted))
    assert finding.rule == "shorted drivers"
    assert "vamp" in finding.thing
    assert "vbl0" in finding.thing
    through_wire = [*elements[:2], Element("resistor", "r1", ("a", "b"), 0.0)]
    assert _rules(graph_findings(to_graph(through_wire))) == {("shorted drivers", "error")}
    on_itself = [*elements, Element("source", "vs", ("a", "a"), "DC 1.0", role="driver")]
    assert _rules(graph_findings(to_graph(on_itself))) == {("shorted drivers", "error")}


def test_voltages_beyond_the_device_limits_are_named(array: Array) -> None:
    _, high = array.cell.reram.limits["top", "bottom"]
    drives = bias.every_cell(array, high + 0.5, gate=1.2)
    with pytest.raises(NetlistError, match=r"device limit.*top to bottom of cmo_hfox") as caught:
        _bench(array, drives).check()
    assert caught.value.value == pytest.approx(high + 0.5)
    assert f"{high:g} V" in caught.value.limit
    assert ("device limit", "error") in _rules(
        check(_bench(array, bias.read(array, 0.2, gate=6.0)))
    )


def test_a_pulse_counts_at_its_worst_moment(array: Array) -> None:
    high = array.cell.reram.limits["top", "bottom"][1]
    half = Waveform.pulse(0.6 * high, 1e-6)
    later = Waveform.pulse(0.6 * high, 1e-6, delay=2e-6)
    together = bias.read(array, 0.0, gate=0.5) | {"bl0": half, "sl0": -half}
    apart = bias.read(array, 0.0, gate=0.5) | {"bl0": half, "sl0": -later}
    timing = {"analysis": Transient(stop=4e-6, step=1e-8)}
    assert ("device limit", "error") in _rules(check(_bench(array, together, **timing)))
    assert ("device limit", "error") not in _rules(check(_bench(array, apart, **timing)))


def test_negative_lines_with_a_transistor_give_a_warning(array: Array) -> None:
    bench = _bench(array, bias.read(array, -1.3, gate=1.2))
    (warning,) = bench.check()
    assert warning.rule == "bulk junction"
    assert "RESET" in str(warning)


def test_what_has_no_effect_gives_a_warning() -> None:
    array = Array(Cell(load_model("resistor")), rows=2, cols=2, parasitics=WIRES)
    drives = bias.every_cell(array, Waveform.train(1.0, 1e-6, 2e-6, 10))
    bench = _bench(array, drives, analysis=Transient(stop=3e-6, step=1e-8))
    assert [w.rule for w in bench.check()] == ["unused parasitics", "cut stimulus"]


def test_unwired_attachments_and_undriven_lines_are_judged_as_part_of_the_circuit() -> None:
    cell = Cell(load_model("resistor"))
    undriven = Array(cell, rows=1, cols=2, drive=Drive(source_line="floating"))
    bench = _bench(undriven, {"bl0": Waveform.constant(0.2)})
    assert bench.check() == ()
    amplifier = Attachment(
        name="amp",
        subcircuit="amp",
        definition=".subckt amp a b\nr1 a 0 1\nr2 b 0 1\n.ends",
        nodes=("sl_0", "out"),
    )
    sensed = bench.replace(attachments=(amplifier,), probes=("v(out)",))
    assert sensed.check() == ()
    assert "Xamp sl_0 out amp" in sensed.spice()


def test_large_arrays_are_judged_by_their_lines(
    array: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = _bench(array, bias.read(array, 0.2) | {"wl1": None})
    monkeypatch.setattr("netlists.rules.LARGEST_GRAPH", 1)
    with pytest.raises(NetlistError, match=r"floating node.*wl_1"):
        bad.check()
    assert _bench(array, bias.read(array, 0.2)).check() == ()
