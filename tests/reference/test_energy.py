"""Energy and time of products against exact networks."""

import numpy as np
import pytest

from compact_models.errors import ConfigError
from cosim.experiments.energy import Lines, settling_time
from cosim.experiments.energy_job import Energy


def test_one_weak_cell_settles_like_two_equal_poles():
    # Bit line and source line each have R C; (1 + t/RC) exp(-t/RC) = 0.01 at t = 6.6384 RC.
    lines = Lines(
        wire_resistance=1.0,
        wire_capacitance=1e-12,
        driver_resistance=99.0,
        selector_resistance=1.0,
        device_capacitance=1e-22,
        gate_capacitance=1e-20,
    )
    assert settling_time(np.full((1, 1), 1e-7), lines) == pytest.approx(6.6384e-10, rel=0.01)


def test_settling_matches_the_exact_exponential_of_a_small_network():
    from scipy.linalg import expm

    # One cell: bit line, inner node, source line, and the device's own capacitance.
    lines = Lines()
    g, s = 5e-5, 1.0 / lines.selector_resistance
    feed = 1.0 / (lines.driver_resistance + lines.wire_resistance)
    matrix = np.array([[feed + g, -g, 0], [-g, g + s, -s], [0, -s, s + feed]])
    c, d, e = lines.wire_capacitance, lines.device_capacitance, lines.gate_capacitance
    capacity = np.array([[c + d, -d, 0], [-d, d + e, 0], [0, 0, c + e]])
    rate = -np.linalg.solve(capacity, matrix)
    final = np.linalg.solve(matrix, [feed, 0, 0])
    times = np.linspace(0.0, 2e-10, 4001)
    step = expm(rate * times[1])
    left = -final
    late = 0.0
    for time in times[1:]:
        left = step @ left
        if abs(left[2] / final[2]) > 0.01:
            late = time
    assert settling_time(np.array([[g]]), lines) == pytest.approx(late, rel=0.01)


def test_wrong_networks_are_refused():
    with pytest.raises(ConfigError):
        settling_time(np.zeros((2, 2)), Lines())
    with pytest.raises(ConfigError, match="sizes"):
        Energy(sizes=()).compute()


def test_energy_of_a_product_is_the_sum_over_its_cells():
    from compact_models import load_model
    from cosim.experiments.energy_array import product_energy

    lines = Lines(wire_resistance=1e-6, driver_resistance=1e-6)
    density = np.full((3, 3), 1.64)
    total, wires = product_energy(3, lines, density, 0.02, 100e-9, seed=4)
    volts = 0.02 * np.random.default_rng(4).uniform(-1.0, 1.0, (16, 3))
    device = 1.0 / float(load_model("cmo_hfox").conductance(vacancies=1.64e25, read_voltage=0.01))
    cell = 1.0 / (device + 304.5)
    assert total == pytest.approx(3 * cell * (volts**2).sum(axis=1).mean() * 100e-9, rel=5e-3)
    assert abs(wires) < 1e-6 * total


def test_the_study_has_array_and_converters_apart():
    dataset = Energy(sizes=(2, 4), devices=1).compute()["energy"]
    assert float(dataset.array_energy[1] / dataset.array_energy[0]) == pytest.approx(4.0, rel=0.4)
    assert float(dataset.converter_energy[1] / dataset.converter_energy[0]) == pytest.approx(2.0)
    assert (dataset.pulse_energy.values > 0).all()
    assert (dataset.program_energy.values > dataset.pulse_energy.values.min()).all()
    assert (dataset.settling_time.values < 1e-9).all()
    assert dataset.update_settling_time.attrs["units"] == "s"


def test_chords_give_the_currents_of_the_device_equations():
    from compact_models import load_model
    from cosim.experiments.access import selector
    from cosim.experiments.pulse_map import build_map
    from cosim.experiments.settling import compiled_cells

    model = load_model("cmo_hfox")
    for bias in (0.2, 1.35):
        cells = compiled_cells(np.array([[1.64]]), bias)
        # Ends at their potentials; dome, middle and temperature free; gate at rest.
        g, inner = cells.conductance[..., 0, 0], [1, 2, 4]
        free = np.linalg.solve(g[np.ix_(inner, inner)], -g[inner, 0] * bias)
        current = g[0, 0] * bias + g[0, inner] @ free
        table = build_map(load_model("cmo_hfox"), bias, selector(3.3))
        wanted = np.interp(np.log(1.64), table.log_density, table.current[0])
        assert current == pytest.approx(wanted, rel=1e-4)
        inside = bias - free[1]
        kelvin = float(model.temperature(voltage=inside, vacancies=1.64e25))
        assert free[2] == pytest.approx(kelvin - model.parameters["T_0"], rel=1e-4)


def test_energy_of_a_pulse_is_current_times_voltage_where_the_state_rests():
    from compact_models import load_model
    from cosim.experiments.access import selector
    from cosim.experiments.energy import pulse_energy
    from cosim.experiments.pulse_map import build_map

    table = build_map(load_model("cmo_hfox"), 0.3, selector(3.3))
    current = np.interp(np.log(1.64), table.log_density, table.current[0])
    got = pulse_energy(np.array([1.64]), 0.3, 1e-9, 3.3)["total"][0]
    assert got == pytest.approx(0.3 * current * 1e-9, rel=1e-3)


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize(("drive", "amplitude"), [("read", 0.2), ("update", 1.35)])
def test_transient_settling_is_that_of_ngspice(drive, amplitude, ngspice):
    from cosim.experiments.settling_transient import transient_settling
    from cosim.simulators.base import get_simulator

    case = {"amplitude": amplitude, "stop": 2e-10}
    density = np.full((3, 3), 1.64)
    ours = transient_settling(density, Lines(), drive, **case)
    theirs = transient_settling(
        density, Lines(), drive, simulator=get_simulator("ngspice"), steps=800, **case
    )
    assert ours.time == pytest.approx(theirs.time, rel=0.01)
    assert ours.reached == pytest.approx(theirs.reached, rel=1e-4)


def test_linear_cells_settle_like_the_circuit_while_the_array_is_small():
    from cosim.experiments.settling import compiled_cells, settle
    from cosim.experiments.settling_transient import transient_settling

    density = np.full((3, 3), 1.64)
    exact = transient_settling(density, Lines(), "update", amplitude=1.35, stop=1.5e-10)
    linear = settle(compiled_cells(density, 0.675, -0.675), Lines(), "update")
    assert linear.time == pytest.approx(exact.time, rel=0.03)
    # Three cells of 0.25 mA on 100 ohm at both ends.
    assert exact.reached == pytest.approx(0.885, abs=0.01)


def test_a_transient_that_ends_early_is_an_error():
    from compact_models.errors import NotConverged
    from cosim.experiments.settling_transient import transient_settling

    with pytest.raises(NotConverged, match="settled"):
        transient_settling(np.full((2, 2), 1.64), Lines(), "read", amplitude=0.2, stop=4e-11)
