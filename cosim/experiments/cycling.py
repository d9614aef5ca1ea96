"""Quasi-static current-voltage loops of formed cells."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.base import (
    check_array,
    check_count,
    check_range,
    final_states,
    state_probes,
    with_spread,
)
from cosim.experiments.cell_run import run_cells
from cosim.experiments.cells import Group, Outputs, run_patiently
from cosim.experiments.cycles import cycle_spreads, draw_cycles, vary
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists.analysis import Options, Transient
from netlists.array import Array
from netlists.bias import every_cell
from netlists.testbench import Attachment, Testbench
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from compact_models.parameters import Spread

# Against reltol 1e-6 states and currents are within 0.2 %; at 1e-3 a current of the loop is 5 %
# off, for two thirds of the time.
_OPTIONS = Options(method="gear", reltol=1e-5)
_SWITCH = 0.01  # part of a loop in which the gate changes over, at 0 V


@dataclass(frozen=True, eq=False)
class Cycling:
    """Sweep every cell 0 -> set -> 0 -> reset -> 0, several times, one cell at a time.

    Parameters
    ----------
    array : Array
        Formed; ``array.with_states(dataset)`` continues from an earlier experiment.
    set, reset : float
        Turning points, bit line to source line [V]; published only as below 1.5 V. Chosen
        (assumed): at 1 V/s they give the nominal cell a ratio of 13.9 where about 15 is
        published. The first loop starts from the freshly formed, higher state.
    rate : float
        Sweep rate [V/s]; assumed, the published loops do not state theirs.
    cycles : int
        Number of loops.
    set_gate, reset_gate : float
        Word line during the positive and the negative half [V].
    resolution : float
        Step of the returned curve [V].
    read_voltage : float
        Where LRS and HRS are taken from the loop [V].
    cycle_spread : bool
        Draw parameters with a cycle-to-cycle spread anew for every half loop.
    device_spread : bool
        Draw the devices of the cells from `seed` where the array does not give them.

    Notes
    -----
    LRS is read on the way back from `set`, HRS on the way back from `reset` (at minus the read
    voltage).

    Raises
    ------
    ConfigError
        A value is out of its range, or there is no array.

    References
    ----------
    D. F. Falcone et al., Adv. Funct. Mater. 2025, arXiv:2502.04524.
    """

    array: Array
    _: KW_ONLY
    set: float = 1.3
    reset: float = -1.3
    rate: float = 1.0
    cycles: int = 3
    set_gate: float = 1.4
    reset_gate: float = 3.3
    resolution: float = 0.02
    read_voltage: float = 0.2
    cycle_spread: bool = True
    device_spread: bool = False

    def __post_init__(self) -> None:
        """Check the values before anything runs."""
        check_array(self.array)
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        check_range("set", self.set, self.read_voltage, 4.0, "V")
        check_range("reset", self.reset, -4.0, -self.read_voltage, "V")
        check_range("rate", self.rate, 1e-3, 1e9, "V/s")
        check_range("resolution", self.resolution, 1e-4, 0.5, "V")
        for name in ("set_gate", "reset_gate"):
            check_range(name, getattr(self, name), 0.0, 3.63, "V")
        check_count("cycles", self.cycles, 1, 100_000)

    def run(
        self,
        *,
        simulator: str | Simulator = "ngspice",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Sweep the cells.

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
            ``current`` [A] (cycle, point, row, col) at ``voltage`` [V] (point); ``lrs``, ``hrs``
            [S] (cycle, row, col) and their ``ratio``; ``final_<state>``, ``status`` (row, col).

        Raises
        ------
        ConfigError
            Seed or simulator is none.
        SimulatorError
            No cell could be simulated.
        """
        simulator = get_simulator(simulator)
        array = with_spread(self.array, seed) if self.device_spread else self.array
        spreads = cycle_spreads(array) if self.cycle_spread else {}

        def measure(group: Group, progress: bool) -> tuple[Outputs, list[Result]]:
            return self._measure(group, spreads, simulator, seed, progress)

        run = run_cells(
            self,
            array,
            measure,
            simulator=simulator,
            seed=seed,
            progress=progress,
            cache=cache,
            label="cycling",
        )
        outputs = run.outputs
        cells = ("cycle", "row", "col")
        lrs, hrs = outputs["lrs"], outputs["hrs"]
        return run.dataset(
            {
                "current": (
                    ("cycle", "point", "row", "col"),
                    outputs["current"],
                    "A",
                    "cell current",
                ),
                "lrs": (cells, lrs, "S", "conductance on the way back from set"),
                "hrs": (cells, hrs, "S", "conductance on the way back from reset"),
                "ratio": (cells, lrs / hrs, "1", "LRS over HRS conductance"),
            },
            coordinates={
                "cycle": (("cycle",), np.arange(self.cycles), "1", "loop number"),
                "voltage": (("point",), self.voltages, "V", "bit line to source line"),
            },
            attributes={"read_voltage": self.read_voltage, "rate": self.rate},
        )

    @property
    def voltages(self) -> NDArray[np.float64]:
        """Voltage at every point of a loop, shape (points,) [V]."""
        return np.asarray(self._loop().at(self._times()))

    def _loop(self) -> Waveform:
        """One loop, with a moment at 0 V in which the gate changes over."""
        length = 2 * (self.set - self.reset) / self.rate
        pause = _SWITCH * length
        up = Waveform.sweep((0.0, self.set, 0.0), self.rate).hold(pause)
        return up.then(Waveform.sweep((0.0, self.reset, 0.0), self.rate)).hold(pause)

    def _gate(self) -> Waveform:
        positive = 2 * self.set / self.rate
        loop = self._loop().duration
        pause = _SWITCH * 2 * (self.set - self.reset) / self.rate
        return Waveform(
            (0.0, positive, positive + pause, loop - pause, loop),
            (self.set_gate, self.set_gate, self.reset_gate, self.reset_gate, self.set_gate),
        )

    def _times(self) -> NDArray[np.float64]:
        """When the points of the curve are reached within a loop [s]."""
        pieces = []
        corners = self._loop().breakpoints
        for begin, end in pairwise(corners.tolist()):
            count = max(1, round((end - begin) * self.rate / self.resolution))
            pieces.append(begin + (end - begin) * np.arange(count) / count)
        return np.concatenate([*pieces, corners[-1:]])

    def _measure(
        self,
        group: Group,
        spreads: dict[str, Spread],
        simulator: Simulator,
        seed: int,
        progress: bool,
    ) -> tuple[Outputs, list[Result]]:
        """All loops of a group, one run a loop, the state carried on."""
        from tqdm import tqdm

        names = tuple(spreads)
        z = draw_cycles(group, names, 2 * self.cycles, seed)
        array = group.array
        found: dict[str, list[NDArray[np.float64]]] = {"current": [], "lrs": [], "hrs": []}
        results: list[Result] = []
        half = 2 * self.set / self.rate
        for cycle in tqdm(range(self.cycles), desc="cycling", disable=not progress, leave=False):
            part = z[2 * cycle : 2 * cycle + 2]
            # A simulator with one set of parameters a run: SET barriers act in the first half and
            # RESET barriers in the second, so both take the half they act in.
            run = vary(
                array,
                spreads,
                simulator,
                np.array([0.0, half]),
                _SWITCH * 2 * (self.set - self.reset) / self.rate,
                part,
                event=lambda name: int("reset" in name),
            )
            result = run_patiently(
                run.simulator, self.testbench(run.array, seed=seed, attachments=run.attachments)
            )
            times = self._times()
            back = {
                "lrs": half - self.read_voltage / self.rate,
                "hrs": self._loop().breakpoints[-2] - self.read_voltage / self.rate,
            }
            found["current"].append(result.at("cell_current", times))
            for name, time in back.items():
                found[name].append(np.abs(result.at("cell_current", time)) / self.read_voltage)
            results.append(Result(axis=result.axis[-1:], data={}, provenance=result.provenance))
            array = array.with_states(final_states(array, result))
        outputs = {name: np.stack(values) for name, values in found.items()}
        return {**outputs, **final_states(array, result)}, results

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist that runs one loop over all cells at once."""
        array = with_spread(self.array, seed) if self.device_spread else self.array
        return self.testbench(array, seed=seed).spice()

    def testbench(
        self,
        array: Array,
        *,
        seed: int | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> Testbench:
        """The testbench of one loop over all cells of `array` at once."""
        loop = self._loop()
        longest = self.resolution / self.rate
        return Testbench(
            array=array,
            drives=every_cell(array, loop, gate=self._gate()),
            analysis=Transient(stop=loop.duration, step=longest, max_step=longest),
            probes=("cell_current", *state_probes(array)),
            options=_OPTIONS,
            title="cycling",
            seed=seed,
            attachments=attachments,
        )
