"""The validation table: what a row must say, verdicts, baseline and exit status."""

import json
import math
from dataclasses import replace

import pytest

from compact_models.errors import ConfigError, DataError, NotConverged
from cosim import validate as command
from cosim.validation import table, wording
from cosim.validation.table import Measured, Row, Verdict

ROW = Row(
    id="one",
    quantity="a figure",
    unit="uS",
    published=5.0,
    low=4.0,
    high=6.0,
    band="20 %",
    kind="predicted",
    tag="P",
    source="a paper",
    rung="device",
    measure="fake:one",
)


def test_the_shipped_table_is_large_enough_and_complete():
    rows = table.load_rows()
    assert len(rows) >= 30
    compared = [r for r in rows if r.tag != "O"]
    assert len(compared) >= 30
    predicted = [r for r in compared if r.kind == "predicted"]
    assert 3 * len(predicted) >= len(compared)
    assert {r.rung for r in rows} == set(table.RUNGS)
    for row in rows:
        if row.published is not None:
            assert row.low <= row.published <= row.high, row.id


def test_the_error_ladder_has_current_state_and_product_of_every_step():
    words = [r.quantity for r in table.load_rows() if r.id.startswith("ladder_")]
    for step in ("circuit against exact", "array against circuit", "behaviour against array"):
        for what in ("current", "state", "product"):
            assert any(w.startswith(f"{step}, {what}") for w in words), (step, what)


def test_every_measure_of_the_table_exists():
    for family in {row.measure for row in table.load_rows()}:
        assert callable(table._load(family))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "fitted"},
        {"tag": "X"},
        {"rung": "network"},
        {"low": 7.0},
        {"source": ""},
        {"measure": "nothing"},
        {"kind": "required"},
        {"tag": "O"},
    ],
)
def test_a_row_that_hides_something_is_refused(wrong):
    with pytest.raises(ConfigError):
        replace(ROW, **wrong)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(5.0, "pass"), (4.0, "pass"), (3.9, "miss"), (math.nan, "failed"), (math.inf, "failed")],
)
def test_verdicts(value, verdict):
    assert ROW.judged(Measured(value=value)).verdict == verdict


def test_a_family_that_fails_leaves_the_others_alone(monkeypatch):
    def load(family):
        if family == "fake:one":
            raise NotConverged(thing="nothing settles")
        return lambda quick: {"two": 5.0}

    monkeypatch.setattr(table, "_load", load)
    rows = [
        ROW,
        replace(ROW, id="two", measure="fake:two"),
        replace(ROW, id="three", measure="f:3"),
    ]
    found = table.validate(progress=False, rows=rows)
    assert [r.verdict for r in found] == ["failed", "pass", "not run"]
    assert "nothing settles" in found[0].note


def test_a_missing_extra_is_not_a_failure(monkeypatch):
    def load(family):
        raise ModuleNotFoundError("no", name="skfem")

    monkeypatch.setattr(table, "_load", load)
    (found,) = table.validate(progress=False, rows=[ROW])
    assert found.verdict is Verdict.NOT_RUN
    assert "skfem" in found.note


def test_a_missing_module_of_ours_is_no_missing_extra(monkeypatch):
    def load(family):
        raise ModuleNotFoundError("no", name="cosim.validation.gone")

    monkeypatch.setattr(table, "_load", load)
    with pytest.raises(ModuleNotFoundError):
        table.validate(progress=False, rows=[ROW])


def test_a_committed_table_without_its_rows_is_an_error(monkeypatch, tmp_path):
    from cosim.errors import DataError
    from cosim.validation import networks

    monkeypatch.setattr(networks, "EXAMPLES", tmp_path)
    assert networks.trainings(True) == {}
    (tmp_path / "train_mnist_results.csv").write_text("arm,algorithm,split,accuracy\n")
    with pytest.raises(DataError, match="lacks its rows"):
        networks.trainings(True)


def test_quick_and_rung_choose_rows(monkeypatch):
    monkeypatch.setattr(table, "_load", lambda family: lambda quick: {"one": 5.0})
    slow = replace(ROW, id="slow", quick=False)
    other = replace(ROW, id="other", rung="array")
    rows = [ROW, slow, other]
    assert len(table.validate(progress=False, rows=rows)) == 3
    assert len(table.validate(quick=True, progress=False, rows=rows)) == 2
    assert len(table.validate("array", progress=False, rows=rows)) == 1
    with pytest.raises(ConfigError, match="rung"):
        table.validate("arrays", progress=False, rows=rows)


