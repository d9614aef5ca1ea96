"""The event-driven neuron: what fires, when, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import ConfigError, DataError
from cosim.network.spiking import Encoder, NeuronTiming, SpikingLayer

TIMING = NeuronTiming()


def layer(weights, **more):
    return SpikingLayer(weights=np.atleast_2d(np.asarray(weights, dtype=float)), **more)


@pytest.mark.parametrize("weight", [-4, -3, -2, -1, 0, 1, 2, 3, 4])
def test_one_event_fires_at_weight_four_only(weight):
    spikes = layer([[weight]]).respond([1e-6], [0])
    assert spikes.signs.tolist() == ([int(np.sign(weight))] if abs(weight) == 4 else [])


def test_time_of_a_spike_is_the_crossing_of_the_ramp():
    spikes = layer([[4.0]]).respond([1e-6], [0])
    assert spikes.times[0] == pytest.approx(
        1e-6 + TIMING.latency + 3.5 / 4 * TIMING.pulse + TIMING.delay, rel=1e-12
    )


def test_refractory_time_integrates_and_then_fires():
    """Spikes of a saturated neuron come one refractory time apart, not more often."""
    times = 1e-6 + 60e-9 * np.arange(20)
    spikes = layer([[4.0]]).respond(times, np.zeros(20, dtype=int))
    gaps = np.diff(spikes.times)
    assert len(gaps) >= 4
    np.testing.assert_allclose(gaps, TIMING.refractory, rtol=1e-9)
    # Two events fall into the refractory time; their sum fires when it is over.
    late = layer([[4.0, 2.0]]).respond([0.0, 60e-9, 120e-9], [0, 1, 1])
    assert len(late.times) == 2
    assert late.times[1] == pytest.approx(late.times[0] + TIMING.refractory, rel=1e-12)


def test_membrane_is_reset_to_rest():
    """After a spike the rest of the event is swallowed: two events of 3 fire, one more does not."""
    slow = NeuronTiming(refractory=30e-9)
    times = 1e-6 + 100e-9 * np.arange(3)
    assert len(layer([[3.0]], timing=slow).respond(times, [0, 0, 0]).times) == 1
    times = 1e-6 + 100e-9 * np.arange(4)
    assert len(layer([[3.0]], timing=slow).respond(times, [0, 0, 0, 0]).times) == 2


def test_positive_and_negative_cancel():
    times = 1e-6 + 100e-9 * np.arange(4)
    assert len(layer([[3.0, -3.0]]).respond(times, [0, 1, 0, 1]).times) == 0


def test_drift_fires_without_events():
    spikes = layer([[0.0]], drift=np.array([-1e6])).respond([10e-6], [0])
    assert spikes.signs.tolist() == [-1, -1]
    assert spikes.times[0] == pytest.approx(3.5e-6 + TIMING.delay, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    weights=st.lists(st.integers(-4, 4), min_size=6, max_size=6),
    pixels=st.lists(st.integers(0, 5), min_size=1, max_size=60),
)
def test_sparse_events_are_an_integer_sum_with_reset(weights, pixels):
    """With events further apart than the refractory time the neuron is plain arithmetic."""
    times = 1e-6 * (1 + np.arange(len(pixels)))
    found = layer([weights]).respond(times, pixels)
    v, expected = 0, []
    for k, pixel in enumerate(pixels):
        v += weights[pixel]
        if abs(v) >= 3.5:
            expected.append((k, 1 if v > 0 else -1))
            v = 0
    assert [int(t / 1e-6) - 1 for t in found.times] == [k for k, _ in expected]
    assert found.signs.tolist() == [s for _, s in expected]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), coding=st.sampled_from(["poisson", "regular", "latency"]))
def test_trains_keep_the_slot_and_repeat(seed, coding):
    image = np.random.default_rng(seed).random((4, 4))
    encoder = Encoder(coding=coding, limit=200)
    times, pixels = encoder.train(image, seed=seed, number=3)
    again = encoder.train(image, seed=seed, number=3)
    np.testing.assert_array_equal(times, again[0])
    assert len(times) == 200
    assert np.diff(times).min() >= encoder.slot * (1 - 1e-9)
    assert pixels.min() >= 0
    assert pixels.max() < 16


def test_poisson_rates_are_the_brightness():
    image = np.array([0.0, 0.1, 0.3, 0.6])
    encoder = Encoder(slot=1e-12, limit=40000)
    times, pixels = encoder.train(image, seed=1)
    counts = np.bincount(pixels, minlength=4)
    assert counts[0] == 0
    expected = encoder.rate * image[1:] * times[-1]
    # 4 standard deviations of a Poisson count.
    assert np.all(np.abs(counts[1:] - expected) < 4 * np.sqrt(expected))


def test_latency_orders_pixels_by_brightness():
    _, pixels = Encoder(coding="latency", limit=3).train(np.array([0.2, 0.9, 0.5]))
    assert pixels.tolist() == [1, 2, 0]


def test_black_image_is_undecided():
    result = layer(np.eye(3)).classify(np.zeros((2, 3)))
    assert not result.decided.any()
    assert result.events.tolist() == [0, 0]


def test_classify_is_respond_image_by_image():
    """The parallel loop gives the decision of a single train, wherever an image stands."""
    rng = np.random.default_rng(2)
    net = layer(rng.integers(-4, 5, (5, 9)))
    images = rng.random((6, 9))
    encoder = Encoder(limit=300)
    result = net.classify(images, encoder, lead=4, seed=7)
    part = net.classify(images[2:], encoder, lead=4, seed=7, first=2)
    np.testing.assert_array_equal(result.choice[2:], part.choice)
    for k, image in enumerate(images):
        single = net.respond(*encoder.train(image, seed=7, number=k), lead=4)
        score = np.bincount(single.neurons, single.signs, minlength=5)
        assert single.events == result.events[k]
        assert single.decided == result.decided[k]
        assert np.argmax(score) == result.choice[k]


def test_lead_is_what_decides():
    net = layer([[4.0], [0.0]])
    times = 1e-6 * (1 + np.arange(20))
    for lead in (1, 3, 7):
        assert net.respond(times, np.zeros(20, dtype=int), lead=lead).events == lead


@pytest.mark.parametrize(
    "make",
    [
        lambda: NeuronTiming(reset=1e-9),
        lambda: NeuronTiming(threshold=9.0),
        lambda: Encoder(coding="morse"),
        lambda: Encoder(slot=0.0),
        lambda: layer([[np.nan]]).respond([1e-6], [0]),
        lambda: layer([[1.0]], upper=np.ones(3)).respond([1e-6], [0]),
        lambda: layer([[1.0], [2.0]]).classify(np.zeros((1, 1)), Encoder(slot=1e-9)),
        lambda: layer([[1.0]]).classify(np.zeros((1, 1))),
    ],
)
def test_wrong_settings_are_refused(make):
    with pytest.raises(ConfigError):
        make()


def test_wrong_data_are_refused():
    net = layer([[1.0, 2.0]])
    with pytest.raises(DataError, match="more often"):
        layer([[1.0]], drift=np.array([1e9])).respond([1e-3], [0])
    with pytest.raises(DataError, match="overlap"):
        net.respond([0.0, 1e-9], [0, 0])
    with pytest.raises(DataError, match="input of a train"):
        net.respond([0.0], [2])
    with pytest.raises(DataError, match="brightness"):
        net.classify(np.full((1, 2), 255.0))
    with pytest.raises(DataError, match="pixels"):
        net.classify(np.zeros((1, 3)))
