"""Resistance and capacitance of the lines of an array."""

from __future__ import annotations

from dataclasses import dataclass, fields

from compact_models.errors import NetlistError
from netlists.names import check_number


@dataclass(frozen=True, kw_only=True)
class Parasitics:
    """Wire, driver and contact values.

    A segment is the piece of line from one cell to the next, and also the piece from the
    driven end of a line to its first cell: the k-th cell (from 0) lies k + 1 segments from
    the driver. The capacitance of a segment sits at the cell's node, to ground.

    Parameters
    ----------
    r_row, r_col, r_word : float
        Resistance per segment of bit and source lines that run along a row, of those that
        run along a column, and of word lines [Ohm]. 0 makes the line one node.
    c_row, c_col, c_word : float
        Capacitance per segment to ground [F].
    r_driver : float
        Output resistance of each driver, at each driven end [Ohm].
    r_contact : float
        Pad or via stack between driver and line, in series with `r_driver` [Ohm].
    """

    r_row: float = 0.0
    r_col: float = 0.0
    r_word: float = 0.0
    c_row: float = 0.0
    c_col: float = 0.0
    c_word: float = 0.0
    r_driver: float = 0.0
    r_contact: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = check_number(getattr(self, item.name), item.name, minimum=0.0)
            object.__setattr__(self, item.name, value)

    @property
    def r_feed(self) -> float:
        """Driver and contact in series [Ohm]."""
        return self.r_driver + self.r_contact

    @classmethod
    def from_sheet(
        cls,
        *,
        sheet_resistance: float,
        width: float,
        pitch: float,
        capacitance_per_length: float = 0.0,
        word_sheet_resistance: float | None = None,
        word_width: float | None = None,
        r_driver: float = 0.0,
        r_contact: float = 0.0,
    ) -> Parasitics:
        """Segments from the metal's sheet resistance and the cell's size.

        Parameters
        ----------
        sheet_resistance : float
            [Ohm per square]
        width, pitch : float
            Width of the lines and distance between cells, the same both ways [m].
        capacitance_per_length : float
            [F/m]
        word_sheet_resistance, word_width : float, optional
            Of the word lines where they differ, e.g. polysilicon.
        r_driver, r_contact : float
            [Ohm]

        Notes
        -----
        R = R_sheet * pitch / width, C = c * pitch.
        """
        word_sheet = sheet_resistance if word_sheet_resistance is None else word_sheet_resistance
        thick = width if word_width is None else word_width
        for value, what in (
            (width, "line width"),
            (thick, "width of the word lines"),
            (pitch, "cell pitch"),
        ):
            if check_number(value, what) <= 0:
                raise NetlistError(thing=what, value=value, limit="> 0 m")
        for value, what in (
            (sheet_resistance, "sheet resistance"),
            (word_sheet, "sheet resistance of the word lines"),
            (capacitance_per_length, "capacitance per length"),
        ):
            check_number(value, what, minimum=0.0)
        resistance, word = sheet_resistance * pitch / width, word_sheet * pitch / thick
        capacitance = capacitance_per_length * pitch
        return cls(
            r_row=resistance,
            r_col=resistance,
            r_word=word,
            c_row=capacitance,
            c_col=capacitance,
            c_word=capacitance,
            r_driver=r_driver,
            r_contact=r_contact,
        )
