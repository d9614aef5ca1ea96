"""Every example gives the number it states."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cosim import cli
from cosim.config import load_table

FOLDER = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
STUDIES = sorted(FOLDER.glob("*.toml"))
# These take minutes, or data that is not here; smaller ones are tested in files of their own.
PLAIN = {"quickstart", "spirit"}
# Their committed tables are held against them in tests/reference/test_training_results.py.
LONG = PLAIN | {
    s.stem
    for s in FOLDER.glob("train_*.toml")
    if s.stem.endswith("_validation")
    or load_table(s).get("train", {}).get("data") in ("mnist", "war_and_peace")
}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_there_are_examples_and_each_states_its_number_and_source() -> None:
    assert len(SCRIPTS) >= 3
    assert len(STUDIES) >= 3
    for path in [*SCRIPTS, *(s for s in STUDIES if s.stem not in PLAIN)]:
        head = " ".join(_text(path)[:900].replace("#", " ").split())
        assert "ust give" in head, path.name
        if path.suffix == ".toml":
            assert f"examples/{path.name}" in head, f"{path.name} does not say how to run it"
            tomllib.loads(_text(path))


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_script(path: Path, tmp_path: Path, ngspice: object) -> None:
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", [s for s in STUDIES if s.stem not in LONG], ids=lambda p: p.stem)
def test_study(
    path: Path, tmp_path: Path, ngspice: object, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = "train" if load_table(path).get("experiment") == "train" else "run"
    status = cli.run([verb, str(path), "-o", str(tmp_path / "out")])
    printed = capsys.readouterr()
    assert status == 0, printed.out + printed.err
