"""`cosim validate`: the table of our figures beside the published ones."""

from __future__ import annotations

import json as json_module
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cosim.validation.table import (
    RUNGS,
    TAGS,
    Row,
    Verdict,
    baseline,
    regressions,
    validate,
)
from cosim.validation.wording import band, counted, deviation, kinds

__all__ = ["render", "run_validation", "summary"]


def run_validation(
    rung: str | None = None,
    quick: bool = False,
    json: bool = False,
    output: Path | None = None,
) -> int:
    """Compute the table, print it, and compare it with the committed baseline.

    Parameters
    ----------
    rung : {"device", "circuit", "array", "behaviour"}, optional
        Only this rung.
    quick : bool
        The form that runs in CI.
    json : bool
        Print one JSON object and nothing else on standard output.
    output : Path, optional
        Folder for the page with the curves; it adds about half of the table's time.

    Returns
    -------
    int
        0, or 1 when a row that passed in the baseline passes no more or a
        row could not be computed at all.
    """
    started = time.monotonic()
    if output is not None:
        # Where nothing can be written, that is better known before the work than after it.
        output.mkdir(parents=True, exist_ok=True)
    rows = validate(rung, quick)
    committed = baseline()
    worse = regressions(rows, committed)
    right = not worse and all(r.verdict is not Verdict.FAILED for r in rows)
    page = None
    if output is not None:
        from cosim.validation.page import write

        page = write(rows, worse, output, quick)
    if json:
        more = {"seconds": round(time.monotonic() - started, 1)}
        shown = {} if page is None else {"page": str(page)}
        text = json_module.dumps({"ok": right, **summary(rows, worse), **more, **shown}, indent=2)
    else:
        text = render(rows, worse)
        text += f"\n{time.monotonic() - started:.0f} s"
        if page is not None:
            text += f"\npage: {page}"
    print(text)
    return 0 if right else 1


def summary(rows: Sequence[Row], worse: Sequence[Row]) -> dict[str, Any]:
    """Return the table as plain data."""
    return {
        "verdicts": {str(v): sum(r.verdict is v for r in rows) for v in Verdict},
        "kinds": kinds(rows),
        "regressions": [r.id for r in worse],
        "rows": [
            {
                "id": r.id,
                "rung": r.rung,
                "quantity": r.quantity,
                "ours": r.ours if r.ours is not None and math.isfinite(r.ours) else None,
                "published": r.published,
                "low": r.low if math.isfinite(r.low) else None,
                "high": r.high if math.isfinite(r.high) else None,
                "unit": r.unit,
                "verdict": str(r.verdict),
                "kind": r.kind,
                "tag": r.tag,
                "source": r.source,
                "band": r.band,
                "reason": r.reason if r.verdict is not Verdict.PASS else "",
                "note": r.note,
            }
            for r in rows
        ],
    }


def render(rows: Sequence[Row], worse: Sequence[Row] = ()) -> str:
    """Return the table as text, with the reasons of the misses below it."""
    head = (
        "quantity",
        "ours",
        "published",
        "off by",
        "accepted",
        "unit",
        "verdict",
        "kind",
        "tag",
        "source",
    )
    rows = sorted(rows, key=lambda row: RUNGS.index(row.rung))
    body = [
        (
            r.quantity,
            "-" if r.ours is None else f"{r.ours:.4g}",
            "-" if r.published is None else f"{r.published:.4g}",
            deviation(r).replace("\N{NO-BREAK SPACE}", " "),
            band(r),
            r.unit,
            str(r.verdict),
            r.kind,
            r.tag,
            r.source,
        )
        for r in rows
    ]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(head, widths, strict=True)).rstrip()]
    rung = ""
    for row, cells in zip(rows, body, strict=True):
        if row.rung != rung:
            rung = row.rung
            lines.append(f"--- {rung}")
        lines.append("  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip())
    others = [r for r in rows if r.verdict is not Verdict.PASS]
    if others:
        lines.append("")
        for r in others:
            why = " ".join(part for part in (r.note, r.reason) if part)
            lines.append(f"{r.verdict}: {r.quantity}: {why or 'reason not known'}")
    lines.append("")
    lines.append(counted(rows))
    lines.append("tags: " + "; ".join(f"{t} {text}" for t, text in TAGS.items()))
    for r in worse:
        lines.append(f"REGRESSION: {r.quantity} passed in the baseline and is now {r.verdict}")
    return "\n".join(lines)
