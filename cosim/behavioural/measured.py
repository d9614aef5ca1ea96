"""Measured conductances against pulse number, from a CSV file.

The first row names the columns, each with its unit in brackets::

    # chip 7, bench 3
    pulse, device, conductance [uS], amplitude [V], width [us]
    0, A1, 26.5, 0, 2.5
    1, A1, 27.9, 1.35, 2.5
    2, A1, 27.1, -1.3, 2.5

============  ========  =================================================================
column        unit      meaning
============  ========  =================================================================
pulse         none      number of the pulse, rising on every device; no step is taken over
                        a gap
conductance   S         read after the pulse
polarity      none      +1 raises, -1 lowers, 0 is a read before the first pulse;
                        without it, the sign of the amplitude
amplitude     V         of the pulse; may be a magnitude where polarity is given
width         s         of the pulse
gate          V         of the selector during the pulse
current       A         through the cell at the end of the pulse
device        none      any name; every device must have seen the same pulses
temperature   K         of the measurement, also in degC
read_voltage  V         of the reads
============  ========  =================================================================

pulse, conductance, and polarity or amplitude are required. Commas, semicolons or tabs
separate; with the latter two, numbers may have decimal commas. Lines that begin with # or %
are comments. Anything that cannot be read for sure is an error with its line and column.
"""

from __future__ import annotations

import csv
import difflib
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError, DataError

FloatArray = NDArray[np.floating[Any]]

# Column -> unit it is converted to, and values between which it must lie in that unit.
COLUMNS: dict[str, tuple[str | None, float, float]] = {
    "pulse": (None, 0.0, 1e12),
    "device": (None, 0.0, 0.0),
    "conductance": ("siemens", 1e-15, 10.0),
    "polarity": (None, -1.0, 1.0),
    "amplitude": ("volt", -100.0, 100.0),
    "width": ("second", 1e-15, 1e3),
    "gate": ("volt", -100.0, 100.0),
    "current": ("ampere", -1.0, 1.0),
    "temperature": ("kelvin", 1.0, 1000.0),
    "read_voltage": ("volt", -10.0, 10.0),
}
LARGEST = 1 << 28  # bytes
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_COMMENT = ("#", "%")


