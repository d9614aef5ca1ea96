"""The written model on stand-ins for the parts of CrossSim that it uses.

CrossSim is on no registry. The stand-ins behave as its source does: ``simulator/devices`` as of
commit 20c408a (3.0), 9ac2c26 (``BaseDevice``), and the later ``nonlinear_IV``.
"""

import ast
import importlib.util
import sys
import types

import numpy as np
import pytest

from compact_models.errors import ParameterError
from cosim import cli
from cosim.behavioural import NoiseLaws, ReadLaw, soft_bounds
from cosim.export.crosssim import export, translate


class EmptyDevice:
    """Parameters become attributes; nothing is implemented."""

    def __init__(self, device_params, weight_error_params):
        self.device_params, self.time = device_params, device_params.time


class Parameters(types.SimpleNamespace):
    """Of one run, with CrossSim's defaults; fields that it lacks cannot be set by mistake."""

    def __init__(self, nonlinear=False):
        kinds = ["programming_error", "drift_error", "read_noise"] + nonlinear * ["nonlinear_IV"]
        device = types.SimpleNamespace(
            Rmin=1000.0, Rmax=10000.0, time=0, infinite_on_off_ratio=False,
            **{k: types.SimpleNamespace(model="IdealDevice", enable=False) for k in kinds},
        )  # fmt: skip
        super().__init__(xbar=types.SimpleNamespace(device=device))
        if nonlinear:
            device.Vread = 1.0
            self.simulation = types.SimpleNamespace(fast_nonlinear_IV=True)


class Core:
    """Makes the device that the parameters name, and writes and reads as CrossSim does."""

    def __init__(self, params, base=EmptyDevice):
        self.device = params.xbar.device
        known = {c.__name__: c for c in base.__subclasses__()}

        def made(kind):
            return known[kind.model](self.device, kind)

        self.programming, self.drift = (
            made(self.device.programming_error),
            made(self.device.drift_error),
        )
        self.noise = made(self.device.read_noise)
        # CrossSim tries every model once when it makes a device.
        self.noise.read_noise(np.zeros(1))
        self.programming.programming_error(np.zeros(1))
        self.drift.drift_error(np.zeros(1), 0)

    def write(self, target):
        if self.device.time == 0:
            found = self.programming.programming_error(target.copy())
        else:
            found = self.drift.drift_error(target.copy(), self.device.time)
        return found.clip(0, None)

    def read(self, conductance):
        if not self.device.read_noise.enable:
            return conductance
        return self.noise.read_noise(conductance.copy()).clip(0, None)


def load(folder, monkeypatch, base="idevice"):
    """The written module, imported beside a stand-in with one of CrossSim's two bases."""
    for module in ("simulator.devices.idevice", "simulator.devices.base_device"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    here = {"idevice": "EmptyDevice", "base_device": "BaseDevice"}[base]
    parts = {"simulator": {}, "simulator.backend": {"ComputeBackend": lambda: np}}
    parts |= {"simulator.devices": {}, "simulator.devices.idevice": {}}
    parts[f"simulator.devices.{base}"] = {here: type("EmptyDevice", (EmptyDevice,), {})}
    for name, contents in parts.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("written", folder / "cmohfox_crosssim.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def model(tmp_path, monkeypatch):
    export(soft_bounds(), tmp_path)
    return load(tmp_path, monkeypatch)


@pytest.mark.parametrize("base", ["idevice", "base_device"])
@pytest.mark.parametrize("time", [0.0, 3600.0])
def test_a_core_writes_and_reads_with_the_laws(tmp_path, monkeypatch, base, time):
    """Through `configure` and CrossSim's own order of calls, on a matrix of weights."""
    device, rng = soft_bounds(), np.random.default_rng(0)
    export(device, tmp_path)
    written = load(tmp_path, monkeypatch, base)
    params = written.configure(Parameters(), time=time)
    core = Core(params, written.EmptyDevice)
    top, d = device.conductance_max, params.xbar.device
    assert d.Rmin / d.Rmax == pytest.approx(device.conductance_min / top)
    target = np.repeat(np.linspace(d.Rmin / d.Rmax, 1.0, 5)[:, None], 20000, axis=1)
    np.random.seed(1)  # noqa: NPY002 - CrossSim draws from the global generator
    stored = core.write(target.astype(np.float32))
    wanted = device.noise.program(target * top, rng)
    if time:
        wanted = device.noise.relax(wanted, time, rng.standard_normal(target.shape))
    assert stored.std(axis=1) * top == pytest.approx(wanted.std(axis=1), rel=0.04)
    assert (stored.mean(axis=1) - target[:, 0]) * top == pytest.approx(
        wanted.mean(axis=1) - target[:, 0] * top,
        abs=5 * float(wanted.std(axis=1).max()) / 20000**0.5,
    )
    noise = (core.read(stored) - stored).std(axis=1) * top
    seen = device.noise.read_sigma(target[:, 0] * top, max(time, 1.0))
    assert noise == pytest.approx(seen, rel=0.05)
    quiet = written.configure(Parameters(), time=time, read_noise=False)
    assert (Core(quiet, written.EmptyDevice).read(stored) == stored).all()


def test_curved_cells_go_to_versions_with_nonlinear_current(tmp_path, monkeypatch):
    volts, cells = np.linspace(0.01, 0.2, 20), np.linspace(5e-6, 1e-4, 40)
    bend = 4.0 + 3e4 * cells
    law = ReadLaw.fit(volts, cells, cells * np.sinh(volts[:, None] * bend) / bend)
    device = soft_bounds().replace(read_law=law)
    export(device, tmp_path)
    written = load(tmp_path, monkeypatch)
    params = written.configure(Parameters(nonlinear=True))
    d = params.xbar.device
    assert (d.nonlinear_IV.model, d.nonlinear_IV.enable, d.Vread) == ("CmoHfox", True, 0.2)
    assert params.simulation.fast_nonlinear_IV is False
    cell = written.CmoHfox(d, d.nonlinear_IV)
    rng, top = np.random.default_rng(0), device.conductance_max
    g, v = rng.uniform(0.15, 1.0, (4, 3)), rng.uniform(-1.0, 1.0, (4, 3))
    unit = top * 0.2
    assert cell.nonlinear_current(g, v) * unit == pytest.approx(
        law.current(v * 0.2, g * top), rel=2e-3
    )
    many = rng.uniform(-1.0, 1.0, (4, 3, 6))
    assert cell.nonlinear_current(g, many) * unit == pytest.approx(
        law.current(many * 0.2, g[..., None] * top), rel=2e-3
    )
    assert not hasattr(written.configure(Parameters()).xbar.device, "nonlinear_IV")
    linear = soft_bounds()
    export(linear, tmp_path)
    plain = load(tmp_path, monkeypatch)
    straight = plain.CmoHfox(types.SimpleNamespace(time=0, Vread=0.2), None)
    assert straight.nonlinear_current(g, v) == pytest.approx(g * v)
    assert not plain.configure(Parameters(nonlinear=True)).xbar.device.nonlinear_IV.enable


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
