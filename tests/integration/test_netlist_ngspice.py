"""Netlists run in ngspice and give what exact solutions and the model itself say."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve

from compact_models import load_model
from cosim.simulators.ngspice import NgspiceSimulator
from cosim.simulators.raw import read_raw
from netlists import (
    Array,
    Attachment,
    Cell,
    DcSweep,
    Drive,
    Layout,
    Options,
    Parasitics,
    Testbench,
    Transient,
    Waveform,
    bias,
)

pytestmark = pytest.mark.ngspice

WIRES = Parasitics(r_row=3.5, r_col=2.0, r_word=1.0, r_driver=25.0, r_contact=5.0)
TIGHT = Options(reltol=1e-6, vntol=1e-9, abstol=1e-15)


@pytest.fixture
def run(ngspice: NgspiceSimulator, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Run a testbench as a user would: plain ``ngspice -b`` on the text."""

    def runner(bench: Testbench) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
        (tmp_path / "circuit.cir").write_text(bench.spice())
        program = shutil.which(getattr(ngspice, "program", None) or "ngspice") or "ngspice"
        done = subprocess.run(
            [program, "-b", "circuit.cir"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        plot = read_raw(tmp_path / "result.raw")[-1]
        columns = plot.columns()
        assert set(bench.vector_names()) <= set(columns)
        return plot.axis, {
            name: vector.evaluate(plot.values, columns) for name, vector in bench.vectors().items()
        }

    return runner


def _exact(
    array: Array, driven: dict[str, float], resistance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """Node analysis of a passive crossbar, written down independently of the package."""
    rows, cols = array.shape
    wires, feed = array.parasitics, array.parasitics.r_driver + array.parasitics.r_contact
    size = 2 * rows * cols
    bit = np.arange(rows * cols).reshape(rows, cols)
    source = bit + rows * cols
    crossing = array.layout is Layout.CROSSING
    matrix = sp.lil_matrix((size, size))
    right = np.zeros(size)

    def connect(a: int, b: int, ohm: float) -> None:
        for m, n in ((a, b), (b, a)):
            matrix[m, m] += 1 / ohm
            matrix[m, n] -= 1 / ohm

    lines = {f"bl{k}": nodes for k, nodes in enumerate(bit if crossing else bit.T)}
    lines |= {f"sl{k}": source[:, k] for k in range(cols)}
    ends = {"bl": array.drive.bit_line, "sl": array.drive.source_line}
    feeds = {}
    for name, nodes in lines.items():
        ohm = wires.r_row if crossing and name.startswith("bl") else wires.r_col
        for a, b in pairwise(nodes):
            connect(a, b, ohm)
        chosen = {"start": [nodes[0]], "end": [nodes[-1]], "both": [nodes[0], nodes[-1]]}
        feeds[name] = (chosen.get(ends[name[:2]], []) if name in driven else [], ohm + feed)
        for node in feeds[name][0]:
            matrix[node, node] += 1 / feeds[name][1]
            right[node] += driven[name] / feeds[name][1]
    for a, b, ohm in zip(bit.ravel(), source.ravel(), resistance.ravel(), strict=True):
        connect(a, b, ohm)
    potential = spsolve(matrix.tocsc(), right)
    current = (potential[bit] - potential[source]) / resistance
    delivered = {
        name: sum((driven[name] - potential[n]) / ohm for n in nodes)
        for name, (nodes, ohm) in feeds.items()
        if name in driven
    }
    return current, delivered


@pytest.mark.parametrize(
    ("layout", "drive", "undriven"),
    [
        (Layout.CROSSING, Drive(), ()),
        (Layout.CROSSING, Drive(bit_line="both", source_line="end"), ()),
        (Layout.CROSSING, Drive(bit_line="end"), ("bl1", "sl3")),
        (Layout.PARALLEL, Drive(source_line="both"), ()),
        (Layout.PARALLEL, Drive(source_line="end"), ("bl2",)),
    ],
)
def test_linear_crossbar_agrees_with_the_exact_solution(
    run, layout: Layout, drive: Drive, undriven: tuple[str, ...]
) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    resistance = rng.uniform(2e3, 5e4, (5, 4))
    array = Array(
        Cell(load_model("resistor")),
        rows=5,
        cols=4,
        parasitics=WIRES,
        layout=layout,
        drive=drive,
        parameters={"resistance": resistance},
    )
    driven = {name: float(rng.uniform(-0.5, 0.5)) for name in array.drivers}
    drives = {n: None if n in undriven else Waveform.constant(v) for n, v in driven.items()}
    kept = {n: v for n, v in driven.items() if n not in undriven}
    bench = Testbench(
        array=array,
        drives=drives,
        probes=("cell_current", *(f"i({n})" for n in kept)),
        options=TIGHT,
    )
    _, data = run(bench)
    current, delivered = _exact(array, kept, resistance)
    scale = np.abs(current).max()
    assert data["cell_current"][0] == pytest.approx(current, rel=1e-9, abs=1e-12 * scale)
    for name, value in delivered.items():
        assert data[f"i({name})"][0] == pytest.approx(value, rel=1e-9, abs=1e-12 * scale)


def test_ideal_lines_make_an_exact_product(run) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    conductance = rng.uniform(1e-5, 1e-4, (6, 3))
    array = Array(
        Cell(load_model("resistor")), rows=6, cols=3, parameters={"resistance": 1 / conductance}
    )
    inputs = rng.uniform(-0.2, 0.2, (7, 6))
    bench = Testbench(
        array=array,
        drives=bias.read(array, inputs),
        analysis=DcSweep(stop=6),
        probes=("source_line_current", "bit_line_voltage"),
        options=TIGHT,
    )
    axis, data = run(bench)
    assert axis == pytest.approx(np.arange(7))
    assert -data["source_line_current"] == pytest.approx(inputs @ conductance, rel=1e-9, abs=1e-15)
    assert data["bit_line_voltage"][:, :, 1] == pytest.approx(inputs, abs=1e-15)


def test_reram_array_satisfies_the_model_and_kirchhoff(run) -> None:  # type: ignore[no-untyped-def]
    reram = load_model("cmo_hfox")
    c = np.linspace(0.7, 3.77, 6).reshape(2, 3)
    array = Array(Cell(reram), rows=2, cols=3, parasitics=WIRES, parameters={"c_0": c})
    probes = ("cell_current", "cell_voltage", "state:c", "state:phi", "bit_line_current")
    bench = Testbench(
        array=array, drives=bias.read(array, [0.2, -0.15]), probes=probes, options=TIGHT
    )
    _, data = run(bench)
    current = data["cell_current"][0]
    expected = reram.current(voltage=data["cell_voltage"][0], vacancies=c * 1e25)
    assert current == pytest.approx(expected, rel=1e-6)
    assert current.sum(axis=1) == pytest.approx(data["bit_line_current"][0], rel=1e-7)
    assert data["state:c"][0] == pytest.approx(c, rel=1e-9)


@pytest.mark.parametrize(
    "wave",
    [
        Waveform.pulse(1.0, 2e-7, delay=1e-7, rise=2e-8, fall=5e-8, base=0.1),
        Waveform.train(-0.8, 1e-7, 3e-7, 4, delay=5e-8),
        Waveform.train(0.5, 1e-7, 3e-7, 2),
        Waveform.pulse(1.0, 1e-7).then(Waveform.pulse(-0.5, 2e-7, base=-0.1)),
    ],
)
def test_waveforms_arrive_as_written(run, wave: Waveform) -> None:  # type: ignore[no-untyped-def]
    array = Array(Cell(load_model("resistor")), rows=1, cols=1)
    bench = Testbench(
        array=array,
        drives={"bl0": wave, "sl0": 0.0},
        analysis=Transient(stop=1.25e-6, step=1e-9),
        probes=("v(bl_0_0)", "i(bl0)"),
    )
    axis, data = run(bench)
    assert axis[-1] == pytest.approx(1.25e-6)
    assert data["v(bl_0_0)"] == pytest.approx(wave.at(axis), abs=1e-6)
    assert data["i(bl0)"] == pytest.approx(wave.at(axis) / 1e4, rel=1e-6, abs=1e-12)


def test_wire_capacitance_delays_as_it_must(run) -> None:  # type: ignore[no-untyped-def]
    wires = Parasitics(r_row=0.0, c_row=1e-12, r_driver=1e3)
    cell = Cell(load_model("resistor").with_parameters(resistance=1e9))
    array = Array(cell, rows=1, cols=2, parasitics=wires)
    step = Waveform.pulse(1.0, 1e-6, rise=1e-12)
    bench = Testbench(
        array=array,
        drives={"bl0": step, "sl0": 0.0, "sl1": 0.0},
        analysis=Transient(stop=1e-8, step=1e-11, max_step=2e-11),
        probes=("v(bl_0_1)",),
    )
    axis, data = run(bench)
    # Two segments of 1 pF behind 1 kOhm: tau = 2 ns.
    expected = 1 - np.exp(-axis / 2e-9)
    assert data["v(bl_0_1)"] == pytest.approx(expected, abs=2e-3)


def test_sweeps_move_drivers_together(run) -> None:  # type: ignore[no-untyped-def]
    array = Array(Cell(load_model("resistor")), rows=1, cols=1)
    drives = {
        "bl0": Waveform((0.0, 1.0, 2.0), (0.0, 0.5, -0.5)),
        "sl0": Waveform((0.0, 2.0), (0.1, 0.3)),
    }
    bench = Testbench(
        array=array,
        drives=drives,
        analysis=DcSweep(start=-0.5, stop=2.5, step=0.25),
        probes=("cell_voltage",),
    )
    axis, data = run(bench)
    expected = drives["bl0"].at(axis) - drives["sl0"].at(axis)
    assert axis == pytest.approx(bench.analysis.points)  # type: ignore[union-attr]
    assert data["cell_voltage"][:, 0, 0] == pytest.approx(expected, abs=1e-12)


def test_attachments_become_part_of_the_circuit(run) -> None:  # type: ignore[no-untyped-def]
    array = Array(Cell(load_model("resistor")), rows=1, cols=1, drive=Drive(source_line="floating"))
    load = Attachment(
        name="load",
        subcircuit="load",
        definition=".subckt load a params: r=1\nrl a 0 {r}\n.ends",
        nodes=("sl_0",),
        parameters={"r": 1e4},
    )
    bench = Testbench(array=array, drives={"bl0": 1.0}, probes=("v(sl_0)",), attachments=(load,))
    _, data = run(bench)
    assert data["v(sl_0)"] == pytest.approx([0.5])


def test_one_transistor_cell_switches_up_and_down(run) -> None:  # type: ignore[no-untyped-def]
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=1,
        cols=2,
        parasitics=Parasitics(r_row=0.35, r_col=0.35, r_word=1.0),
    )
    start = np.array([[1.0, 1.0]])
    for voltage, gate, sign in ((1.35, 1.4, 1), (-1.3, 3.3, -1)):
        wave = Waveform.pulse(voltage, 2.5e-6)
        bench = Testbench(
            array=array,
            drives=bias.one_cell(array, (0, 1), wave, gate=gate),
            analysis=Transient(stop=wave.duration, step=1e-8),
            initial_states={"c": start, "phi": 1.0},
            probes=("state:c", "cell_current", "cell_voltage"),
        )
        _, data = run(bench)
        end = data["state:c"][-1]
        assert sign * (end[0, 1] - 1.0) > 1e-3
        assert end[0, 0] == pytest.approx(1.0, abs=1e-3 * abs(end[0, 1] - 1.0) + 1e-6)
        middle = len(data["cell_current"]) // 2
        assert sign * data["cell_current"][middle, 0, 1] > 1e-6


def test_foundry_transistor_as_selector(run) -> None:  # type: ignore[no-untyped-def]
    pytest.importorskip("compact_models.foundry")
    from compact_models.errors import ModelError

    try:
        cell = Cell(load_model("resistor"), "gf180mcu_nfet_03v3")  # type: ignore[arg-type]
    except ModelError as error:
        pytest.skip(str(error))
    array = Array(
        cell,
        rows=1,
        cols=2,
        parameters={"resistance": [[1e-3, 1e4]]},
        selector_parameters={"w": [[5.35e-6, 2e-6]]},
    )
    bench = Testbench(
        array=array,
        drives=bias.read(array, 0.05, gate=1.2),
        probes=("cell_current", "v(mid_0_0)"),
        options=TIGHT,
    )
    _, data = run(bench)
    # The published selector: 0.8 kOhm at V_G = 1.2 V; this card 806 Ohm at that width.
    assert data["v(mid_0_0)"] / data["cell_current"][:, 0, 0] == pytest.approx(806.0, rel=0.01)
    assert 0 < data["cell_current"][0, 0, 1] < 5e-6
