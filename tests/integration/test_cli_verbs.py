"""Verbs of the command line with the real models behind them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cosim import cli
from cosim.catalogue import EXPERIMENTS, settings, settings_model
from cosim.simulators.raw import read_raw


def test_list_and_show_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["list", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    names = [*listing["models"], *listing["parameter files"], *listing["experiments"]]
    assert {"cmo_hfox", "nmos_3v3", "resistor", "forming", "quickstart"} <= set(names)
    for name in names:
        assert cli.run(["show", name]) == 0
        assert name in capsys.readouterr().out
        assert cli.run(["show", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["ok"] is True


def test_shown_parameters_have_unit_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["show", "cmo_hfox", "--json"])
    for name, entry in json.loads(capsys.readouterr().out)["parameters"].items():
        assert entry["unit"], name
        assert entry["source"], name


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_setting_can_stand_in_a_study(name: str) -> None:
    found = settings(name)
    assert found
    for setting in found:
        if setting.kind in ("number", "numbers"):
            assert setting.unit, f"{name}.{setting.name} has no unit"
            assert setting.description, f"{name}.{setting.name} has no description"
    assert set(settings_model(name).model_fields) == {s.name for s in found}


@pytest.mark.ngspice
def test_netlist_of_a_study_runs_in_plain_ngspice(
    tmp_path: Path, ngspice: object, capsys: pytest.CaptureFixture[str]
) -> None:
    study, file = tmp_path / "s.toml", tmp_path / "a.cir"
    study.write_text('experiment = "read"\nseed = 1\n[array]\nrows = 2\ncols = 3\nspread = true\n')
    assert cli.run(["netlist", str(study), "-o", str(file)]) == 0
    assert "ngspice -b" in capsys.readouterr().out
    assert cli.run(["netlist", str(study)]) == 0
    assert capsys.readouterr().out.strip() == file.read_text().strip()
    subprocess.run(["ngspice", "-b", str(file)], cwd=tmp_path, capture_output=True, timeout=60)
    plot = read_raw(tmp_path / "result.raw")[0]
    assert abs(float(plot.values[0, plot.columns()["i(vsl0)"]])) > 1e-6


@pytest.mark.ngspice
@pytest.mark.parametrize(
    ("name", "settings"), [("forming", ""), ("cycling", ""), ("pulse_update", "pulses = 2")]
)
def test_netlist_is_of_the_first_experiment(
    name: str, settings: str, tmp_path: Path, ngspice: object
) -> None:
    """Its stimuli and its stop time, in plain ngspice."""
    study, file = tmp_path / "s.toml", tmp_path / "a.cir"
    study.write_text(f'experiment = "{name}"\n[array]\nrows = 1\ncols = 1\n[{name}]\n{settings}\n')
    assert cli.run(["netlist", str(study), "-o", str(file)]) == 0
    assert "tran " in file.read_text()
    subprocess.run(["ngspice", "-b", str(file)], cwd=tmp_path, capture_output=True, timeout=60)
    plot = read_raw(tmp_path / "result.raw")[0]
    states = plot.values[:, plot.columns()["v(xr_0_0.c)"]]
    assert abs(float(states[-1] / states[0]) - 1) > 1e-3


@pytest.mark.ngspice
def test_pulses_calibrate_and_export(
    tmp_path: Path, ngspice: object, capsys: pytest.CaptureFixture[str]
) -> None:
    study, out = tmp_path / "s.toml", tmp_path / "out"
    study.write_text('experiment = "pulse_update"\n[pulse_update]\npulses = 40\nalternating = 40\n')
    assert cli.run(["run", str(study), "-o", str(out)]) == 0
    assert cli.run(["calibrate", str(out), "--json"]) == 0
    capsys.readouterr()
    assert cli.run(["calibrate", str(out)]) == 0
    assert "of the window" in capsys.readouterr().out
    assert (out / "device.json").exists()
    assert cli.run(["export", "aihwkit", str(out / "device.json"), "-o", str(tmp_path / "e")]) == 0
    assert list((tmp_path / "e").glob("*.py"))
    assert cli.run(["export", "aihwkit", str(out / "device.json"), "--name", "a b"]) == 2


def test_training_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "s.toml"
    study.write_text(
        'experiment = "train"\n[train]\nalgorithms = ["fp"]\nepochs = 1\nhidden = [16]\n'
        "train_samples = 200\n"
    )
    assert cli.run(["train", str(study), "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["algorithm"] == "fp"
    study.write_text('experiment = "train"\n[train]\nalgorithm = ["fp"]\n')
    assert cli.run(["train", str(study), "-o", str(tmp_path / "out")]) == 2
    assert "'algorithms'" in capsys.readouterr().err
    study.write_text('experiment = "forming"\n')
    assert cli.run(["train", str(study)]) == 2
