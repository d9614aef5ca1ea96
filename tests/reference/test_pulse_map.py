"""Pulse maps: the drift equation of one cell, tabulated."""

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import ConfigError, ModelError, ParameterError
from cosim.experiments.access import Access, selector
from cosim.experiments.disturb import Disturb
from cosim.experiments.open_loop import OpenLoop
from cosim.experiments.population import Population, draw_population
from cosim.experiments.program_verify import ProgramVerify
from cosim.experiments.pulse_map import build_map


@pytest.fixture(scope="module")
def reram():
    return load_model("cmo_hfox")


@pytest.fixture(scope="module")
def one(reram):
    return draw_population(reram, 1, np.random.default_rng(0), spread=False, cycle=False)


def test_a_pulse_obeys_the_drift_equation(reram, one):
    from scipy.integrate import solve_ivp

    def rate(_, c):
        return reram.rate(voltage=1.0, vacancies=c * 1e25) / 1e25

    exact = solve_ivp(rate, (0.0, 2.5e-5), [1.0], method="LSODA", rtol=1e-8, atol=1e-10).y[0, -1]
    got = one.pulse(np.array([1.0]), 1.0, 2.5e-5, Access())[0]
    assert got - 1.0 == pytest.approx(exact - 1.0, rel=2e-3)


def test_two_pulses_are_one_of_twice_the_width(one):
    start, access = np.array([3.0]), Access(resistance=500.0)
    once = one.pulse(start, -1.3, 5e-6, access)
    twice = one.pulse(one.pulse(start, -1.3, 2.5e-6, access), -1.3, 2.5e-6, access)
    np.testing.assert_allclose(once, twice, rtol=1e-9)


def test_the_access_resistor_takes_its_share(reram):
    table = build_map(reram, 1.2, Access(resistance=800.0), points=24)
    np.testing.assert_allclose(table.voltage + 800.0 * table.current, 1.2, rtol=1e-7)


def test_a_higher_barrier_slows_by_the_boltzmann_factor(reram, one):
    slow = Population(
        model=reram,
        radius=one.radius,
        barrier_set=np.array([5e-21]),
        barrier_reset=np.zeros(1),
    )
    start = np.array([2.0])
    table = one.pulse_map(1.0, Access())
    kelvin = np.interp(np.log(2.0), table.log_density, table.temperature[0])
    factor = np.exp(-5e-21 / (1.380649e-23 * kelvin))
    fast_step = one.pulse(start, 1.0, 1e-8, Access()) - start
    slow_step = slow.pulse(start, 1.0, 1e-8, Access()) - start
    assert slow_step[0] / fast_step[0] == pytest.approx(factor, rel=1e-3)


def test_density_and_conductance_are_inverse(one):
    for g in (1e-5, 5e-5, 9e-5):
        assert one.conductance(one.density_at(g))[0] == pytest.approx(g, rel=1e-6)


def test_a_conductance_has_the_density_below_the_maximum(one):
    """93.8 uS at 4.7e25: above it the published law falls, then rises again."""
    density = np.array([3.0, 4.0, 4.6])
    for c in density:
        g = one.conductance(np.array([c]))
        assert one.density_at(g)[0] == pytest.approx(c, rel=2e-3)
    for beyond in (95e-6, 150e-6):
        with pytest.raises(ParameterError, match=r"below the maximum.*93\.768"):
            one.density_at(beyond)


def test_disturb_starts_from_the_state_that_was_reached(reram):
    """Without series resistance trains end above the maximum, where conductances are ambiguous."""
    cells = draw_population(reram, 1, np.random.default_rng(0), spread=False, cycle=False)
    rng = np.random.default_rng(0)
    loop = OpenLoop(read_noise=False).run(cells, Access(), Access(), rng)
    assert loop.density[0][0] > 5.0
    found = Disturb(up=1.35, down=-1.3, counts=(1,)).run(cells, Access(), rng)
    start = loop.density[0]
    assert found.window[0][0] == cells.conductance(start)[0]
    after = cells.pulse(start, 0.675, 2.5e-6, Access())
    change = cells.conductance(after) - cells.conductance(start)
    assert found.change[0, 0, 0] == pytest.approx(change, rel=1e-9)


