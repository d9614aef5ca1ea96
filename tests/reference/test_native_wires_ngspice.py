"""Settling of charged lines: the native solver against ngspice."""

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

# The native solver leaves the capacitances of the devices out: here they are too small to matter.
BARE = {
    "parameters": {"C_ox": 1e-21, "C_dome": 1e-21},
    "selector": {
        "overlap_capacitance": 1e-21,
        "channel_capacitance": 1e-21,
        "bulk_capacitance": 1e-21,
    },
}


@pytest.mark.parametrize("drive", [Drive(), Drive(bit_line="both", source_line="end")])
def test_settling_of_exaggerated_lines(ngspice, drive):
    rng = np.random.default_rng(0)
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=2,
        cols=3,
        parameters={"c_0": rng.uniform(0.8, 3.0, (2, 3)), **BARE["parameters"]},
        selector_parameters=BARE["selector"],
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
