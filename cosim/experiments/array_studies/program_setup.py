"""What array programming does: its settings, targets and the array before the first pulse."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import check_conductances, with_conductance
from cosim.experiments.base import check_range, generator, with_spread
from netlists import Array

Floats = NDArray[np.float64]
TARGETS = 2
"""Stream of random numbers that targets are drawn from."""


@dataclass(frozen=True, eq=False)
class ProgramSetup:
    """Settings of :class:`cosim.experiments.array_studies.ArrayProgram`."""

    array: Array
    _: KW_ONLY
    targets: NDArray[np.float64] | None = None
    levels: int = 35
    lowest: float = 10e-6
    highest: float = 88e-6
    start: float = 26.5e-6
    acceptance_range: float = 0.02
    limit: int = 300
    step_after: int = 0
    amplitude_step: float = 0.05
    passes: int = 1
    order: Literal["row", "cell"] = "row"
    width: float = 2.5e-6
    rise: float = 1e-8
    set_gate: float = 1.4
    reset_gate: float = 3.3
    read_gate: float = 3.3
    gate_off: float = 0.0
    read_voltage: float = 0.2
    read_width: float = 2e-7
    read_delay: float = 1e-5
    read_noise: bool = True
    cycle_spread: bool = True
    device_spread: bool = True
    compare_size: int = 2

    def __post_init__(self) -> None:
        """Check everything before anything runs."""
        if self.array.cell.selector is None or self.array.word_lines != "row":
            raise ConfigError(
                thing="programming row by row needs selectors and word lines along the rows",
                value="no selector"
                if self.array.cell.selector is None
                else f"word lines along the {self.array.word_lines}",
                next_step="Give the cell a selector, and leave word lines along the rows",
            )
        if not hasattr(self.array.cell.reram, "vacancies_at"):
            raise ConfigError(
                thing="this device cannot be programmed",
                value=self.array.cell.reram.name,
                limit="cmo_hfox",
            )
        check_range("acceptance_range", self.acceptance_range, 1e-5, 0.5, "of the target")
        check_range("width", self.width, 1e-10, 1.0, "s")
        check_range("rise", self.rise, 1e-12, 1e-3, "s")
        check_range("read_width", self.read_width, 1e-10, 1.0, "s")
        check_range("read_delay", self.read_delay, 0.0, 1e9, "s")
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        for name in ("set_gate", "reset_gate", "read_gate", "gate_off"):
            check_range(name, getattr(self, name), 0.0, 3.63, "V")
        for name, value, most in (("limit", self.limit, 100_000), ("passes", self.passes, 20)):
            if not 1 <= value <= most:
                raise ConfigError(thing=f"{name} of programming", value=value, limit=f"1 to {most}")
        if not 0 <= self.step_after <= 100_000:
            raise ConfigError(
                thing="step_after of programming", value=self.step_after, limit="0 to 100000"
            )
        check_range("amplitude_step", self.amplitude_step, 0.0, 0.5, "V")
        if self.order not in ("row", "cell"):
            raise ConfigError(thing="order of programming", value=self.order, limit="row, cell")
        if self.levels < 2 or not 0 < self.lowest < self.highest:
            raise ConfigError(
                thing="levels of programming",
                value=(self.levels, self.lowest, self.highest),
                limit="2 levels or more, 0 < lowest < highest",
            )
        common.check_beside(self.compare_size)
        wanted = [self.lowest, self.highest]
        if self.targets is not None:
            try:
                given = np.asarray(self.targets, dtype=float)
            except ValueError:
                given = np.empty(0)
            if given.shape != self.array.shape:
                raise ConfigError(
                    thing="targets of programming have the wrong shape",
                    value=given.shape if given.size else "rows of unequal length",
                    limit=f"{self.array.shape}",
                )
            wanted = [float(given.min()), float(given.max())]
        check_conductances(self.array, [*wanted, self.start])

    def wanted(self, array: Array, seed: int) -> Floats:
        """Target of every cell, shape (rows, cols) [S]."""
        if self.targets is not None:
            return np.asarray(self.targets, dtype=float)
        levels = np.linspace(self.lowest, self.highest, self.levels)
        drawn = generator(seed, TARGETS).integers(0, self.levels, array.shape)
        return np.asarray(levels[drawn])

    def built(self, seed: int) -> Array:
        """The array before the first pulse."""
        array = with_spread(self.array, seed) if self.device_spread else self.array
        return with_conductance(array, self.start)
