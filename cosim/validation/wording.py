"""Rows of the validation table in words: counts, bands, deviations."""

from __future__ import annotations

from collections.abc import Sequence

from cosim.validation.table import KINDS, Row, Verdict


def band(row: Row) -> str:
    """Return the accepted range as text."""
    if row.high == float("inf"):
        return f"at least {row.low:.5g}"
    if row.low == -float("inf"):
        return f"at most {row.high:.5g}"
    return f"{row.low:.5g} to {row.high:.5g}"


def kinds(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many rows are of each kind."""
    return {kind: sum(row.kind == kind for row in rows) for kind in KINDS}


def counted(rows: Sequence[Row]) -> str:
    """Return the counts as a sentence: verdicts, and what there is to compare."""
    verdicts = ", ".join(f"{sum(r.verdict is v for r in rows)} {v}" for v in Verdict)
    k = kinds(rows)
    return (
        f"{len(rows)} rows: {verdicts}. {len(rows) - k['required']} stand beside published "
        f"figures: {k['predicted']} predicted, {k['calibrated']} calibrated, {k['input']} inputs; "
        f"{k['required']} are requirements on the rungs."
    )


def deviation(row: Row) -> str:
    """Return how far ours lies from the published number."""
    if row.ours is None or not row.published:
        return ""
    ratio = row.ours / row.published
    if ratio > 10.0:
        return f"{ratio:.3g}\N{NO-BREAK SPACE}times"
    return f"{100.0 * (ratio - 1.0):+.1f}\N{NO-BREAK SPACE}%"
