"""IR drop: what the wires take of a read, and what that does to the product, against size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.ir_drop_data import SCALARS, assemble
from cosim.experiments.array_studies.ir_drop_setup import IrDropSetup
from cosim.experiments.groups import Group, Measured, origin
from cosim.experiments.resume import FinishedCells, measured_once
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array, Parasitics

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class IrDrop(IrDropSetup):
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
            measured = measured_once(
                finished, group, partial(self._measure, point, simulator, seed, ideals)
            )
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
            results=tuple(origin(r.provenance) for r in results),
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
