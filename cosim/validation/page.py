"""The validation as one page: curves beside the published numbers, and every row."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cosim.errors import CosimError, SimulatorNotFound
from cosim.report import Plot, Section, write_page
from cosim.validation.curves import CURVES
from cosim.validation.table import RUNGS, TAGS, Row, Verdict
from cosim.validation.wording import band, counted, deviation

WIDE = ("open_loop", "levels")
TITLES = {
    "device": "Device: single cells and finite elements",
    "circuit": "Circuit: ngspice and whole 1T1R sweeps",
    "array": "Array: native solver",
    "behaviour": "Behaviour: calibrated laws",
}


def sections(rows: Sequence[Row], worse: Sequence[Row], quick: bool) -> list[Section]:
    """Return the parts of the page, computing the curves."""
    head = ("quantity", "ours", "published", "off by", "accepted", "unit", "verdict", "kind",
            "source", "band")  # fmt: skip
    parts = [
        Section(
            title="Summary",
            text=f"{counted(rows)} "
            "Bands come from the published side alone. "
            + "; ".join(f"{tag}: {text}" for tag, text in TAGS.items())
            + ".",
            problems=tuple(f"{r.quantity} passed in the baseline and does not now" for r in worse),
        )
    ]
    plots, absent, problems = [], [], []
    for name, draw in CURVES.items():
        started = time.monotonic()
        try:
            figure, caption = draw(quick)
        except (SimulatorNotFound, ModuleNotFoundError) as error:
            absent.append(f"no curve {name}: {error}")
            continue
        except CosimError as error:
            problems.append(f"no curve {name}: {error}")
            continue
        plots.append(Plot(name=name, caption=caption, figure=figure, wide=name in WIDE))
        print(f"curve {name}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
    parts.append(
        Section(title="Curves", plots=tuple(plots), text=" ".join(absent), problems=tuple(problems))
    )
    for rung in RUNGS:
        mine = [r for r in rows if r.rung == rung]
        if not mine:
            continue
        table = [
            (
                r.quantity,
                "-" if r.ours is None else f"{r.ours:.4g}",
                "-" if r.published is None else f"{r.published:.4g}",
                deviation(r),
                band(r),
                r.unit,
                str(r.verdict),
                r.kind,
                f"{r.source} [{r.tag}]",
                r.band,
            )
            for r in mine
        ]
        misses = [
            (r.quantity, " ".join(p for p in (r.note, r.reason) if p) or "reason not known")
            for r in mine
            if r.verdict is not Verdict.PASS
        ]
        tables: dict[str, tuple[Sequence[str], Sequence[Sequence[object]]]] = {
            "Rows": (head, table)
        }
        if misses:
            tables["What misses, and why"] = (("quantity", "reason"), misses)
        parts.append(Section(title=TITLES[rung], tables=tables))
    return parts


def write(rows: Sequence[Row], worse: Sequence[Row], folder: Path, quick: bool) -> Path:
    """Write ``index.html`` with its pictures into `folder`, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = sections(rows, worse, quick)
    problems = [problem for part in parts for problem in part.problems]
    return write_page(folder, title="Validation", sections=parts, problems=problems)
