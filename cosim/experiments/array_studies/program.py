"""Closed-loop programming of a whole matrix in its array, wires and neighbours included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.program_data import assemble, beside
from cosim.experiments.array_studies.program_rows import program_rows
from cosim.experiments.array_studies.program_setup import ProgramSetup
from cosim.experiments.array_studies.row_drives import write_drives
from cosim.experiments.program_verify import AMPLITUDES
from cosim.experiments.resume import FinishedCells
from cosim.simulators.base import Simulator, get_simulator

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, eq=False)
class ArrayProgram(ProgramSetup):
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
        done = program_rows(self, array, wanted, simulator, seed, progress, finished)
        compared = beside(self, simulator, seed, progress)
        return assemble(self, array, wanted, simulator, seed, done, compared)
