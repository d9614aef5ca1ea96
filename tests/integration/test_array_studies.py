"""Small cases of the array studies against ngspice, cell by cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cosim as cs
from cosim import cli
from cosim.experiments.array_studies import ArrayDisturb, ArrayProgram, IrDrop, Leakage

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]
# Required of the array solver: a thousandth of what ngspice gives.
CLOSE = 1e-3


@pytest.fixture(scope="module")
def array() -> cs.Array:
    cell = cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3"))
    # Wires of 5 ohm make of a few cells what 0.35 ohm make of a hundred.
    wires = cs.Parasitics(r_row=5.0, r_col=4.0, r_driver=20.0)
    return cs.Array(cell, rows=3, cols=3, parasitics=wires)


def test_ir_drop(array: cs.Array, ngspice: object) -> None:
    study = IrDrop(
        array, sizes=(3, 6), placements=("start/start", "both/end"),
        layouts=("crossing", "parallel"), compare_size=0, inputs=2,
    )  # fmt: skip
    ours = study.run(simulator="native", seed=1, progress=False)
    theirs = study.run(simulator="ngspice", seed=1, progress=False)
    for name in ("worst_drop", "mean_drop", "rms", "corrected", "largest", "drop_map"):
        assert ours[name].values == pytest.approx(theirs[name].values, rel=CLOSE, abs=1e-9), name


def test_leakage(array: cs.Array, ngspice: object) -> None:
    study = Leakage(array, sizes=(3,), gates_off=(0.0, 0.5, 0.9), compare_size=0)
    ours = study.run(simulator="native", progress=False)
    theirs = study.run(simulator="ngspice", progress=False)
    for name in ("selected_current", "leakage", "worst_leakage", "sense_error", "power_ratio",
                 "passive_leakage", "passive_sense_error"):  # fmt: skip
        assert ours[name].values == pytest.approx(theirs[name].values, rel=CLOSE, abs=1e-9), name


def test_disturb_and_programming_say_how_far_ngspice_is(array: cs.Array, ngspice: object) -> None:
    disturb = ArrayDisturb(array, schemes=("half",), counts=(1,), compare_size=2)
    found = disturb.run(progress=False).attrs
    assert found["ngspice_change_difference"] < CLOSE
    assert found["ngspice_temperature_difference"] < CLOSE
    program = ArrayProgram(
        array.replace(rows=1, cols=2), targets=np.array([[3e-5, 2.5e-5]]), compare_size=1,
        acceptance_range=0.05,
    )  # fmt: skip
    made = program.run(progress=False).attrs
    assert made["compared_pulses"] > 0
    assert made["ngspice_conductance_difference"] < CLOSE
    assert made["ngspice_energy_difference"] < CLOSE


def test_study_runs_from_a_file_and_its_netlist_is_complete(
    tmp_path: Path, ngspice: object, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "s.toml"
    study.write_text(
        'experiment = ["array_program", "read"]\nsimulator = "native"\n'
        "[array]\nrows = 2\ncols = 2\n[array.parasitics]\nr_row = 1.0\n"
        '[array_program]\nacceptance_range = 0.1\ncompare_size = 0\nhighest = "40 uS"\n'
        "[expect]\nreached = [99, 100]\n"
    )
    assert cli.run(["run", str(study), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "mean pulses a cell" in printed
    assert "largest IR drop" in printed
    assert cli.run(["run", str(study), "-o", str(tmp_path / "out")]) == 0
    assert "already there" in capsys.readouterr().err
    assert cli.run(["netlist", str(study)]) == 0
    assert "tran" in capsys.readouterr().out
