import numpy as np
import pytest

from compact_models.errors import DataError, ParameterError
from cosim.behavioural import (
    BehaviouralDevice,
    DeviceSpread,
    PulseResponse,
    ValidityWarning,
    soft_bounds,
)


def test_soft_bounds_has_the_figures_it_was_asked_for():
    figures = soft_bounds(states=22.0, skew=0.61, nsr=0.9).figures
    assert figures["states"] == pytest.approx(22.0, rel=1e-3)
    assert figures["skew"] == pytest.approx(0.61, abs=1e-3)
    assert figures["nsr"] == pytest.approx(0.9, rel=1e-3)


def test_alternating_pulses_settle_at_the_symmetry_point():
    device = soft_bounds(nsr=0.0)
    end = device.train(20e-6, np.tile([1, -1], 300))[-2:].mean()
    assert end == pytest.approx(device.symmetry_point, abs=0.01 * device.window)


def test_soft_bounds_train_follows_the_geometric_law():
    device = soft_bounds(nsr=0.0, states=40.0)
    u = device.normalise(device.train(device.conductance_min, np.ones(50)))
    rate = 1.0 / (40.0 * 0.61)
    assert u == pytest.approx(1.0 - (1.0 - rate) ** np.arange(1, 51), abs=1e-12)


def test_noise_has_the_ratio_that_was_asked_for():
    device = soft_bounds(nsr=0.5, states=200.0)
    start = np.full(20000, device.symmetry_point)
    step = device.pulse(start, 1, rng=np.random.default_rng(0)) - start
    assert step.std() / step.mean() == pytest.approx(0.5, rel=0.03)


def test_amplitudes_are_interpolated_and_extrapolation_warns():
    def response(volts: float) -> PulseResponse:
        steps = (0.01 * np.exp(10 * (volts - 1.35)),) * 2
        return PulseResponse(polarity=1, steps=steps, amplitude=volts, width=2.5e-6)

    device = soft_bounds().replace(up=response(1.35), others=(response(1.25), response(1.45)))
    assert float(device.response(1, 1.30, 2.5e-6).step(0.5)) == pytest.approx(
        0.01 * np.exp(-0.5), rel=1e-3
    )
    with pytest.warns(ValidityWarning, match="outside the calibrated range"):
        device.response(1, 1.8, 2.5e-6)
    with pytest.warns(ValidityWarning):
        doubled = device.response(1, 1.35, 5e-6)
    assert float(doubled.step(0.5)) == pytest.approx(0.02, rel=1e-6)


def test_a_pulse_that_was_never_calibrated_is_refused():
    with pytest.raises(ParameterError, match="calibrat"):
        soft_bounds().response(1, 1.35, 2.5e-6)


def test_saved_device_comes_back_the_same(tmp_path):
    device = soft_bounds(spread=DeviceSpread(step=0.2), half_select=0.005)
    assert BehaviouralDevice.load(device.save(tmp_path / "d.json")) == device
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match=r"bad\.json"):
        BehaviouralDevice.load(tmp_path / "bad.json")


@pytest.mark.parametrize(
    "change",
    [{"conductance_max": 1e-6}, {"half_select": 1.5}, {"up": soft_bounds().down}],
)
def test_bad_devices_are_refused(change):
    with pytest.raises(ParameterError):
        soft_bounds().replace(**change)
