"""The command line: exit statuses, machine output, and error texts. No simulator is run."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cosim import cli, pipeline
from cosim.errors import (
    ConfigError,
    CosimError,
    DataError,
    Interrupted,
    NetlistError,
    NotConverged,
    SimulatorNotFound,
)
from cosim.network.settings import TrainConfig
from cosim.pipeline import Outcome
from cosim.published import Figure, published


def _study(tmp_path: Path, text: str = 'experiment = "forming"\n') -> Path:
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["show", "nonsense"],
        ["run", "missing.toml"],
        ["list", "--nonsense"],
        ["list", "-o", "x"],
        ["export", "nonsense"],
        ["calibrate", "unseen", "--seed", "-1"],
        [],
    ],
)
def test_wrong_use_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    assert capsys.readouterr().err


def test_wrong_verb_is_answered_with_the_best_match(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["netlis", "x"])
    assert "'netlist'" in capsys.readouterr().err
    cli.run(["export", "verilog"])
    assert "'veriloga'" in capsys.readouterr().err


def test_every_verb_says_in_one_line_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ([], ["calibrate"], ["export"]):
        cli.run([*group, "--help"])
        assert "..." not in capsys.readouterr().out.split("Commands:")[1]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_is_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError(thing="x"), 2),
        (NetlistError(thing="x"), 2),
        (DataError(thing="x"), 2),
        (CosimError(thing="x"), 2),
        (NotConverged(thing="x", run_directory="/tmp/run", log_tail="singular matrix"), 1),
        (SimulatorNotFound(thing="x", next_step="apt-get install ngspice"), 1),
        (Interrupted(thing="x"), 1),
        (KeyboardInterrupt(), 1),
        (OSError(28, "No space left on device", "f"), 1),
        (PermissionError(13, "Permission denied", "f"), 2),
        (MemoryError(), 1),
        (ModuleNotFoundError("No module named 'skfem'", name="skfem"), 1),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_each_failure_has_its_status_and_no_traceback(
    error: BaseException,
    status: int,
    as_json: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pipeline, "run_study", fail)
    arguments = ["run", str(_study(tmp_path)), "-o", str(tmp_path / "out")]
    assert cli.run(arguments + ["--json"] * as_json) == status
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    if as_json:
        content = json.loads(printed.out)
        assert content["ok"] is False
        assert content["status"] == status
    else:
        assert printed.err.lstrip().startswith("cosim: ")


def test_a_reader_that_went_away_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(pipeline, "run_study", fail)
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))
    assert cli.run(["run", str(_study(tmp_path)), "-o", str(tmp_path / "out")]) == 0


def test_keys_of_a_training_study_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "train", "--json"]) == 0
    tables = _json(capsys)["tables"]
    assert set(tables["train"]) == set(TrainConfig.model_fields)
    assert tables["train"]["algorithms"]["allowed"].startswith("list: fp | sgd")
    assert tables["train.device"]["half_select"]["allowed"] == "number, at least 0, at most 1"
    assert cli.run(["show", "train"]) == 0
    assert "table [train.inference]" in capsys.readouterr().out


def test_report_of_a_training_names_the_verb_that_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results.json").write_text("{}")
    assert cli.run(["report", str(tmp_path)]) == 2
    assert "cosim train STUDY" in capsys.readouterr().err


def test_no_output_replaces_what_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = _study(tmp_path)
    before = study.read_text()
    assert cli.run(["netlist", str(study), "-o", str(study)]) == 2
    data = tmp_path / "measured.csv"
    data.write_text("pulses, amplitude\n")
    assert cli.run(["calibrate", str(data), "-o", str(data)]) == 2
    assert capsys.readouterr().err.count("replace an input") == 2
    assert (study.read_text(), data.read_text()) == (before, "pulses, amplitude\n")


def test_a_study_that_lies_in_the_folder_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []
    outcome = Outcome(folder=tmp_path, page=tmp_path, files=(), figures=())
    monkeypatch.setattr(pipeline, "run_study", lambda *_, **__: ran.append(1) or outcome)
    _study(tmp_path)
    other = tmp_path / "other.toml"
    other.write_text('experiment = "cycling"\n')
    assert cli.run(["run", str(other), "-o", str(tmp_path)]) == 2
    assert "study of its own" in capsys.readouterr().err
    assert not ran
    # What an earlier run has left is another matter.
    (tmp_path / "forming.nc").touch()
    assert cli.run(["run", str(other), "-o", str(tmp_path)]) == 0
    assert ran


@pytest.mark.parametrize("problems", [(), ("a current is missing",)])
def test_run_reports_whether_the_result_is_to_be_trusted(
    problems: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figure = Figure(
        key="v", name="forming", value=3.4, unit="V", published=published("forming_voltage")
    )
    outcome = Outcome(
        folder=tmp_path,
        page=tmp_path / "index.html",
        files=("a.nc",),
        figures=(figure,),
        problems=problems,
    )
    monkeypatch.setattr(pipeline, "run_study", lambda *_, **__: outcome)
    study = str(_study(tmp_path))
    assert cli.run(["run", study, "--json"]) == bool(problems)
    content = _json(capsys)
    assert content["ok"] is not bool(problems)
    assert content["figures"][0]["value"] == 3.4
    assert cli.run(["run", study]) == bool(problems)
    text = capsys.readouterr().out
    assert "3.40 V" in text
    assert "3.38 V" in text
    assert ("not to be trusted" in text) is bool(problems)


def test_hostile_studies_are_2_and_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = [
        'experiment = "forming"\ntitle = "x\\n.control\\nshell touch owned\\n.endc"\n',
        'experiment = "forming"\n[cell]\nreram = "cmo_hfox\\n.control"\n',
        'experiment = "forming\\n.control"\n',
        'experiment = "forming"\n"a\\n.control" = 1\n',
    ]
    for verb in ("netlist", "run"):
        for text in studies:
            study = _study(tmp_path, text)
            out = tmp_path / "out"
            assert cli.run([verb, str(study), "-o", str(out)]) == 2
            assert "control" in capsys.readouterr().err
            assert not out.exists()


def test_doctor_says_ready_or_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COSIM_NGSPICE", "/nowhere/ngspice")
    assert cli.run(["doctor", "--json"]) == 1
    content = _json(capsys)
    broken = next(c for c in content["checks"] if c["part"] == "ngspice")
    assert broken["status"] == "missing"
    assert "apt-get install ngspice" in broken["fix"]
    assert cli.run(["doctor"]) == 1
    assert "not ready" in capsys.readouterr().out
