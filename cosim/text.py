"""Results as text: aligned tables for people, plain values for machines."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Turn results into what JSON knows; numbers that are not finite become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Iterable):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else repr(value)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], width: int = 72) -> str:
    """Columns aligned by spaces; long cells are cut except in the last column."""
    cells = [[str(c) for c in head], *([str(c) for c in row] for row in rows)]
    last = len(head) - 1
    cells = [
        [c if k == last or len(c) <= width else c[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
         for k, c in enumerate(row)]
        for row in cells
    ]  # fmt: skip
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
             for row in cells]  # fmt: skip
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
