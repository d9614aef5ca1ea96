"""The quick validation passes what the committed baseline passes."""

import pytest

from cosim.validation import baseline, regressions, validate

pytest.importorskip("skfem")


@pytest.mark.slow
@pytest.mark.ngspice
@pytest.mark.timeout(600)
def test_nothing_that_passed_misses_now(ngspice):
    rows = validate(quick=True, progress=False)
    worse = regressions(rows, baseline())
    assert not worse, [f"{r.id}: {r.ours} ({r.note})" for r in worse]
    compared = [r for r in rows if r.tag != "O"]
    assert len(compared) >= 30
    assert sum(r.verdict == "pass" for r in compared) >= 30
