"""Training, cells of a chip, energy and pictures of the spiking system."""

import numpy as np
import pytest

from cosim.errors import ConfigError, DataError
from cosim.network import datasets
from cosim.network.spiking import Training, energy, hardware, round_weights, studies, train


@pytest.fixture(scope="module")
def digits():
    data = datasets.digits()
    return data, datasets.shrink(data.train_images, 8), datasets.shrink(data.test_images, 8)


@pytest.fixture(scope="module")
def weights(digits):
    data, x, _ = digits
    return train(x, data.train_labels, settings=Training(epochs=20, batch=20)).weights


def test_training_gives_nine_levels_and_learns(digits, weights):
    data, _, test = digits
    assert set(np.unique(weights)) <= set(range(-4, 5))
    choice = np.argmax(test.reshape(len(test), -1) @ weights.T, axis=1)
    assert np.mean(choice == data.test_labels) > 0.85


def test_training_repeats(digits):
    data, x, _ = digits
    short = Training(epochs=2)
    a = train(x, data.train_labels, settings=short)
    b = train(x, data.train_labels, settings=short)
    np.testing.assert_array_equal(a.weights, b.weights)
    assert a.loss[1] < a.loss[0]


def test_training_refuses_what_is_not_an_image(digits):
    data, x, _ = digits
    with pytest.raises(DataError, match="brightness"):
        train(x * 255, data.train_labels)
    with pytest.raises(DataError, match="differ"):
        train(x, data.train_labels[:-1])
    with pytest.raises(DataError, match="label"):
        train(x, data.train_labels, classes=3)
    with pytest.raises(ConfigError):
        Training(epochs=0)


def test_weights_are_held_at_the_outer_levels():
    np.testing.assert_array_equal(round_weights([-9, -0.6, 0.4, 3.6, 7]), [-4, -1, 0, 4, 4])


def test_ideal_chip_has_the_weights_it_was_given():
    w = np.arange(-4, 5)[None, :]
    chip = hardware.build_chip(w)
    assert chip.conductance.shape == (1, 9, 2, 4)
    seen = chip.layer().weights
    # The clamp's own resistance takes up to 1 % from the larger currents.
    np.testing.assert_allclose(seen, w, atol=0.04)
    np.testing.assert_allclose(seen, -seen[:, ::-1], atol=1e-12)
    timing = hardware.timing_of(chip.parameters)
    assert seen[0, 7] < timing.threshold < seen[0, 8]


def test_effects_have_streams_of_their_own():
    w = np.random.default_rng(0).integers(-4, 5, (3, 50))
    a = hardware.build_chip(w, effects=["comparator offset"], seed=5)
    b = hardware.build_chip(w, effects=hardware.EFFECTS, seed=5)
    np.testing.assert_array_equal(a.offset, b.offset)
    assert np.all(a.gain == 1)
    assert np.std(b.gain) > 0
    np.testing.assert_array_equal(a.conductance, hardware.build_chip(w).conductance)
    with pytest.raises(ConfigError, match="cell spread"):
        hardware.build_chip(w, effects=["cel spread"])
    with pytest.raises(ConfigError):
        hardware.build_chip(np.full((2, 2), 5))


def test_stuck_cells_come_at_their_rate():
    p = hardware.default_parameters().replace(stuck_lrs=0.1, stuck_hrs=0.2)
    w = np.tile([4, -4], (20, 200))
    chip = hardware.build_chip(w, p, effects=["stuck cells"])
    low = chip.conductance > 5e-5
    wanted = hardware.nominal_states(w)
    assert np.mean(~low[wanted]) == pytest.approx(0.2, abs=0.02)
    assert np.mean(low[~wanted]) == pytest.approx(0.1, abs=0.02)


def test_effective_pulse_lies_between_flat_top_and_foot():
    p = hardware.default_parameters()
    flat, foot = p["pulse"] - hardware.EDGE, p["pulse"] + hardware.EDGE
    assert flat < hardware.effective_pulse(p) < foot
    # A selector without resistance: all of an edge above threshold counts in full.
    hard = p.replace(selector_resistance=1e-9)
    share = 1 - p["selector_threshold"] / p["word_line_voltage"]
    expected = flat + 2 * hardware.EDGE * share
    assert hardware.effective_pulse(hard) == pytest.approx(expected, rel=1e-6)


def test_spiking_digits_and_energy(digits, weights):
    data, _, test = digits
    chip = hardware.build_chip(weights)
    task = studies.Task(
        images=test[:200], labels=data.test_labels[:200], weights=weights,
        parameters=chip.parameters,
    )  # fmt: skip
    result = task.run(chip.layer())
    assert result.accuracy(task.labels) > 0.8
    few = task.run(chip.layer(), lead=2)
    assert few.events.mean() < result.events.mean()
    found = energy.image_energy(chip, task.images, result)
    total = found.energy.sum("part")
    # Event driven: energy follows the number of input spikes.
    assert np.corrcoef(total, found.events)[0, 1] > 0.95
    assert float(found.per_event.sum()) * 10 * result.events.sum() == pytest.approx(
        float(total.sum()), rel=1e-9
    )
    formal = energy.against_formal(task.images, result.events)
    assert float(formal.dense.sel(bits=8)) == pytest.approx(64 * 8 / result.events.mean())
    assert np.all(formal.sparse <= formal.dense)


def test_faulty_codes_are_right_without_faults(weights):
    from cosim.network.spiking.faults import FAULT_SCHEMES, _faulty

    for scheme in FAULT_SCHEMES:
        read = _faulty(weights, scheme, 0.0, np.random.default_rng(0))
        np.testing.assert_array_equal(read, weights)


def test_reads_of_the_device_equations_leave_the_state_alone():
    from cosim.network.spiking.stability import at_temperature, read_stability

    p = hardware.default_parameters()
    data = read_stability(p, voltages=(0.1, 0.4), points=5)
    change = np.abs(data.change.isel(reads=-1))
    assert float(change.sel(voltage=0.1).max()) < 1e-3
    assert float(change.sel(voltage=0.4, state="hrs")) > float(change.sel(voltage=0.1, state="hrs"))
    np.testing.assert_allclose(at_temperature(p, [293.0])[0], [88.2e-6, 9e-6], rtol=1e-9)
