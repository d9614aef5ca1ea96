"""Energy and time of products against exact networks."""

import numpy as np
import pytest

from compact_models.errors import ConfigError
from cosim.experiments.energy import Lines, run_study, settling_time


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
        run_study({"size": [4]})


def test_array_energy_grows_with_the_cells_and_converters_with_the_columns():
    dataset = run_study({"sizes": [2, 4]}, progress=False)
    assert float(dataset.array_energy[1] / dataset.array_energy[0]) == pytest.approx(4.0)
    assert float(dataset.converter_energy[1] / dataset.converter_energy[0]) == pytest.approx(2.0)
    assert (dataset.pulse_energy.values > 0).all()
    assert dataset.settling_time.attrs["units"] == "s"
