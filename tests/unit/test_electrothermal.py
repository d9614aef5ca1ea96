"""The finite-element device: its conduction law, its mesh, and what it refuses."""

import numpy as np
import pytest

pytest.importorskip("skfem")

from compact_models import electrothermal as et
from compact_models import load_model
from compact_models.electrothermal.device import graded
from compact_models.errors import CosimError, ParameterError


def test_the_local_law_is_the_compact_models_own():
    reram = load_model("cmo_hfox")
    law = et.hopping_law()
    voltage, vacancies = 0.8, 2e25
    p = reram.parameters
    current = float(reram.current(voltage=voltage, vacancies=vacancies))
    temperature = float(reram.temperature(voltage=voltage, vacancies=vacancies))
    field = (voltage - current * (p["R_s"] + p["R_line"])) / p["L"]
    sigma = law(np.array([field]), np.array([temperature]), np.array([vacancies]))[0][0]
    area = p["area_factor"] * np.pi * p["r"] ** 2
    assert sigma * field * area == pytest.approx(current, rel=1e-6)


def test_derivatives_of_the_law_match_differences():
    law = et.hopping_law()
    field, temperature, density = np.array([8e7]), np.array([500.0]), np.array([2e25])
    _, by_field, by_temperature = law(field, temperature, density)
    h = 1e2
    up, down = law(field + h, temperature, density)[0], law(field - h, temperature, density)[0]
    assert by_field[0] == pytest.approx((up - down)[0] / (2 * h), rel=1e-5)
    up = law(field, temperature + 1e-3, density)[0]
    down = law(field, temperature - 1e-3, density)[0]
    assert by_temperature[0] == pytest.approx((up - down)[0] / 2e-3, rel=1e-5)


def test_low_field_law_has_no_division_by_zero():
    law = et.hopping_law()
    sigma = law(np.zeros(2), np.full(2, 293.0), np.full(2, 7e24))[0]
    assert np.isfinite(sigma).all()
    # Falcone2025 prints 5 S/cm after reset.
    assert sigma[0] / 100.0 == pytest.approx(5.0, rel=0.1)


def test_graded_points_start_fine_and_stay_ordered():
    points = graded(0.0, 50.0, 0.5, 5.0, "start")
    steps = np.diff(points)
    assert points[0] == 0.0
    assert points[-1] == pytest.approx(50.0)
    assert (steps > 0).all()
    assert steps[0] < 0.75
    assert steps[-1] > 3.0 * steps[0]


def test_regions_of_the_cross_section():
    device = et.make_device()
    points = np.array([[5.0, 20.0, 5.0, 5.0, 5.0], [-2.0, -2.0, 10.0, 25.0, -10.0]])
    assert device.region(points).tolist() == [2, 1, 3, 0, 0]
    assert device.in_dome(points).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"materials": "guessed"},
        {"fineness": 0.0},
        {"vacancies": -1.0},
        {"k_cmo": -1.0},
        {"k_cmos": 1.0},
    ],
)
def test_wrong_input_is_refused(wrong):
    with pytest.raises(ParameterError):
        et.make_device(**wrong)


@pytest.mark.parametrize("voltage", [0.0, np.nan, np.inf])
def test_a_voltage_without_an_answer_is_refused(voltage):
    with pytest.raises(ParameterError, match=r"voltage .*\[V\]"):
        et.sweep(et.make_device(fineness=0.3, degree=1), [voltage])


def test_discretisation_error_of_a_geometric_series():
    values = [1.1, 1.025, 1.00625]
    assert et.discretisation_error(values) == pytest.approx(0.00625, rel=0.05)


@pytest.mark.parametrize("wrong", [{"states": ()}, {"amplitude": 0.0}, {"fractions": (np.nan,)}])
def test_a_study_refuses_what_makes_no_sense(wrong):
    from cosim.experiments.electrothermal_job import Electrothermal

    with pytest.raises(CosimError, match="electro-thermal study"):
        Electrothermal(**wrong).compute()


def test_drift_is_the_compact_models_own():
    reram = load_model("cmo_hfox")
    p = reram.parameters
    for volts in (1.0, -1.2):
        bias = {"voltage": volts, "vacancies": 2e25}
        current, kelvin = (float(f(**bias)) for f in (reram.current, reram.temperature))
        field = (abs(volts) - abs(current) * (p["R_s"] + p["R_line"])) / p["L"]
        ours = et.drift_rate(reram, field, kelvin, 2e25, up=volts > 0)
        assert ours == pytest.approx(abs(float(reram.rate(**bias))) / 2e25, rel=1e-4)


def test_parts_of_the_device_add_up():
    device = et.make_device(fineness=0.3)
    _, solution = et.sweep(device, [0.5])[0]
    parts = et.regions(device, solution)
    assert tuple(parts) == et.REGIONS
    assert sum(p.heat_share for p in parts.values()) == pytest.approx(1.0, abs=1e-12)
    assert parts["dome"].temperature_peak == max(p.temperature_peak for p in parts.values())
    assert parts["dome"].field_mean > 3 * parts["CMO beside the dome"].field_mean
    assert parts["electrodes"].potential_high == pytest.approx(0.5, rel=1e-3)
    assert parts["filament"].potential_high < 0.1 * 0.5
