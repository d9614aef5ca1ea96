"""One row of an array alone, behind the wires of its own lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.array_studies.session import Session, States
from netlists import Array, Layout

if TYPE_CHECKING:
    from netlists.bias import Drives

Floats = NDArray[np.float64]


def row_array(array: Array, row: int) -> Array | None:
    """A 1 x cols array of one row, with the wires of its columns as one segment.

    None where a single segment cannot stand for them.
    """
    wires, drive = array.parasitics, array.drive
    column_lines = [array.line_set("sl")]
    if array.layout is Layout.PARALLEL:
        column_lines.append(array.line_set("bl"))
    segments = set()
    for lines in column_lines:
        start = wires.r_feed + lines.resistance * (row + 1)
        end = wires.r_feed + lines.resistance * (lines.length - row)
        if lines.ends == "floating":
            return None
        if lines.ends == "both":
            path = start * end / (start + end) if start + end > 0 else 0.0
        else:
            path = start if lines.ends == "start" else end
        segments.add(path - wires.r_feed)
    if len(segments) > 1 or min(segments) < 0:
        return None

    def part(values: Mapping[str, Floats]) -> dict[str, Floats]:
        return {n: np.asarray(v)[row : row + 1] for n, v in values.items()}

    bit_line = "start" if array.layout is Layout.PARALLEL else drive.bit_line
    return array.replace(
        rows=1,
        parasitics=replace(wires, r_col=segments.pop()),
        drive=replace(drive, source_line="start", bit_line=bit_line),
        parameters=part(array.parameters),
        selector_parameters=part(array.selector_parameters),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class RowSession:
    """A session of one row that takes and gives what one of the whole array does.

    Parameters
    ----------
    row : int
    array : Array
        The whole one.
    small : Session
        Of the row alone.
    """

    row: int
    array: Array
    small: Session

    @classmethod
    def of(cls, session: Session, row: int) -> RowSession | None:
        """The row of a session's array; None where it cannot stand alone."""
        small = row_array(session.array, row)
        if small is None:
            return None
        part = Session(array=small, simulator=session.simulator)
        return cls(row=row, array=session.array, small=part)

    def pulse(
        self, drives: Drives, states: States, parameters: Mapping[str, Floats] | None = None
    ) -> tuple[States, float]:
        """As :meth:`Session.pulse`; other rows stay as they are."""
        inner, energy = self.small.pulse(
            self._drives(drives), self._part(states), self._part(parameters or {})
        )
        after = {n: s.copy() for n, s in states.items()}
        for n, values in inner.items():
            after[n][self.row] = values[0]
        return after, energy

    def read(self, drives: Drives, states: States) -> tuple[Floats, float]:
        """As :meth:`Session.read`."""
        return self.small.read(self._drives(drives), self._part(states))

    def _part(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        return {n: v[self.row : self.row + 1] for n, v in values.items()}

    def _drives(self, drives: Drives) -> Drives:
        own = {n: w for n, w in drives.items() if n.startswith("sl")}
        own["wl0"] = drives[f"wl{self.row}"]
        if self.array.layout is Layout.PARALLEL:
            return own | {n: w for n, w in drives.items() if n.startswith("bl")}
        return own | {"bl0": drives[f"bl{self.row}"]}
