"""The formed device against the published compact model and its computed figures.

Source of all numbers: the equations and parameters of Galetta et al., Adv. Electron.
Mater. 12(7), e00373, evaluated independently (plain formula below, not our printers).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from compact_models import load_model
from compact_models.steady import solve_steady

K, Q = 1.380649e-23, 1.602176634e-19


def published_current(voltage, density):
    """The published equations as printed, with their sharp corners."""
    area = 1.44 * math.pi * 11e-9**2

    def current(i):
        temperature = 293.0 + 1.4e6 * voltage * i
        field = (voltage - i * 223.2217) / 12e-9
        distance = max(2e-9, 3.6369e-9 - 3.0738e-35 * density)
        barrier = 1.275579e-20 - 3.69733e-47 * density
        return (
            area * Q * density * distance * 2e13 * math.exp(-barrier / (K * temperature))
            * 2 * math.sinh(Q * field * distance / (2 * K * temperature))
        )  # fmt: skip

    return brentq(lambda i: current(i) - i, 0.0, voltage / 223.2217, xtol=1e-18, rtol=1e-14)


@pytest.mark.parametrize(
    ("density", "conductance"), [(7e24, 26.51e-6), (1.64e25, 54.98e-6), (3.77e25, 90.33e-6)]
)
def test_conductance_at_the_published_densities(density, conductance):
    reram = load_model("cmo_hfox")
    assert float(reram.conductance(vacancies=density)) == pytest.approx(conductance, rel=1e-3)
    assert float(reram.current(voltage=0.2, vacancies=1.64e25)) == pytest.approx(
        1.0996e-5, rel=1e-4
    )


@pytest.mark.parametrize("voltage", [0.05, 0.2, 0.8, 1.5])
@pytest.mark.parametrize("density", [7e24, 1.64e25, 3.77e25, 5.6e25])
def test_current_is_the_published_formula(voltage, density):
    ours = float(load_model("cmo_hfox").current(voltage=voltage, vacancies=density))
    assert ours == pytest.approx(published_current(voltage, density), rel=2e-4)


def test_temperature_is_heat_times_resistance():
    reram = load_model("cmo_hfox")
    voltage, density = np.array([0.3, 0.9, 1.4]), 1.64e25
    power = voltage * reram.current(voltage=voltage, vacancies=density)
    expected = 293.0 + 1.4e6 * power
    np.testing.assert_allclose(reram.temperature(voltage=voltage, vacancies=density), expected)


def test_where_two_densities_read_alike_the_lower_one_is_found():
    device = load_model("cmo_hfox")
    density = np.array([4.2e25, 4.4e25, 4.63e25])
    read = device.conductance(vacancies=density, read_voltage=0.2)
    # The conductance falls from 4.7e25 on and rises once more: these stand for two densities.
    assert device.conductance(vacancies=5.2e25, read_voltage=0.2) < read[1]
    assert device.conductance(vacancies=6e25, read_voltage=0.2) > read.max()
    assert device.vacancies_at(conductance=read) == pytest.approx(density, rel=1e-9)


def test_conductance_and_density_are_inverse():
    reram = load_model("cmo_hfox")
    targets = np.linspace(10e-6, 88e-6, 7)
    density = reram.vacancies_at(conductance=targets)
    np.testing.assert_allclose(reram.conductance(vacancies=density), targets, rtol=1e-6)


def _after_pulses(start, voltage, resistance, count=400, width=2.5e-6):
    """Density after `count` pulses through a series resistor, quasi-static in temperature."""
    reram = load_model("cmo_hfox").with_parameters(R_line=4.0 + resistance)

    def rate(_time, values):
        bias = {"top": voltage, "bottom": 0.0}
        held = {"c": values[0], "phi": 1.0}
        return [float(solve_steady(reram, voltages=bias, held=held).rate("c"))]

    run = solve_ivp(rate, (0, count * width), [start], method="LSODA", rtol=1e-6, atol=1e-9)
    return float(run.y[0, -1])


def test_open_loop_response_reaches_the_published_bounds():
    """400 x (+1.35 V, 2.5 us) from HRS to about 92 uS, 400 x (-1.3 V) to about 18 uS.

    The selector is its triode resistance at the gate voltages of the pulses: 1.4 V for
    SET; 3.3 V for RESET, whose 1.3 V come from the source line and take gate overdrive.
    """
    reram, selector = load_model("cmo_hfox"), load_model("nmos_3v3")
    on_set = 0.05 / float(selector.current(gate=1.4, drain=0.05, source=0.0, bulk=0.0))
    on_reset = 0.05 / float(selector.current(gate=3.3, drain=1.3, source=1.25, bulk=0.0))
    up = _after_pulses(0.7, 1.35, on_set)
    down = _after_pulses(up, -1.3, on_reset)
    assert float(reram.conductance(vacancies=up * 1e25)) == pytest.approx(92e-6, rel=0.05)
    assert float(reram.conductance(vacancies=down * 1e25)) == pytest.approx(18e-6, rel=0.05)
