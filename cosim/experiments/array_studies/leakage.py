"""Sneak and leakage: what cells that are not selected carry, with selector and without."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable, build_dataset
from cosim.errors import ConfigError
from cosim.experiments.array_studies import common
from cosim.experiments.base import check_range, provenance
from cosim.experiments.cells import Group, Measured
from cosim.experiments.resume import FinishedCells
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array, Cell, Layout
from netlists.analysis import OperatingPoint
from netlists.bias import Scheme, one_cell
from netlists.testbench import Testbench

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
BIASES = ("read", "set", "reset")
PASSIVE: tuple[Scheme, ...] = ("half", "third", "floating")
QUANTITIES = {
    "selected_current": ("A", "current of the selected cell"),
    "leakage": ("A", "sum of the currents of the cells of other rows, each counted positive"),
    "worst_leakage": ("A", "largest current of one of them"),
    "row_current": ("A", "sum of the currents of the other cells of the selected row"),
    "sense_error": ("1", "current of the sensed source line against that of the selected cell"),
    "power_ratio": ("1", "power from all drivers over that in the selected cell"),
}


@dataclass(frozen=True, eq=False)
class Leakage:
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

    array: Array
    _: KW_ONLY
    sizes: tuple[int, ...] = (8, 16, 32, 64)
    gates_off: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    read_voltage: float = 0.2
    set: float = 1.35
    reset: float = -1.3
    read_gate: float = 3.3
    set_gate: float = 1.4
    reset_gate: float = 3.3
    selected_conductance: float = 9e-6
    other_conductance: float = 88.2e-6
    limit: float = 0.01
    passive: bool = True
    compare_size: int = 4

    def __post_init__(self) -> None:
        """Check everything before anything runs."""
        common.check_sizes("sizes", self.sizes, 2, 512)
        common.check_beside(self.compare_size)
        for name in ("read_gate", "set_gate", "reset_gate"):
            check_range(name, getattr(self, name), 0.0, 3.63, "V")
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        check_range("set", self.set, 0.0, 3.0, "V")
        check_range("reset", self.reset, -3.0, 0.0, "V")
        check_range("limit", self.limit, 1e-9, 10.0, "(relative)")
        given = list(self.gates_off)
        if not given or given != sorted(set(given)) or given[0] < 0 or given[-1] > 3.63:
            raise ConfigError(
                thing="gate voltages of unselected rows",
                value=self.gates_off,
                limit="rising, 0 to 3.63 V",
            )
        if self.array.cell.selector is None:
            raise ConfigError(
                thing="leakage against the gate voltage of an array without selectors",
                next_step="Give the cell a selector; the passive case is done beside it",
            )
        common.check_conductances(self.array, [self.selected_conductance, self.other_conductance])
        common.resized(self.array, 2, 2)

    def biased(self, bias: str) -> tuple[float, float]:
        """Voltage of the selected cell and gate of its row [V]."""
        return {
            "read": (self.read_voltage, self.read_gate),
            "set": (self.set, self.set_gate),
            "reset": (self.reset, self.reset_gate),
        }[bias]

    def built(self, size: int, *, passive: bool) -> Array:
        """The array of one size: all cells high, the selected one low."""
        array = common.resized(self.array, size, size)
        if passive:
            array = array.replace(
                cell=Cell(array.cell.reram), selector_parameters={}, layout=Layout.CROSSING
            )
        states = np.full(array.shape, self.other_conductance)
        states[size // 2, size // 2] = self.selected_conductance
        return common.with_conductance(array, states)

    def testbench(
        self, array: Array, bias: str, *, scheme: Scheme, gate_off: float, seed: int
    ) -> Testbench:
        """Operating point with the middle cell selected."""
        voltage, gate = self.biased(bias)
        middle = (array.rows // 2, array.cols // 2)
        drives = one_cell(array, middle, voltage, gate=gate, gate_off=gate_off, scheme=scheme)
        if scheme != "floating":
            drives = common.lifted(drives)
        return Testbench(
            array=array,
            drives=drives,
            analysis=OperatingPoint(),
            probes=("cell_current", "bit_line_voltage", "source_line_voltage",
                    *common.line_currents(drives)),
            options=common.OPTIONS,
            title="leakage",
            seed=seed,
        )  # fmt: skip

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist of the first point: a read."""
        array = self.built(self.sizes[0], passive=False)
        gate = self.gates_off[0]
        return self.testbench(array, "read", scheme="gate", gate_off=gate, seed=seed).spice()

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
            measured = finished.load(group) if finished else None
            if measured is None:
                measured = self._measure(size, simulator, seed)
                if finished:
                    finished.store(group, measured)
            for name in data:
                data[name][:, :, k] = measured.outputs[name]
            last = measured.outputs["map"]
            results += measured.results
        return self._dataset(simulator, seed, results, data, last, progress)

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
                    results.append(Result(axis=np.empty(0), data={}, provenance=result.provenance))
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
        """Largest differences to ngspice, relative to the largest current of the kind."""
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

    def _dataset(
        self,
        simulator: Simulator,
        seed: int,
        results: list[Result],
        data: dict[str, Floats],
        last: Floats,
        progress: bool,
    ) -> xr.Dataset:
        limits = np.full((len(BIASES), len(self.sizes)), np.nan)
        texts = np.full(limits.shape, "", dtype=object)
        for at in np.ndindex(limits.shape):
            errors = data["sense_error"][at[0], :, at[1]]
            limits[at], texts[at] = common.crossing(self.gates_off, errors, self.limit, power=False)
        variables: dict[str, Variable] = {}
        for name, values in data.items():
            passive = name.startswith("passive_")
            unit, text = QUANTITIES[name.removeprefix("passive_")]
            dims = ("bias", "scheme" if passive else "gate_off", "size")
            variables[name] = (dims, values, unit, text + (", no selector" if passive else ""))
        at_size = ("bias", "size")
        text = "gate voltage of unselected rows at which the sensed current is off by the limit"
        variables["limit_gate"] = (at_size, limits, "V", text)
        variables["limit_text"] = (at_size, texts.astype(str), "1", "voltage, or why there is none")
        variables["leakage_map"] = (("bias", "row", "col"), last, "A", "magnitude of cell currents")
        coordinates: dict[str, Variable] = {
            "bias": (("bias",), np.array(BIASES), "1", "what the selected cell gets"),
            "gate_off": (("gate_off",), np.array(self.gates_off), "V", "gate of unselected rows"),
            "size": (("size",), np.array(self.sizes), "1", "rows and columns"),
            "scheme": (("scheme",), np.array(PASSIVE), "1", "bias of the passive array"),
        }
        attributes = provenance(self, self.array, simulator, seed, results)
        attributes |= {
            name: getattr(self, name)
            for name in ("read_voltage", "set", "reset", "read_gate", "set_gate", "reset_gate",
                         "selected_conductance", "other_conductance", "limit", "compare_size")
        }  # fmt: skip
        attributes |= {"layout": self.array.layout.value}
        attributes |= self._beside(simulator, seed, progress)
        return build_dataset(variables, coordinates=coordinates, attributes=attributes)
