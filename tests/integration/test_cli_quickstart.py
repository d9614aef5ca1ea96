"""The main job on a smaller array: every step, the page, and going on after an interruption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosim import cli, pipeline

STUDY = """
experiment = "quickstart"
seed = 1
[array]
rows = 2
cols = 1
spread = true
[quickstart]
cycles = 1
conditioning = 60
pulses = 60
alternating = 60
images = 4
"""


@pytest.mark.ngspice
@pytest.mark.slow
def test_from_pristine_cells_to_digits(
    tmp_path: Path,
    ngspice: object,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, folder = tmp_path / "small.toml", tmp_path / "out"
    study.write_text(STUDY)
    assert cli.run(["run", str(study), "-o", str(folder), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    figures = {f["key"]: f["value"] for f in content["figures"]}
    # The published mean, within three published standard deviations of the mean of two devices.
    assert figures["forming_voltage"] == pytest.approx(3.38, abs=3 * 0.075 / 2**0.5)
    assert figures["circuit_accuracy"] >= 75
    # scikit-learn's own logistic regression on these digits reaches about 96 %.
    assert figures["tile_accuracy"] > 90
    assert figures["rung_difference"] < 2
    for name in ("forming_sweeps.png", "pulse_response.png", "digits.png", "device.json"):
        assert (folder / name).stat().st_size > 1000
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") >= 8
    assert "http://" not in page
    # A second run takes every step from the folder.
    before = {p.name: p.stat().st_mtime_ns for p in folder.glob("*.nc")}
    assert len(before) == 5
    assert cli.run(["run", str(study), "-o", str(folder)]) == 0
    # The page is drawn again without a simulator, whatever version of the code made the data.
    monkeypatch.setenv("COSIM_NGSPICE", "/nowhere/ngspice")
    monkeypatch.setattr(pipeline, "code_fingerprint", lambda: "another version")
    capsys.readouterr()
    assert cli.run(["report", str(folder), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {f["key"]: f["value"] for f in again["figures"]} == figures
    assert {p.name: p.stat().st_mtime_ns for p in folder.glob("*.nc")} == before
    assert {p.name for p in tmp_path.iterdir()} == {"small.toml", "out"}
