"""The statistical laws: units, limits, and refusal of what is not published."""

import numpy as np
import pytest

from compact_models import noise
from compact_models.errors import ParameterError


def test_programming_noise_is_the_published_law_in_nanosiemens() -> None:
    g = np.array([10.0, 50.0, 90.0])
    tight = noise.programming_sigma(g * 1e-6, 0.002)
    loose = noise.programming_sigma(g * 1e-6, 0.02)
    np.testing.assert_allclose(tight * 1e9, 1.06879 * g + 0.81107, rtol=1e-12)
    np.testing.assert_allclose(loose * 1e9, 11.29027 * g + 11.21854, rtol=1e-12)


@pytest.mark.parametrize("wrong", [0.2, 2.0, 0.001, 0.03, float("nan")])
def test_an_acceptance_range_that_was_not_measured_is_refused(wrong: float) -> None:
    with pytest.raises(ParameterError, match="acceptance range"):
        noise.programming_sigma(5e-5, wrong)


def test_noise_between_the_published_ranges_lies_between() -> None:
    middle = noise.programming_sigma(5e-5, 0.01)
    assert noise.programming_sigma(5e-5, 0.002) < middle < noise.programming_sigma(5e-5, 0.02)


def test_relaxation_at_one_second_and_ten_years() -> None:
    ten_years = 3.156e8
    assert noise.relaxation_mean(1.0) == 0.0
    assert noise.relaxation_sigma(1.0) * 1e6 == pytest.approx(0.41183342)
    assert noise.relaxation_mean(ten_years) * 1e6 == pytest.approx(-1.742, abs=1e-3)
    assert noise.relaxation_sigma(ten_years) * 1e6 == pytest.approx(1.234, abs=1e-3)


@pytest.mark.parametrize("time", [-1.0, float("inf"), float("nan")])
def test_impossible_times_are_refused(time: float) -> None:
    with pytest.raises(ParameterError, match="time since programming"):
        noise.relaxation_sigma(time)


def test_a_relaxed_population_has_the_published_mean_and_spread() -> None:
    rng = np.random.default_rng(7)
    target = np.full(200_000, 5e-5)
    g = noise.programmed(target, rng, 0.002)
    after = noise.relaxed(g, 600.0, rng.standard_normal(target.shape))
    assert after.mean() - 5e-5 == pytest.approx(float(noise.relaxation_mean(600.0)), rel=0.01)
    assert after.std() == pytest.approx(float(noise.relaxation_sigma(600.0)), rel=0.01)


def test_relaxation_after_no_time_changes_nothing_and_returns_a_copy() -> None:
    g = np.array([1e-5, 9e-5])
    after = noise.relaxed(g, 0.0, np.ones(2))
    np.testing.assert_array_equal(after, g)
    assert after is not g


def test_a_device_moves_along_one_path() -> None:
    path = [noise.relaxed(5e-5, t, 1.3) for t in (1.0, 10.0, 1e3, 1e6, 3e8)]
    assert np.all(np.diff(path) != 0.0)
    steps = np.diff(np.array(path, dtype=float))
    assert np.all(steps < 0) or np.all(steps > 0) or len(set(np.sign(steps))) == 1


def test_read_noise_law_and_its_edges() -> None:
    expected = 0.0277316 * np.log10(50.0) * np.sqrt(np.log((1.0 + 1e-6) / 2e-6))
    assert noise.read_sigma(5e-5, 1.0) * 1e6 == pytest.approx(expected, rel=1e-12)
    assert noise.read_sigma(5e-5, 0.0) == 0.0
    assert noise.read_sigma(1e-7, 1.0) == 0.0


def test_readings_scatter_with_the_read_sigma() -> None:
    rng = np.random.default_rng(3)
    g = np.full(100_000, 5e-5)
    assert noise.read(g, 1.0, rng).std() == pytest.approx(
        float(noise.read_sigma(5e-5, 1.0)), rel=0.02
    )


def test_overlap_of_equal_and_unequal_spreads_agree() -> None:
    assert noise.adjacent_overlap(2e-6, 1e-6) == pytest.approx(0.31731, abs=1e-5)
    assert noise.adjacent_overlap(2e-6, 1e-6, 1e-6) == pytest.approx(
        float(noise.adjacent_overlap(2e-6, 1e-6)), abs=1e-6
    )
    assert noise.adjacent_overlap(0.0, 1e-6) == pytest.approx(1.0)
    assert noise.adjacent_overlap(2e-6, 0.0) == 0.0
    some = noise.adjacent_overlap(2e-6, [0.0, 1e-6, 0.0], [1e-6, 1e-6, 0.0])
    assert some == pytest.approx([0.0, 0.31731, 0.0], abs=1e-5)
    assert noise.adjacent_overlap(-2e-6, 1e-6) == noise.adjacent_overlap(2e-6, 1e-6)


def test_levels_span_the_published_window() -> None:
    targets = noise.level_targets()
    assert targets.size == 35
    assert targets[0] == pytest.approx(9e-6)
    assert targets[-1] == pytest.approx(88.2e-6)
    with pytest.raises(ParameterError, match="levels"):
        noise.level_targets(1)
