"""What is proven: model by simulator by analysis, with the test that proves it.

``support.toml`` is written and guarded by the conformance suite: a line there without a passing
test fails the suite. Tables of what runs where are made from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from compact_models.errors import DataError

FILE = Path(__file__).with_name("support.toml")
ANALYSES = ("equations", "operating_point", "dc_sweep", "ac", "transient")


@dataclass(frozen=True, kw_only=True, order=True)
class Proven:
    """One proven combination.

    Parameters
    ----------
    model : str
        As in :func:`compact_models.load_model`, or the name of a foundry card.
    simulator : str
        ``"ngspice"``, ``"native"``, ``"vacask"``, ...; ``"numpy"``, ``"numba"`` and
        ``"verilogae"`` evaluate equations only.
    devices : str
        How it evaluates devices: ``"subcircuit"``, ``"osdi"``, or empty where there is one way.
    analysis : str
        One of :data:`ANALYSES`.
    proof : str
        Test, as pytest names it, without parameters.
    """

    model: str
    simulator: str
    devices: str
    analysis: str
    proof: str


def load_support(path: Path | None = None) -> tuple[Proven, ...]:
    """Read the record.

    Raises
    ------
    DataError
        It is missing or damaged.
    """
    chosen = path or FILE
    known = {f.name for f in fields(Proven)}
    try:
        rows = tomllib.loads(chosen.read_text(encoding="utf-8"))["proven"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise DataError(
            thing=f"record of what is proven {chosen} cannot be read: {error}"
        ) from error
    for row in rows:
        if set(row) != known or row["analysis"] not in ANALYSES:
            raise DataError(
                thing="row of the record of what is proven",
                value=row,
                limit=f"{', '.join(sorted(known))}; analysis one of {', '.join(ANALYSES)}",
            )
    return tuple(Proven(**row) for row in rows)


def write_support(rows: Iterable[Proven], path: Path | None = None) -> None:
    """Write the record, sorted."""
    lines = [
        "# Written by the conformance suite (COSIM_WRITE_SUPPORT=1 pytest tests/conformance),",
        "# which fails where a line here has no passing test.",
    ]
    for row in sorted(set(rows)):
        lines += ["", "[[proven]]"]
        lines += [f'{f.name} = "{getattr(row, f.name)}"' for f in fields(Proven)]
    (path or FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
