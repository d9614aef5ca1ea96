"""IR drop: what the wires take of a read, and what that does to the product, against size."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.ir_drop_data import SCALARS, assemble
from cosim.experiments.base import CYCLES, check_range, generator
from cosim.experiments.cells import Group, Measured
from cosim.experiments.resume import FinishedCells
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array, Drive, Layout, Parasitics
from netlists.analysis import DcSweep, OperatingPoint
from netlists.bias import read
from netlists.testbench import Testbench
from netlists.waveform import Waveform

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
ENDS = ("start", "end", "both")


@dataclass(frozen=True, eq=False)
class IrDrop:
    """IR drop and error of the product of a read, against the size of the array.

    Parameters
    ----------
    array : Array
        Its cell, layout, parasitics and drive are taken; sizes and states are set here.
    sizes : tuple of int
        Rows and columns [1].
    wire_resistances : tuple of float
        Of a segment of bit and source lines [ohm]; empty: as the array has them.
    lowest : float
        Lower end of the conductance range [S].
    highest : tuple of float
        Upper ends of the range, one study each [S].
    pattern : {"random", "uniform"}
        Conductances uniform over the range, or all at its upper end.
    placements : tuple of str
        Driven ends as "bit line/source line", each start, end or both; empty: as the array.
    layouts : tuple of str
        "crossing", "parallel"; empty: as the array.
    inputs : int
        Random inputs of the product.
    limit : float
        Error of which the size is looked for, relative [1].
    measure : {"rms", "corrected", "largest"}
        Which error that is.
    read_voltage : float
        Highest input [V].
    gate : float
        Of the word lines that are on [V].
    compare_size : int
        Rows and columns of the case that ngspice repeats; 0 for none.

    Notes
    -----
    Crossing lines multiply voltages on the bit lines (uniform up to the read voltage); parallel
    ones add up the cells whose word lines are on (each with probability one half). The ideal is
    the same array, transistors included, without the resistance of wires and drivers.
    """

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
        common.check_conductances(self.array, [self.lowest, *self.highest])
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
            return common.with_conductance(array, high, self.read_voltage)
        # The same draw for every case of a size.
        share = generator(seed, CYCLES, n).uniform(size=(n, n))
        return common.with_conductance(
            array, self.lowest + share * (high - self.lowest), self.read_voltage
        )

    def shares(self, array: Array, seed: int) -> Floats:
        """Random inputs as shares of the largest, shape (inputs, rows)."""
        rng = generator(seed, CYCLES, array.rows, 1)
        if array.layout is Layout.CROSSING:
            return rng.uniform(size=(self.inputs, array.rows))
        return rng.integers(0, 2, (self.inputs, array.rows)).astype(float)

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

    def run(
        self,
        *,
        simulator: str | Simulator = "native",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Solve every case.

        Parameters
        ----------
        cache : str or Path, optional
            Folder of finished cases; with it, an interrupted run goes on where it stopped.

        Returns
        -------
        xarray.Dataset
            Over (layout, placement, resistance, highest, size): ``worst_drop``, ``mean_drop``
            relative to the input, ``worst_row``, ``worst_column`` where it is; errors ``rms``,
            ``corrected``, ``largest`` of the product against the ideal one, and ``linear``, the
            error of the ideal one against the sum of conductance times voltage. ``limit_size``
            over the same without size: where ``measure`` passes ``limit``, NaN where it does
            not between the sizes, and the reason in ``limit_text``. ``drop_map`` (case, row,
            col): every placement and layout at the largest size.

        Raises
        ------
        SimulatorError
            A case has no solution.
        """
        from tqdm import tqdm

        simulator = get_simulator(simulator)
        common.check_simulator(simulator, self.sizes[-1])
        axes = self.axes
        finished = FinishedCells.of(cache, self, simulator, seed)
        shape = tuple(len(v) for v in axes.values())
        data = {name: np.full(shape, np.nan) for name in SCALARS}
        maps: dict[str, Floats] = {}
        results: list[Result] = []
        ideals: dict[Any, Any] = {}
        # Cases that share their ideal product follow each other.
        order = sorted(np.ndindex(shape), key=lambda at: (at[4], at[0], at[3], at[1], at[2]))
        for at in tqdm(order, desc="ir drop", disable=not progress, leave=False):
            point = {n: v[k] for (n, v), k in zip(axes.items(), at, strict=True)}
            group = Group(array=self.array, cells=((int(np.ravel_multi_index(at, shape)), 0),))
            measured = finished.load(group) if finished else None
            if measured is None:
                measured = self._measure(point, simulator, seed, ideals)
                if finished:
                    finished.store(group, measured)
            for name in SCALARS:
                data[name][at] = measured.outputs[name]
            if at[4] == shape[4] - 1 and at[2] == 0 and at[3] == 0:
                maps[f"{point['layout']}, {point['placement']}"] = measured.outputs["drop"]
            results += measured.results
        return assemble(
            self, simulator, seed, results, data, maps, self._beside(simulator, seed, progress)
        )

    def _measure(
        self, point: dict[str, Any], simulator: Simulator, seed: int, ideals: dict[Any, Any]
    ) -> Measured:
        array = self.built(point, seed)
        shares = self.shares(array, seed)
        results: list[Result] = []

        def solve(case: Array, inputs: Floats, maps: bool = False) -> Result:
            bench = self.testbench(case, inputs, maps=maps, seed=seed)
            results.append(simulator.run(bench))
            return results[-1]

        key = point["layout"], point["highest"], point["size"]
        if key not in ideals:
            ideals.clear()
            results.append(common.bare_read(array, simulator, self.gate, self.read_voltage))
            sums = shares @ results[-1]["cell_current"][0]
            bare = solve(array.replace(parasitics=Parasitics()), shares)
            ideals[key] = (-bare["source_line_current"], sums)
        wanted, sums = ideals[key]
        out = -solve(array, shares)["source_line_current"]
        mapped = solve(array, np.ones((1, array.rows)), maps=True)
        across = mapped["bit_line_voltage"][0] - mapped["source_line_voltage"][0]
        drop = 1.0 - across / self.read_voltage
        worst = np.unravel_index(int(np.argmax(drop)), drop.shape)
        scale = float((out * wanted).sum() / max((out * out).sum(), 1e-300))
        numbers = {
            "worst_drop": drop.max(),
            "worst_row": worst[0],
            "worst_column": worst[1],
            "mean_drop": drop.mean(),
            "rms": _rms(out - wanted) / _rms(wanted),
            "corrected": _rms(scale * out - wanted) / _rms(wanted),
            "largest": np.abs(out - wanted).max() / np.abs(wanted).max(),
            "linear": _rms(wanted - sums) / _rms(sums),
        }
        return Measured(
            outputs={**{n: np.array(float(v)) for n, v in numbers.items()}, "drop": drop},
            results=tuple(
                Result(axis=np.empty(0), data={}, provenance=r.provenance) for r in results
            ),
        )

    def _beside(self, simulator: Simulator, seed: int, progress: bool) -> tuple[float, float]:
        """Largest differences to ngspice, of currents and of cell voltages, relative."""
        n = self.compare_size
        for other in common.beside(simulator, n, progress):
            point = {name: values[0] for name, values in self.axes.items()} | {"size": n}
            array = self.built(point, seed)
            bench = self.testbench(array, self.shares(array, seed), maps=True, seed=seed)
            ours, theirs = simulator.run(bench), other.run(bench)
            currents = (r["source_line_current"] for r in (ours, theirs))
            across = (r["bit_line_voltage"] - r["source_line_voltage"] for r in (ours, theirs))
            return common.relative_difference(*currents), common.relative_difference(*across)
        return float("nan"), float("nan")


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
