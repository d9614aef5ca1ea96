"""What the error of a product through an array is made of, and what takes it away.

The published RMSE of 0.06 after a second comes from a law without the current of a weight of
zero. Here the whole array is solved, then one cause after the other is taken out: reference
columns, their weight, the ends that are driven, the range of the output converter, the rounding
of the inputs, noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.converters import Converter
from cosim.validation.product import TIMES
from cosim.validation.product_array import (
    HIGHEST,
    LOWEST,
    READ_VOLTAGE,
    ArrayProduct,
    weighted_bits,
)
from cosim.validation.table import Measured

Floats = NDArray[np.float64]
AUTHORS_BOUND = 15.0
"""Full scale of the output in the authors' public example, in weights times inputs."""


@dataclass(frozen=True, kw_only=True)
class BudgetProduct(ArrayProduct):
    """A product with several reference columns, driven from one end or both.

    Parameters
    ----------
    references : int
        Columns of devices in the middle of the window: one behind each block of columns, the
        last at the far end. Scheme "reference" alone.
    ends : {"start", "both"}
        Of bit and source lines that are driven and sensed.
    """

    references: int = 1
    ends: Literal["start", "both"] = "start"

    def order(self) -> NDArray[np.intp]:
        """Return the columns in their places; -1 is a reference."""
        if self.scheme != "reference":
            return super().order()
        blocks = np.array_split(np.arange(self.size), self.references)
        return np.concatenate([np.append(b, -1) for b in blocks])

    def reading(self) -> Any:
        """Return the `Read` experiment."""
        from dataclasses import replace

        from cosim.experiments.read import Read

        plain = super().reading()
        drive = replace(plain.array.drive, bit_line=self.ends, source_line=self.ends)
        return Read(plain.array.replace(drive=drive), inputs=self.voltages())


@dataclass(frozen=True, kw_only=True, eq=False)
class Columns:
    """Column currents in units of weights times inputs, before any converter.

    Parameters
    ----------
    values : ndarray, shape (count, size)
        Without a reference; of pairs, the difference.
    references : ndarray, shape (count, references)
        Empty for pairs.
    exact, rounded : ndarray, shape (count, size)
        Products of the exact inputs, and of the inputs as rounded.
    """

    values: Floats
    references: Floats
    exact: Floats
    rounded: Floats

    def error(
        self,
        *,
        bound: float | None = AUTHORS_BOUND,
        averaged: bool = False,
        weighted: bool = False,
        against_rounded: bool = False,
    ) -> float:
        """Return the RMSE, calibrated on the first half of the inputs, over the second half.

        Parameters
        ----------
        bound : float, optional
            Full scale of the 8-bit output for 64 rows; None for no converter.
        averaged : bool
            Subtract the mean of all reference columns in place of the last.
        weighted : bool
            Calibrate the weight of the reference too, not only the gain, of every column.
        against_rounded : bool
            Compare with the product of the rounded inputs.
        """
        wanted = self.rounded if against_rounded else self.exact
        values = self.values
        reference = np.zeros((len(values), 1))
        if self.references.size:
            chosen = self.references if averaged else self.references[:, -1:]
            reference = chosen.mean(axis=1, keepdims=True)
        output = values - reference
        if bound is not None:
            output = np.asarray(Converter(bits=8, bound=bound).convert(output), dtype=float)
            # Only a few per cent of the reference are added back: its own steps do not count.
            coarse = Converter(bits=8, bound=4.0 * bound).convert(reference)
            reference = np.asarray(coarse, dtype=float)
        half = len(output) // 2
        errors = []
        for column in range(output.shape[1]):
            parts = [output[:, column]]
            if weighted and self.references.size:
                parts.append(reference[:, 0])
            design = np.stack(parts, axis=1)
            fit = np.linalg.lstsq(design[:half], wanted[:half, column], rcond=None)[0]
            errors.append(design[half:] @ fit - wanted[half:, column])
        return float(np.sqrt(np.mean(np.square(errors))))


