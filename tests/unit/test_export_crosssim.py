"""The written model on stand-ins for the parts of CrossSim that it uses."""

import ast
import importlib.util
import sys
import types

import numpy as np
import pytest

from compact_models.errors import ParameterError
from cosim import cli
from cosim.behavioural import NoiseLaws, soft_bounds
from cosim.export.crosssim import export, translate


class EmptyDevice:
    """As CrossSim's: parameters become attributes."""

    def __init__(self, device_params, weight_error_params):
        self.time = device_params.time


@pytest.fixture
def model(tmp_path, monkeypatch):
    export(soft_bounds(), tmp_path)
    parts = {"simulator": {}, "simulator.backend": {"ComputeBackend": lambda: np}}
    parts |= {"simulator.devices": {}, "simulator.devices.idevice": {"EmptyDevice": EmptyDevice}}
    for name, contents in parts.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("written", tmp_path / "cmohfox_crosssim.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_model_has_the_spreads_of_the_laws(model):
    device, rng = soft_bounds(), np.random.default_rng(0)
    target = 50e-6
    x = np.full((200, 200), target / device.conductance_max, np.float32)
    np.random.seed(0)  # noqa: NPY002 - CrossSim draws from the global generator
    written = model.CmoHfox(types.SimpleNamespace(time=3600.0), None)
    many = np.full(40000, target)
    programmed = device.noise.program(many, rng)
    relaxed = device.noise.relax(programmed, 3600.0, rng.standard_normal(40000))
    top = device.conductance_max
    for got, wanted in (
        (written.programming_error(x), programmed),
        (written.drift_error(x, 0), programmed),
        (written.drift_error(x, 3600.0), relaxed),
    ):
        assert got.shape == x.shape
        assert got.std() * top == pytest.approx(wanted.std(), rel=0.03)
        assert got.mean() * top == pytest.approx(wanted.mean(), abs=4 * wanted.std() / 200)
    read = (written.read_noise(x) - x).std() * top
    assert read == pytest.approx(float(device.noise.read_sigma(target, 3600.0)), rel=0.03)
    assert written.programming_error(np.zeros(1)).shape == (1,)


def test_model_is_selected_with_its_window(model):
    def kind():
        return types.SimpleNamespace(model="IdealDevice", enable=False)

    device = types.SimpleNamespace(programming_error=kind(), drift_error=kind(), read_noise=kind())
    params = types.SimpleNamespace(xbar=types.SimpleNamespace(device=device))
    model.configure(params, time=60.0)
    assert 1 / device.Rmin == pytest.approx(88.2e-6)
    assert 1 / device.Rmax == pytest.approx(9.0e-6)
    assert (device.time, device.read_noise.model) == (60.0, "CmoHfox")


def test_errors_of_the_tables_are_small_and_stated():
    found = translate(soft_bounds())
    assert set(found.errors) == {"programmed", "drift_mean", "drift_sigma", "read_sigma"}
    assert max(found.errors.values()) < 0.01
    assert "at most" in found.source()
    quiet = translate(soft_bounds().replace(noise=NoiseLaws.none()))
    assert not quiet.drift_sigma.any()


def test_verb_writes_python_and_bad_input_is_refused(tmp_path, capsys):
    soft_bounds().save(tmp_path / "device.json")
    assert cli.run(["export", "crosssim", str(tmp_path / "device.json")]) == 0
    assert "note" in capsys.readouterr().out
    ast.parse((tmp_path / "cmohfox_crosssim.py").read_text())
    with pytest.raises(ParameterError, match="letters and digits"):
        export(soft_bounds(), tmp_path, name="x; import os")
    with pytest.raises(ParameterError, match="lowest conductance"):
        translate(soft_bounds(conductance_min=0.0))
