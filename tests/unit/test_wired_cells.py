"""Cells behind the wires of a row: tables against pulse maps, ladders against exact networks."""

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import ConfigError, ModelError
from cosim.experiments.access import selector
from cosim.experiments.pulse_map import build_map
from cosim.experiments.wired_cells import Bias, Wires, build_table, pulse, solve_row
from cosim.experiments.wired_levels import by_level, level_map
from cosim.experiments.wired_program import WiredProgram

RADII = np.array([11e-9])


@pytest.fixture(scope="module")
def read():
    bias = Bias(bit_line=0.2, source_line=0.0, gate=3.3)
    return build_table(load_model("cmo_hfox"), load_model("nmos_3v3"), bias, RADII)


@pytest.fixture(scope="module")
def up():
    bias = Bias(bit_line=1.35, source_line=0.0, gate=1.4)
    return build_table(load_model("cmo_hfox"), load_model("nmos_3v3"), bias, RADII)


def quiet(shape):
    zero = np.zeros(shape)
    return np.zeros(shape, dtype=np.intp), zero


def test_a_pulse_without_wires_is_that_of_the_pulse_map(up):
    start = np.array([[0.7, 1.64, 3.0]])
    kind, zero = quiet(start.shape)
    wires = Wires(segment=0.0)
    after, charge, least = pulse(
        (up,), kind, kind, np.log(start), zero, zero, wires, np.zeros((1, 1)), 2.5e-6
    )
    table = build_map(load_model("cmo_hfox"), 1.35, selector(1.4), points=400)
    wanted = table.apply(start[0], 2.5e-6, kind[0], 0.0)
    np.testing.assert_allclose(np.exp(after[0]), wanted, rtol=3e-4)
    energy = table.energy(start[0], wanted, 2.5e-6, kind[0])
    np.testing.assert_allclose(1.35 * charge[0], energy, rtol=1e-3)
    np.testing.assert_allclose(least, 1.35, rtol=1e-4)


def test_reads_of_a_row_obey_kirchhoff(read):
    rng = np.random.default_rng(3)
    shape = (2, 9)
    kind, zero = quiet(shape)
    x = np.log(rng.uniform(0.5, 4.0, shape))
    wires = Wires(segment=20.0, driver=50.0)
    source = wires.source_path(2)
    top = np.full(shape, 0.2)
    volts, amps = solve_row((read,), kind, top, kind, x, zero, wires, source, top)
    place = np.arange(1, 10)
    path = 50.0 + 20.0 * np.minimum(place[:, None], place[None, :])
    np.testing.assert_allclose(volts, 0.2 - amps @ path - amps * source, atol=2e-6)
    log_current, _ = read.at(0, kind, x, volts)
    np.testing.assert_allclose(amps, np.exp(log_current), rtol=1e-5)


def test_cells_alone_see_only_their_own_current(read):
    kind, zero = quiet((1, 4))
    x, wires, top = np.log(np.full((1, 4), 2.0)), Wires(segment=30.0), np.full((1, 4), 0.2)
    volts, amps = solve_row(
        (read,), kind, top, kind, x, zero, wires, wires.source_path(1), top, shared=False
    )
    np.testing.assert_allclose(volts, 0.2 - amps * (30.0 + 30.0 * np.arange(1, 5)), atol=1e-6)


def test_inhibited_cells_of_a_reset_carry_current_back(read):
    kind, zero = quiet((1, 3))
    kind[0, 0] = -1
    x, top = np.log(np.full((1, 3), 2.0)), np.full((1, 3), 0.2)
    wires = Wires(segment=100.0)
    found = [
        solve_row((read,), kind, top, kind, x, leak, wires, wires.source_path(1), top)[1]
        for leak in (zero, np.full((1, 3), 1e-4))
    ]
    # The path to its source line lowers the drop of the others.
    assert (found[1][0, 1:] > found[0][0, 1:]).all()
    assert found[0][0, 0] == found[1][0, 0] == 0.0


def test_too_much_wire_is_an_error(up):
    kind, zero = quiet((1, 40))
    x = np.log(np.full((1, 40), 4.0))
    wires = Wires(segment=10.0)
    with pytest.raises(ModelError, match="wires take more"):
        pulse((up,), kind, kind, x, zero, zero, wires, wires.source_path(1), 2.5e-6)


def test_levels_are_spread_evenly():
    level = level_map(5, 8, np.random.default_rng(0))
    counts = np.bincount(level.ravel())
    assert counts.max() - counts.min() <= 1
    assert by_level(np.ones((8, 8)), level, 5).shape == (5, 12)


@pytest.mark.parametrize(
    "wrong", [{"size": 1}, {"order": "column"}, {"acceptance_range": 0.0}, {"limit": 0}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        WiredProgram(**wrong)


def test_wires_must_be_wires():
    with pytest.raises(ConfigError, match="Ohm"):
        Wires(segment=-1.0)


def test_a_state_that_leaves_the_table_is_an_error(up):
    start = np.array([[0.05]])
    kind, zero = quiet(start.shape)
    with pytest.raises(ModelError, match="beyond the tabulated"):
        pulse(
            (up,), kind, kind, np.log(start), zero, zero, Wires(segment=0.0), np.zeros((1, 1)), 1e-9
        )
