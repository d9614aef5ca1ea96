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
    assert 0.05 < preset.spread_error < 0.5
    assert any("one relative noise" in n for n in preset.notes)
    assert any("half-select" in n for n in preset.notes)
    assert translate(soft_bounds(nsr=0.3)).spread_error < 1e-6


def test_soft_bounds_form_is_exact_for_soft_bounds_and_honest_for_others():
    assert translate(soft_bounds(), "soft_bounds").step_error < 1e-6
    assert translate(curved(), "soft_bounds").step_error > 0.05


def test_nodes_reach_the_bounds_that_noise_may_reach():
    device = soft_bounds(spread=DeviceSpread(conductance_max=0.1)).replace(bounds=(-0.25, 1.5))
    fields = translate(device).fields
    assert (fields["w_min"], fields["w_max"]) == (-1.5, 2.0)
    assert fields["w_max_dtod"] == pytest.approx(0.1)
    assert len(set(fields["piecewise_up"][:4])) == 1


def test_written_module_is_python_and_its_numbers_are_stored(tmp_path):
    result = export(soft_bounds(), tmp_path)
    ast.parse((tmp_path / "cmohfox_aihwkit.py").read_text())
    stored = json.loads((tmp_path / "cmohfox_aihwkit.json").read_text())
    # As in aihwkit 1.1.0, where they are rounded.
    assert stored["inference"]["coeff_dict"]["0.002"] == pytest.approx([0.00081107, 0.00106879])
    assert stored["inference"]["decay_dict"]["std"] == pytest.approx([0.04201137, 0.41183342])
    assert len(result["files"]) == 2


def test_fitted_and_switched_laws_go_into_the_noise_model():
    laws = NoiseLaws(
        acceptance_range=0.011, read=False, coefficients=(("relaxation_mean_slope", -2e-7),)
    )
    inference = translate(soft_bounds().replace(noise=laws)).inference
    offset, slope = inference["coeff_dict"][0.011]
    assert offset + 50 * slope == pytest.approx(1e6 * float(laws.programming_sigma(5e-5)))
    assert inference["decay_dict"]["mean"] == pytest.approx([-0.2])
    assert inference["read_dict"]["K"] == 0.0
    none = translate(soft_bounds().replace(noise=NoiseLaws.none())).inference
    assert none["coeff_dict"] == {0.002: [0.0, 0.0]}
    assert none["decay_dict"] == {"mean": [0.0], "std": [0.0, 0.0]}


def test_hostile_names_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="letters and digits"):
        export(soft_bounds(), tmp_path, name="x(): import os #")


def test_without_aihwkit_the_error_says_what_to_install():
    if importlib.util.find_spec("aihwkit") is not None:
        pytest.skip("aihwkit is installed")
    with pytest.raises(DataError, match="pip install"):
        translate(soft_bounds()).build()


def aihwkit_tile(preset, devices=4000):
    """A column of devices that one update sends one pulse each, in aihwkit itself."""
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.parameters.enums import PulseType
    from aihwkit.simulator.tiles import AnalogTile

    config = SingleRPUConfig(device=preset.build())
    config.update.pulse_type = PulseType.DETERMINISTIC_IMPLICIT
    config.update.desired_bl = 1
    config.update.update_bl_management = config.update.update_management = False
    tile = AnalogTile(devices, 2, config)
    tile.set_learning_rate(preset.fields["dw_min"])
    return tile


def pulsed(tile, direction):
    """Weights after one more pulse on every device."""
    import torch

    weights = tile.get_weights()[0]
    tile.update(torch.tensor([1.0, 0.0]), torch.full((len(weights),), -float(direction)))
    return tile.get_weights()[0][:, 0].numpy().copy()


def aihwkit_steps(tile, start, direction):
    """Steps of the devices of a tile at weight `start` for one pulse."""
    import torch

    tile.set_weights(torch.full(tile.get_weights()[0].shape, start))
    before = tile.get_weights()[0][:, 0].numpy().copy()
    return pulsed(tile, direction) - before


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
    tile = aihwkit_tile(preset)
    for start in (-0.8, 0.0, 0.8):
        for response in (device.up, device.down):
            mean = 2.0 * float(response.step(0.5 * (start + 1.0)))
            got = aihwkit_steps(tile, start, response.polarity)
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
    tile = aihwkit_tile(preset, devices=2)
    for start in np.linspace(-0.97, 0.97, 9):
        for response in (quiet.up, quiet.down):
            mean = 2.0 * float(response.step(0.5 * (start + 1.0)))
            got = aihwkit_steps(tile, float(start), response.polarity)
            assert np.abs(got - mean).max() <= (preset.step_error + 1e-5) * largest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["piecewise", "soft_bounds"])
