"""The lines of an array: how they run, where they are driven, what their nodes are called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from compact_models.errors import NetlistError

Ends = Literal["start", "end", "both", "floating"]
LineKind = Literal["bl", "sl", "wl"]
LINE_NAMES = {"bl": "bit_line", "sl": "source_line", "wl": "word_line"}


class Layout(StrEnum):
    """How bit and source lines run.

    CROSSING: bit line i along row i, source line j along column j.
    PARALLEL: bit line j and source line j along column j.
    Word lines run along the rows, or along the columns where the array says so.
    """

    CROSSING = "crossing"
    PARALLEL = "parallel"


@dataclass(frozen=True, kw_only=True)
class Drive:
    """At which end the drivers of each kind of line sit.

    ``"start"`` is the end of cell (0, .) or (., 0); ``"both"`` feeds both ends from one
    driver; ``"floating"`` leaves the lines without drivers.
    """

    bit_line: Ends = "start"
    source_line: Ends = "start"
    word_line: Ends = "start"

    def __post_init__(self) -> None:
        for name in ("bit_line", "source_line", "word_line"):
            if getattr(self, name) not in ("start", "end", "both", "floating"):
                raise NetlistError(
                    thing=f"driven end of the {name}",
                    value=getattr(self, name),
                    limit="start, end, both or floating",
                )


@dataclass(frozen=True, kw_only=True)
class LineSet:
    """All lines of one kind.

    Parameters
    ----------
    kind : {"bl", "sl", "wl"}
    along : {"row", "column"}
        A line along rows has one cell per column.
    count, length : int
        Number of lines; cells on each.
    resistance, capacitance : float
        Per segment [Ohm], [F].
    ends : {"start", "end", "both", "floating"}
    """

    kind: LineKind
    along: Literal["row", "column"]
    count: int
    length: int
    resistance: float
    capacitance: float
    ends: Ends

    def node(self, line: int, position: int) -> str:
        """Node of the line at its `position`-th cell."""
        if self.resistance == 0.0:
            return f"{self.kind}_{line}"
        row, column = (line, position) if self.along == "row" else (position, line)
        return f"{self.kind}_{row}_{column}"

    def node_at(self, row: int, column: int) -> str:
        """Node of the line at cell (row, column)."""
        line, position = (row, column) if self.along == "row" else (column, row)
        return self.node(line, position)

    @property
    def drivers(self) -> tuple[str, ...]:
        """Driver names, ``"bl0"`` and so on; none when the lines float."""
        if self.ends == "floating":
            return ()
        return tuple(f"{self.kind}{line}" for line in range(self.count))
