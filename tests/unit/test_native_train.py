"""Long pulse trains: jumps against stepping through every pulse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compact_models import load_model
from cosim.errors import ConfigError, ParameterError
from cosim.experiments.cells import single_cell
from cosim.experiments.pulse_update import PulseUpdate
from cosim.simulators.native import NativeSimulator, ParameterChange
from cosim.simulators.native.jumps import find_trains
from cosim.simulators.native.train import run_train
from netlists import bias
from netlists.analysis import OperatingPoint, Transient
from netlists.array import Array
from netlists.cell import Cell
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform


def one_period(voltage, **more):
    array = Array(
        Cell(load_model("cmo_hfox")),
        rows=1,
        cols=2,
        parameters={"c_0": np.array([[1.0, 2.0]])},
        parasitics=Parasitics(r_row=5.0, r_col=5.0),
    )
    wave = Waveform.pulse(voltage, 1e-6, after=1e-7)
    drives = bias.every_cell(array, wave)
    analysis = more.get("analysis", Transient(stop=wave.duration, step=1e-7))
    return Testbench(array=array, drives=drives, probes=("state:c",), analysis=analysis)


def test_jumps_agree_with_every_pulse():
    testbench = one_period(1.1)
    fast = run_train(testbench, 60, record=[60])
    train = Waveform.train(1.1, 1e-6, testbench.analysis.stop, 60)
    every = testbench.replace(
        drives=bias.every_cell(testbench.array, train),
        analysis=Transient(stop=train.duration, step=1e-7),
    )
    slow = NativeSimulator(state_tolerance=1e-5).run(every)["state:c"]
    assert fast.integrated < 30
    assert np.max(np.abs(slow[-1] - slow[0])) > 0.005
    assert_allclose(fast.states["c"][-1], slow[-1], rtol=3e-4)
    assert fast.pulses[0] == 0
    assert fast.pulses[-1] == 60
    assert fast.error < 0.01


def test_a_hundred_thousand_half_pulses():
    result = run_train(one_period(0.675), 100_000, record=[10, 100_000])
    assert result.pulses.tolist() == [0, 10, 100_000]
    assert result.integrated < 300
    first = result.states["c"][1] - result.states["c"][0]
    assert np.all(first > 0)
    # Almost nothing moves, so the drift is linear in the number of pulses.
    assert_allclose(
        result.states["c"][2] - result.states["c"][0], 1e4 * first, rtol=1e-2, atol=1e-9
    )


def test_a_train_of_nothing_is_an_error():
    with pytest.raises(ConfigError):
        run_train(one_period(1.0, analysis=OperatingPoint()), 10)
    with pytest.raises(ConfigError):
        run_train(one_period(1.0), 0)


def pulsed(**more):
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=1,
        cols=2,
        parameters={"c_0": np.array([[0.8, 2.5]])},
    )
    return PulseUpdate(array, pulses=5, **more)


def test_longest_step_counts_on_ramps_only_and_costs_no_accuracy():
    update = pulsed(cycle_spread=False)
    testbench = update.testbench(update.array, update.polarity)
    fine = NativeSimulator(state_tolerance=1e-7).run(testbench)
    few, many = NativeSimulator().run(testbench), NativeSimulator(keep_max_step=True).run(testbench)
    assert few.axis.size < 0.8 * many.axis.size
    assert_allclose(few["state:c"][-1], fine["state:c"][-1], rtol=1e-3)


def test_parameters_that_change_in_a_run_equal_one_run_a_pulse():
    update = pulsed()

    class OnePulseARun(NativeSimulator):
        with_changes = None

    together = update.run(simulator="native", seed=3, progress=False)
    apart = update.run(simulator=OnePulseARun(), seed=3, progress=False)
    still = pulsed(cycle_spread=False).run(simulator="native", progress=False)
    assert_allclose(together.conductance, apart.conductance, rtol=5e-4)
    assert np.max(np.abs(together.conductance / still.conductance - 1)) > 0.01
    other = update.run(simulator="native", seed=4, progress=False)
    assert other.attrs["netlist_sha256"] != together.attrs["netlist_sha256"]


def test_changes_come_at_their_times_whatever_their_order():
    bench = one_period(1.2).replace(probes=("cell_current",))
    first, later = (
        ParameterChange(time=t, values={"R_s": np.full((1, 2), r)})
        for t, r in ((3e-7, 500.0), (7e-7, 1e3))
    )
    sorted_, turned = (
        NativeSimulator(changes=changes).run(bench) for changes in ((first, later), (later, first))
    )
    assert_allclose(sorted_["cell_current"], turned["cell_current"], rtol=0, atol=0)
    before, after = sorted_.at("cell_current", np.array([2.5e-7, 3.5e-7]))
    assert (after < before).all()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"R_S": 1.0}, "no parameter of that name: 'R_S'. Best matches are: 'R_s'"),
        ({"R_s": np.ones(3)}, "new values of parameter R_s"),
        ({"R_s": np.full((1, 2), np.nan)}, "finite numbers of shape"),
    ],
)
def test_changes_that_cannot_be_made_are_refused(values, text):
    simulator = NativeSimulator(changes=(ParameterChange(time=1e-7, values=values),))
    with pytest.raises(ParameterError, match=text):
        simulator.run(one_period(1.2))
    with pytest.raises(ConfigError, match="time of a change"):
        ParameterChange(time=np.nan, values={})


def test_separate_cells_are_the_cells_one_at_a_time():
    rng = np.random.default_rng(1)
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=2,
        cols=2,
        parameters={"c_0": rng.uniform(0.8, 3.0, (2, 2))},
        selector_parameters={"threshold_voltage": rng.uniform(0.5, 0.7, (2, 2))},
        parasitics=Parasitics(r_row=20.0, r_col=50.0, r_driver=5.0, c_row=1e-15),
    )
    update = PulseUpdate(array, pulses=2, cycle_spread=False)
    together = update.run(simulator="native", progress=False)
    assert "capacitances are left out" in together.attrs["warnings"]
    charged = update.run(simulator=NativeSimulator(line_capacitance=True), progress=False)
    assert not charged.attrs["warnings"]
    assert_allclose(charged.final_c, together.final_c, rtol=1e-3)
    for i, j in np.ndindex(2, 2):
        alone = PulseUpdate(single_cell(array, i, j), pulses=2, cycle_spread=False)
        one = alone.run(simulator=NativeSimulator(state_tolerance=1e-5), progress=False)
        assert_allclose(together.final_c[i, j], one.final_c[0, 0], rtol=1e-3)
        assert_allclose(together.initial_conductance[i, j], one.initial_conductance, rtol=1e-8)


def test_equal_pulses_in_a_run_are_taken_by_jumps():
    update = pulsed(cycle_spread=False)
    up_and_down = np.repeat([0.9, -0.8], 200)
    testbench = update.testbench(update.array, up_and_down)
    every = NativeSimulator(state_tolerance=1e-5).run(testbench)
    fast = NativeSimulator(train_from=100).run(testbench)
    assert len(fast.provenance.warnings) == 2
    assert "multirevolution" in fast.provenance.warnings[0]
    assert "error estimate" in fast.provenance.warnings[0]
    assert fast.axis.size < 0.5 * every.axis.size
    assert np.all(np.diff(fast.axis) >= 0)
    assert fast["residual"].max() < 1e-9
    assert np.max(np.abs(every["state:c"][-1] / every["state:c"][0] - 1)) > 1e-4
    assert_allclose(fast["state:c"][-1], every["state:c"][-1], rtol=3e-4)
    reads = update.timing.reads(400)
    assert_allclose(fast.at("cell_current", reads), every.at("cell_current", reads), rtol=5e-4)


def test_pulse_update_takes_long_trains_by_jumps():
    update = PulseUpdate(pulsed().array, set=0.7, reset=-0.7, pulses=5000, cycle_spread=False)
    result = update.run(simulator="native", progress=False)
    assert result.conductance.shape == (10_000, 1, 2)
    assert "summed error estimate" in result.attrs["warnings"]
    # The state drifts one way and then the other.
    change = np.diff(result.conductance.values, axis=0)
    assert np.all(change[1:4998] > -1e-12)
    assert np.all(change[5002:] < 1e-12)


def test_trains_are_found_where_they_are():
    once = Waveform.pulse(1.0, 1e-6, after=1e-7)
    wave = once
    for voltage in [1.0] * 9 + [2.0] + [-1.0] * 12:
        wave = wave.then(Waveform.pulse(voltage, 1e-6, after=1e-7))
    levels = np.array(wave.values)[:, None]
    first, second = find_trains(wave.breakpoints, levels, np.abs(levels[:, 0]), 10)
    assert (first.marks, first.count, second.count) == (4, 10, 12)
    assert first.first == 0
    # A period ends at rest: the other train begins where the pulse of 2 V has come back to 0 V.
    assert wave.values[second.first] == 0.0
    assert wave.values[second.first + 1] == -1.0
    assert not find_trains(wave.breakpoints, levels, np.abs(levels[:, 0]), 13)
