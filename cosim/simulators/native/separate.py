"""Cells that are each alone behind wires of their own, solved side by side as one array."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlists.array import Array
from netlists.lines import Drive, Layout
from netlists.parasitics import Parasitics

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeparateCells(Array):
    """An array of one row in which every cell has a bit line and a source line of its own.

    Parameters
    ----------
    feeds : mapping of {"bl", "sl"} to ndarray, shape (cols,)
        Resistance between each line's driver and its cell [Ohm].
    uncharged : bool
        Whether the lines that these stand for had capacitances.
    """

    uncharged: bool = field(default=False, kw_only=True)
    feeds: Mapping[str, Floats] = field(default_factory=dict, kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Hash of the array without its feeds, and of the feeds."""
        digest = hashlib.sha256(super().fingerprint.encode())
        for kind in sorted(self.feeds):
            digest.update(kind.encode() + np.asarray(self.feeds[kind]).tobytes())
        return digest.hexdigest()[:16]


def separate_cells(array: Array, bit_line: Floats, source_line: Floats) -> SeparateCells:
    """The cells of `array`, in C order, each behind given resistances.

    Parameters
    ----------
    array : Array
        Cells, their parameters and their number; its lines do not count.
    bit_line, source_line : ndarray, shape (rows, cols)
        Resistance from each cell to the drivers of its lines [Ohm].
    """
    count = array.rows * array.cols

    def flat(values: Mapping[str, Any]) -> dict[str, Floats]:
        return {n: np.asarray(v).reshape((1, count)) for n, v in values.items()}

    own = {f.name: getattr(array, f.name) for f in fields(Array) if f.init and f.name != "_"}
    own |= {
        "rows": 1,
        "cols": count,
        "layout": Layout.PARALLEL,
        "word_lines": "row",
        "drive": Drive(),
        "parasitics": Parasitics(),
        "parameters": flat(array.parameters),
        "selector_parameters": flat(array.selector_parameters),
    }
    loads = array.parasitics
    uncharged = max(loads.c_row, loads.c_col, loads.c_word) > 0
    return SeparateCells(
        **own,
        uncharged=uncharged,
        feeds={"bl": np.ravel(bit_line).copy(), "sl": np.ravel(source_line).copy()},
    )
