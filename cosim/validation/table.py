"""Rows of the validation table: what is published, what we get, and the verdict."""

from __future__ import annotations

import math
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

from cosim.errors import ConfigError, CosimError, DataError, SimulatorNotFound, best_matches

FOLDER = Path(__file__).parent
RUNGS = ("device", "circuit", "array", "behaviour")
TAGS = {
    "P": "primary: paper, abstract or its authors' public parameters",
    "F": "printed in a figure of the paper",
    "S": "second hand",
    "C": "computed from primary",
    "O": "our own requirement",
}
OWN = ("compact_models", "cosim", "netlists")
"""A module of ours that is missing is no extra of the user's."""
KINDS = ("input", "calibrated", "predicted", "required")


class Verdict(StrEnum):
    """What the comparison says."""

    PASS = "pass"
    MISS = "miss"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    id, quantity, unit : str
    low, high : float
        Band that counts as agreement; one may be infinite.
    band : str
        Where the band comes from.
    kind : {"input", "calibrated", "predicted", "required"}
        Input: follows from published parameters or laws that we put in. Calibrated: a
        parameter of ours was fitted to it, or a setting chosen for it. Predicted: neither.
        Required: our own requirement (tag O), nothing is published.
    tag : {"P", "F", "S", "C", "O"}
    source : str
    rung : {"device", "circuit", "array", "behaviour"}
    measure : str
        Family that computes it, ``module:function``.
    published : float, optional
        In `unit`; left out where a behaviour is published and no number.
    quick : bool
        Whether the quick form computes it.
    reason : str
        Why it misses, as far as that is understood.
    ours : float, optional
    verdict : Verdict
    note : str
        Of the measurement.
    """

    id: str
    quantity: str
    unit: str
    low: float
    high: float
    band: str
    kind: str
    tag: str
    source: str
    rung: str
    measure: str
    published: float | None = None
    quick: bool = True
    reason: str = ""
    ours: float | None = None
    verdict: Verdict = Verdict.NOT_RUN
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse rows that do not say what they are."""
        for name, allowed in (("kind", KINDS), ("tag", tuple(TAGS)), ("rung", RUNGS)):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    thing=f"row '{self.id}' has a wrong {name}",
                    value=getattr(self, name),
                    limit=", ".join(allowed),
                )
        if (self.kind == "required") != (self.tag == "O"):
            raise ConfigError(
                thing=f"row '{self.id}' takes a requirement for a published figure, or the reverse",
                value=(self.kind, self.tag),
                limit="kind required with tag O, and only there",
            )
        if not self.low < self.high or not self.source or not self.band or ":" not in self.measure:
            raise ConfigError(
                thing=f"row '{self.id}' of the validation table is incomplete",
                value=(self.low, self.high, self.source, self.band, self.measure),
                limit="low < high, source, band, measure = 'module:function'",
            )

    def judged(self, measured: Measured) -> Row:
        """Return the row with our value and the verdict."""
        value = measured.value
        good = math.isfinite(value) and self.low <= value <= self.high
        verdict = Verdict.PASS if good else Verdict.MISS
        if not math.isfinite(value):
            verdict = Verdict.FAILED
        return replace(self, ours=value, verdict=verdict, note=measured.note)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One figure of ours, in the unit of its row."""

    value: float
    note: str = ""


Measure = Callable[[bool], Mapping[str, Measured | float]]


def load_rows(path: Path | None = None) -> list[Row]:
    """Read the published figures.

    Raises
    ------
    DataError
        If the file is damaged.
    ConfigError
        If a row is incomplete, or two have one name.
    """
    chosen = path or FOLDER / "published.toml"
    try:
        table = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(
            thing=f"table of published figures {chosen} cannot be read: {error}"
        ) from error
    known = {f.name for f in fields(Row)}
    rows: list[Row] = []
    for entry in table.get("row", []):
        unknown = set(entry) - known
        if unknown:
            name = sorted(unknown)[0]
            raise ConfigError(
                thing=f"row '{entry.get('id')}' has an unknown key",
                value=name,
                next_step=best_matches(name, known),
            )
        missing = {f.name for f in fields(Row) if f.default is MISSING} - set(entry)
        if missing:
            raise ConfigError(
                thing=f"row '{entry.get('id')}' lacks a key", value=sorted(missing)[0]
            )
        rows.append(Row(**entry))
    names = [row.id for row in rows]
    doubled = {n for n in names if names.count(n) > 1}
    if doubled:
        raise ConfigError(thing="two rows of one name", value=sorted(doubled)[0])
    return rows


def validate(
    rung: str | None = None,
    quick: bool = False,
    progress: bool = True,
    rows: Iterable[Row] | None = None,
) -> list[Row]:
    """Compute our figures and judge them.

    Parameters
    ----------
    rung : str, optional
        Only rows of this rung.
    quick : bool
        Leave out slow rows, and use fewer samples where that is still good enough.
    progress : bool
        One line a family on standard error.
    rows : iterable of Row, optional
        In place of the shipped table.

    Returns
    -------
    list of Row
        In the order of the table. A family that raises gives failed rows, with
        the error as note, and leaves the others alone.

    Raises
    ------
    ConfigError
        If there is no rung of that name.
    """
    if rung is not None and rung not in RUNGS:
        raise ConfigError(
            thing="no rung of that name", value=rung, next_step=best_matches(rung, RUNGS)
        )
    chosen = list(load_rows() if rows is None else rows)
    wanted = [r for r in chosen if (rung is None or r.rung == rung) and (r.quick or not quick)]
    families = list(dict.fromkeys(r.measure for r in wanted))
    judged: dict[str, Row] = {}
    for family in families:
        started = time.monotonic()
        members = [r for r in wanted if r.measure == family]
        try:
            found = _load(family)(quick)
            for row in members:
                if row.id in found:
                    value = found[row.id]
                    measured = (
                        value if isinstance(value, Measured) else Measured(value=float(value))
                    )
                    judged[row.id] = row.judged(measured)
                else:
                    judged[row.id] = replace(row, note="not computed in this form")
        except ModuleNotFoundError as error:
            if str(error.name).partition(".")[0] in OWN:
                raise
            for row in members:
                judged[row.id] = replace(row, note=f"needs {error.name}")
        except CosimError as error:
            verdict = Verdict.FAILED
            note = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            if isinstance(error, SimulatorNotFound):
                verdict = Verdict.NOT_RUN
            for row in members:
                judged[row.id] = replace(row, verdict=verdict, note=note)
        if progress:
            passed = sum(judged[r.id].verdict is Verdict.PASS for r in members)
            print(
                f"{family:<28} {passed} of {len(members)} pass, {time.monotonic() - started:.1f} s",
                file=sys.stderr,
                flush=True,
            )
    return [judged[r.id] for r in wanted]


def _load(family: str) -> Measure:
    module, function = family.split(":")
    measure: Measure = getattr(import_module(f"cosim.validation.{module}"), function)
    return measure


def baseline(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return the committed verdicts: id -> {verdict, ours}."""
    chosen = path or FOLDER / "baseline.toml"
    if not chosen.is_file():
        return {}
    try:
        table: dict[str, dict[str, Any]] = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(thing=f"baseline {chosen} cannot be read: {error}") from error
    return table


def regressions(rows: Iterable[Row], committed: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Return the rows that passed in the baseline, were run and do not pass now."""
    return [
        row
        for row in rows
        if committed.get(row.id, {}).get("verdict") == Verdict.PASS
        and row.verdict in (Verdict.MISS, Verdict.FAILED)
    ]


def write_baseline(rows: Iterable[Row], path: Path | None = None) -> Path:
    """Write verdicts and values of `rows` as the new baseline; rows not run keep theirs."""
    chosen = path or FOLDER / "baseline.toml"
    kept = baseline(chosen)
    for row in rows:
        if row.verdict is not Verdict.NOT_RUN:
            ours = None if row.ours is None or not math.isfinite(row.ours) else row.ours
            kept[row.id] = {"verdict": str(row.verdict)} | ({} if ours is None else {"ours": ours})
    lines = ["# Verdicts of the last committed run of `cosim validate`; written by it.", ""]
    for name, entry in kept.items():
        lines.append(f"[{name}]")
        lines.append(f'verdict = "{entry["verdict"]}"')
        if "ours" in entry:
            lines.append(f"ours = {float(entry['ours']):.6g}")
        lines.append("")
    chosen.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return chosen
