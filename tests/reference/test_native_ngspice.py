"""The native solver against ngspice on the same testbench: ngspice is the referee."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
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

TIGHT = Options(reltol=1e-7, abstol=1e-16, vntol=1e-11)
PULSED = Options(reltol=1e-4, method="gear")
READ = (
    "cell_current",
    "cell_voltage",
    "bit_line_voltage",
    "source_line_voltage",
    "bit_line_current",
    "source_line_current",
)


@pytest.fixture(scope="module")
def cell():
    return Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))


def compare_read(ngspice, testbench):
    # Its own check allows a multiple of reltol, which at 1e-7 is less than its rounding.
    slow = replace(ngspice, check=False).run(testbench)
    fast = NativeSimulator().run(testbench)
    assert fast["residual"][0] <= 1e-9
    for probe in testbench.probes:
        largest = np.max(np.abs(slow[probe]))
        # ngspice's own tolerance on a node is 1e-11 V; currents below 1e-16 A are its noise.
        assert_allclose(fast[probe], slow[probe], rtol=1e-5, atol=max(1e-8 * largest, 1e-16))


def random_array(cell, rng):
    """Random size, wires, drivers and layout; spreads, open and shorted cells."""
    shape = tuple(rng.integers(1, 7, 2))
    series = 223.0 * rng.lognormal(0, 0.2, shape)
    series[rng.random(shape) < rng.choice([0.0, 0.1])] = 1e9
    density = rng.uniform(0.7, 3.77, shape)
    density[rng.random(shape) < rng.choice([0.0, 0.1])] = 100.0
    ends = ["start", "end", "both"]
    return Array(
        cell,
        rows=int(shape[0]),
        cols=int(shape[1]),
        parameters={"c_0": density, "R_s": series},
        selector_parameters={"threshold_voltage": rng.normal(0.6, 0.03, shape)},
        layout=Layout(str(rng.choice(["crossing", "parallel"]))),
        drive=Drive(bit_line=str(rng.choice(ends)), source_line=str(rng.choice(ends))),
        parasitics=Parasitics(
            r_row=float(rng.choice([0.0, 0.35, 50.0])),
            r_col=float(rng.choice([0.0, 0.35, 50.0])),
            r_driver=float(rng.choice([0.0, 100.0])),
        ),
    )


@pytest.mark.slow
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([0.2, -0.2, 1.0, -1.3]), st.sampled_from([1.2, 3.3])
)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_random_reads(cell, ngspice, seed, voltage, gate):
    array = random_array(cell, np.random.default_rng(seed))
    drives = bias.every_cell(array, voltage, gate=gate)
    compare_read(ngspice, Testbench(array=array, drives=drives, probes=READ, options=TIGHT))


def read_testbench(cell, size):
    rng = np.random.default_rng(size)
    array = Array(
        cell,
        rows=size,
        cols=size,
        parameters={"c_0": rng.uniform(0.7, 3.77, (size, size))},
        parasitics=Parasitics(r_row=0.35, r_col=0.35, r_driver=10.0),
    )
    drives = bias.read(array, rng.uniform(0, 0.2, size))
    return Testbench(array=array, drives=drives, probes=READ, options=TIGHT)


def test_read_of_8_by_8(cell, ngspice):
    compare_read(ngspice, read_testbench(cell, 8))


@pytest.mark.slow
def test_read_of_16_by_16(cell, ngspice):
    compare_read(ngspice, read_testbench(cell, 16))


def compare_pulse(ngspice, testbench):
    fast, slow = NativeSimulator().run(testbench), ngspice.run(testbench)
    for state in ("state:c", "state:phi"):
        # 0.1 % of the state, the project's limit.
        assert_allclose(fast[state][-1], slow[state][-1], rtol=1e-3)
    moved = np.max(np.abs(slow["state:c"][-1] - slow["state:c"][0]))
    error = np.max(np.abs(fast["state:c"][-1] - slow["state:c"][-1]))
    assert error < 0.02 * moved
    assert moved > 0.005
    fine = NativeSimulator(state_tolerance=1e-6).run(testbench)
    assert_allclose(fine["state:c"][-1], slow["state:c"][-1], rtol=2e-5)


def pulsed(cell, size, wave, gate, scheme="all"):
    rng = np.random.default_rng(size)
    array = Array(
        cell,
        rows=size,
        cols=size,
        parameters={"c_0": rng.uniform(0.7, 3.77, (size, size))},
        parasitics=Parasitics(r_row=2.0, r_col=2.0, r_driver=10.0),
    )
    if scheme == "all":
        drives = bias.every_cell(array, wave, gate=gate)
    else:
        # The selected row at full voltage, every other column at half: half-selected cells too.
        half = wave * 0.5
        drives = {f"bl{k}": wave if k == 0 else half for k in range(size)}
        drives |= {f"sl{k}": Waveform.constant(0.0) if k == 0 else half for k in range(size)}
        drives |= {f"wl{k}": Waveform.constant(gate) for k in range(size)}
    stop = wave.duration
    return Testbench(
        array=array,
        drives=drives,
        probes=("state:c", "state:phi"),
        analysis=Transient(stop=stop, step=stop / 50),
        options=PULSED,
    )


UP = Waveform.pulse(1.35, 2.5e-6, delay=1e-7, after=1e-7)
DOWN = Waveform.pulse(-1.3, 2.5e-6, delay=1e-7, after=1e-7)


@pytest.mark.parametrize(
    ("wave", "gate", "scheme"), [(UP, 1.4, "all"), (DOWN, 3.3, "all"), (UP, 2.0, "half")]
)
def test_pulses_on_2_by_2(cell, ngspice, wave, gate, scheme):
    compare_pulse(ngspice, pulsed(cell, 2, wave, gate, scheme))


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


@pytest.mark.slow
@pytest.mark.parametrize(("wave", "gate"), [(UP, 1.4), (DOWN, 3.3)])
def test_pulses_on_8_by_8(cell, ngspice, wave, gate):
    compare_pulse(ngspice, pulsed(cell, 8, wave, gate))
