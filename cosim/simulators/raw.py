"""Reader and writer of SPICE raw files (binary, as ngspice writes them).

A raw file holds one or more *plots*. Each has a text header which ends in
``Binary:`` and then ``points x variables`` numbers of 8 bytes (16 when complex),
point by point. ngspice writes the number of points last, by going back to the
header: a run which was killed or which filled the disk leaves ``No. Points: 0``
with data behind it, and that is how a truncated file is recognised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import IncompleteResult

_MARK = b"Binary:\n"


@dataclass(frozen=True, kw_only=True, eq=False)
class Plot:
    """One analysis of a raw file.

    Parameters
    ----------
    title, name, date : str
        Header lines ``Title``, ``Plotname`` and ``Date``.
    names, kinds : tuple of str
        Name (``"time"``, ``"v(bl_0)"``, ...) and kind (``"voltage"``, ...) of each variable;
        the first is the axis.
    values : ndarray, shape (points, variables)
        float64, or complex128 for an AC analysis.
    complete : bool
        False when the file ends before the data does (only with ``partial=True``).
    """

    title: str
    name: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    values: NDArray[np.float64] | NDArray[np.complex128]
    date: str = ""
    complete: bool = True

    @property
    def axis(self) -> NDArray[np.float64]:
        """First variable, shape (points,): time, sweep value or frequency."""
        return np.ascontiguousarray(self.values[:, 0].real)

    def columns(self) -> Mapping[str, int]:
        """Column of every variable, by its name in lower case."""
        return {name.lower(): column for column, name in enumerate(self.names)}


def _header_error(path: Path, what: str) -> IncompleteResult:
    return IncompleteResult(
        thing=f"raw file {path.name} {what}",
        limit="a complete binary raw file",
        next_step="Read the log in the run directory and run again",
        run_directory=str(path.parent),
    )


def _parse_header(path: Path, text: str) -> tuple[dict[str, str], list[str], list[str]]:
    fields: dict[str, str] = {}
    names: list[str] = []
    kinds: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        key, colon, rest = line.partition(":")
        if not colon:
            continue
        fields[key.strip().lower()] = rest.strip()
        if key.strip().lower() == "variables":
            break
    for line in lines:
        parts = line.split()
        if len(parts) >= 3:
            names.append(parts[1])
            kinds.append(parts[2])
    try:
        expected = int(fields["no. variables"])
        int(fields["no. points"])
    except (KeyError, ValueError) as error:
        raise _header_error(path, "has a damaged header") from error
    if expected != len(names) or expected < 1:
        raise _header_error(path, f"announces {expected} variables and lists {len(names)}")
    return fields, names, kinds


def read_raw(path: str | Path, *, partial: bool = False) -> list[Plot]:
    """Read every plot of a binary raw file.

    Parameters
    ----------
    path : str or Path
    partial : bool
        Return what a truncated file holds (``Plot.complete`` is then False) instead of
        raising.

    Returns
    -------
    list of Plot

    Raises
    ------
    IncompleteResult
        The file is missing, empty, damaged or truncated.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise _header_error(path, "was not written") from error
    plots: list[Plot] = []
    start = 0
    while start < len(raw):
        mark = raw.find(_MARK, start)
        if mark < 0:
            if raw[start:].strip(b"\0\n\r ") == b"":
                break
            if partial and plots:
                break
            raise _header_error(path, "ends inside a header")
        text = raw[start:mark].decode("utf-8", errors="replace")
        fields, names, kinds = _parse_header(path, text)
        dtype = np.dtype("<c16" if "complex" in fields.get("flags", "") else "<f8")
        row = dtype.itemsize * len(names)
        first = mark + len(_MARK)
        points = int(fields["no. points"])
        available = (len(raw) - first) // row
        # With no points announced, bytes which do not start another header are unfinished data.
        unfinished = points == 0 and available > 0 and not raw[first:].startswith(b"Title:")
        complete = not unfinished and points <= available
        if not complete:
            if not partial:
                raise _header_error(
                    path,
                    f"was cut off: {available} points of "
                    f"{points if points else 'an unfinished run'}",
                )
            points = available
        values = np.frombuffer(raw, dtype=dtype, count=points * len(names), offset=first)
        plots.append(
            Plot(
                title=fields.get("title", ""),
                name=fields.get("plotname", ""),
                date=fields.get("date", ""),
                names=tuple(names),
                kinds=tuple(kinds),
                values=values.reshape(points, len(names)),
                complete=complete,
            )
        )
        start = first + points * row
        if not complete:
            break
        while raw[start : start + 1] == b"\n":
            start += 1
    if not plots:
        raise _header_error(path, "is empty")
    return plots


def check_plot(
    plot: Plot, *, expect: Iterable[str] = (), stop: float | None = None, **told: Any
) -> None:
    """Refuse a plot that lacks a vector, holds non-finite numbers or ends early.

    Parameters
    ----------
    plot : Plot
    expect : iterable of str
        Vectors that must be there.
    stop : float, optional
        Axis value that must be reached.
    **told
        What the error says besides: run_directory, log_tail, next_step.

    Raises
    ------
    IncompleteResult
    """
    columns, wanted = plot.columns(), list(expect)
    missing = [name for name in wanted if name.lower() not in columns]
    if missing or not len(plot.values):
        raise IncompleteResult(
            thing=f"{len(missing)} of {len(wanted)} vectors did not come back, and "
            f"{len(plot.values)} points did",
            value=missing[:5],
            **told,
        )
    finite = np.isfinite(plot.values).all(axis=0)
    if not finite.all():
        bad = [plot.names[k] for k in np.flatnonzero(~finite)[:5]]
        raise IncompleteResult(thing="vectors are not finite", value=bad, **told)
    if stop is None:
        return
    # A sweep may end at zero, where the rounding of all its steps is left.
    scale = max(abs(stop), float(np.abs(plot.axis).max()))
    if abs(plot.axis[-1] - stop) > 1e-6 * scale + 1e-18:
        raise IncompleteResult(
            thing="the run ended before its stop value",
            value=float(plot.axis[-1]),
            limit=f"{stop:g}",
            **told,
        )


def write_raw(path: str | Path, plots: Iterable[Plot]) -> None:
    """Write plots as a binary raw file which :func:`read_raw` and ngspice's ``load`` read."""
    with Path(path).open("wb") as stream:
        for plot in plots:
            is_complex = np.iscomplexobj(plot.values)
            lines = [
                f"Title: {plot.title}",
                f"Date: {plot.date}",
                f"Plotname: {plot.name}",
                f"Flags: {'complex' if is_complex else 'real'}",
                f"No. Variables: {len(plot.names)}",
                f"No. Points: {len(plot.values)}",
                "Variables:",
            ]
            lines += [
                f"\t{number}\t{name}\t{kind}"
                for number, (name, kind) in enumerate(zip(plot.names, plot.kinds, strict=True))
            ]
            stream.write(("\n".join(lines) + "\n").encode() + _MARK)
            stream.write(plot.values.astype("<c16" if is_complex else "<f8").tobytes())
