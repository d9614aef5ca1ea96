"""Arrays: nodes, drivers, parameters, circuit and graph of one topology."""

from __future__ import annotations

import pickle
import time

import networkx as nx
import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import NetlistError, ParameterError
from netlists import Array, Cell, Drive, Layout, OperatingPoint, Parasitics, Testbench, bias
from netlists.topology import Element

WIRES = Parasitics(r_row=0.35, r_col=0.5, r_word=2.0, c_row=1e-15, r_driver=10.0)


@pytest.fixture(scope="module")
def resistor() -> Cell:
    return Cell(load_model("resistor"))


@pytest.fixture(scope="module")
def one_transistor() -> Cell:
    return Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))


def _by_name(elements: list[Element]) -> dict[str, Element]:
    return {e.name: e for e in elements}


def test_crossing_lines_without_resistance_are_single_nodes(resistor: Cell) -> None:
    elements = _by_name(Array(resistor, rows=2, cols=3).elements())
    assert set(elements) == {f"xr_{i}_{j}" for i in range(2) for j in range(3)}
    assert elements["xr_1_2"].nodes == ("bl_1", "sl_2")


def test_parallel_lines_share_their_column(resistor: Cell) -> None:
    array = Array(resistor, rows=2, cols=3, layout=Layout.PARALLEL)
    assert _by_name(array.elements())["xr_1_2"].nodes == ("bl_2", "sl_2")
    assert array.line_set("bl").count == 3
    assert array.drivers == ("bl0", "bl1", "bl2", "sl0", "sl1", "sl2")


def test_cell_with_transistor_is_wired_as_documented(one_transistor: Cell) -> None:
    elements = _by_name(Array(one_transistor, rows=2, cols=2).elements())
    assert elements["xr_1_0"].nodes == ("bl_1", "mid_1_0")
    assert elements["xm_1_0"].nodes == ("mid_1_0", "wl_1", "sl_0", "0")
    column = _by_name(Array(one_transistor, rows=2, cols=2, word_lines="column").elements())
    assert column["xm_1_0"].nodes == ("mid_1_0", "wl_0", "sl_0", "0")


@pytest.mark.parametrize(
    ("ends", "feeds"),
    [
        ("start", {"rbl1_start": "bl_1_0"}),
        ("end", {"rbl1_end": "bl_1_2"}),
        ("both", {"rbl1_start": "bl_1_0", "rbl1_end": "bl_1_2"}),
        ("floating", {}),
    ],
)
def test_drivers_feed_the_ends_asked_for(resistor: Cell, ends: str, feeds: dict[str, str]) -> None:
    array = Array(resistor, rows=2, cols=3, parasitics=WIRES, drive=Drive(bit_line=ends))  # type: ignore[arg-type]
    elements = _by_name(array.elements())
    found = {n: e for n, e in elements.items() if e.role == "feed" and n.startswith("rbl1")}
    assert {n: e.nodes for n, e in found.items()} == {n: ("bl1", end) for n, end in feeds.items()}
    assert all(e.value == pytest.approx(10.35) for e in found.values())
    assert ("bl0" in array.drivers) == (ends != "floating")


def test_wires_count_segments_and_capacitors(one_transistor: Cell) -> None:
    elements = Array(one_transistor, rows=3, cols=4, parasitics=WIRES).elements()
    segments = [e for e in elements if e.role == "line" and e.kind == "resistor"]
    # Three bit lines of 4 cells, four source lines of 3, three word lines of 4.
    assert len(segments) == 3 * 3 + 4 * 2 + 3 * 3
    assert sum(e.value for e in elements if e.kind == "capacitor") == pytest.approx(12e-15)
    ideal = Array(one_transistor, rows=3, cols=4, parasitics=Parasitics(c_row=1e-15)).elements()
    assert [e.value for e in ideal if e.kind == "capacitor"] == pytest.approx([4e-15] * 3)


def test_only_differing_parameters_are_written(one_transistor: Cell) -> None:
    default = one_transistor.reram.parameters["c_0"]
    c_0 = np.array([[default, 3.77]])
    array = Array(one_transistor, rows=1, cols=2, parameters={"c_0": c_0, "R_th": 1.5e6})
    elements = _by_name(array.elements())
    assert elements["xr_0_0"].parameters == {}
    assert elements["xr_0_1"].parameters == {"c_0": 3.77}
    text = str(array.circuit())
    assert "Xr_0_1 bl_0 mid_0_1 cmo_hfox c_0=3.77" in text
    # What all cells share is a number in the subcircuit.
    assert "R_th" not in text


