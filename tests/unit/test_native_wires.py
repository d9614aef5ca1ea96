"""Lines that are charged: against an independent integration of the same small circuits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from compact_models import load_model
from cosim.simulators.native import NativeSimulator
from netlists import bias
from netlists.analysis import OperatingPoint, Transient
from netlists.array import Array
from netlists.cell import Cell
from netlists.lines import Drive
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform

PULSE = Waveform.pulse(1.0, 3e-8, delay=5e-9, rise=4e-9, fall=4e-9, after=3e-8)
CHARGES = ("overlap_capacitance", "channel_capacitance", "bulk_capacitance")
CHARGED = NativeSimulator(line_capacitance=True)


def run(array, drives, probes, simulator=CHARGED, **more):
    analysis = more.pop("analysis", Transient(stop=PULSE.duration, step=1e-9, max_step=5e-10))
    return simulator.run(Testbench(array=array, drives=drives, probes=probes, analysis=analysis))


def ladder(wave, conductance, capacitance, driven, times):
    """Node voltages of a chain under one driver, by an implicit Runge-Kutta method."""

    def slope(t, v):
        return (driven * wave.at(t) - conductance @ v) / capacitance

    found = solve_ivp(
        slope, (0, times[-1]), np.zeros(len(driven)), "Radau", times, rtol=1e-8, atol=1e-10,
        max_step=5e-10,
    )  # fmt: skip
    return found.y


@pytest.mark.parametrize("ends", ["start", "both"])
def test_resistors_and_lines(ends):
    # One row of two cells to two grounded columns: nodes bl_0_0, bl_0_1, sl_0, sl_1.
    cell = np.array([[2e3, 5e3]])
    array = Array(
        Cell(load_model("resistor")),
        rows=1,
        cols=2,
        parameters={"resistance": cell},
        parasitics=Parasitics(r_row=300.0, r_col=500.0, c_row=4e-12, c_col=2e-12, r_driver=100.0),
        drive=Drive(bit_line=ends),
    )
    probes = ("bit_line_voltage", "source_line_voltage", "bit_line_current")
    found = run(array, bias.read(array, 0.0) | {"bl0": PULSE}, probes)
    g, row, column = 1 / cell[0], 1 / 300.0, 1 / 600.0
    driven = np.array([1 / 400.0, 1 / 400.0 if ends == "both" else 0.0, 0.0, 0.0])
    matrix = np.diag([driven[0] + row + g[0], driven[1] + row + g[1], column + g[0], column + g[1]])
    matrix[0, 1] = matrix[1, 0] = -row
    matrix[0, 2] = matrix[2, 0] = -g[0]
    matrix[1, 3] = matrix[3, 1] = -g[1]
    load = np.array([4e-12, 4e-12, 2e-12, 2e-12])
    times = np.linspace(0, PULSE.duration, 120)
    exact = ladder(PULSE, matrix, load, driven, times)
    assert_allclose(found.at("bit_line_voltage", times)[:, 0], exact[:2].T, atol=2e-3)
    assert_allclose(found.at("source_line_voltage", times)[:, 0], exact[2:].T, atol=1e-3)
    into = driven @ (PULSE.at(times)[None, :] - exact)
    current = found.at("bit_line_current", times)[:, 0]
    assert_allclose(current, into, atol=5e-3 * np.max(np.abs(into)))
    assert found["residual"].max() < 1e-9


@pytest.mark.parametrize("resistance", [2000.0, 0.0])
def test_gates_behind_word_lines(resistance):
    array = Array(
        Cell(load_model("resistor"), load_model("nmos_3v3")),
        rows=2,
        cols=3,
        parameters={"resistance": np.full((2, 3), 1e4)},
        # Gates without charge: the exact solution is that of the wires alone.
        selector_parameters=dict.fromkeys(CHARGES, 1e-21),
        parasitics=Parasitics(r_word=resistance, c_word=1e-12, r_driver=3000.0),
    )
    gate = PULSE * 3.0
    drives = bias.read(array, 0.2) | {"wl0": gate, "wl1": Waveform.constant(1.5)}
    probes = ("word_line_voltage", "cell_current", "word_line_current")
    found = run(array, drives, probes)
    times = np.linspace(0, PULSE.duration, 120)
    if resistance:
        wire = 1 / resistance
        matrix = wire * np.array([[1.0, -1, 0], [-1, 2, -1], [0, -1, 1]])
        driven = np.array([1 / (3000.0 + resistance), 0.0, 0.0])
        exact = ladder(gate, matrix + np.diag(driven), 1e-12, driven, times)
    else:
        driven = np.array([1 / 3000.0])
        exact = ladder(gate, np.diag(driven), 3e-12, driven, times).repeat(3, axis=0)
    assert_allclose(found.at("word_line_voltage", times)[:, 0], exact.T, atol=6e-3)
    assert_allclose(found["word_line_voltage"][:, 1], 1.5)
    into = driven[0] * (gate.at(times) - exact[0])
    current = found.at("word_line_current", times)[:, 0]
    assert_allclose(current, into, atol=5e-3 * np.max(np.abs(into)))
    assert_allclose(found["word_line_current"][:, 1], 0.0, atol=1e-15)
    # Resistance of a word line alone changes nothing: gates draw no current.
    still = run(array, drives, ("cell_current",), NativeSimulator(), analysis=OperatingPoint())
    assert_allclose(found["cell_current"][0], still["cell_current"][0], rtol=1e-9)


def test_slow_voltages_leave_the_quasi_static_solution():
    rng = np.random.default_rng(0)
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=2,
        cols=2,
        parameters={"c_0": rng.uniform(0.8, 3.0, (2, 2))},
        parasitics=Parasitics(
            r_row=2.0, r_col=2.0, r_word=50.0, c_row=1e-15, c_col=1e-15, c_word=1e-15
        ),
    )
    wave = Waveform.pulse(1.2, 1e-6, delay=1e-8)
    drives = bias.every_cell(array, wave, gate=1.6)
    probes = ("state:c", "cell_current")
    analysis = Transient(stop=wave.duration, step=1e-8)
    charged = run(array, drives, probes, analysis=analysis)
    still = run(array, drives, probes, NativeSimulator(), analysis=analysis)
    assert "capacitances are left out" in still.provenance.warnings[0]
    assert not charged.provenance.warnings
    assert_allclose(charged["state:c"][-1], still["state:c"][-1], rtol=3e-4)
    # Lines that settle within a picosecond are no reason for short steps.
    assert charged.axis.size < 4 * still.axis.size + 60
