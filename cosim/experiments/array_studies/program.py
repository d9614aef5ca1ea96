"""Closed-loop programming of a whole matrix in its array, wires and neighbours included."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.program_data import TARGETS, assemble, beside
from cosim.experiments.array_studies.row_drives import write_drives
from cosim.experiments.array_studies.row_loop import close_loop
from cosim.experiments.array_studies.session import Session
from cosim.experiments.base import (
    check_range,
    generator,
    with_spread,
)
from cosim.experiments.cells import Group, Measured
from cosim.experiments.program_verify import AMPLITUDES
from cosim.experiments.resume import FinishedCells
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array

if TYPE_CHECKING:
    import xarray as xr


Floats = NDArray[np.float64]
_PER_CELL = ("set_pulses", "reset_pulses", "reading", "reached", "accepted_c", "done_c")
_PER_ROW = ("write_energy", "read_energy", "write_slots", "reads", "whole_array")


@dataclass(frozen=True, eq=False)
class ArrayProgram:
    """Program every cell of an array to its target by pulses and reads, row after row.

    Parameters
    ----------
    array : Array
        Formed, with selectors; word lines along the rows.
    targets : array_like, shape (rows, cols), optional
        Conductances that the loop's own reads should show [S]; default: levels drawn from `seed`.
    levels : int
        Number of levels that targets are drawn from.
    lowest, highest : float
        End levels [S].
    start : float
        Conductance of the memory devices before [S].
    acceptance_range : float
        Half-width of the accepted band, relative to the target [1].
    limit : int
        Pulses after which a cell is given up.
    step_after : int
        A cell that has had so many pulses of one sign gets the next ones higher by
        `amplitude_step`, and so on up to 2 V; 0: the published, fixed amplitudes.
    amplitude_step : float
        [V]
    passes : int
        How often the whole array is gone through; later passes mend what earlier ones disturbed.
    order : {"row", "cell"}
        All cells of a row at once, or one cell at a time.
    width, rise : float
        Flat top and edges of a pulse [s].
    set_gate, reset_gate, read_gate, gate_off : float
        Word lines: of the row in SET, RESET and read, and of the others [V].
    read_voltage : float
        [V]
    read_width : float
        Duration of a read [s]; assumed.
    read_delay : float
        Time of the noise band that a verify reading sees [s].
    read_noise, cycle_spread, device_spread : bool
        Noise of readings; pulse-to-pulse spread of the pulsed cells; devices drawn from `seed`
        where the array does not give them.
    compare_size : int
        Rows and columns of the noiseless case that ngspice repeats; 0 for none.

    Notes
    -----
    The loop and its amplitudes are the published ones [Falcone2025]: SET below, RESET above the
    band, 1.35/-1.5 V up to 30 uS, 1.35/-1.3 V up to 60 uS, 1.5/-1.3 V beyond. Cells of a row that
    need no pulse are inhibited: their two lines are at the same potential. Energy is what the
    drivers of bit and source lines deliver; gates and periphery are not in it. Rows are solved as
    :mod:`cosim.experiments.array_studies.row_loop` says.
    """

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
        common.check_conductances(self.array, [*wanted, self.start])

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
        return common.with_conductance(array, self.start)

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist: one SET pulse on all cells of the first row."""
        from netlists.analysis import Transient
        from netlists.testbench import Testbench

        array = self.built(seed)
        drives = write_drives(self, array, 0, np.full(array.cols, AMPLITUDES[0][1]))
        stop = self.width + 2 * self.rise
        return Testbench(
            array=array,
            drives=drives,
            analysis=Transient(stop=stop, step=stop / 16, max_step=stop / 16),
            probes=("cell_current", "state:c"),
            title="programming pulse",
            seed=seed,
        ).spice()

    def run(
        self,
        *,
        simulator: str | Simulator = "native",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Program the array.

        Parameters
        ----------
        cache : str or Path, optional
            Folder of finished rows; with it, an interrupted run goes on where it stopped.

        Returns
        -------
        xarray.Dataset
            Per cell (row, col): ``target``, ``reading`` (the last one, accepted where
            ``reached``), ``conductance`` (the cell alone in the end, transistor included, no
            wires), ``error`` (last read of the whole array without noise minus target),
            ``row_disturbance`` and ``array_disturbance`` (change since it was accepted, while
            its own row was finished, and after that) [S]; ``pulses``, ``set_pulses``,
            ``reset_pulses``. Per row: ``energy``, ``write_energy``, ``read_energy`` [J], ``time``,
            ``write_time``, ``read_time`` [s]. Attributes ``total_energy`` [J], ``total_time``
            [s], ``total_pulses``. ``final_<state>`` for going on.

        Raises
        ------
        SimulatorError
            A pulse or read has no solution.
        """
        simulator = get_simulator(simulator)
        common.check_simulator(simulator, max(self.array.shape))
        array = self.built(seed)
        wanted = self.wanted(array, seed)
        finished = FinishedCells.of(cache, self, simulator, seed)
        done = self.program(array, wanted, simulator, seed, progress, finished)
        compared = beside(self, simulator, seed, progress)
        return assemble(self, array, wanted, simulator, seed, done, compared)

    def program(
        self,
        array: Array,
        wanted: Floats,
        simulator: Simulator,
        seed: int,
        progress: bool,
        finished: FinishedCells | None = None,
        script: list[tuple[int, Floats]] | None = None,
    ) -> dict[str, Any]:
        """Every pass over every row; what comes out, and the sessions' provenance."""
        from tqdm import tqdm

        session = Session(array=array, simulator=simulator)
        states = session.start()
        total: dict[str, Any] = {n: np.zeros(array.shape) for n in _PER_CELL}
        total |= {n: np.zeros(array.rows) for n in _PER_ROW}
        work = [(p, r) for p in range(self.passes) for r in range(array.rows)]
        bar = tqdm(work, desc="programming", unit="row", disable=not progress, leave=False)
        records: list[Result] = []
        for number, row in bar:
            group = Group(array=array, cells=((number, row),))
            measured = finished.load(group) if finished else None
            if measured is None:
                # A fresh session's first solution is no other row's: resumed runs are the same.
                part, states = close_loop(
                    self, array, row, wanted[row], session, states, (seed, number), script
                )
                kept = {f"state_{n}": v for n, v in states.items()}
                record = Result(axis=np.empty(0), data={}, provenance=session.provenance())
                measured = Measured(outputs={**part, **kept}, results=(record,))
                if finished:
                    finished.store(group, measured)
                session = Session(array=array, simulator=simulator)
            else:
                states = {n: measured.outputs[f"state_{n}"] for n in states}
            for name in _PER_CELL:
                summed = name.endswith("_pulses")
                total[name][row] = measured.outputs[name] + (total[name][row] if summed else 0)
            for name in _PER_ROW:
                total[name][row] += measured.outputs[name]
            records += measured.results
            bar.set_postfix_str(f"{total['set_pulses'].sum() + total['reset_pulses'].sum():.0f} "
                                "pulses", refresh=False)  # fmt: skip
        return total | {"states": states, "records": records}
