"""SPIRIT's periphery and neurons in ngspice, against what is published and against the layer."""

import numpy as np
import pytest

from cosim.errors import NetlistError
from cosim.network.spiking import Encoder
from cosim.network.spiking.agreement import compare
from cosim.network.spiking.circuit import simulate
from cosim.network.spiking.hardware import (
    EFFECTS,
    build_chip,
    default_parameters,
    encoder_of,
    weight_step,
)
from netlists.periphery import CurrentInjector, IntegrateAndFire, ReadClamp

pytestmark = pytest.mark.ngspice


@pytest.mark.parametrize("weight", [4, 3, -3, -4, 0])
def test_one_event_of_weight_four_fires_and_of_three_does_not(ngspice, weight):
    """Valentian2019: one event of weight +-4 must spike."""
    chip = build_chip([[weight]])
    run = simulate(chip.conductance, [50e-9], [0], chip.parameters, simulator=ngspice)
    if abs(weight) == 4:
        assert run.spikes.signs.tolist() == [np.sign(weight)]
        expected = chip.layer().respond([50e-9], [0])
        assert run.spikes.times[0] == pytest.approx(expected.times[0], abs=0.2e-9)
        assert abs(run.membrane[-1, 0]) < 1e-3  # back at rest
    else:
        assert len(run.spikes.times) == 0
        step = weight_step(chip.parameters)
        settled = run.membrane[np.searchsorted(run.time, 100e-9), 0]
        assert settled == pytest.approx(weight * step, abs=0.01 * step + 0.008 * abs(weight) * step)


def test_rram_sees_at_most_100_mv(ngspice):
    """Bit line at 0.1 V less the clamp's own drop: cell and selector together."""
    chip = build_chip([[4]])
    p = chip.parameters
    from cosim.network.spiking.circuit import netlist

    text = netlist(chip.conductance, [50e-9], [0], p, stop=100e-9)
    text = text.replace(".options", ".save v(blp0) v(dp0_0_0)\n.options")
    plot = ngspice.run_text(text, expect=["v(blp0)"]).plots[-1]
    line = plot.values[:, plot.columns()["v(blp0)"]]
    # The falling gate couples 0.1 mV at most back into the line.
    assert line.max() <= 0.1001
    assert line[np.searchsorted(plot.axis, 60e-9)] > 0.098


def test_refractory_time_integrates_but_does_not_fire(ngspice):
    chip = build_chip([[4]])
    p = chip.parameters
    times = 50e-9 + p["slot"] * np.arange(12)
    run = simulate(chip.conductance, times, np.zeros(12, int), p, simulator=ngspice)
    expected = chip.layer().respond(times, np.zeros(12, int))
    assert len(run.spikes.times) == len(expected.times) == 5
    np.testing.assert_allclose(np.diff(run.spikes.times), p["refractory"], rtol=0, atol=1.5e-9)
    np.testing.assert_allclose(run.spikes.times, expected.times, rtol=0, atol=2e-9)


def test_thresholds_answer_offsets_and_gain(ngspice):
    """A weight of 3 fires once offset or injector gain bring the threshold within its reach."""
    chip = build_chip([[3]])
    p = chip.parameters
    low = simulate(chip.conductance, [50e-9], [0], p, offset=[[-0.06, 0.0]], simulator=ngspice)
    assert low.spikes.signs.tolist() == [1]
    strong = simulate(chip.conductance, [50e-9], [0], p, gain=[[1.25, 1.0]], simulator=ngspice)
    assert strong.spikes.signs.tolist() == [1]


def test_all_cells_and_lumped_cells_give_the_same_spikes(ngspice):
    """Parallel cells written as one, silent inputs left out: the same spikes within 1 ns."""
    rng = np.random.default_rng(4)
    weights = rng.integers(-4, 5, (1, 12))
    chip = build_chip(weights, effects=EFFECTS, seed=1)
    p = chip.parameters
    times, pixels = encoder_of(p).train(rng.random(8), events=12)
    more = {"gain": chip.gain, "offset": chip.offset, "simulator": ngspice}
    full = simulate(chip.conductance, times + 2e-8, pixels, p, **more)
    lump = simulate(chip.conductance, times + 2e-8, pixels, p, lumped=True, **more)
    assert full.spikes.signs.tolist() == lump.spikes.signs.tolist()
    assert len(full.spikes.times) > 0
    np.testing.assert_allclose(full.spikes.times, lump.spikes.times, rtol=0, atol=1e-9)
    for part in ("synapse", "injector"):
        assert full.energy[part] == pytest.approx(lump.energy[part], rel=5e-3)


def test_layer_and_circuit_agree_on_a_small_image(ngspice):
    """Three neurons, nine inputs: same spikes in the same order, times within 5 ns."""
    rng = np.random.default_rng(0)
    chip = build_chip(rng.integers(-4, 5, (3, 9)))
    found = compare(chip, rng.random((1, 9)), 0, lead=3, limit=20, simulator=ngspice)
    assert found.same_counts
    assert found.same_order
    assert found.time_error < 5e-9
    assert len(found.circuit.times) > 0


def test_energy_of_the_layer_is_that_of_the_circuit(ngspice):
    from cosim.network.spiking.energy import event_energy

    chip = build_chip([[3, -1, 0]])
    p = chip.parameters
    times = 50e-9 + 100e-9 * np.arange(3)
    run = simulate(chip.conductance, times, [0, 1, 2], p, firing=False, simulator=ngspice)
    for part in ("synapse", "injector"):
        assert run.energy[part] == pytest.approx(float(event_energy(chip)[part].sum()), rel=0.03)


@pytest.mark.parametrize("block", [ReadClamp, CurrentInjector, IntegrateAndFire])
def test_blocks_refuse_numbers_that_make_no_circuit(block):
    p = dict(default_parameters())
    assert ".subckt" in block.from_parameters(p).subcircuit()
    name = next(iter(block.__dataclass_fields__))
    with pytest.raises(NetlistError, match=name):
        block.from_parameters(p | {name: -1.0})
    del p[name]
    with pytest.raises(NetlistError, match="no parameter"):
        block.from_parameters(p)


def test_neuron_refuses_a_threshold_outside_its_supply():
    p = dict(default_parameters())
    with pytest.raises(NetlistError, match="supply"):
        IntegrateAndFire.from_parameters(p | {"threshold": 0.7})
    with pytest.raises(NetlistError, match="refractory"):
        IntegrateAndFire.from_parameters(p | {"refractory": 1e-9})


def test_trains_of_the_parameter_set_leave_room_for_a_reset():
    p = default_parameters()
    assert p["slot"] > p["pulse"] + p["reset_time"]
    assert isinstance(encoder_of(p), Encoder)


def test_one_pulse_sets_and_one_resets_a_cell(ngspice):
    """Single-level cells through the 1T1R: near the assumed LRS and HRS, the same every cycle."""
    from cosim.network.spiking.stability import write_cells

    p = default_parameters()
    g = write_cells(p, cycles=2).conductance.values.reshape(2, 2)
    np.testing.assert_allclose(g[:, 0], p["g_lrs"], rtol=0.1)
    np.testing.assert_allclose(g[:, 1], p["g_hrs"], rtol=0.2)
    np.testing.assert_allclose(g[0], g[1], rtol=0.05)