def test_the_baseline_remembers_and_regressions_are_found(tmp_path):
    path = tmp_path / "baseline.toml"
    good = ROW.judged(Measured(value=5.0))
    bad = replace(ROW, id="two").judged(Measured(value=9.0))
    table.write_baseline([good, bad], path)
    committed = table.baseline(path)
    assert committed["one"] == {"verdict": "pass", "ours": 5.0}
    assert committed["two"]["verdict"] == "miss"
    worse = ROW.judged(Measured(value=7.0))
    assert table.regressions([worse, bad], committed) == [worse]
    assert table.regressions([replace(ROW)], committed) == []
    table.write_baseline([replace(ROW)], path)
    assert table.baseline(path)["one"]["verdict"] == "pass"


def test_a_damaged_table_is_an_error(tmp_path):
    path = tmp_path / "published.toml"
    path.write_text("[[row]\n")
    with pytest.raises(DataError):
        table.load_rows(path)
    path.write_text('[[row]]\nid = "a"\n')
    with pytest.raises(ConfigError, match="lacks"):
        table.load_rows(path)
    path.write_text('[[row]]\nid = "a"\nquantitty = "b"\n')
    with pytest.raises(ConfigError, match="quantity"):
        table.load_rows(path)


def test_the_command_prints_the_table_and_its_status(monkeypatch, capsys):
    rows = [ROW.judged(Measured(value=9.0, note="so so"))]
    monkeypatch.setattr(command, "validate", lambda rung, quick: rows)
    monkeypatch.setattr(command, "baseline", lambda: {"one": {"verdict": "pass"}})
    assert command.run_validation() == 1
    text = capsys.readouterr().out
    assert "REGRESSION" in text
    assert "so so" in text
    monkeypatch.setattr(command, "baseline", lambda: {})
    assert command.run_validation(json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["rows"][0]["verdict"] == "miss"
    assert data["verdicts"]["miss"] == 1
    assert data["ok"] is True
    rows = [replace(ROW, verdict=Verdict.FAILED)]
    assert command.run_validation(json=True) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_the_committed_baseline_names_rows_of_the_table():
    known = {row.id for row in table.load_rows()}
    assert set(table.baseline()) <= known


def test_bands_and_deviations_as_text():
    assert wording.band(ROW) == "4 to 6"
    assert wording.band(replace(ROW, high=math.inf)) == "at least 4"
    assert wording.band(replace(ROW, low=-math.inf)) == "at most 6"
    assert wording.deviation(ROW.judged(Measured(value=5.5))).startswith("+10.0")
    assert wording.deviation(ROW.judged(Measured(value=5e6))).startswith("1e+06")
    assert wording.deviation(ROW) == ""


def test_the_page_has_every_row_and_survives_a_curve_that_fails(monkeypatch, tmp_path):
    from cosim.validation import curves, page

    def broken(quick):
        raise NotConverged(thing="nothing settles")

    monkeypatch.setattr(page, "CURVES", {"relaxation": curves.relaxation, "broken": broken})
    rows = [
        ROW.judged(Measured(value=9.0, note="so so")),
        replace(ROW, id="two", quantity="another figure", rung="array"),
    ]
    text = page.write(rows, [rows[0]], tmp_path, quick=True).read_text()
    for part in ("a figure", "another figure", "so so", "passed in the"):
        assert part in text
    assert "Not to be trusted: no curve broken" in text
    assert "nothing settles" in text
    assert (tmp_path / "relaxation.png").stat().st_size > 5000


def test_the_published_formula_for_wires_takes_nothing_from_nothing():
    import numpy as np

    from cosim.validation.product import published_wire_loss

    inputs = np.array([[1.0, -0.5]])
    zero = published_wire_loss(np.zeros((2, 3)), inputs, 0.35)
    np.testing.assert_array_equal(zero, 0.0)
    # One row: a = r g |w| |x|, and its only device sits at j = 0 with no share of the loss.
    one = published_wire_loss(np.array([[0.5]]), np.array([[1.0]]), 0.35)
    assert one[0, 0] == 0.0
    two = published_wire_loss(np.ones((2, 1)), np.ones((1, 2)), 0.35)
    a = 2 * 0.35 * 100e-6 * 2
    assert two[0, 0] == pytest.approx(a * (a * (0.05 * a - 0.2) + 0.5) * 0.75)
