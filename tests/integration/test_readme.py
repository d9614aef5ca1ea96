"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cosim.cli import cli
from cosim.config import read_study

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_the_study_is_one() -> None:
    (text,) = _blocks("toml")
    study = read_study(tomllib.loads(text))
    assert study.experiment == ("forming", "pulse_update")


def test_every_verb_is_there_and_every_file_named_exists() -> None:
    assert set(re.findall(r"`cosim ([a-z]+)", TEXT)) == set(cli.commands)
    for name in re.findall(r"(?:\.ci|examples|compact_models)/[a-z_.]+\b", TEXT):
        assert (ROOT / name).exists(), name


@pytest.mark.ngspice
@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path, ngspice: object) -> None:
    (code,) = _blocks("python")
    # One cell instead of 32 keeps it short; nothing else is changed.
    smaller = code.replace("rows=8, cols=4", "rows=1, cols=1")
    assert smaller != code
    script = tmp_path / "example.py"
    script.write_text(smaller + "\nprint(fit.report.figures['states'])\n")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    # A device that moves: steps that can be told from none, and from the whole window.
    assert 5.0 < float(done.stdout.splitlines()[-1]) < 500.0
