import numpy as np
import pytest

from compact_models.errors import ParameterError
from cosim.behavioural import DeviceSpread, soft_bounds
from cosim.network import kernels, products
from cosim.network.crossbar import DeviceArray, Pulses
from cosim.network.random import GAUSS, new_state

STEADY = soft_bounds(states=100.0, skew=0.5, nsr=0.0)


def test_normal_table_has_mean_zero_and_variance_one():
    assert GAUSS.mean() == pytest.approx(0.0, abs=1e-6)
    assert np.mean(GAUSS.astype(float) ** 2) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("probability", [0.003, 0.25, 0.61, 1.0])
def test_bit_trains_have_the_right_density(probability):
    values = np.full(4000, -probability, np.float32)
    bits = np.zeros(4000, np.uint64)
    kernels.bit_train(values, 1.0, 31, bits, new_state(1))
    density = sum(int(b).bit_count() for b in bits) / (4000 * 31)
    spread = np.sqrt(probability * (1 - probability) / (4000 * 31))
    assert density == pytest.approx(probability, abs=4 * spread + 1e-9)
    assert max(int(b) for b in bits) < 2**31


def test_bits_of_a_word_are_independent():
    bits = np.zeros(20000, np.uint64)
    kernels.bit_train(np.full(20000, 0.5, np.float32), 1.0, 8, bits, new_state(2))
    table = (bits[:, None] >> np.arange(8, dtype=np.uint64)) & np.uint64(1)
    correlation = np.corrcoef(table.T.astype(float)) - np.eye(8)
    assert np.abs(correlation).max() < 0.04


def test_parallel_update_is_the_outer_product_on_average():
    x = np.array([[0.9, -0.4, 0.0, 0.2]], np.float32)
    d = np.array([[0.5, -0.1, 0.05]], np.float32)
    total = np.zeros((4, 3))
    array = DeviceArray(STEADY, 4, 3, seed=1)
    for _ in range(4000):
        array.program(np.zeros((4, 3)))
        array.update(x, d, 0.02)
        total += array.w
    expected = 0.02 * x.T @ d
    # Five standard errors of 4000 updates of a few pulses each.
    assert total / 4000 == pytest.approx(expected, abs=1.1e-3)
    assert (total[2] == 0.0).all()


def test_pulses_follow_the_device_law():
    device = soft_bounds(states=50.0, skew=0.6, nsr=0.0)
    array = DeviceArray(device, 1, 1, weight_range=1.0)
    array.program([[-0.5]])
    ups = []
    for _ in range(10):
        array.pulse([[1]])
        ups.append(float(array.w[0, 0]))
    start = device.conductance(0.25)
    expected = 2 * device.normalise(device.train(start, np.ones(10))) - 1
    assert ups == pytest.approx(expected, abs=1e-5)


def test_many_pulses_at_once_equal_single_ones():
    device = soft_bounds(states=2000.0, skew=0.5, nsr=0.0)
    one, many = (DeviceArray(device, 1, 1) for _ in range(2))
    for _ in range(30):
        one.pulse([[1]])
    many.pulse([[30]])
    assert many.w[0, 0] == pytest.approx(one.w[0, 0], abs=5e-4)


def test_noise_of_lumped_pulses_adds_in_the_square():
    device = soft_bounds(states=4000.0, skew=0.5, nsr=0.8)
    array = DeviceArray(device, 100, 100)
    array.pulse(np.full((100, 100), 16))
    u = array.w / 2
    assert u.mean() == pytest.approx(16 / 4000, rel=0.02)
    assert u.std() == pytest.approx(0.8 * 4 / 4000, rel=0.05)


def test_symmetry_point_shifting_finds_every_devices_own():
    device = soft_bounds(states=60.0, nsr=0.1, spread=DeviceSpread(up_down=0.2, step=0.1))
    array = DeviceArray(device, 20, 20, reference="shifted", seed=3)
    plain = DeviceArray(device, 20, 20, reference="nominal", seed=3)
    assert np.abs(array.symmetry_weights).mean() < 0.25 * np.abs(plain.symmetry_weights).mean()


def test_alternating_pulses_end_at_the_symmetry_weights():
    device = soft_bounds(states=200.0, nsr=0.0, spread=DeviceSpread(up_down=0.3))
    array = DeviceArray(device, 10, 10, reference="middle", seed=4)
    expected = array.symmetry_weights.copy()
    ones = np.ones((10, 10))
    for _ in range(600):
        array.pulse(ones)
        array.pulse(-ones)
    assert array.w == pytest.approx(expected, abs=0.03)


def test_half_selected_devices_drift_to_the_symmetry_point_and_k_zero_does_nothing():
    x = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    d = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    moved = {}
    for k in (0.0, 0.05):
        array = DeviceArray(STEADY, 2, 2, pulses=Pulses(half_select=k))
        array.program(np.full((2, 2), 0.8))
        for _ in range(50):
            array.update(x, d, 0.05)
        moved[k] = array.w - 0.8
    assert (moved[0.0].ravel()[1:] == 0.0).all()
    assert moved[0.05][0, 1] < -0.01
    assert moved[0.05][1, 0] < -0.01
    assert moved[0.05][1, 1] == 0.0


def test_a_line_is_half_selected_once_for_each_sign_it_has_to_meet():
    """One update; what its row and column get, in steps of k."""
    moved = {}
    for other in (0.0, 1.0, -1.0):
        array = DeviceArray(STEADY, 3, 3, pulses=Pulses(length=1, half_select=0.01))
        x = np.array([[1.0, 0.0, 0.0]], np.float32)
        d = np.array([[1.0, other, 0.0]], np.float32)
        array.update(x, d, array.step)
        moved[other] = array.w / array.step
    up = 0.01
    # Down pulses come only where an error of the other sign is there to meet.
    assert moved[0.0][0, 2] == pytest.approx(up, rel=0.05)
    assert moved[1.0][0, 2] == pytest.approx(up, rel=0.05)
    assert moved[-1.0][0, 2] == pytest.approx(0.0, abs=0.05 * up)
    # Inputs are of one sign: a column fires once, with the sign of its error.
    for other in (1.0, -1.0):
        assert moved[other][1, 0] == pytest.approx(up, rel=0.05)
        assert moved[other][1, 1] == pytest.approx(other * up, rel=0.05)
        assert moved[other][1, 2] == 0.0


def test_product_with_converters_is_close_and_without_is_exact():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 30)).astype(np.float32)
    w = rng.standard_normal((30, 7)).astype(np.float32)
    zero = np.float32(0)
    for batch in (1, 6):
        exact = products.product(
            x[:batch], w, False, zero, zero, np.float32(np.inf), zero, np.float32(1), new_state(0)
        )
        assert exact == pytest.approx(x[:batch] @ w, abs=1e-4)
        back = products.product(
            exact, w, True, zero, zero, np.float32(np.inf), zero, np.float32(1), new_state(0)
        )
        assert back == pytest.approx(exact @ w.T, abs=1e-3)
    step = np.float32(2.0 / 126)
    rough = products.product(
        x, w, False, step, np.float32(0.05), np.float32(50), zero, np.float32(1), new_state(0)
    )
    assert np.abs(rough - x @ w).max() < 0.5
    assert not (rough == exact).all()


def test_bad_arrays_are_refused():
    with pytest.raises(ParameterError, match="pulse train"):
        Pulses(length=64)
    with pytest.raises(ParameterError, match="reference"):
        DeviceArray(STEADY, 2, 2, reference="none")
    with pytest.raises(ParameterError, match="weights of a device array"):
        DeviceArray(STEADY, 2, 2).program(np.zeros((3, 2)))