def test_many_pulses_go_at_their_mean_rate(reram):
    cells = draw_population(reram, 64, np.random.default_rng(0), spread=False)
    rng, access = np.random.default_rng(5), Access(resistance=800.0)
    start = np.full(64, 2.0)
    density = start
    for _ in range(200):
        density = cells.pulse(density, -0.9, 1e-7, access, rng)
    at_once = cells.train(start, -0.9, 1e-7, 200, access)
    slow = cells.pulse(start, -0.9, 200e-7, access)
    assert (at_once - start)[0] == pytest.approx((density - start).mean(), rel=0.05)
    assert (at_once - start)[0] / (slow - start)[0] > 1.5


def test_reset_stands_on_the_source_line():
    """As in the arrays: the overdrive of the gate shrinks by what the source line has."""
    access, drop = selector(3.3), np.array([0.05])
    assert 0.05 / access.current(drop, 1.3)[0] == pytest.approx(305, rel=0.01)
    assert 0.05 / -access.current(-drop, -1.3)[0] > 400


def test_zero_amplitude_is_refused(reram):
    with pytest.raises(ConfigError, match="amplitude"):
        build_map(reram, 0.0, Access())


def test_wrong_sequences_are_refused(one):
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError):
        OpenLoop(up=-1.0).run(one, Access(), Access(), rng)
    with pytest.raises(ConfigError):
        Disturb(counts=())
    with pytest.raises(ConfigError, match="targets"):
        ProgramVerify().run(one, np.array([1.0]), Access(), Access(), rng)


def test_the_loop_ends_inside_its_band(reram):
    rng = np.random.default_rng(3)
    cells = draw_population(reram, 8, rng, rows=4)
    target = np.linspace(20e-6, 80e-6, 8)
    access = Access(resistance=500.0)
    result = ProgramVerify(acceptance_range=0.02).run(cells, target, access, access, rng)
    assert result.reached.all()
    assert (np.abs(result.reading / target - 1.0) <= 0.02).all()
    assert result.pulses.mean() > 1.0


def test_a_loop_that_runs_out_of_pulses_says_so(reram):
    rng = np.random.default_rng(3)
    cells = draw_population(reram, 4, rng, rows=2)
    result = ProgramVerify(limit=1).run(cells, np.full(4, 80e-6), Access(), Access(), rng)
    assert not result.reached.any()


def test_half_pulses_disturb_less_than_full_ones(reram):
    rng = np.random.default_rng(0)
    cells = draw_population(reram, 2, rng, rows=2, cycle=False)
    found = Disturb(up=1.35, down=-1.3, counts=(1, 1000)).run(cells, Access(resistance=400.0), rng)
    assert found.k_each.max() < 1e-3
    assert (found.k_total[:, :, 1] >= found.k_total[:, :, 0] * 0.99).all()
    assert (found.temperature > 293.0).all()


def test_every_polarity_has_its_own_cycle_spread(reram):
    """As a file gives it: absolute or relative, one for SET and one for RESET."""
    from dataclasses import replace

    parameters = dict(reram.parameters.parameters)
    parameters["E_i_set0"] = replace(
        parameters["E_i_set0"],
        ctoc=replace(parameters["E_i_set0"].ctoc, sigma=0.02, relative=True),
    )
    parameters["E_i_reset"] = replace(parameters["E_i_reset"], ctoc=None)
    model = load_model("cmo_hfox", replace(reram.parameters, parameters=parameters))
    drawn = draw_population(model, 4, np.random.default_rng(1), spread=False)
    assert drawn.barrier(1.3)[1] == pytest.approx(0.02 * reram.parameters["E_i_set0"])
    assert drawn.barrier(-1.3)[1] == 0.0
    density = np.full(4, 2.0)
    up, down = (
        drawn.pulse(density, v, 1e-7, Access(), np.random.default_rng(2)) for v in (1.2, -1.2)
    )
    assert np.ptp(up) > 0.0
    assert np.ptp(down) == 0.0


def test_a_state_that_leaves_the_table_is_an_error_and_no_number(one):
    with pytest.raises(ModelError, match="beyond the tabulated"):
        one.pulse(np.array([2.0]), 3.0, 1.0, Access())
    with pytest.raises(ModelError, match="beyond the tabulated"):
        one.pulse(np.array([0.01]), 1.0, 1e-9, Access())
