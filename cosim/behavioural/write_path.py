"""Wires between a cell and the drivers of its lines while it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from netlists import Drive, Parasitics

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class WritePath:
    """Resistances in series with every cell during a pulse.

    Parameters
    ----------
    bit_line, source_line : ndarray
        From the drivers to each cell [Ohm]; the shape of the conductances, or one number. Of
        cells that are pulsed together, what the common drop is to the cell's own current.
    """

    bit_line: FloatArray
    source_line: FloatArray

    def __post_init__(self) -> None:
        for name in ("bit_line", "source_line"):
            values = np.asarray(getattr(self, name), float)
            if not (np.isfinite(values).all() and (values >= 0.0).all()):
                raise ParameterError(
                    thing=f"resistances of a write path, {name} [Ohm]",
                    value=float(values.flat[int(np.argmin(np.isfinite(values) & (values >= 0)))]),
                    limit="finite, >= 0",
                )
            object.__setattr__(self, name, values)

    @classmethod
    def alone(
        cls, shape: tuple[int, int], parasitics: Parasitics, drive: Drive | None = None
    ) -> WritePath:
        """Of cells that are pulsed one at a time: nothing else draws on their lines.

        Parameters
        ----------
        shape : (rows, columns)
        parasitics : Parasitics
            Bit line i runs along row i, source line j along column j (the crossing layout).
        drive : Drive, optional
            Driven ends.
        """
        drive = drive or Drive()
        rows, columns = shape
        along = _line(columns, parasitics.r_row, parasitics.r_feed, drive.bit_line)
        down = _line(rows, parasitics.r_col, parasitics.r_feed, drive.source_line)
        return cls(
            bit_line=np.broadcast_to(along, shape).copy(),
            source_line=np.broadcast_to(down[:, None], shape).copy(),
        )

    def ravel(self) -> WritePath:
        """For devices in one row, in C order."""
        return WritePath(bit_line=self.bit_line.ravel(), source_line=self.source_line.ravel())

    def of(self, cells: NDArray[np.bool_]) -> WritePath:
        """Of some of the devices, in one row."""
        return WritePath(bit_line=self.bit_line[cells], source_line=self.source_line[cells])

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ParameterError unless there is one path for every device of an array `shape`."""
        own = self.total.shape
        if own not in ((), shape):
            raise ParameterError(thing="shape of a write path", value=own, limit=f"{shape} or one")

    @property
    def total(self) -> FloatArray:
        """Both lines [Ohm]."""
        return self.bit_line + self.source_line

    def read_behind(self, conductance: FloatArray) -> FloatArray:
        """Conductances as a read of each cell alone sees them through its wires [S]."""
        return conductance / (1.0 + conductance * self.total)

    def without(self, seen: FloatArray) -> FloatArray:
        """Conductances of the cells themselves, from what a read through the wires sees [S]."""
        return seen / (1.0 - seen * self.total)


def _line(cells: int, segment: float, feed: float, ends: str) -> FloatArray:
    """Resistance from the driven ends of a line to each of its cells [Ohm]."""
    if ends == "floating":
        raise ParameterError(
            thing="driven ends of a write path", value=ends, limit="start, end or both"
        )
    start = feed + segment * np.arange(1, cells + 1.0)
    end = start[::-1]
    if ends != "both":
        return start if ends == "start" else end
    return start * end / np.maximum(start + end, 1e-300)
