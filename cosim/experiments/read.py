"""Reading a whole array: input voltages on the bit lines, currents out of the source lines."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.base import cell_dataset, check_array, check_range, provenance, with_spread
from cosim.experiments.cells import workers_for
from cosim.parallel import parallel_map
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array, Layout, Parasitics
from netlists.analysis import DcSweep, OperatingPoint, Options
from netlists.bias import read
from netlists.testbench import Testbench

if TYPE_CHECKING:
    import xarray as xr

FloatArray = NDArray[np.float64]

_OPTIONS = Options(reltol=1e-4)
_PARALLEL_FROM = 256  # cells from which splitting the inputs over processes pays


@dataclass(frozen=True, eq=False)
class Read:
    """Multiply input vectors by the array.

    Parameters
    ----------
    array : Array
        Formed and programmed; states are held.
    inputs : array_like, shape (inputs, bit lines) or (bit lines,), optional
        Voltages of the bit lines [V]; default: all at `read_voltage`.
    gate : float
        All word lines [V].
    read_voltage : float
        Where the conductance of the cells is stated [V].
    device_spread : bool
        Draw the devices of the cells from `seed` where the array does not give them.

    Raises
    ------
    ConfigError
        A value is out of its range, or there is no array.
    """

    array: Array
    _: KW_ONLY
    inputs: tuple[tuple[float, ...], ...] | NDArray[np.float64] | None = None
    gate: float = 3.3
    read_voltage: float = 0.2
    device_spread: bool = False

    def __post_init__(self) -> None:
        """Check the values before anything runs."""
        check_array(self.array)
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        check_range("gate", self.gate, 0.0, 3.63, "V")
        lines = self.array.line_set("bl").count
        if self.inputs is not None:
            try:
                given = np.asarray(self.inputs, dtype=float)
            except (TypeError, ValueError) as error:
                raise ConfigError(
                    thing="inputs of Read are no array of numbers",
                    value=type(self.inputs).__name__,
                    limit=f"({lines},) or (inputs, {lines}) [V]",
                ) from error
            if given.ndim not in (1, 2) or given.shape[-1] != lines or given.size == 0:
                raise ConfigError(
                    thing="inputs of Read have the wrong shape",
                    value=given.shape,
                    limit=f"({lines},) or (inputs, {lines})",
                )
            if not np.isfinite(given).all() or np.abs(given).max() > 1.0:
                raise ConfigError(
                    thing="inputs of Read",
                    value=float(np.abs(given).max()),
                    limit="finite, at most 1 V: a read must not write",
                )

    @property
    def voltages(self) -> FloatArray:
        """Input voltages, shape (inputs, bit lines) [V]."""
        lines = self.array.line_set("bl").count
        if self.inputs is None:
            return np.full((1, lines), self.read_voltage)
        return np.atleast_2d(np.asarray(self.inputs, dtype=float))

    def run(
        self, *, simulator: str | Simulator = "ngspice", seed: int = 0, progress: bool = True
    ) -> xr.Dataset:
        """Read.

        Parameters
        ----------
        simulator : {"ngspice", "native", "neospice", "vacask"} or Simulator
        seed : int
            Of the devices and of what changes from cycle to cycle; the same seed gives the same.
        progress : bool
            Show a bar on standard error.

        Returns
        -------
        xarray.Dataset
            ``current`` (input, source_line) [A] out of the source lines; ``ideal_current``, the
            sum of conductance times voltage; ``input_voltage`` (input, bit_line) [V];
            ``cell_voltage``, ``voltage_drop`` (input, row, col) [V]: across memory device and
            transistor, and what the wires take of the input; ``conductance`` (row, col) [S] of
            the cells without wires at the read voltage.

        Raises
        ------
        SimulatorError
            The read gave no result.
        """
        simulator = get_simulator(simulator)
        array = with_spread(self.array, seed) if self.device_spread else self.array
        voltages = self.voltages
        workers = workers_for(simulator)
        parts = workers if array.rows * array.cols >= _PARALLEL_FROM else 1
        chunks = np.array_split(voltages, min(parts, len(voltages)))
        benches: list[Any] = [self._bench_without_wires(array, seed)]
        benches += [self.testbench(array, chunk, seed) for chunk in chunks]
        results = parallel_map(
            simulator.run, benches, workers=workers, progress=progress, label="read"
        )
        return self._dataset(array, simulator, seed, results)

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist that reads all inputs one after the other."""
        array = with_spread(self.array, seed) if self.device_spread else self.array
        return self.testbench(array, self.voltages, seed).spice()

    def testbench(self, array: Array, voltages: FloatArray, seed: int | None = None) -> Testbench:
        """The testbench that reads `voltages` (inputs, bit lines) [V] one after the other."""
        return Testbench(
            array=array,
            drives=read(array, voltages, gate=self.gate),
            # One input is no sweep.
            analysis=DcSweep(stop=len(voltages) - 1.0) if len(voltages) > 1 else OperatingPoint(),
            probes=(
                "source_line_current",
                "bit_line_voltage",
                "source_line_voltage",
            ),
            options=_OPTIONS,
            title="read",
            seed=seed,
        )

    def _bench_without_wires(self, array: Array, seed: int) -> Testbench:
        bare = array.replace(parasitics=Parasitics())
        return Testbench(
            array=bare,
            drives=read(bare, self.read_voltage, gate=self.gate),
            analysis=OperatingPoint(),
            probes=("cell_current",),
            options=_OPTIONS,
            title="conductances",
            seed=seed,
        )

    def _dataset(
        self, array: Array, simulator: Simulator, seed: int, results: list[Result]
    ) -> xr.Dataset:
        voltages = self.voltages
        conductance = results[0]["cell_current"][0] / self.read_voltage
        taken = -np.concatenate([r["source_line_current"] for r in results[1:]])
        bit = np.concatenate([r["bit_line_voltage"] for r in results[1:]])
        source = np.concatenate([r["source_line_voltage"] for r in results[1:]])
        applied = self._at_cells(array, voltages)
        ideal = self._per_source_line(array, conductance * applied)
        attributes = provenance(self, array, simulator, seed, results)
        attributes |= {"gate": self.gate, "read_voltage": self.read_voltage}
        lines = ("input", "source_line")
        cells = ("input", "row", "col")
        return cell_dataset(
            {
                "current": (lines, taken, "A", "out of the source lines"),
                "ideal_current": (lines, ideal, "A", "sum of conductance times input voltage"),
                "input_voltage": (("input", "bit_line"), voltages, "V", "bit-line inputs"),
                "cell_voltage": (cells, bit - source, "V", "bit line to source line at the cell"),
                "voltage_drop": (
                    cells,
                    applied - (bit - source),
                    "V",
                    "input voltage minus cell voltage",
                ),
                "conductance": (("row", "col"), conductance, "S", "of the cell, without wires"),
            },
            status=None,
            coordinates={
                "input": (("input",), np.arange(len(voltages)), "1", "input number"),
            },
            attributes=attributes,
            shape=array.shape,
        )

    @staticmethod
    def _at_cells(array: Array, voltages: FloatArray) -> FloatArray:
        """Input voltage of the bit line of every cell, shape (inputs, rows, cols)."""
        spread = voltages[:, :, None] if array.layout is Layout.CROSSING else voltages[:, None, :]
        return np.array(np.broadcast_to(spread, (len(voltages), *array.shape)))

    @staticmethod
    def _per_source_line(array: Array, current: FloatArray) -> FloatArray:
        """Sum of cell currents on every source line, shape (inputs, source lines)."""
        axis = 1 if array.line_set("sl").along == "column" else 2
        return np.asarray(current.sum(axis=axis))
