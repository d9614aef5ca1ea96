"""From a study to files: what is kept, what is run again, and when a result is not trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim import catalogue, cli, plot
from cosim.build import build_array
from cosim.config import load_study
from cosim.dataset import build_dataset
from cosim.errors import ConfigError, DataError, IncompleteResult, ParameterError
from cosim.experiments import Forming, PulseUpdate
from cosim.pipeline import report_result, run_study

STUDY = """
experiment = ["forming", "pulse_update"]
seed = 3
[array]
rows = 2
cols = 2
spread = true
[pulse_update]
pulses = 30
alternating = 40
"""


class _Picture:
    """Stands for a matplotlib figure, whose drawing is tested elsewhere."""

    def savefig(self, path: Path, **_: Any) -> None:
        path.write_bytes(b"picture")


class _Bench:
    """Stands in for the simulator under the experiments: counts runs, and may fail."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.stop_at = ""
        self.status = "ok"
        self.seen: dict[str, Any] = {}

    def attributes(self, name: str) -> dict[str, Any]:
        return {
            "experiment": name,
            "version": "0",
            "seed": 3,
            "simulator": "none",
            "parameter_fingerprint": "x",
            "mode": "sweep",
            "gate": 1.2,
        }

    def start(self, name: str, array: Any) -> None:
        if self.stop_at == name:
            raise KeyboardInterrupt
        self.runs.append(name)
        self.seen[name] = array

    def form(self, experiment: Any, **_: Any) -> Any:
        self.start("forming", experiment.array)
        cells, one = ("row", "col"), np.ones((2, 2))
        status = np.array([["ok", "ok"], ["ok", self.status]])
        return build_dataset(
            {
                "forming_voltage": (cells, 3.38 + 0.05 * np.eye(2), "V", ""),
                "forming_current": (cells, 258e-6 * one, "A", ""),
                "reram_forming_voltage": (cells, 3.17 + 0.05 * np.eye(2), "V", ""),
                "formed": (cells, one, "1", ""),
                "current": (("voltage", *cells), np.ones((5, 2, 2)) * 1e-6, "A", ""),
                "final_c": (cells, 1.5 * one, "1", ""),
                "final_phi": (cells, one, "1", ""),
                "status": (cells, status, "1", ""),
            },
            coordinates={"voltage": (("voltage",), np.linspace(0, 3.6, 5), "V", "")},
            attributes=self.attributes("Forming"),
        )

    def pulse(self, experiment: Any, **_: Any) -> Any:
        self.start("pulse_update", experiment.array)
        polarity = experiment.polarity
        level = 40e-6 + np.cumsum(polarity)[:, None, None] * 1e-6 * np.ones((1, 2, 2))
        pulse = ("pulse",)
        return build_dataset(
            {
                "conductance": (("pulse", "row", "col"), level, "S", ""),
                "initial_conductance": (("row", "col"), 40e-6 * np.ones((2, 2)), "S", ""),
                "polarity": (pulse, polarity, "1", ""),
                "amplitude": (pulse, np.where(polarity > 0, 1.35, -1.3), "V", ""),
                "width": (pulse, np.full(polarity.shape, 2.5e-6), "s", ""),
                "gate": (pulse, np.full(polarity.shape, 1.4), "V", ""),
            },
            attributes=self.attributes("PulseUpdate"),
        )


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> _Bench:
    made = _Bench()
    monkeypatch.setattr(Forming, "run", lambda self, **k: made.form(self, **k))
    monkeypatch.setattr(PulseUpdate, "run", lambda self, **k: made.pulse(self, **k))
    for name in ("forming_traces", "distribution", "pulse_response"):
        monkeypatch.setattr(plot, name, lambda *_, **__: _Picture())
    for cached in (catalogue.settings, catalogue.settings_model):
        cached.cache_clear()
    return made


def _write(tmp_path: Path, text: str = STUDY) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_a_study_leaves_data_plots_page_and_summary(tmp_path: Path, bench: _Bench) -> None:
    folder = tmp_path / "out"
    outcome = run_study(load_study(_write(tmp_path)), folder, quiet=True)
    assert outcome.trusted
    assert bench.runs == ["forming", "pulse_update"]
    for name in outcome.files:
        assert (folder / name).stat().st_size > 0
    summary = json.loads((folder / "summary.json").read_text())
    verdicts = {f["key"]: f["verdict"] for f in summary["figures"]}
    assert verdicts["forming_voltage"] == "pass"
    assert "states" in verdicts
    assert "3.40 V" in outcome.text() or "3.41 V" in outcome.text()
    assert {p.name for p in tmp_path.iterdir()} == {"study.toml", "out"}


def test_the_second_experiment_starts_from_the_state_of_the_first(
    tmp_path: Path, bench: _Bench
) -> None:
    run_study(load_study(_write(tmp_path)), tmp_path / "out", quiet=True)
    array = bench.seen["pulse_update"]
    assert np.all(array.initial_state("c") == 1.5)
    assert np.array_equal(
        array.parameter_array("t_ox"), bench.seen["forming"].parameter_array("t_ox")
    )
    assert np.unique(array.parameter_array("t_ox")).size == 4


