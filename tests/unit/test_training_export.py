import ast
import dataclasses
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


def aihwkit_steps(preset, start, direction, devices=4000):
    """Steps of many devices at weight `start` for one pulse, in aihwkit itself."""
    import torch
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.parameters.enums import PulseType
    from aihwkit.simulator.tiles import AnalogTile

    torch.manual_seed(0)
    config = SingleRPUConfig(device=preset.build())
    config.update.pulse_type = PulseType.DETERMINISTIC_IMPLICIT
    config.update.desired_bl = 1
    config.update.update_bl_management = config.update.update_management = False
    tile = AnalogTile(devices, 2, config)
    tile.set_weights(torch.full((devices, 2), start))
    tile.set_learning_rate(preset.fields["dw_min"])
    before = tile.get_weights()[0][:, 0].clone()
    tile.update(torch.tensor([1.0, 0.0]), torch.full((devices,), -float(direction)))
    return (tile.get_weights()[0][:, 0] - before).numpy()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["piecewise", "soft_bounds"])
@pytest.mark.parametrize("skew", [0.61, 0.35])
def test_aihwkit_steps_like_the_device(form, skew):
    """Mean and spread of single steps, up and down, at three places of the window."""
    pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    device = soft_bounds(states=40.0, nsr=0.3, skew=skew)
    preset = translate(device, form)
    assert preset.step_error < 1e-6
    for start in (-0.8, 0.0, 0.8):
        for response in (device.up, device.down):
            mean = 2.0 * float(response.step(0.5 * (start + 1.0)))
            got = aihwkit_steps(preset, start, response.polarity)
            # Four standard errors of the mean and of the spread of 4000 devices.
            assert got.mean() == pytest.approx(mean, rel=4 * 0.3 / 4000**0.5)
            assert got.std() == pytest.approx(0.3 * abs(mean), rel=4 / 8000**0.5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_aihwkit_steps_of_a_curved_device_differ_by_the_stated_error():
    pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    device = curved()
    quiet = device.replace(
        up=dataclasses.replace(device.up, noise=0.0),
        down=dataclasses.replace(device.down, noise=0.0),
        spread=DeviceSpread(),
    )
    preset = translate(quiet)
    largest = 2.0 * max(device.up.steps[0], device.down.steps[-1])
    for start in np.linspace(-0.97, 0.97, 9):
        for response in (quiet.up, quiet.down):
            mean = 2.0 * float(response.step(0.5 * (start + 1.0)))
            got = aihwkit_steps(preset, float(start), response.polarity, devices=2)
            assert np.abs(got - mean).max() <= (preset.step_error + 1e-5) * largest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["piecewise", "soft_bounds"])
def test_aihwkit_trains_and_infers_with_the_written_module(form, tmp_path):
    """A linear classifier of the digits, trained and then programmed with the written file."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    from aihwkit.nn import AnalogLinear
    from aihwkit.optim import AnalogSGD

    from cosim.network.datasets import digits

    export(soft_bounds(states=200.0, skew=0.5, nsr=0.3), tmp_path, form=form)
    spec = importlib.util.spec_from_file_location("preset", tmp_path / "cmohfox_aihwkit.py")
    preset = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(preset)
    torch.manual_seed(0)
    data = digits()
    x, test = (
        torch.tensor(i.reshape(len(i), -1) / 255.0, dtype=torch.float32)
        for i in (data.train_images, data.test_images)
    )
    y, truth = torch.tensor(data.train_labels), torch.tensor(data.test_labels)
    model = AnalogLinear(64, 10, rpu_config=preset.CmoHfoxTraining())
    optimiser = AnalogSGD(model.parameters(), lr=0.05)
    optimiser.regroup_param_groups(model)
    accuracy = []
    for _ in range(6):
        accuracy.append(float((model(test).argmax(1) == truth).float().mean()))
        for rows in torch.randperm(len(x)).split(10):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(4.0 * model(x[rows]), y[rows]).backward()
            optimiser.step()
    trained = float((model(test).argmax(1) == truth).float().mean())
    assert accuracy[0] < 0.3
    # aihwkit draws its devices and pulses from a seed of its own.
    assert trained > 0.7
    weight, bias = model.get_weights()
    inference = AnalogLinear(64, 10, rpu_config=preset.CmoHfoxInference())
    inference.set_weights(weight, bias)
    inference.eval()
    inference.drift_analog_weights(3600.0)
    later = float((inference(test).argmax(1) == truth).float().mean())
    assert later > trained - 0.05
