import ast
import importlib.util
import json

import numpy as np
import pytest

from compact_models.errors import DataError, ParameterError
from cosim.behavioural import DeviceSpread, NoiseLaws, soft_bounds
from cosim.export.aihwkit import export, translate


def curved():
    u = np.linspace(0, 1, 65)
    device = soft_bounds(spread=DeviceSpread(step=0.2))
    return device.replace(
        up=type(device.up).from_function(1, 0.05 * np.exp(-3 * u), noise=0.4),
        down=type(device.down).from_function(-1, 0.08 * u**1.5, noise=0.6),
        half_select=0.005,
    )


def test_piecewise_keeps_the_law_and_states_its_error():
    preset = translate(curved())
    assert 0 < preset.step_error < 0.005
    assert preset.fields["dw_min"] == pytest.approx(2 / curved().figures["states"])
    assert any("one noise" in n for n in preset.notes)
    assert any("half-select" in n for n in preset.notes)


def test_soft_bounds_form_is_exact_for_soft_bounds_and_honest_for_others():
    assert translate(soft_bounds(), "soft_bounds").step_error < 1e-6
    assert translate(curved(), "soft_bounds").step_error > 0.05


def test_written_module_is_python_and_the_trap_of_the_acceptance_range_is_avoided(tmp_path):
    device = soft_bounds().replace(noise=NoiseLaws(acceptance_range=0.02))
    result = export(device, tmp_path)
    ast.parse((tmp_path / "cmohfox_aihwkit.py").read_text())
    stored = json.loads((tmp_path / "cmohfox_aihwkit.json").read_text())
    assert stored["inference"]["acceptance_range"] == 2
    assert len(result["files"]) == 2


def test_hostile_names_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="letters and digits"):
        export(soft_bounds(), tmp_path, name="x(): import os #")


def test_without_aihwkit_the_error_says_what_to_install():
    if importlib.util.find_spec("aihwkit") is not None:
        pytest.skip("aihwkit is installed")
    with pytest.raises(DataError, match="pip install"):
        translate(soft_bounds()).build()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["piecewise", "soft_bounds"])
def test_aihwkit_pulses_like_the_device(form):
    """Mean of many devices after 1..30 pulses in aihwkit against this project's law."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.parameters.enums import PulseType
    from aihwkit.simulator.tiles import AnalogTile

    device = soft_bounds(states=40.0, nsr=0.3)
    preset = translate(device, form)
    config = SingleRPUConfig(device=preset.build())
    config.update.pulse_type = PulseType.DETERMINISTIC_IMPLICIT
    config.update.desired_bl = 1
    config.update.update_bl_management = config.update.update_management = False
    tile = AnalogTile(1000, 2, config)
    tile.set_weights(torch.full((1000, 2), -0.8))
    tile.set_learning_rate(preset.fields["dw_min"])
    start, expected = device.conductance(0.1), []
    u = device.normalise(start)
    for _ in range(30):
        tile.update(torch.tensor([1.0, 0.0]), torch.full((1000,), -1.0))
        u = device.up.apply(u)
        expected.append(2 * float(u) - 1)
    got = float(tile.get_weights()[0][:, 0].mean())
    assert got == pytest.approx(expected[-1], abs=0.03)
