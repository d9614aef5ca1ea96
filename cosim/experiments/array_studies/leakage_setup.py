"""What a study of leakage solves: its settings, its arrays and the testbench of each bias."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from cosim.errors import ConfigError
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import check_conductances, with_conductance
from cosim.experiments.base import check_range
from netlists import Array, Cell, Layout
from netlists.analysis import OperatingPoint
from netlists.bias import Scheme, one_cell
from netlists.testbench import Testbench

BIASES = ("read", "set", "reset")


@dataclass(frozen=True, eq=False)
class LeakageSetup:
    """Settings of :class:`cosim.experiments.array_studies.Leakage`, and its testbenches."""

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
        if self.compare_size == 1:
            raise ConfigError(
                thing="size of the case that ngspice repeats",
                value=1,
                limit="0 (none), or 2 and more: a single cell has no neighbour that leaks",
            )
        for name in ("read_gate", "set_gate", "reset_gate"):
            check_range(name, getattr(self, name), 0.0, 3.63, "V")
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        check_range("set", self.set, 1e-3, 3.0, "V")
        check_range("reset", self.reset, -3.0, -1e-3, "V")
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
        check_conductances(self.array, [self.selected_conductance, self.other_conductance])
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
        return with_conductance(array, states)

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
