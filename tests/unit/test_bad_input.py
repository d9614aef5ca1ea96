"""Mistakes of a user end in an error that names the thing, and in exit status 2."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cosim as cs
from cosim.cli import run

RERAM, SELECTOR = cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3")


def array(**changes: Any) -> cs.Array:
    given = {"rows": 2, "cols": 2, **changes}
    return cs.Array(cs.Cell(RERAM, SELECTOR), **given)


def study(axes: Any, build: Any = None) -> cs.Study:
    return cs.Study(build=build or (lambda gate: cs.Read(array(), gate=gate)), axes=axes)


MISUSE: dict[str, Callable[[], Any]] = {
    "cells of an array": lambda: array(rows=10**9, cols=10**9),
    "an array is made of a Cell": lambda: cs.Array(RERAM, rows=2, cols=2),
    "no array of real numbers": lambda: array(parameters={"c_0": np.full((2, 2), 1j)}),
    "states of an array": lambda: array().with_states(None),
    "runs on an Array": lambda: cs.Forming(None),  # type: ignore[arg-type]
    "gate of an experiment": lambda: cs.Forming(array(), gate="1.2 V"),  # type: ignore[arg-type]
    "width of an experiment": lambda: cs.PulseUpdate(
        array(),
        width=np.array([1e-6, 2e-6]),  # type: ignore[arg-type]
    ),
    "pulses of an experiment": lambda: cs.PulseUpdate(array(), pulses=2.5),  # type: ignore[arg-type]
    "all pulses": lambda: cs.PulseUpdate(array(), pulses=9_000_000, cycles=2),
    "cycles of an experiment": lambda: cs.Cycling(array(), cycles=0),
    "inputs of Read are no array": lambda: cs.Read(array(), inputs=["a", "b"]),  # type: ignore[arg-type]
    "seed of an experiment": lambda: cs.with_spread(array(), -3),
    "this is no simulator": lambda: cs.get_simulator(None),  # type: ignore[arg-type]
    "no option of that name": lambda: cs.get_simulator("ngspice", deadlin=1),
    "deadline of a simulator": lambda: cs.get_simulator("ngspice", deadline=-1),
    "which run directories stay": lambda: cs.get_simulator("vacask", keep="some"),
    "no compact model": lambda: cs.load_model(None),  # type: ignore[arg-type]
    "loaded by name or path": lambda: cs.load_model("cmo_hfox", {"c_0": 1}),  # type: ignore[arg-type]
    "is no number": lambda: RERAM.with_parameters(c_0="1"),
    "a sequence of values": lambda: study({"gate": 3}),
    "does not take its axes": lambda: study({"width": [1, 2]}),
    "no such result file": lambda: cs.load(None),  # type: ignore[arg-type]
    "this is no dataset": lambda: cs.save(array(), "a.nc"),  # type: ignore[arg-type]
    "is no function": lambda: study({"gate": [1]}, build=cs.Read(array())),
}


@pytest.mark.parametrize("text", MISUSE)
def test_wrong_use_from_python(text: str) -> None:
    with pytest.raises(cs.CosimError, match=text):
        MISUSE[text]()


STUDIES = {
    "rows: 0 .allowed: at least 1": "[array]\nrows = 0",
    "rows: 2.5 .allowed: a whole number": "[array]\nrows = 2.5",
    "allowed: ngspice, native.*'ngspice'": 'simulator = "ngspic"',
    "at most 1024": "[array]\nrows = 1000000",
    "gate is not a finite number": "[read]\ngate = nan",
    "not a range": "[expect]\ncurrent_error = [1]",
    "is not a table": "read = 3",
}


@pytest.mark.parametrize("text", STUDIES)
def test_wrong_studies(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f'experiment = "read"\n{STUDIES[text]}\n')
    assert run(["run", str(path), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert re.search(text, error), error
    assert not (tmp_path / "out").exists()


def test_a_wrong_expectation_keeps_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my stüdy.toml"
    path.write_text('experiment = "read"\nsimulator = "native"\n[expect]\nnothing = [0, 1]\n')
    assert run(["run", str(path), "-o", str(tmp_path / "öut put")]) == 2
    assert "current_error" in capsys.readouterr().err
    assert (tmp_path / "öut put" / "index.html").is_file()
    assert (tmp_path / "öut put" / "read.nc").is_file()


def test_inference_refuses_a_study_that_is_none_of_training(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('experiment = "read"\n')
    assert run(["infer", str(path), "-o", str(tmp_path / "out")]) == 2


def test_memory_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**_: Any) -> int:
        raise MemoryError

    monkeypatch.setattr("cosim.cli.cli.main", full)
    assert run(["list"]) == 1
    assert "not enough memory" in capsys.readouterr().err