def test_parameters_are_checked(resistor: Cell, one_transistor: Cell) -> None:
    with pytest.raises(ParameterError, match="resistance"):
        Array(resistor, rows=1, cols=1, parameters={"resistence": 1.0})
    with pytest.raises(ParameterError, match="shape"):
        Array(resistor, rows=2, cols=3, parameters={"resistance": np.ones((3, 2))})
    with pytest.raises(ParameterError, match="finite"):
        Array(resistor, rows=1, cols=1, parameters={"resistance": [[np.nan]]})
    with pytest.raises(ParameterError, match="below"):
        Array(resistor, rows=1, cols=1, parameters={"resistance": -5.0})
    with pytest.raises(ParameterError, match="without selector"):
        Array(resistor, rows=1, cols=1, selector_parameters={"W": 1.0})
    with pytest.raises(NetlistError):
        Array(resistor, rows=0, cols=1)
    with pytest.raises(NetlistError):
        Cell(one_transistor.selector)  # type: ignore[arg-type]
    with pytest.raises(NetlistError):
        Cell(resistor.reram, resistor.reram)
    with pytest.raises(NetlistError):
        Parasitics(r_row=-1.0)


def test_the_fingerprint_is_that_of_what_the_array_does(one_transistor: Cell) -> None:
    array = Array(one_transistor, rows=2, cols=2)
    assert Array(one_transistor, rows=np.int64(2), cols=2).fingerprint == array.fingerprint
    frozen = Cell(one_transistor.reram.freeze("phi"), one_transistor.selector)
    assert Array(frozen, rows=2, cols=2).fingerprint != array.fingerprint
    with pytest.raises(NetlistError, match=r"layout: 'diagonal' .allowed: crossing, parallel"):
        Array(one_transistor, rows=2, cols=2, layout="diagonal")  # type: ignore[arg-type]


def test_states_are_carried_from_a_result(one_transistor: Cell) -> None:
    array = Array(one_transistor, rows=2, cols=2)
    final = {"final_c": np.full((2, 2), 2.5), "final_phi": np.eye(2), "final_dT": np.ones((2, 2))}
    later = array.with_states(final)
    assert (later.initial_state("c") == 2.5).all()
    assert (later.initial_state("phi") == np.eye(2)).all()
    assert set(later.parameters) == {"c_0", "phi_0"}
    assert later.fingerprint != array.fingerprint
    with pytest.raises(ParameterError, match="final_c"):
        array.with_states({"something": 1})


def test_graph_and_circuit_show_the_same_topology(one_transistor: Cell) -> None:
    array = Array(one_transistor, rows=3, cols=2, parasitics=WIRES)
    graph = array.graph()
    names = {data["name"] for _, _, data in graph.edges(data=True)}
    circuit = array.circuit()
    assert names == {element.name.lower() for element in circuit.elements}
    assert {str(node) for node in circuit.node_names} == set(graph.nodes)
    assert nx.is_connected(graph)


def test_from_sheet_multiplies_squares() -> None:
    wires = Parasitics.from_sheet(
        sheet_resistance=0.07,
        width=0.2e-6,
        pitch=1e-6,
        capacitance_per_length=2e-10,
        word_sheet_resistance=8.0,
    )
    assert wires.r_row == wires.r_col == pytest.approx(0.35)
    assert wires.r_word == pytest.approx(40.0)
    assert wires.c_word == pytest.approx(2e-16)
    for wrong in ({"word_width": 0.0}, {"capacitance_per_length": "a"}, {"sheet_resistance": -1}):
        with pytest.raises(NetlistError):
            Parasitics.from_sheet(
                **{"sheet_resistance": 0.07, "width": 2e-7, "pitch": 1e-6, **wrong}  # type: ignore[arg-type]
            )


def test_a_testbench_travels_to_other_processes(one_transistor: Cell) -> None:
    array = Array(one_transistor, rows=2, cols=2, parameters={"c_0": [[1.0, 2.0], [3.0, 2.0]]})
    bench = Testbench(
        array=array, drives=bias.read(array, 0.2), analysis=OperatingPoint(), probes=("i(bl0)",)
    )
    copy = pickle.loads(pickle.dumps(bench))
    assert copy.spice() == bench.spice()
    assert copy.array.fingerprint == array.fingerprint


def test_64_x_64_is_written_in_two_seconds(one_transistor: Cell) -> None:
    rng = np.random.default_rng(0)
    array = Array(
        one_transistor,
        rows=64,
        cols=64,
        parasitics=Parasitics(r_row=0.35, r_col=0.35, r_word=1.0),
        parameters={
            "c_0": rng.uniform(0.7, 3.77, (64, 64)),
            "r": rng.normal(11e-9, 3e-10, (64, 64)),
        },
    )
    array.replace(rows=1, cols=1, parameters={}).netlist()  # imports and the device's own text
    start = time.process_time()
    text = array.netlist()
    assert time.process_time() - start < 2.0
    assert text.count("\nXr_") == 4096
    assert text.count("\nXm_") == 4096
