"""The written model on stand-ins for the parts of CrossSim that it uses.

CrossSim is on no registry. The stand-ins keep its order of calls and its names, as of commits
f4fe899, 5fb61d9 and 0a2eb1e (2026), with which ``tests/integration/test_export_in_crosssim.py``
was run; `Lookup` keeps those of ``dGLookupParams`` at 39fd461 (version 2).
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


class Simulation:
    """What follows from other parameters cannot be set."""

    fast_nonlinear_IV = property(lambda self: True)


class Parameters(types.SimpleNamespace):
    """Of one run, with CrossSim's defaults; version 3.0 has no nonlinear_IV."""

    def __init__(self, nonlinear=True):
        kinds = ["programming_error", "drift_error", "read_noise"] + nonlinear * ["nonlinear_IV"]
        device = types.SimpleNamespace(
            Rmin=1000.0, Rmax=10000.0, Vread=0.1, time=0, infinite_on_off_ratio=True,
            **{k: types.SimpleNamespace(model="IdealDevice", enable=False) for k in kinds},
        )  # fmt: skip
        super().__init__(xbar=types.SimpleNamespace(device=device), simulation=Simulation())


class Core:
    """Makes the device that the parameters name, and writes and reads as CrossSim does."""

    def __init__(self, params):
        self.device = params.xbar.device
        known = {c.__name__: c for c in EmptyDevice.__subclasses__()}

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


