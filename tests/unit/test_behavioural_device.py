import dataclasses
from functools import cache

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import CalibrationError, DataError, ParameterError
from cosim.behavioural import (
    BehaviouralDevice,
    DeviceSpread,
    NoiseLaws,
    OutsideCalibration,
    ReadLaw,
    Validity,
    predict,
    soft_bounds,
)
from cosim.behavioural.rate_fit import fit_rates


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


@cache
def law(polarity=1, low=1.25, high=1.45):
    """Rates that grow tenfold in 0.23 V and fall towards the end of the window."""
    u, volts = np.meshgrid(np.linspace(0.05, 0.9, 30), np.linspace(low, high, 7))
    width = np.where(np.arange(u.size) % 2, 1e-6, 4e-6)
    steps = moved(u.ravel(), volts.ravel(), width)
    place = u.ravel() if polarity > 0 else 1 - u.ravel()
    return fit_rates(place, steps, polarity * volts.ravel(), width, polarity)


def moved(u, volts, width):
    """du/dt = r (1 - u) exactly integrated."""
    return (1.0 - u) * (1.0 - np.exp(-1e4 * width * np.exp(10.0 * (volts - 1.35))))


def with_rates(**changes):
    device = soft_bounds(nsr=0.0)
    known = {"amplitude_up": (1.25, 1.45), "width": (1e-6, 4e-6), "conductance": (9e-6, 88.2e-6)}
    known["temperature"] = (293.0, 293.0)
    return device.replace(
        up=dataclasses.replace(device.up, amplitude=1.35, width=2e-6),
        rates_up=law(), validity=Validity(**known | changes),
    )  # fmt: skip


def test_rates_give_steps_of_any_amplitude_and_width():
    device, u = with_rates(), np.linspace(0.1, 0.85, 20)
    for volts, width in ((1.27, 1e-6), (1.33, 2.7e-6), (1.44, 3.9e-6)):
        got = device.response(1, volts, width).step(u)
        assert got == pytest.approx(moved(u, volts, width), rel=0.01)
        assert not device.rates_up.outside(u, volts, width).any()
    down = law(-1)
    got = np.interp(1 - u, np.sort(down.positions), down.steps(-1.3, 2e-6))
    assert got == pytest.approx(moved(u, 1.3, 2e-6), rel=0.01)


@pytest.mark.parametrize(
    ("pulse", "message"), [((1.8, 2e-6), "amplitude up"), ((1.35, 9e-6), "width")]
)
def test_outside_the_calibrated_pulses_it_warns(pulse, message):
    with pytest.warns(OutsideCalibration, match=f"{message} of .* outside the calibrated range"):
        with_rates().response(1, *pulse)


def test_a_gap_in_the_data_is_outside():
    u = np.linspace(0.05, 0.9, 40)
    volts = np.where(np.arange(u.size) % 2, 0.7, 1.4)
    found = fit_rates(u, moved(u, volts, 2e-6), volts, np.full(u.size, 2e-6), 1)
    assert not found.outside(u, 1.4, 2e-6).any()
    assert found.outside(u, 1.05, 2e-6).all()


def test_a_prediction_flags_what_no_data_covered():
    device = with_rates()
    inside = predict(device, [20e-6, 40e-6], np.full(4, 1.3), np.full(4, 2e-6))
    assert not inside["outside_calibration"].values.any()
    assert inside["conductance"].attrs["units"] == "S"
    with pytest.warns(OutsideCalibration, match="amplitude up"):
        mixed = predict(device, [20e-6], [1.3, 1.6, 1.3], np.full(3, 2e-6))
    assert mixed["outside_calibration"].values[:, 0].tolist() == [False, True, False]
    assert mixed.attrs["outside_calibration"] == pytest.approx(1 / 3)
    with pytest.warns(OutsideCalibration, match="temperature of 358 K"):
        hot = predict(device, [20e-6], [1.3], [2e-6], temperature=358.0)
    assert hot["outside_calibration"].values.all()
    with pytest.warns(OutsideCalibration, match=r"conductance of 2e-06 S"):
        low = predict(device, [2e-6, 40e-6], [1.3], [2e-6])
    assert low["outside_calibration"].values.tolist() == [[True, False]]
    with pytest.warns(OutsideCalibration, match="conductance of 2e-06 S"):
        device.pulse(np.array([2e-6]), 1)
    with pytest.warns(OutsideCalibration, match="conductance of 2e-06 S"):
        device.train(2e-6, np.array([1]))


def test_one_amplitude_does_not_tell_of_another():
    device = with_rates().replace(rates_up=None)
    with pytest.raises(ParameterError, match="only one that was calibrated"):
        device.response(1, 1.36, 2e-6)
    with pytest.warns(OutsideCalibration, match="in proportion"):
        doubled = device.replace(validity=Validity(width=(2e-6, 2e-6))).response(1, 1.35, 4e-6)
    assert float(doubled.step(0.5)) == pytest.approx(2 * float(device.up.step(0.5)))


def test_reads_beyond_the_fitted_voltages_and_conductances_warn():
    volts, cells = np.linspace(0.02, 0.2, 10), np.linspace(1e-5, 9e-5, 9)
    read = ReadLaw.fit(volts, cells, np.sinh(3 * volts[:, None]) * cells / 3)
    assert read.current(-0.2, 5e-5) == pytest.approx(-np.sinh(0.6) * 5e-5 / 3, rel=1e-6)
    with pytest.warns(OutsideCalibration, match=r"read voltage of 0.3 V"):
        read.current(0.3, 5e-5)
    with pytest.warns(OutsideCalibration, match="conductance of 0.0001 S"):
        read.current(0.1, np.array([5e-5, 1e-4]))


def test_fitted_coefficients_replace_the_published_ones():
    g, rng = np.full(4000, 50e-6), np.random.default_rng(0)
    fitted = NoiseLaws(coefficients=(("programming_slope_tight", 0.01),))
    assert fitted.program(g, rng).std() == pytest.approx(0.01 * 50e-6, rel=0.05)
    assert NoiseLaws().program(g, rng).std() < 0.0012 * 50e-6
    with pytest.raises(ParameterError, match="programming_slope_tight"):
        NoiseLaws(coefficients=(("programming_slope_tigh", 0.01),))


def test_a_pulse_that_was_never_calibrated_is_refused():
    with pytest.raises(ParameterError, match="calibrat"):
        soft_bounds().response(1, 1.35, 2.5e-6)


def test_saved_device_comes_back_the_same(tmp_path):
    device = with_rates(amplitude_up=(1.2, 1.4)).replace(
        spread=DeviceSpread(step=0.2), half_select=0.005,
        noise=NoiseLaws(coefficients=(("read_coefficient", 1e-8),)),
    )  # fmt: skip
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


def test_read_law_of_the_model_stays_on_its_rising_branch():
    """Beyond 4.7e25 m^-3 the conductance falls, and several densities give one conductance."""
    reram = load_model("cmo_hfox")
    law = ReadLaw.from_model(reram)
    peak = float(reram.conductance(vacancies=np.geomspace(4e25, 5.2e25, 400)).max())
    assert law.conductances[-1] == pytest.approx(peak, rel=1e-4)
    density = 4.4e25
    g = reram.conductance(vacancies=np.array([density]))
    for voltage in (0.1, 0.2):
        expected = reram.current(voltage=voltage, vacancies=np.array([density]))
        assert law.current(np.array([voltage]), g) == pytest.approx(expected, rel=5e-3)
    with pytest.raises(CalibrationError, match="maximum of"):
        ReadLaw.from_model(reram, window=(9.5e-5, 1e-4))
