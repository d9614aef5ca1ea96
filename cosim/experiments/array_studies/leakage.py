"""Sneak and leakage: what cells that are not selected carry, with selector and without."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.leakage_data import PASSIVE, QUANTITIES, assemble
from cosim.experiments.array_studies.leakage_setup import BIASES, LeakageSetup
from cosim.experiments.groups import Group, Measured, origin
from cosim.experiments.resume import FinishedCells, measured_once
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array
from netlists.bias import Scheme
from netlists.testbench import Testbench

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Leakage(LeakageSetup):
    """Currents of unselected cells against the gate voltage of their rows, and without selector.

    Parameters
    ----------
    array : Array
        Its cell with selector, layout, parasitics and drive are taken; sizes are set here.
    sizes : tuple of int
        Rows and columns [1].
    gates_off : tuple of float
        Gate voltages of the rows that are not selected, rising [V].
    read_voltage : float
        [V]
    set, reset : float
        Write voltages of the selected cell [V].
    read_gate, set_gate, reset_gate : float
        Gate of the selected row [V].
    selected_conductance, other_conductance : float
        Of the memory devices: the worst case for a read is a low one among high ones [S].
    limit : float
        Error of the sensed current of which the gate voltage is looked for [1].
    passive : bool
        Also the same cells without selector, under V/2, V/3 and floating lines.
    compare_size : int
        Rows and columns of the case that ngspice repeats; 0 for none.

    Notes
    -----
    The selected cell is the one in the middle. RESET has its voltage on the source line. Bit and
    source lines are lifted together where a scheme would put one below ground.
    """

    def run(
        self,
        *,
        simulator: str | Simulator = "native",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Solve every bias, gate voltage and size.

        Parameters
        ----------
        cache : str or Path, optional
            Folder of finished sizes; with it, an interrupted run goes on where it stopped.

        Returns
        -------
        xarray.Dataset
            Over (bias, gate_off, size): ``selected_current``, ``leakage``, ``worst_leakage``
            [A], ``sense_error``, ``power_ratio``; the same over (bias, scheme, size) as
            ``passive_...``. ``leakage_map`` (bias, row, col) [A]: cell currents at the largest
            size and lowest gate voltage. ``limit_gate`` (bias, size) [V]: where the sensed
            current is off by ``limit``; NaN, and the reason in ``limit_text``, where it is not.

        Raises
        ------
        SimulatorError
            A case has no solution.
        """
        from tqdm import tqdm

        simulator = get_simulator(simulator)
        common.check_simulator(simulator, self.sizes[-1])
        finished = FinishedCells.of(cache, self, simulator, seed)
        shapes = {
            "": (len(BIASES), len(self.gates_off), len(self.sizes)),
            "passive_": (len(BIASES), len(PASSIVE), len(self.sizes)),
        }
        if not self.passive:
            del shapes["passive_"]
        data = {p + n: np.full(s, np.nan) for p, s in shapes.items() for n in QUANTITIES}
        results: list[Result] = []
        last = np.empty(0)
        for k, size in enumerate(
            tqdm(self.sizes, desc="leakage", disable=not progress, leave=False)
        ):
            group = Group(array=self.array, cells=((k, 0),))
            measured = measured_once(finished, group, partial(self._measure, size, simulator, seed))
            for name in data:
                data[name][:, :, k] = measured.outputs[name]
            last = measured.outputs["map"]
            results += measured.results
        compared = self._beside(simulator, seed, progress)
        return assemble(self, simulator, seed, results, data, last, compared)

    def _measure(self, size: int, simulator: Simulator, seed: int) -> Measured:
        outputs: dict[str, Any] = {}
        results: list[Result] = []

        def solve(array: Array, name: str, schemes: list[tuple[Scheme, float]]) -> list[Floats]:
            found = {q: np.empty((len(BIASES), len(schemes))) for q in QUANTITIES}
            maps = []
            for b, bias in enumerate(BIASES):
                for g, (scheme, gate_off) in enumerate(schemes):
                    bench = self.testbench(array, bias, scheme=scheme, gate_off=gate_off, seed=seed)
                    result = simulator.run(bench)
                    results.append(origin(result.provenance))
                    for q, value in self._reduce(bench, result).items():
                        found[q][b, g] = value
                    if g == 0:
                        maps.append(np.abs(result["cell_current"][0]))
            outputs.update({name + q: v for q, v in found.items()})
            return maps

        gates: list[tuple[Scheme, float]] = [("gate", g) for g in self.gates_off]
        outputs["map"] = np.array(solve(self.built(size, passive=False), "", gates))
        if self.passive:
            solve(self.built(size, passive=True), "passive_", [(s, 0.0) for s in PASSIVE])
        return Measured(outputs=outputs, results=tuple(results))

    @staticmethod
    def _reduce(bench: Testbench, result: Result) -> dict[str, float]:
        array = bench.array
        i, j = array.rows // 2, array.cols // 2
        cells = result["cell_current"][0]
        selected = float(cells[i, j])
        others = np.abs(cells)
        row = others[i].sum() - others[i, j]
        others[i] = 0.0
        sensed = -float(result[f"i(sl{j})"][0])
        across = float(result["bit_line_voltage"][0, i, j] - result["source_line_voltage"][0, i, j])
        power = float(common.driver_power(bench.drives, result)[0])
        return {
            "selected_current": selected,
            "leakage": float(others.sum()),
            "worst_leakage": float(others.max()),
            "row_current": float(row),
            "sense_error": abs(sensed - selected) / abs(selected),
            "power_ratio": power / (across * selected),
        }

    def _beside(self, simulator: Simulator, seed: int, progress: bool) -> dict[str, float]:
        """Largest differences to ngspice, relative to the same current there."""
        found = {"ngspice_selected_difference": np.nan, "ngspice_leakage_difference": np.nan}
        for other in common.beside(simulator, self.compare_size, progress):
            array = self.built(self.compare_size, passive=False)
            worst = np.zeros(2)
            for bias in BIASES:
                for gate_off in {self.gates_off[0], self.gates_off[-1]}:
                    bench = self.testbench(array, bias, scheme="gate", gate_off=gate_off, seed=seed)
                    a, b = (self._reduce(bench, s.run(bench)) for s in (simulator, other))
                    pairs = ((a[q], b[q]) for q in ("selected_current", "leakage"))
                    worst = np.maximum(worst, [abs(x / y - 1.0) for x, y in pairs])
            found = dict(zip(found, worst.tolist(), strict=True))
        return found