@lru_cache(maxsize=32)
def columns(case: BudgetProduct) -> Columns:
    """Solve a product on the array rung."""
    found = case.reading().run(simulator="native", seed=case.seed, progress=False)
    current = weighted_bits(np.asarray(found.current, dtype=float))
    current = current / ((HIGHEST - LOWEST) * READ_VOLTAGE)
    weights, inputs, _ = case.draw()
    shared: dict[str, Any] = {"exact": inputs @ weights, "rounded": case.rounded() @ weights}
    if case.scheme == "differential":
        pairs = current[:, 0::2] - current[:, 1::2]
        return Columns(values=pairs, references=np.empty((case.count, 0)), **shared)
    order = case.order()
    return Columns(
        values=2.0 * current[:, order >= 0], references=2.0 * current[:, order < 0], **shared
    )


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the budget.

    Parameters
    ----------
    key, name : str
    error : float
        RMSE.
    """

    key: str
    name: str
    error: float


def product_steps(
    time: float = 1.0, size: int = 64, wire: float = 0.35, count: int = 40
) -> Iterator[Step]:
    """Yield the RMSE of products on the array rung as causes are taken out, one by one.

    Parameters
    ----------
    time : float
        Since programming [s].
    wire : float
        Resistance of a segment [Ohm].
    count : int
        Inputs; half of them calibrate.
    """
    common: dict[str, Any] = {"size": size, "time": time, "wire": wire, "count": count}
    one = BudgetProduct(**common, references=8)
    both = BudgetProduct(**common, references=8, ends="both")
    scale = float(np.sqrt(size / 64.0))
    bound, tight = AUTHORS_BOUND * scale, 10.0 * scale

    def step(key: str, name: str, case: BudgetProduct, **how: Any) -> Step:
        return Step(key=key, name=name, error=columns(case).error(**{"bound": bound, **how}))

    best: dict[str, Any] = {"averaged": True, "weighted": True}
    yield step("reference", "reference column at the far end, gain of every column", one)
    yield step("averaged", "mean of 8 reference columns", one, averaged=True)
    yield step("weighted", "and the reference's weight of every column", one, **best)
    yield step("both_ends", "and lines driven and sensed at both ends", both, **best)
    yield step("range", "and output range 10, not 15", both, **best, bound=tight)
    yield step("rounded", "and against the product of the rounded inputs", both, **best,
               bound=tight, against_rounded=True)  # fmt: skip
    quiet = BudgetProduct(**common, references=8, ends="both", read_noise=False)
    yield step("quiet", "and without read noise", quiet, **best, bound=tight,
               against_rounded=True)  # fmt: skip
    bare = BudgetProduct(**(common | {"wire": 0.0}), references=8)
    yield step("no_wires", "no wires at all: far reference, gain", bare)
    pairs = BudgetProduct(**common, scheme="differential")
    yield step("pairs", "two devices a weight, gain of every column", pairs)
    yield step("pairs_range", "and output range 10, not 15", pairs, bound=tight)
    yield step("pairs_rounded", "and against the product of the rounded inputs", pairs,
               bound=tight, against_rounded=True)  # fmt: skip


def parts(time: float = 1.0, size: int = 64, count: int = 400) -> dict[str, float]:
    """Return the RMSE that every cause makes alone, without wires.

    Returns
    -------
    dict
        ``inputs``: their rounding; ``outputs``: the converter's steps at the authors' range;
        ``devices``: programming and relaxation of one device a weight about the window's middle;
        ``reference``: the same of one reference column; ``read``: read noise; ``shift``: the mean
        relaxation where the middle is subtracted as a number.
    """
    from compact_models import noise

    case = BudgetProduct(size=size, time=time, count=count)
    weights, inputs, _ = case.draw()
    rounded = case.rounded()
    # One device a weight of the middle of the window stands for all; its spread hardly changes.
    middle = 0.5 * (HIGHEST + LOWEST)
    device = float(noise.relaxation_sigma(time)) / (0.5 * (HIGHEST - LOWEST))
    read = float(noise.read_sigma(middle, time)) / (0.5 * (HIGHEST - LOWEST))
    shift = abs(float(noise.relaxation_mean(time))) / (0.5 * (HIGHEST - LOWEST))
    length = float(np.sqrt(np.mean(np.sum(inputs**2, axis=1))))
    step = Converter(bits=8, bound=AUTHORS_BOUND * float(np.sqrt(size / 64.0))).step
    return {
        "inputs": float(np.sqrt(np.mean(((rounded - inputs) @ weights) ** 2))),
        "outputs": step / float(np.sqrt(12.0)),
        "devices": device * length,
        "reference": device * length,
        "read": read * length,
        "shift": shift * length,
    }


def array_at_its_best(quick: bool) -> Mapping[str, Measured | float]:
    """Products through all wires, read with everything that a periphery can do about them."""
    found: dict[str, Measured | float] = {}
    for name in ("1s", "10y"):
        # 100 inputs calibrate the columns, 100 others are judged, as many as published.
        case = BudgetProduct(time=TIMES[name], count=200, references=8, ends="both")
        found[f"product_array_best_{name}"] = columns(case).error(
            bound=10.0, averaged=True, weighted=True, against_rounded=True
        )
    return found
