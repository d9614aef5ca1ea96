"""Settling of charged lines and devices: the native solver against ngspice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compact_models import load_model
from cosim.simulators.native import NativeSimulator
from netlists import bias
from netlists.analysis import Options, Transient
from netlists.array import Array
from netlists.cell import Cell
from netlists.lines import Drive
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]


def array_of(shape, seed=0, **more):
    states = np.random.default_rng(seed).uniform(0.8, 3.0, shape)
    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=shape[0],
        cols=shape[1],
        parameters={"c_0": states},
        **more,
    )


@pytest.mark.parametrize("drive", [Drive(), Drive(bit_line="both", source_line="end")])
def test_settling_of_exaggerated_lines(ngspice, drive):
    array = array_of(
        (2, 3),
        parasitics=Parasitics(
            r_row=200.0, r_col=200.0, r_word=2000.0, r_driver=100.0,
            c_row=1e-11, c_col=1e-11, c_word=2e-12,
        ),
        drive=drive,
    )  # fmt: skip
    wave = Waveform.pulse(1.2, 8e-8, delay=5e-9, rise=5e-9, fall=5e-9, after=8e-8)
    gate = Waveform.pulse(2.0, 1e-7, delay=2e-8, rise=5e-9, fall=5e-9, after=4.5e-8)
    testbench = Testbench(
        array=array,
        drives=bias.every_cell(array, wave, gate=gate),
        probes=("cell_current", "bit_line_voltage", "source_line_voltage", "word_line_voltage"),
        analysis=Transient(stop=wave.duration, step=2e-10, max_step=2e-10),
        options=Options(reltol=1e-5),
    )
    slow = replace(ngspice, check=False).run(testbench)
    fast = NativeSimulator(line_capacitance=True).run(testbench)
    times = np.linspace(0, wave.duration, 200)
    for probe in testbench.probes:
        exact = slow.at(probe, times)
        # 0.5 % of the largest value of the waveform, at every node and time.
        assert_allclose(fast.at(probe, times), exact, atol=5e-3 * np.max(np.abs(exact)))
    # The lines do settle slowly: half-way up their far ends are behind by much more than that.
    far = slow.at("bit_line_voltage", 1.1e-8)[-1, -1]
    assert far < 0.8 * wave.at(1.1e-8)


@pytest.mark.parametrize(
    ("size", "layout", "word", "wires"),
    [
        # Wires of 0.2 fF a segment: nearly all capacitance is that of the devices.
        (4, "crossing", "row", {"r_word": 100.0, "c_row": 2e-16, "c_col": 2e-16, "c_word": 2e-16}),
        (4, "parallel", "column", {"c_col": 2e-14, "c_word": 2e-14}),
        (8, "crossing", "row", {"r_word": 100.0, "c_row": 2e-16, "c_col": 2e-16, "c_word": 2e-16}),
    ],
)
def test_devices_store_charge(ngspice, size, layout, word, wires):
    array = array_of(
        (size, size),
        layout=layout,
        word_lines=word,
        parasitics=Parasitics(
            r_row=5.0 if layout == "crossing" else 0.0, r_col=5.0, r_driver=200.0, **wires
        ),
    )
    # Edges of 0.2 ns: device capacitances, the Miller effect of the transistors and the lag of
    # the temperature all show.
    wave = Waveform.pulse(1.3, 1e-9, delay=2e-10, rise=2e-10, fall=2e-10, after=1e-9)
    gate = Waveform.pulse(2.0, 1.3e-9, delay=1e-10, rise=2e-10, fall=2e-10, after=8e-10)
    # ngspice takes 0.1 s a step at 8 x 8: there the rising edges have to do.
    stop = wave.duration if size == 4 else 6e-10
    probes = ("cell_current", "cell_voltage", "bit_line_voltage", "source_line_voltage",
              "word_line_voltage", "bit_line_current", "source_line_current",
              "word_line_current", "state:dT", "v(mid_1_1)", "state:c")  # fmt: skip
    testbench = Testbench(
        array=array,
        drives=bias.every_cell(array, wave, gate=gate),
        probes=probes,
        analysis=Transient(stop=stop, step=2e-11, max_step=2e-11),
        options=Options(reltol=1e-4),
    )
    slow = replace(ngspice, check=False).run(testbench)
    fast = NativeSimulator(line_capacitance=True).run(testbench)
    times = np.linspace(0, stop, 300)
    for probe in probes:
        exact = slow.at(probe, times)
        assert_allclose(
            fast.at(probe, times), exact, atol=1e-2 * np.max(np.abs(exact)), err_msg=probe
        )
    assert_allclose(fast["state:c"][-1], slow["state:c"][-1], rtol=1e-6)
    assert fast["residual"].max() < 1e-9
    # Without any of it the currents would be elsewhere by more than five times as much.
    still = NativeSimulator().run(testbench)
    late = np.abs(still.at("cell_current", times) - slow.at("cell_current", times)).max()
    assert late > 0.05 * np.abs(slow["cell_current"]).max()


def test_a_pulse_that_moves_states(ngspice):
    array = array_of(
        (4, 4),
        1,
        parasitics=Parasitics(
            r_row=5.0, r_col=5.0, r_word=100.0, r_driver=50.0, c_row=1e-15, c_col=1e-15,
            c_word=1e-15,
        ),
    )  # fmt: skip
    wave = Waveform.pulse(1.5, 2e-6, delay=1e-9, rise=1e-9, fall=1e-9, after=5e-9)
    testbench = Testbench(
        array=array,
        drives=bias.every_cell(array, wave, gate=Waveform.pulse(3.0, 2.01e-6, rise=1e-9)),
        probes=("state:c",),
        analysis=Transient(stop=wave.duration, step=2e-8, max_step=2e-8),
        options=Options(reltol=1e-5),
    )
    slow = replace(ngspice, check=False).run(testbench)
    fast = NativeSimulator(line_capacitance=True).run(testbench)
    moved = np.abs(slow["state:c"][-1] / array.initial_state("c") - 1.0)
    assert moved.max() > 0.05
    assert_allclose(fast["state:c"][-1], slow["state:c"][-1], rtol=1e-3)