class Table:
    """Columns of a file in SI, with the line of every row.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = [(n, t) for n, t in enumerate(_text(path).splitlines(), 1) if _has_data(t)]
        if len(lines) < 3:
            raise DataError(
                thing=f"rows in {path}", value=len(lines), limit="a header and two or more rows"
            )
        number, header = lines[0]
        self.separator = _separator(header)
        self.heads = _cells(header, self.separator, path, number)
        self.units = _read_header(self.heads, path, number)
        self.lines = [n for n, _ in lines[1:]]
        rows = [self._row(number, text) for number, text in lines[1:]]
        names = list(self.units)
        self.device = [r[names.index("device")] for r in rows] if "device" in names else None
        comma = self.separator != "," and any("," in cell for row in rows for cell in row)
        self.values: dict[str, FloatArray] = {}
        for k, name in enumerate(names):
            if name != "device":
                column = [self._number(row[k], k, i, comma) for i, row in enumerate(rows)]
                self.values[name] = np.array(column)

    def devices(self) -> tuple[FloatArray, list[NDArray[np.int_]]]:
        """Polarity of every row, and the rows of every device in order of pulses.

        Raises
        ------
        DataError
            Pulse numbers do not rise, or devices saw different pulses.
        """
        values, count = self.values, len(self.lines)
        names = self.device or [""] * count
        volts = values.get("amplitude", np.zeros(count))
        polarity = values.get("polarity", np.sign(volts))
        against = np.flatnonzero(volts * polarity < 0)
        if against.size and (volts < 0).any():
            k = int(against[0])
            raise self.error(k, "amplitude", volts[k], f"the sign of polarity {polarity[k]:g}")
        blocks = [np.flatnonzero([n == name for n in names]) for name in dict.fromkeys(names)]
        for rows in blocks:
            back = np.flatnonzero(np.diff(values["pulse"][rows]) <= 0)
            if back.size:
                k, before = int(rows[back[0] + 1]), values["pulse"][rows[back[0]]]
                hint = "Pulse numbers rise on every device; sort the rows, number several runs on."
                limit = f"above {before:g}, the number before it"
                raise self.error(k, "pulse", float(values["pulse"][k]), limit, hint)
            still = rows[1:][polarity[rows][1:] == 0]
            if still.size:
                name = "polarity" if "polarity" in values else "amplitude"
                raise self.error(int(still[0]), name, 0, "not 0 after the first row of a device")
            self._same_pulses(blocks[0], rows, polarity, names)
        return polarity, blocks

    def _same_pulses(
        self,
        first: NDArray[np.int_],
        rows: NDArray[np.int_],
        polarity: FloatArray,
        names: list[str],
    ) -> None:
        size = min(rows.size, first.size)
        columns = {**self.values, "polarity": polarity}
        limit = f"the {first.size} pulses of device {names[first[0]]!r}, row by row"
        for name in ("pulse", "polarity", "amplitude", "width", "gate"):
            if name in columns:
                other = np.flatnonzero(columns[name][rows[:size]] != columns[name][first[:size]])
                if other.size:
                    k = int(rows[other[0]])
                    raise self.error(k, name, float(columns[name][k]), limit)
        if rows.size != first.size:
            k = int(rows[-1])
            raise self.error(k, "device", f"{names[k]}: {rows.size} pulses", limit)

    def _row(self, number: int, text: str) -> list[str]:
        cells = _cells(text, self.separator, self.path, number)
        while len(cells) > len(self.heads) and not cells[-1]:
            cells.pop()
        if len(cells) != len(self.heads):
            hint = ""
            if self.separator == ",":
                hint = "Decimal commas need semicolons or tabs between the columns."
            raise DataError(
                thing=f"cells in line {number} of {self.path}",
                value=len(cells),
                limit=f"{len(self.heads)}, as the header has columns",
                next_step=hint,
            )
        return cells

    def error(self, row: int, name: str, value: object, limit: str, hint: str = "") -> DataError:
        """An error about one cell."""
        where = f"column {name!r} in line {self.lines[row]} of {self.path}"
        return DataError(thing=where, value=value, limit=limit, next_step=hint)

    def _number(self, cell: str, column: int, row: int, comma: bool) -> float:
        name = list(self.units)[column]
        if cell.lower() in ("", "-", "nan", "na", "n/a", "null", "none"):
            hint = "Leave out the device, or the pulse on every device: no step is taken over it."
            raise self.error(row, name, cell, "a number; this one is missing", hint)
        if comma and "." in cell:
            hint = "The file has decimal commas: write the number without a full stop."
            raise self.error(row, name, cell, "a number with a decimal comma", hint)
        text = cell.replace(",", ".", 1) if comma else cell
        if not _NUMBER.fullmatch(text):
            hint = ""
            if re.fullmatch(r"[+-]?\d{1,3}([ ,'\u00a0\u2009\u202f]\d{3})+([.,]\d+)?", cell):
                hint = "Write it without separators of thousands."
            raise self.error(row, name, cell, "a number, as in 26.5 or 2.65e-5", hint)
        factor, offset = self.units[name]
        value = float(f"{float(text) * factor + offset:.15g}")
        unit, low, high = COLUMNS[name]
        if not low <= value <= high:
            raise self.error(
                row, name, cell, f"{low:g} to {high:g} {unit or ''}".strip(), "Check its unit."
            )
        if name == "polarity" and value not in (-1.0, 0.0, 1.0):
            raise self.error(row, name, cell, "+1, -1 or 0")
        return value


def read_table(path: str | Path) -> Table:
    """Read and check a file.

    Raises
    ------
    DataError
        It cannot be read for sure; the text names line, column and value.
    """
    return Table(Path(path))


def _has_data(text: str) -> bool:
    """Neither a comment nor an empty row, as spreadsheets leave them."""
    bare = text.strip().strip('"').lstrip()
    return bool(bare.strip(",;\t ")) and not bare.startswith(_COMMENT)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(
                thing=f"size of {path}", value=path.stat().st_size, limit=f"{LARGEST} bytes"
            )
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            thing="measurement file",
            value=str(path),
            limit="a readable CSV",
            next_step=str(error),
        ) from error
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    # Instruments on Windows write the micro sign in cp1252.
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeError:
            continue
        if "\x00" not in text:
            return text
    raise DataError(
        thing="measurement file", value=str(path), limit="text in UTF-8, UTF-16 or cp1252"
    )


def _separator(header: str) -> str:
    for separator in (";", "\t"):
        if separator in header:
            return separator
    return ","


def _cells(text: str, separator: str, path: Path, number: int) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise DataError(
            thing=f"line {number} of {path}", value=text[:60], limit=str(error)
        ) from error
    return [cell.strip() for cell in rows[0]]


def _read_header(header: list[str], path: Path, number: int) -> dict[str, tuple[float, float]]:
    """Column name -> factor and offset to SI."""
    from cosim.quantities import read_quantity

    out: dict[str, tuple[float, float]] = {}
    for cell in header:
        name, _, rest = cell.partition("[")
        name, unit = name.strip().lower().replace(" ", "_"), rest.rstrip("] ").strip()
        if name not in COLUMNS or name in out:
            near = difflib.get_close_matches(name, COLUMNS, 1)
            raise DataError(
                thing=f"column of {path}, line {number}",
                value=name,
                limit="each once: " + ", ".join(COLUMNS),
                next_step="The first row must name the columns; delete those that are not needed."
                + (" Did you mean " + near[0] + "?" if near else ""),
            )
        wanted = COLUMNS[name][0]
        if wanted is None:
            if unit not in ("", "1"):
                raise DataError(
                    thing=f"unit of column {name!r} in {path}", value=unit, limit="none"
                )
            out[name] = (1.0, 0.0)
            continue
        try:
            if not unit:
                raise ConfigError(thing="no unit")
            zero = read_quantity(f"0 {unit}", wanted)
            out[name] = (read_quantity(f"1 {unit}", wanted) - zero, zero)
        except ConfigError as error:
            raise DataError(
                thing=f"unit of column {name!r} in {path}",
                value=unit,
                limit=f"a unit of {wanted}, in brackets, as in 'conductance [uS]'",
            ) from error
    for name in ("pulse", "conductance"):
        if name not in out:
            raise DataError(
                thing=f"column {name!r} of {path}",
                limit="required",
                next_step="Add it; the columns are: " + ", ".join(COLUMNS),
            )
    if "polarity" not in out and "amplitude" not in out:
        raise DataError(
            thing=f"columns of {path}",
            limit="polarity or amplitude is required",
            next_step="Add 'polarity' (+1 raises, -1 lowers the conductance) or 'amplitude [V]'.",
        )
    return out
