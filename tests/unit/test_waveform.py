"""Waveforms: shapes, joints, arithmetic, and their SPICE text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compact_models.errors import NetlistError
from netlists import Waveform
from netlists.spice import source_text

voltages = st.floats(-4.0, 4.0, allow_nan=False)


@st.composite
def waveforms(draw: st.DrawFn) -> Waveform:
    count = draw(st.integers(1, 8))
    steps = draw(st.lists(st.floats(1e-9, 1e-6), min_size=count, max_size=count))
    values = draw(st.lists(voltages, min_size=count, max_size=count))
    return Waveform(tuple(np.cumsum(steps).tolist()), tuple(values))


def test_pulse_has_its_flat_top_between_its_edges() -> None:
    wave = Waveform.pulse(1.35, 2.5e-6, delay=1e-7, rise=1e-8, fall=2e-8, after=1e-6)
    assert wave.at([0, 1e-7, 1.05e-7, 1.1e-7, 2.61e-6]).tolist() == pytest.approx(
        [0, 0, 0.675, 1.35, 1.35]
    )
    assert wave.at(2.63e-6) == pytest.approx(0.0, abs=1e-9)
    assert wave.duration == pytest.approx(3.63e-6)


def test_train_repeats_and_lasts_whole_periods() -> None:
    wave = Waveform.train(1.0, 1e-6, 2e-6, 5, delay=3e-7)
    inside = 3e-7 + 0.5e-6 + 2e-6 * np.arange(5)
    assert (wave.at(inside) == 1.0).all()
    assert (wave.at(inside + 1e-6) == 0.0).all()
    assert wave.duration == pytest.approx(3e-7 + 1e-5)


def test_sweep_has_a_constant_rate() -> None:
    wave = Waveform.sweep([0.0, 3.6, 3.6, 0.0, -1.0], rate=2.0)
    assert wave.times == pytest.approx((0.0, 1.8, 3.6, 4.1))
    assert wave.at(0.5) == pytest.approx(1.0)


def test_steps_hit_their_values_at_integers() -> None:
    values = np.random.default_rng(0).uniform(-1, 1, 20)
    assert (Waveform.steps(values).at(np.arange(20)) == values).all()


@given(waveforms(), waveforms())
@settings(max_examples=30, deadline=None)
def test_then_plays_one_after_the_other(first: Waveform, second: Waveform) -> None:
    both = first.then(second, edge=1e-9)
    shift = both.duration - second.duration
    assert both.at(first.breakpoints) == pytest.approx(np.array(first.values))
    assert both.at(np.array(second.times) + shift) == pytest.approx(
        np.array(second.values), abs=1e-5
    )


@given(waveforms())
@settings(max_examples=30, deadline=None)
def test_split_gives_two_positive_parts_whose_difference_is_the_wave(wave: Waveform) -> None:
    plus, minus = wave.split()
    grid = np.linspace(0, wave.duration * 1.1, 101)
    assert plus.extremes[0] >= 0
    assert minus.extremes[0] >= 0
    assert plus.at(grid) - minus.at(grid) == pytest.approx(wave.at(grid), abs=1e-6)
    assert np.minimum(plus.at(grid), minus.at(grid)) == pytest.approx(0.0, abs=1e-6)


@given(waveforms(), waveforms(), voltages)
@settings(max_examples=30, deadline=None)
def test_arithmetic_is_pointwise(a: Waveform, b: Waveform, factor: float) -> None:
    grid = np.linspace(0, max(a.duration, b.duration) * 1.1, 53)
    assert (a + b).at(grid) == pytest.approx(a.at(grid) + b.at(grid), abs=1e-6)
    assert (factor * a).at(grid) == pytest.approx(factor * a.at(grid), abs=1e-12)
    assert (-a).at(grid) == pytest.approx(-a.at(grid))
    assert (a + 1.0).at(grid) == pytest.approx(a.at(grid) + 1.0)


def test_times_equal_up_to_rounding_are_one_breakpoint() -> None:
    a = Waveform((0.0, 0.3, 1.0), (0.0, 1.0, 0.0))
    b = Waveform((0.0, 0.1 + 0.2, 1.0), (0.0, 1.0, 0.0))
    assert len((a + b).times) == 3


@pytest.mark.parametrize(
    ("times", "values"),
    [
        ((), ()),
        ((0.0,), (1.0, 2.0)),
        ((0.0, 0.0), (0.0, 1.0)),
        ((1.0, 0.5), (0.0, 1.0)),
        ((-1.0, 0.5), (0.0, 1.0)),
        ((0.0, np.nan), (0.0, 1.0)),
        ((0.0, 1.0), (0.0, np.inf)),
    ],
)
def test_impossible_waveforms_are_refused(times: tuple, values: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(NetlistError):
        Waveform(times, values)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Waveform.pulse(1.0, 0.0),
        lambda: Waveform.pulse(1.0, 1e-6, rise=0.0),
        lambda: Waveform.train(1.0, 1e-6, 1e-6, 3),
        lambda: Waveform.train(1.0, 1e-6, 2e-6, 0),
        lambda: Waveform.train(1.0, 1e-6, 2e-6, 2.5),
        lambda: Waveform.sweep([0, 1], 0.0),
        lambda: Waveform.sweep([], 1.0),
        lambda: Waveform.constant(float("nan")),
    ],
)
def test_impossible_pulses_are_refused(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NetlistError):
        build()


def test_constants_trains_and_others_choose_their_spice_form() -> None:
    train = Waveform.train(1.0, 1e-6, 2e-6, 5)
    assert source_text(Waveform.constant(0.3, 1e-3), 1e-3) == "DC 0.3"
    assert source_text(train, train.duration).startswith("PULSE(0.0 1.0 ")
    assert source_text(Waveform.pulse(1.0, 1e-6), 1.0).startswith("PULSE(")
    # PULSE would go on beyond the last pulse.
    assert source_text(train, 1.0).startswith("PWL(")
    two_heights = Waveform.pulse(1.0, 1e-6).then(Waveform.pulse(0.5, 1e-6))
    assert source_text(two_heights, 1e-5).startswith("PWL(")
    assert source_text(Waveform.sweep([0, 1, 0], 1.0), 2.0).startswith("PWL(")
    offset = Waveform.train(-1.3, 1e-6, 2e-6, 3, base=0.2, delay=1e-7)
    assert source_text(offset, offset.duration).startswith("PULSE(0.2 -1.3 1e-07 ")