def test_an_interrupted_study_goes_on_where_it_stopped(
    tmp_path: Path, bench: _Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(_write(tmp_path)), "-o", str(tmp_path / "out")]
    bench.stop_at = "pulse_update"
    assert cli.run(arguments) == 1
    assert "run the same command again" in capsys.readouterr().err
    bench.stop_at = ""
    assert cli.run(arguments) == 0
    assert bench.runs == ["forming", "pulse_update"]
    assert cli.run([*arguments, "--fresh"]) == 0
    assert bench.runs[2:] == ["forming", "pulse_update"]


def test_what_decides_a_result_makes_it_run_again(tmp_path: Path, bench: _Bench) -> None:
    out = tmp_path / "out"
    run_study(load_study(_write(tmp_path)), out, quiet=True)
    run_study(load_study(_write(tmp_path, STUDY + 'set = "1.4 V"\n')), out, quiet=True)
    assert bench.runs[2:] == ["pulse_update"]
    run_study(load_study(_write(tmp_path, STUDY.replace("seed = 3", "seed = 4"))), out, quiet=True)
    assert bench.runs[3:] == ["forming", "pulse_update"]


def test_a_damaged_file_is_made_again(tmp_path: Path, bench: _Bench) -> None:
    study, out = load_study(_write(tmp_path)), tmp_path / "out"
    run_study(study, out, quiet=True)
    (out / "pulse_update.nc").write_bytes(b"\x89HDF\r\n")
    run_study(study, out, quiet=True)
    assert bench.runs[2:] == ["pulse_update"]


def test_failed_cells_stop_what_would_start_from_them(tmp_path: Path, bench: _Bench) -> None:
    bench.status = "NotConverged: no solution"
    with pytest.raises(IncompleteResult, match="1 of 4 cells"):
        run_study(load_study(_write(tmp_path)), tmp_path / "out", quiet=True)
    assert (tmp_path / "out" / "forming.nc").exists()


def test_failed_cells_make_a_result_untrusted(
    tmp_path: Path, bench: _Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.status = "NotConverged: no solution"
    study = _write(tmp_path, STUDY.replace('["forming", "pulse_update"]', '"forming"').split(
        "[pulse_update]")[0])  # fmt: skip
    assert cli.run(["run", str(study), "-o", str(tmp_path / "out"), "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["ok"] is False
    assert "1 of 4 cells" in content["problems"][0]
    assert "Not to be trusted" in (tmp_path / "out" / "index.html").read_text()


def test_report_draws_again_without_running(tmp_path: Path, bench: _Bench) -> None:
    out = tmp_path / "out"
    run_study(load_study(_write(tmp_path)), out, quiet=True)
    (out / "index.html").unlink()
    assert report_result(out).page.exists()
    elsewhere = report_result(out / "forming.nc", tmp_path / "elsewhere")
    assert elsewhere.page.parent == tmp_path / "elsewhere"
    assert bench.runs == ["forming", "pulse_update"]
    with pytest.raises(DataError):
        report_result(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        ('selector = "nmos_3v4"', ConfigError, "'nmos_3v3'"),
        ('selector = "none"\nselector_values = { T_0 = 300 }', ConfigError, "takes no parameters"),
        ('reram = "cmo_hfx"', Exception, "'cmo_hfox'"),
        ("reram_values = { rr = 1.0 }", ParameterError, "'r'"),
        ('reram_values = { r = "11 V" }', ConfigError, "quantity in m"),
        ('reram_parameters = "nowhere.toml"', ParameterError, "nowhere.toml"),
    ],
)
def test_cells_that_cannot_be_built(
    tmp_path: Path, table: str, error: type[Exception], words: str
) -> None:
    study = load_study(_write(tmp_path, f'experiment = "forming"\n[cell]\n{table}\n'))
    with pytest.raises(error) as caught:
        build_array(study)
    assert words in str(caught.value)


def test_replaced_values_and_wires_reach_the_array(tmp_path: Path) -> None:
    text = """
experiment = "forming"
[cell]
reram_values = { r = "12 nm" }
[array]
rows = 3
layout = "parallel"
parasitics = { r_row = "0.35 ohm", c_col = "1 fF" }
"""
    array = build_array(load_study(_write(tmp_path, text)))
    assert array.cell.reram.parameters["r"] == pytest.approx(12e-9, rel=1e-12)
    assert array.parasitics.r_row == 0.35
    assert array.parasitics.c_col == pytest.approx(1e-15, rel=1e-12)
    assert array.shape == (3, 1)
    assert str(array.layout) == "parallel"


@pytest.mark.parametrize(
    ("expect", "status", "words"),
    [
        ('forming_voltage = ["3.3 V", "3.5 V"]\nforming_yield = [100, 100]', 0, ""),
        ('forming_voltage = ["3.5 V", "3.6 V"]', 1, "expected 3.500 V to 3.600 V"),
        ('forming_voltge = ["3.5 V", "3.6 V"]', 2, "'forming_voltage'"),
        ('forming_voltage = ["3.5 V"]', 2, "not a range"),
        ('forming_voltage = ["3.5 s", "3.6 s"]', 2, "quantity in V"),
    ],
)
def test_a_study_may_say_what_it_must_give(
    expect: str,
    status: int,
    words: str,
    tmp_path: Path,
    bench: _Bench,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = _write(tmp_path, f"{STUDY}[expect]\n{expect}\n")
    assert cli.run(["run", str(study), "-o", str(tmp_path / "out")]) == status
    printed = capsys.readouterr()
    assert words in printed.out + printed.err
