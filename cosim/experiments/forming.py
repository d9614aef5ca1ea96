"""Forming: the first breakdown of pristine cells, one cell at a time through its transistor."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.base import check_array, check_range, final_states, state_probes, with_spread
from cosim.experiments.cell_run import run_cells
from cosim.experiments.cells import Group, Outputs, run_patiently
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists.analysis import OperatingPoint, Options, Transient
from netlists.array import Array
from netlists.bias import every_cell, read
from netlists.cell import Cell
from netlists.testbench import Testbench
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

# At 1e-4 the forming voltage moves by less than 1 mV, but the current of the steep breakdown
# comes out 1.6 % low.
_OPTIONS = Options(method="gear", reltol=1e-5)
_RISE = 1e-7  # s, edges of forming pulses (assumed)
_FALL_FACTOR = 1e3  # the voltage is taken back this much faster than it was swept
_TRIODE_VOLTAGE = 0.05  # V, drain-source voltage at which R_DS is stated


@dataclass(frozen=True, eq=False)
class Forming:
    """Form every cell of an array by a voltage sweep, or by pulses of growing amplitude.

    Parameters
    ----------
    array : Array
        Pristine unless its cells are given ``phi_0``.
    gate : float
        Word line of the cell [V]; the transistor limits the current.
    stop : float
        Highest voltage, bit line to source line [V].
    rate : float
        Sweep rate [V/s]; assumed, the published sweep does not state its rate.
    resolution : float
        Step of the returned curve, and of the pulse amplitudes [V].
    mode : {"sweep", "pulse"}
        A sweep from 0 V, or pulses from `start` in steps of `resolution`.
    start : float
        Amplitude of the first pulse [V].
    width : float
        Flat top of a pulse [s].
    device_spread : bool
        Draw the devices of the cells from `seed` where the array does not give them.

    Notes
    -----
    The forming voltage is the applied voltage at which the current jumps; the forming current is
    what flows right after. The forming voltage of the memory device is
    ``V - I R_DS`` with the transistor's R_DS in triode at 50 mV, as published.

    Raises
    ------
    ConfigError
        A value is out of its range, or there is no array.

    References
    ----------
    Gate, sweep and definitions: D. F. Falcone et al., Adv. Funct. Mater. 2025, arXiv:2502.04524.
    """

    array: Array
    _: KW_ONLY
    gate: float = 1.2
    stop: float = 3.6
    rate: float = 1.0
    resolution: float = 0.01
    mode: Literal["sweep", "pulse"] = "sweep"
    start: float = 1.0
    width: float = 1e-6
    device_spread: bool = False

    def __post_init__(self) -> None:
        """Check the values before anything runs."""
        check_array(self.array)
        check_range("gate", self.gate, 0.0, 3.63, "V")
        check_range("stop", self.stop, 0.1, 3.63, "V")
        check_range("rate", self.rate, 1e-3, 1e9, "V/s")
        check_range("resolution", self.resolution, 1e-4, 0.5, "V")
        check_range("width", self.width, 1e-9, 10.0, "s")
        if self.mode not in ("sweep", "pulse"):
            raise ConfigError(thing="mode of Forming", value=self.mode, limit="sweep, pulse")
        if self.mode == "pulse":
            check_range("start", self.start, self.resolution, self.stop, "V")
        elif self.voltages.size < 2:
            raise ConfigError(
                thing="resolution of Forming leaves a single point of the sweep [V]",
                value=self.resolution,
                limit=f"at most the highest voltage, {self.stop:g} V",
            )
        if "phi" not in {s.name for s in self.array.cell.reram.states}:
            raise ConfigError(
                thing="Forming of a device that does not form",
                value=self.array.cell.reram.name,
                limit="a model with the state 'phi'",
                next_step="Use cmo_hfox",
            )

    def run(
        self,
        *,
        simulator: str | Simulator = "ngspice",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Form the cells.

        Parameters
        ----------
        simulator : {"ngspice", "native", "neospice", "vacask"} or Simulator
        seed : int
            Of the devices and of what changes from cycle to cycle; the same seed gives the same.
        progress : bool
            Show a bar on standard error.
        cache : str or Path, optional
            Folder of finished cells; with it, an interrupted run goes on where it stopped.

        Returns
        -------
        xarray.Dataset
            ``forming_voltage``, ``reram_forming_voltage`` [V], ``forming_current`` [A],
            ``formed`` (1 or 0), ``final_<state>``, ``status`` (row, col); ``current``,
            ``cell_voltage`` (voltage, row, col). A cell that did not form, or was formed
            before, has NaN for forming voltages and current.

        Raises
        ------
        ConfigError
            Seed or simulator is none.
        SimulatorError
            No cell could be simulated.
        """
        simulator = get_simulator(simulator)
        array = with_spread(self.array, seed) if self.device_spread else self.array
        if "phi_0" not in array.parameters:
            array = array.with_parameters(phi_0=0.0)
        resistance = self._selector_resistance(array, simulator)

        def measure(group: Group, progress: bool) -> tuple[Outputs, tuple[Result, ...]]:
            result = run_patiently(simulator, self.testbench(group.array, seed))
            return self._extract(group.array, result, resistance), (result,)

        run = run_cells(
            self,
            array,
            measure,
            simulator=simulator,
            seed=seed,
            progress=progress,
            cache=cache,
            label="forming",
        )
        outputs = run.outputs
        attributes = {
            "gate": self.gate,
            "mode": self.mode,
            "rate": self.rate if self.mode == "sweep" else None,
            "width": self.width if self.mode == "pulse" else None,
            "selector_resistance": resistance,
        }
        cells = ("row", "col")
        curve = ("voltage", "row", "col")
        return run.dataset(
            {
                "forming_voltage": (cells, outputs["forming_voltage"], "V", "1T1R voltage"),
                "forming_current": (cells, outputs["forming_current"], "A", "after the jump"),
                "reram_forming_voltage": (
                    cells,
                    outputs["reram_forming_voltage"],
                    "V",
                    "forming voltage of the memory device, selector drop removed",
                ),
                "formed": (cells, outputs["formed"], "1", "1 when the cell formed"),
                "current": (curve, outputs["current"], "A", "cell current"),
                "cell_voltage": (curve, outputs["cell_voltage"], "V", "across the memory device"),
            },
            coordinates={"voltage": (("voltage",), self.voltages, "V", "bit to source line")},
            attributes=attributes,
        )

    @property
    def voltages(self) -> NDArray[np.float64]:
        """Voltages of the returned curve, shape (points,) [V]."""
        first = self.start if self.mode == "pulse" else 0.0
        count = int(np.floor((self.stop - first) / self.resolution + 1e-9)) + 1
        return np.asarray(first + self.resolution * np.arange(count), dtype=np.float64)

    def _waveform(self) -> tuple[Waveform, NDArray[np.float64]]:
        """Voltage in time, and the times at which the points of the curve are reached."""
        if self.mode == "sweep":
            wave = Waveform.sweep((0.0, self.stop), self.rate)
            wave = wave.then(Waveform.sweep((self.stop, 0.0), self.rate * _FALL_FACTOR))
            return wave, np.asarray(self.voltages / self.rate)
        times, values, ends = [0.0], [0.0], []
        for amplitude in self.voltages:
            begin = times[-1]
            top, end = begin + _RISE, begin + _RISE + self.width
            times += [top, end, end + _RISE, end + 2 * _RISE]
            values += [amplitude, amplitude, 0.0, 0.0]
            ends.append(end)
        return Waveform(tuple(times), tuple(values)), np.array(ends)

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist that forms all cells at once."""
        array = with_spread(self.array, seed) if self.device_spread else self.array
        return self.testbench(array, seed).spice()

    def testbench(self, array: Array, seed: int | None = None) -> Testbench:
        """The testbench which forms all cells of `array` at once."""
        wave, _ = self._waveform()
        longest = self.resolution / self.rate if self.mode == "sweep" else self.width / 5
        return Testbench(
            array=array,
            drives=every_cell(array, wave, gate=self.gate),
            analysis=Transient(stop=wave.duration, step=longest, max_step=longest),
            probes=("cell_current", "cell_voltage", *state_probes(array)),
            options=_OPTIONS,
            title="forming",
            seed=seed,
        )

    def _selector_resistance(self, array: Array, simulator: Simulator) -> float:
        """R_DS of the nominal transistor in triode [Ohm], measured behind 1 Ohm; 0 without one."""
        if array.cell.selector is None:
            return 0.0
        from compact_models import load_model

        series = load_model("resistor").with_parameters(resistance=1.0)
        alone = Array(Cell(series, array.cell.selector), rows=1, cols=1)
        result = simulator.run(
            Testbench(
                array=alone,
                drives=read(alone, _TRIODE_VOLTAGE, gate=self.gate),
                analysis=OperatingPoint(),
                probes=("cell_current",),
                title="triode resistance",
            )
        )
        return float(_TRIODE_VOLTAGE / result["cell_current"][0, 0, 0] - 1.0)

    def _extract(self, array: Array, result: Result, resistance: float) -> Outputs:
        _, times = self._waveform()
        current = result.at("cell_current", times)
        across = result.at("cell_voltage", times)
        final = final_states(array, result)
        formed = final["final_phi"] > 0.5
        # From 0 A: the first pulse may form a cell already.
        jump = np.argmax(np.diff(current, axis=0, prepend=0.0), axis=0)
        at = np.take_along_axis(current, jump[None], axis=0)[0]
        voltage = self.voltages[jump]
        if self.mode == "sweep":
            voltage = self._refine(result, times, np.maximum(jump, 1), current)
        pristine = array.initial_state("phi") < 0.5
        nothing = np.where(formed & pristine, 1.0, np.nan)
        return {
            "forming_voltage": voltage * nothing,
            "forming_current": at * nothing,
            "reram_forming_voltage": (voltage - at * resistance) * nothing,
            "formed": formed.astype(float),
            "current": current,
            "cell_voltage": across,
            **final,
        }

    def _refine(
        self,
        result: Result,
        times: NDArray[np.float64],
        jump: NDArray[np.intp],
        current: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Voltage at which the current is half-way through its jump to a curve point."""
        exact = np.empty(jump.shape)
        fine = result["cell_current"]
        for cell in np.ndindex(*jump.shape):
            k = int(jump[cell])
            inside = (result.axis >= times[k - 1]) & (result.axis <= times[k])
            half = 0.5 * (current[(k - 1, *cell)] + current[(k, *cell)])
            above = inside & (fine[(slice(None), *cell)] >= half)
            time = result.axis[np.argmax(above)] if above.any() else times[k]
            exact[cell] = time * self.rate
        return exact
