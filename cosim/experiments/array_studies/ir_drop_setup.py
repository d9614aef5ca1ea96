"""What a study of IR drop solves: its settings, its cases and the testbench of each."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import check_conductances, with_conductance
from cosim.experiments.base import CYCLES, check_range, generator
from netlists import Array, Drive, Layout
from netlists.analysis import DcSweep, OperatingPoint
from netlists.bias import read
from netlists.testbench import Testbench
from netlists.waveform import Waveform

Floats = NDArray[np.float64]
ENDS = ("start", "end", "both")


@dataclass(frozen=True, eq=False)
class IrDropSetup:
    """Settings of :class:`cosim.experiments.array_studies.IrDrop`, and its cases."""

    array: Array
    _: KW_ONLY
    sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
    wire_resistances: tuple[float, ...] = ()
    lowest: float = 9e-6
    highest: tuple[float, ...] = (88.2e-6,)
    pattern: Literal["random", "uniform"] = "random"
    placements: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    inputs: int = 4
    limit: float = 0.05
    measure: Literal["rms", "corrected", "largest"] = "rms"
    read_voltage: float = 0.2
    gate: float = 3.3
    compare_size: int = 8

    def __post_init__(self) -> None:
        """Check everything before anything runs."""
        common.check_sizes("sizes", self.sizes, 2, 2048)
        common.check_beside(self.compare_size)
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        check_range("gate", self.gate, 0.0, 3.63, "V")
        check_range("limit", self.limit, 1e-6, 10.0, "(relative)")
        if not 1 <= self.inputs <= 1000:
            raise ConfigError(thing="inputs of the product", value=self.inputs, limit="1 to 1000")
        for ohms in self.wire_resistances:
            check_range("wire_resistances", ohms, 0.0, 1e6, "ohm per segment")
        if not self.highest or min(self.highest) < self.lowest:
            raise ConfigError(
                thing="upper ends of the conductance range [S]",
                value=self.highest,
                limit=f"at least one, none below the lower end {self.lowest:g}",
            )
        check_conductances(self.array, [self.lowest, *self.highest], self.read_voltage)
        for text in self.placements:
            ends = text.split("/")
            if len(ends) != 2 or not set(ends) <= set(ENDS):
                raise ConfigError(
                    thing="placement of drivers",
                    value=text,
                    limit="two of start, end, both, as in 'start/both' (bit line/source line)",
                )
        for text in self.layouts:
            if text not in tuple(Layout):
                raise ConfigError(thing="layout", value=text, limit="crossing, parallel")
        for cases in (self.sizes, self.wire_resistances, self.placements, self.layouts):
            if len(set(cases)) != len(cases):
                raise ConfigError(thing="a case of the IR drop stands twice", value=cases)
        common.resized(self.array, 2, 2)
        usable = self.array.cell.selector is not None and self.array.word_lines == "row"
        if "parallel" in self.axes["layout"] and not usable:
            raise ConfigError(
                thing="parallel lines need selectors and word lines along the rows as inputs",
                value="no selector"
                if self.array.cell.selector is None
                else f"word lines along the {self.array.word_lines}",
                next_step="Take crossing lines, or give the cell a selector",
            )

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """Values of every axis of the study, in order."""
        own, drive = self.array, self.array.drive
        wires = own.parasitics
        if not self.wire_resistances and wires.r_row != wires.r_col:
            ohms: tuple[float, ...] = (float("nan"),)
        else:
            ohms = self.wire_resistances or (wires.r_row,)
        return {
            "layout": self.layouts or (own.layout.value,),
            "placement": self.placements or (f"{drive.bit_line}/{drive.source_line}",),
            "resistance": ohms,
            "highest": self.highest,
            "size": self.sizes,
        }

    def built(self, point: dict[str, Any], seed: int) -> Array:
        """The array of one point, cells at their conductances."""
        n = int(point["size"])
        wires = self.array.parasitics
        if self.wire_resistances:
            ohms = float(point["resistance"])
            wires = replace(wires, r_row=ohms, r_col=ohms)
        bit, source = point["placement"].split("/")
        array = common.resized(self.array, n, n).replace(
            parasitics=wires,
            layout=Layout(point["layout"]),
            drive=Drive(bit_line=bit, source_line=source, word_line=self.array.drive.word_line),
        )
        high = float(point["highest"])
        if self.pattern == "uniform":
            return with_conductance(array, high, self.read_voltage)
        # The same draw for every case of a size.
        share = generator(seed, CYCLES, n).uniform(size=(n, n))
        return with_conductance(
            array, self.lowest + share * (high - self.lowest), self.read_voltage
        )

    def shares(self, array: Array, seed: int) -> Floats:
        """Random inputs as shares of the largest, shape (inputs, rows)."""
        rng = generator(seed, CYCLES, array.rows, 1)
        if array.layout is Layout.CROSSING:
            return rng.uniform(size=(self.inputs, array.rows))
        drawn = rng.integers(0, 2, (self.inputs, array.rows)).astype(float)
        # Where no row is on there is no product to be off.
        drawn[~drawn.any(axis=1), 0] = 1.0
        return drawn

    def testbench(self, array: Array, shares: Floats, *, maps: bool, seed: int) -> Testbench:
        """Inputs one after the other.

        Parameters
        ----------
        shares : ndarray, shape (inputs, rows)
            Of the read voltage on the bit lines, or which word lines are on.
        maps : bool
            Also the voltages at every cell.
        """
        if array.layout is Layout.CROSSING:
            drives = read(array, shares * self.read_voltage, gate=self.gate)
        else:
            drives = read(array, self.read_voltage, gate=self.gate)
            for k in range(array.rows):
                drives[f"wl{k}"] = Waveform.steps(shares[:, k] * self.gate)
        return Testbench(
            array=array,
            drives=drives,
            analysis=DcSweep(stop=len(shares) - 1.0) if len(shares) > 1 else OperatingPoint(),
            probes=("source_line_current",)
            + (("bit_line_voltage", "source_line_voltage") if maps else ()),
            options=common.OPTIONS,
            title="ir drop",
            seed=seed,
        )

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist of the first point."""
        point = {n: values[0] for n, values in self.axes.items()}
        array = self.built(point, seed)
        return self.testbench(array, self.shares(array, seed), maps=False, seed=seed).spice()