def test_aihwkit_devices_differ_like_ours(form):
    """Spread of steps from device to device: common to both directions, and opposite."""
    pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    for spread, together in ((DeviceSpread(step=0.2), 1), (DeviceSpread(up_down=0.2), -1)):
        device = soft_bounds(states=100.0, skew=0.5, nsr=0.0, spread=spread)
        tile = aihwkit_tile(translate(device, form))
        for start in (-0.5, 0.5):
            u = 0.5 * (start + 1.0)
            ratios = np.array(
                [
                    aihwkit_steps(tile, start, r.polarity) / (2.0 * float(r.step(u)))
                    for r in (device.up, device.down)
                ]
            )
            # The spread of up against down is normal there, lognormal here: 0.02 and 0.01.
            assert ratios.mean(axis=1) == pytest.approx(np.exp(0.02), abs=0.03)
            assert ratios.std(axis=1) == pytest.approx(0.206, rel=0.07)
            assert np.corrcoef(ratios)[0, 1] == pytest.approx(together, abs=0.05)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_aihwkit_follows_a_curved_device_to_its_symmetry_point():
    """Mean and spread of 40 pulses up, 40 down, 100 alternating, with the noise of both."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    device = curved().replace(spread=DeviceSpread(), half_select=0.0)
    polarity = np.r_[np.ones(40), -np.ones(40), np.tile([1, -1], 50)].astype(int)
    preset = translate(device)
    tile = aihwkit_tile(preset, devices=20000)
    tile.set_weights(torch.zeros(20000, 2))
    found = 0.5 * (np.array([pulsed(tile, p) for p in polarity]) + 1.0)
    one_noise = preset.fields["dw_min_std"]
    told = device.replace(
        up=dataclasses.replace(device.up, noise=one_noise),
        down=dataclasses.replace(device.down, noise=one_noise),
    )
    start, rng = np.full(20000, device.conductance(0.5)), np.random.default_rng(0)
    ours, same = (d.normalise(d.train(start, polarity, rng=rng)) for d in (device, told))
    assert found.mean(axis=1) == pytest.approx(same.mean(axis=1), abs=0.003)
    assert found.std(axis=1) == pytest.approx(same.std(axis=1), rel=0.06)
    # The two noises of the device give the same where pulses alternate.
    assert found[-20:].mean() == pytest.approx(ours[-20:].mean(), abs=0.003)
    assert found[-20:].std() == pytest.approx(ours[-20:].std(), rel=0.06)
    assert found[-20:].mean() == pytest.approx(device.symmetry_position, abs=0.03)


def written(folder):
    """The written module."""
    spec = importlib.util.spec_from_file_location("preset", folder / "cmohfox_aihwkit.py")
    preset = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(preset)
    return preset


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("acceptance", [0.002, 0.01, 0.02])
def test_aihwkit_infers_with_the_mean_and_spread_of_the_laws(acceptance, tmp_path):
    """At the ends and the middle of the window, from 0 s to ten years, reads included."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("aihwkit")
    laws, many = NoiseLaws(acceptance_range=acceptance), 40000
    export(soft_bounds().replace(noise=laws), tmp_path)
    model, rng = written(tmp_path).CmoHfoxInference().noise_model, np.random.default_rng(0)
    assert (model.g_min, model.g_max) == pytest.approx((9.0, 88.2))
    torch.manual_seed(0)
    levels = np.array([9e-6, 45e-6, 88.2e-6])
    target = np.repeat(levels[:, None], many, axis=1)
    scale = 79.2e-6 / 2.0
    weights, kept = model.apply_programming_noise(torch.tensor((target - 9e-6) / scale - 1.0))
    for time in (0.0, 1.0, 3600.0, 86400.0, 3.156e8):
        ours = laws.relax(laws.program(target, rng), time, rng.standard_normal(target.shape))
        if time:
            ours = ours + laws.read_sigma(ours, time) * rng.standard_normal(target.shape)
        found = (model.apply_drift_noise(weights, kept, time).numpy() + 1.0) * scale + 9e-6
        assert found.std(axis=1) == pytest.approx(ours.std(axis=1), rel=0.025)
        assert (found - target).mean(axis=1) == pytest.approx(
            (ours - target).mean(axis=1), abs=6 * float(ours.std(axis=1).max()) / many**0.5
        )


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
    preset = written(tmp_path)
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