def load(device, folder, monkeypatch):
    """The written module, imported beside the stand-ins."""
    parts = {
        "simulator": {},
        "simulator.backend": {"ComputeBackend": lambda: np},
        "simulator.devices": {},
        "simulator.devices.idevice": {"EmptyDevice": EmptyDevice},
    }
    for name, contents in parts.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    export(device, folder)
    spec = importlib.util.spec_from_file_location("written", folder / "cmohfox_crosssim.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("time", [0.0, 3600.0])
def test_a_core_writes_and_reads_with_the_laws(tmp_path, monkeypatch, time):
    """Through `configure` and CrossSim's own order of calls, on a matrix of weights."""
    device, rng = soft_bounds(), np.random.default_rng(0)
    written = load(device, tmp_path, monkeypatch)
    params = written.configure(Parameters(), time=time)
    core = Core(params)
    top, d = device.conductance_max, params.xbar.device
    assert d.infinite_on_off_ratio is False
    assert pytest.approx(top) == 1 / d.Rmin
    assert pytest.approx(device.conductance_min) == 1 / d.Rmax
    target = np.repeat(np.linspace(d.Rmin / d.Rmax, 1.0, 5)[:, None], 20000, axis=1)
    np.random.seed(1)  # noqa: NPY002 - CrossSim draws from the global generator
    stored = core.write(target.astype(np.float32))
    wanted = device.noise.program(target * top, rng)
    if time:
        wanted = device.noise.relax(wanted, time, rng.standard_normal(target.shape))
    assert stored.dtype == np.float32
    assert stored.std(axis=1) * top == pytest.approx(wanted.std(axis=1), rel=0.04)
    assert (stored.mean(axis=1) - target[:, 0]) * top == pytest.approx(
        wanted.mean(axis=1) - target[:, 0] * top,
        abs=5 * float(wanted.std(axis=1).max()) / 20000**0.5,
    )
    noise = (core.read(stored) - stored).std(axis=1) * top
    seen = device.noise.read_sigma(target[:, 0] * top, max(time, 1.0))
    assert noise == pytest.approx(seen, rel=0.05)
    variance = core.noise.read_noise_variance(target.astype(np.float32)[:, 0])
    assert variance**0.5 * top == pytest.approx(seen, rel=1e-3)
    quiet = written.configure(Parameters(), time=time, read_noise=False)
    assert (Core(quiet).read(stored) == stored).all()


def test_curved_cells_go_to_versions_with_nonlinear_current(tmp_path, monkeypatch):
    volts, cells = np.linspace(0.01, 0.2, 20), np.linspace(5e-6, 1e-4, 40)
    bend = 4.0 + 3e4 * cells
    law = ReadLaw.fit(volts, cells, cells * np.sinh(volts[:, None] * bend) / bend)
    device = soft_bounds().replace(read_law=law)
    written = load(device, tmp_path, monkeypatch)
    d = written.configure(Parameters()).xbar.device
    assert (d.nonlinear_IV.model, d.nonlinear_IV.enable, d.Vread) == ("CmoHfox", True, 0.2)
    assert not hasattr(written.configure(Parameters(nonlinear=False)).xbar.device, "nonlinear_IV")
    cell = written.CmoHfox(d, d.nonlinear_IV)
    rng, top = np.random.default_rng(0), device.conductance_max
    # Below the cells of the law in proportion, as in ours.
    g = rng.uniform(0.15, 1.0, (4, 3))
    g[0] = (0.0, 0.01, 0.04)
    for v in (rng.uniform(-1.0, 1.0, (4, 3)), rng.uniform(-1.0, 1.0, (4, 3, 6))):
        found = cell.nonlinear_current(g, v) * top * 0.2
        own = g[(..., *(None,) * (v.ndim - 2))] * top
        with pytest.warns(UserWarning, match="outside"):
            assert found == pytest.approx(law.current(v * 0.2, own), rel=2e-3)
    lines = rng.uniform(-1.0, 1.0, (3, 6))
    cells = cell.nonlinear_current(g, np.broadcast_to(lines, (4, 3, 6)))
    assert cell.nonlinear_current_sum(g, lines) == pytest.approx(cells.sum(axis=1))


def test_straight_cells_leave_the_current_to_crosssim(tmp_path, monkeypatch):
    written = load(soft_bounds(), tmp_path, monkeypatch)
    assert not written.configure(Parameters()).xbar.device.nonlinear_IV.enable
    assert not hasattr(written.CmoHfox, "nonlinear_current")


def test_errors_of_the_tables_are_small_and_stated():
    found = translate(soft_bounds())
    assert set(found.errors) == {"programmed", "drift_mean", "drift_sigma", "read_sigma"}
    assert max(found.errors.values()) < 0.01
    assert "at most" in found.source()
    quiet = translate(soft_bounds().replace(noise=NoiseLaws.none()))
    assert not quiet.drift_sigma.any()


class Lookup:
    """One direction of updates, read and drawn from as CrossSim 2 does on an even grid."""

    def __init__(self, file):
        self.conductances = np.genfromtxt(file, delimiter=",", skip_header=1, max_rows=1)
        self.rows = np.genfromtxt(file, delimiter=",", skip_header=2, max_rows=1)
        self.steps = np.genfromtxt(file, delimiter=",", skip_header=3)
        self.share = np.diff(self.rows)
        for spacing in (self.share, np.diff(self.conductances)):
            assert spacing.max() - spacing.min() < spacing.max() / 1e4
        self.mean = self.share @ self.steps[:-1]

    def update(self, conductance, strength, rng):
        """`strength` in units of one mean pulse."""
        step = np.diff(self.conductances).mean()
        column = ((conductance - self.conductances[0] + step / 2) / step).astype(int)
        row = (rng.random(conductance.shape) / self.share.mean() + 0.5).astype(int)
        error = self.steps[row, column] - self.mean[column]
        return strength * self.mean[column] + np.sqrt(strength) * error


def test_tables_of_updates_step_like_the_device(tmp_path):
    """Mean and spread of steps, with noise of both kinds, of one pulse and of a tenth."""
    curve, rng = np.exp(-2 * np.linspace(0, 1, 65)), np.random.default_rng(0)
    device = soft_bounds()
    device = device.replace(
        up=type(device.up).from_function(1, 0.05 * curve, noise=0.6, noise_floor=0.004),
        down=type(device.down).from_function(-1, 0.08 * curve[::-1], noise=0.3),
    )
    errors = export(device, tmp_path)["errors"]
    for direction, response in (("increasing", device.up), ("decreasing", device.down)):
        table = Lookup(tmp_path / "cmohfox_crosssim_updates" / f"dG_{direction}.txt")
        assert table.conductances[[0, -1]].tolist() == [9.0e-6, 88.2e-6]
        assert 0 < errors[f"{direction}_step"] < 0.003
        for u in (0.0, 0.3333, 1.0):
            mean = float(response.step(u)) * device.window
            sigma = np.hypot(response.noise * mean, response.noise_floor * device.window)
            stated = errors[f"{direction}_step"] * 0.08 * device.window
            for strength in (1.0, 0.1):
                found = table.update(np.full(40000, device.conductance(u)), strength, rng)
                wide = 4 * strength**0.5 * sigma / 40000**0.5
                assert found.mean() == pytest.approx(strength * mean, abs=wide + stated)
                assert found.std() == pytest.approx(strength**0.5 * sigma, rel=0.02)


def test_verb_writes_python_and_bad_input_is_refused(tmp_path, capsys):
    soft_bounds().save(tmp_path / "device.json")
    assert cli.run(["export", "crosssim", str(tmp_path / "device.json")]) == 0
    assert "note" in capsys.readouterr().out
    ast.parse((tmp_path / "cmohfox_crosssim.py").read_text())
    with pytest.raises(ParameterError, match="letters and digits"):
        export(soft_bounds(), tmp_path, name="x; import os")
    with pytest.raises(ParameterError, match="lowest conductance"):
        translate(soft_bounds(conductance_min=0.0))
