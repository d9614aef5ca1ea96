"""Cells and lines of a linear crossbar, and the factors of its lines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError
from cosim.simulators.native.direct import Lines

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Crossbar:
    """Linear cells between row lines and column lines.

    Parameters
    ----------
    conductances : array_like, shape (rows, cols)
        Of the cells [S], not negative; 0 is an open cell.
    row, column : Lines

    Attributes
    ----------
    g : ndarray, shape (rows, width)
        The conductances, padded with zeros to whole vectors.
    a_row, a_column, last_row, last_column : ndarray
        Factors of the lines (:mod:`cosim.simulators.native.lines`), from :meth:`factor` on.
    singular : bool
        Whether :meth:`factor` met a line without a path to a driver.

    Raises
    ------
    ConfigError
        For conductances that are negative or not finite, and lines of another shape.
    """

    conductances: ArrayLike
    row: Lines
    column: Lines
    factored: bool = field(default=False, init=False)
    singular: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        from cosim.simulators.native import lines

        g = np.asarray(self.conductances, dtype=float)
        if g.ndim != 2 or not g.size or not (g.min() >= 0 and g.max() < np.inf):
            raise ConfigError(
                thing="cell conductances must be a filled 2-D array of finite values [S]",
                value=g.shape if g.ndim != 2 or not g.size else float(np.min(g)),
                limit=">= 0 S; a shorted cell needs a finite conductance such as 0.1 S",
            )
        self.rows, self.cols = g.shape
        for name, family, count in (
            ("row", self.row, self.rows),
            ("column", self.column, self.cols),
        ):
            if family.start.shape != (count,) or family.end.shape != (count,):
                raise ConfigError(
                    thing=f"{name} lines need one driver conductance per line and end",
                    value=family.start.shape,
                    limit=f"({count},)",
                )
        self.width = lines.width(self.cols)
        self.g = np.zeros((self.rows, self.width))
        self.g[:, : self.cols] = g

    def factor(self) -> None:
        """Fill the factors, once; they serve one input in double precision and blocks of inputs."""
        from cosim.simulators.native import lines

        if self.factored:
            return
        self.factored = True
        self.a_row, self.a_column = np.zeros((2, self.rows, self.width))
        self.last_row, self.last_column = np.zeros(self.rows), np.zeros(self.cols)
        bad_row = lines.factor_rows(
            self.g, self.cols, self.row.resistance, self.row.start, self.row.end,
            self.a_row, self.last_row,
        )  # fmt: skip
        bad_column = lines.factor_columns(
            self.g, self.cols, self.column.resistance, self.column.start, self.column.end,
            self.a_column, self.last_column,
        )  # fmt: skip
        self.singular = max(bad_row, bad_column) >= 0

    @staticmethod
    def voltages(family: Lines, voltages: ArrayLike, shape: tuple[int, ...]) -> Floats:
        """Voltages of a family's drivers, zero where there is none.

        Raises
        ------
        ConfigError
            They have another shape, or are not finite.
        """
        try:
            found = np.where(family.start + family.end > 0.0, voltages, 0.0)
            if found.shape != shape:
                found = np.broadcast_to(found, shape).copy()
            total = float(found.sum())
        except (TypeError, ValueError):
            raise ConfigError(
                thing="voltages of the drivers of a linear crossbar",
                value=np.shape(voltages),
                limit=f"numbers of shape {shape}",
            ) from None
        if not math.isfinite(total):
            raise ConfigError(
                thing="voltages of the drivers of a linear crossbar [V]",
                value=float(found[~np.isfinite(found)][0]),
                limit="finite",
            )
        return found
