"""The native solver against ngspice on the same testbench: ngspice is the referee.

Reads: every current, node voltage and temperature to 1e-5.  Pulses: every state to 0.1 %.  Where
several hundred time points are needed, ngspice runs the devices compiled from Verilog-A.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from compact_models import load_model
from cosim.experiments.forming import Forming
from cosim.simulators.native import NativeSimulator
from netlists import bias
from netlists.analysis import Options, Transient
from netlists.array import Array
from netlists.cell import Cell
from netlists.lines import Drive, Layout
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform

pytestmark = pytest.mark.ngspice

# Without gmin, which would be most of what flows through a transistor that is off.
TIGHT = Options(reltol=1e-7, abstol=1e-18, vntol=1e-11, gmin=1e-20)
LARGE = Options(reltol=1e-6, abstol=1e-14, vntol=1e-9)
PULSED = Options(reltol=1e-4, method="gear")
FINE = Options(reltol=2e-6, vntol=1e-7, abstol=1e-13, method="gear")
CURRENTS = ("cell_current", "bit_line_current", "source_line_current")
READ = (*CURRENTS, "cell_voltage", "bit_line_voltage", "source_line_voltage", "state:dT")
STATES = ("state:c", "state:phi")
MANY = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    # Shrinking would run a simulator for minutes; the case is printed as it was drawn.
    phases=(Phase.explicit, Phase.generate),
    report_multiple_bugs=False,
)


@cache
def one_cell():
    return Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))


@pytest.fixture(scope="module")
def cell():
    return one_cell()


def compare_read(ngspice, testbench):
    # Its own check allows a multiple of reltol, which at 1e-7 is less than its rounding.
    slow = replace(ngspice, check=False, deadline=60.0).run(testbench)
    # At its default, 1e-10 of the largest current is left over, and that may be all there is
    # in a cell whose transistor is off.
    fast = NativeSimulator(tolerance=1e-13).run(testbench)
    assert fast["residual"][0] <= 1e-9
    for probe in testbench.probes:
        # ngspice's own rounding, by which its versions differ too: 1e-10 of a cell that is on.
        noise = 1e-14 if probe in CURRENTS else 1e-7 if probe == "state:dT" else 1e-11
        assert_allclose(fast[probe], slow[probe], rtol=1e-5, atol=noise, err_msg=probe)


ENDS = st.sampled_from(["start", "end", "both"])


def cases(resistances, **more):
    """What hypothesis draws: shapes, wires, layouts, drivers; a seed draws what cells are like."""
    wires = st.sampled_from(resistances)
    return st.fixed_dictionaries(
        {
            "rows": st.integers(4, 8),
            "cols": st.integers(4, 8),
            "seed": st.integers(0, 2**32 - 1),
            "open_cells": st.sampled_from([0.0, 0.1]),
            "layout": st.sampled_from(list(Layout)),
            "word_lines": st.sampled_from(["row", "column"]),
            "drive": st.builds(Drive, bit_line=ENDS, source_line=ENDS),
            "parasitics": st.builds(
                Parasitics,
                r_row=wires,
                r_col=wires,
                r_driver=st.sampled_from([0.0, 100.0]),
                r_contact=st.sampled_from([0.0, 20.0]),
            ),
            **more,
        }
    )


def drawn_array(case):
    """The array of a case and its word-line bias."""
    shape = case["rows"], case["cols"]
    rng = np.random.default_rng(case["seed"])
    series = 223.0 * rng.lognormal(0, 0.2, shape)
    series[rng.random(shape) < case["open_cells"]] = 1e9
    density = rng.uniform(0.7, 3.77, shape)
    density[rng.random(shape) < case.get("shorted_cells", 0.0)] = 100.0
    unformed = rng.random(shape) < case.get("pristine_cells", 0.0)
    array = Array(
        one_cell(),
        rows=shape[0],
        cols=shape[1],
        parameters={"c_0": density, "R_s": series, "phi_0": np.where(unformed, 0.0, 1.0)},
        selector_parameters={"threshold_voltage": rng.normal(0.6, 0.03, shape)},
        **{key: case[key] for key in ("layout", "word_lines", "drive", "parasitics")},
    )
    levels = rng.choice([0.0, 1.2, 2.0, 3.3], array.line_set("wl").count, p=[0.1, 0.3, 0.3, 0.3])
    if case.get("floating"):
        # A line that floats behind transistors that are off is no question to ngspice.
        levels[:] = 3.3
    return array, {f"wl{k}": Waveform.constant(float(g)) for k, g in enumerate(levels)}


READS = cases(
    (0.0, 0.35, 50.0, 1e4),
    shorted_cells=st.sampled_from([0.0, 0.1]),
    voltage=st.sampled_from([0.2, -0.2, 1.0, -1.3]),
    falling=st.booleans(),
    floating=st.sampled_from([False, False, False, True]),
)


@given(READS)
@MANY
def test_random_reads(ngspice, case):
    array, gates = drawn_array(case)
    if case["falling"]:
        share = np.linspace(1, 0, array.line_set("bl").count)
        drives = bias.read(array, case["voltage"] * share)
    else:
        drives = bias.every_cell(array, case["voltage"])
    probes = READ
    if case["floating"]:
        drives["bl1"] = None
        probes = tuple(p for p in READ if p != "bit_line_current")
    testbench = Testbench(array=array, drives=drives | gates, probes=probes, options=TIGHT)
    compare_read(ngspice, testbench)


def read_testbench(cell, size, options=LARGE):
    rng = np.random.default_rng(size)
    array = Array(
        cell,
        rows=size,
        cols=size,
        parameters={"c_0": rng.uniform(0.7, 3.77, (size, size))},
        parasitics=Parasitics(r_row=0.35, r_col=0.35, r_driver=10.0),
    )
    drives = bias.read(array, rng.uniform(0, 0.2, size))
    return Testbench(array=array, drives=drives, probes=READ, options=options)


@pytest.mark.parametrize("size", [4, 8, 16, pytest.param(32, marks=pytest.mark.slow)])
def test_reads_of_a_size(cell, ngspice, size):
    compare_read(ngspice, read_testbench(cell, size))


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 64])
def test_reads_with_compiled_devices(cell, compiled_ngspice, size):
    compare_read(compiled_ngspice, read_testbench(cell, size))


def compare_pulse(ngspice, testbench, moves=0.005, fine=True):
    fast, slow = NativeSimulator().run(testbench), ngspice.run(testbench)
    for state in STATES:
        # 0.1 % of the state, the project's limit; ngspice knows states to vntol = 1e-6 only,
        # which counts where a gap has hardly begun to form.
        assert_allclose(fast[state][-1], slow[state][-1], rtol=1e-3, atol=1e-8, err_msg=state)
    moved = np.max(np.abs(slow["state:c"][-1] - slow["state:c"][0]))
    error = np.max(np.abs(fast["state:c"][-1] - slow["state:c"][-1]))
    assert error < max(0.02 * moved, 1e-5)
    assert moved >= moves
    if fine:
        exact = NativeSimulator(state_tolerance=1e-6).run(testbench)
        assert_allclose(exact["state:c"][-1], slow["state:c"][-1], rtol=2e-5)


LEVELS = {"up": 1.35, "down": -1.3, "half": 1.5, "forming": 3.45}


def pulse_drives(array, kind):
    wave = Waveform.pulse(LEVELS[kind], 2.5e-6, delay=1e-7, after=1e-7)
    if kind != "half":
        return bias.every_cell(array, wave), wave.duration
    # The first row at full voltage over the first column; the rest see half of it, or none.
    half = wave * 0.5
    drives = {d: wave if d == "bl0" else half for d in array.drivers if d[0] == "b"}
    drives |= {d: Waveform.constant(0.0) if d == "sl0" else half
               for d in array.drivers if d[0] == "s"}  # fmt: skip
    return drives, wave.duration


PULSES = cases(
    (0.0, 0.35, 50.0),
    pristine_cells=st.sampled_from([0.0, 0.3]),
    kind=st.sampled_from(list(LEVELS)),
)


@pytest.mark.slow
@given(PULSES)
@MANY
def test_random_pulses(compiled_ngspice, case):
    array, gates = drawn_array(case)
    drives, stop = pulse_drives(array, case["kind"])
    testbench = Testbench(
        array=array,
        drives=drives | gates,
        probes=STATES,
        analysis=Transient(stop=stop, step=stop / 50),
        options=FINE,
    )
    compare_pulse(replace(compiled_ngspice, check=False), testbench, moves=0.0, fine=False)


def pulsed(cell, size, kind, gate, options=PULSED):
    rng = np.random.default_rng(size)
    unformed = (rng.random((size, size)) < 0.3) & (kind == "forming")
    array = Array(
        cell,
        rows=size,
        cols=size,
        parameters={
            "c_0": rng.uniform(0.7, 3.77, (size, size)),
            "phi_0": np.where(unformed, 0.0, 1.0),
        },
        parasitics=Parasitics(r_row=2.0, r_col=2.0, r_driver=10.0),
    )
    drives, stop = pulse_drives(array, kind)
    drives |= {f"wl{k}": Waveform.constant(gate) for k in range(size)}
    return Testbench(
        array=array,
        drives=drives,
        probes=STATES,
        analysis=Transient(stop=stop, step=stop / 50),
        options=options,
    )


@pytest.mark.parametrize(("kind", "gate"), [("up", 1.4), ("down", 3.3), ("half", 2.0)])
def test_pulses_on_2_by_2(cell, ngspice, kind, gate):
    compare_pulse(ngspice, pulsed(cell, 2, kind, gate))


@pytest.mark.slow
def test_pulses_on_8_by_8(cell, ngspice):
    compare_pulse(ngspice, pulsed(cell, 8, "up", 1.4))


@pytest.mark.slow
@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize(
    ("kind", "gate"), [("up", 1.4), ("down", 3.3), ("half", 2.0), ("forming", 1.2)]
)
def test_pulses_with_compiled_devices(cell, compiled_ngspice, size, kind, gate):
    compare_pulse(compiled_ngspice, pulsed(cell, size, kind, gate, FINE), fine=kind != "forming")


@pytest.mark.slow
def test_forming_sweep(cell, ngspice):
    forming = Forming(Array(cell, rows=1, cols=1, parameters={"phi_0": 0.0}), gate=1.2)
    fast, slow = (forming.run(simulator=s, progress=False) for s in ("native", ngspice))
    for name in ("final_c", "final_phi"):
        assert_allclose(fast[name].values, slow[name].values, rtol=1e-3)
    # Both are read off a sweep that is sampled every 10 mV.
    for name in ("forming_voltage", "reram_forming_voltage"):
        assert_allclose(fast[name].values, slow[name].values, atol=6e-3)
    assert_allclose(fast["forming_current"].values, slow["forming_current"].values, rtol=2e-2)
