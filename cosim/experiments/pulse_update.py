"""Open-loop pulsing: trains of equal pulses, with a read after every one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.base import (
    check_array,
    check_count,
    check_range,
    state_probes,
    with_spread,
)
from cosim.experiments.cell_run import run_cells
from cosim.experiments.cells import Group, Outputs
from cosim.experiments.cycles import cycle_spreads
from cosim.experiments.pulse_data import pulse_variables, trains_of
from cosim.experiments.pulse_segments import measure_pulses
from cosim.experiments.pulse_timing import PulseTiming
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists.analysis import Options, Transient
from netlists.array import Array
from netlists.bias import every_cell
from netlists.testbench import Attachment, Testbench

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

FloatArray = NDArray[np.float64]

# Measured on 40 SET and 40 RESET pulses against reltol 1e-5: reads are within 3e-4, their changes
# within 1e-3, for an eighth of the time.
_OPTIONS = Options(method="gear", reltol=1e-3, step_tolerance=50.0)


@dataclass(frozen=True, eq=False)
class PulseUpdate:
    """Pulse every cell of an array, one cell at a time, and read it after every pulse.

    Parameters
    ----------
    array : Array
        Formed; ``array.with_states(dataset)`` continues from an earlier experiment.
    set, reset : float
        Amplitudes, bit line to source line [V]. The negative one is a positive voltage on the
        source line.
    width : float
        Flat top of a pulse [s].
    pulses : int
        Pulses of a train: so many up, then so many down.
    cycles : int
        How often the two trains are repeated.
    alternating : int
        Pulses after the trains that change direction every time.
    sequence : tuple of int, optional
        Directions (+1 or -1) in order [1]; then `pulses`, `cycles` and `alternating` do not count.
    amplitudes : tuple of float, optional
        Amplitude of every pulse in order [V], for staircases and mixed trains; positive ones set
        and negative ones reset. Then `sequence`, `set` and `reset` do not count either.
    set_gate, reset_gate : float
        Word line during pulses [V].
    read_gate : float
        Word line during reads [V]; assumed.
    read_voltage : float
        Bit line to source line [V].
    read_width : float
        Duration of a read [s]; assumed.
    rise : float
        Every edge [s]; assumed.
    cycle_spread : bool
        Draw parameters with a cycle-to-cycle spread anew for every pulse.
    device_spread : bool
        Draw the devices of the cells from `seed` where the array does not give them.

    Notes
    -----
    Conductance is current over read voltage of the whole cell, transistor included, taken near
    the end of a read phase in the same transient. The voltage goes from the top of a pulse
    directly to the read voltage: the device cools in 28 ps.

    Raises
    ------
    ConfigError
        A value is out of its range, or there is no array.

    References
    ----------
    Amplitudes, width and gates: D. F. Falcone et al., Adv. Funct. Mater. 2025, arXiv:2502.04524.
    """

    array: Array
    _: KW_ONLY
    set: float = 1.35
    reset: float = -1.3
    width: float = 2.5e-6
    pulses: int = 400
    cycles: int = 1
    alternating: int = 0
    sequence: tuple[int, ...] | None = None
    amplitudes: tuple[float, ...] | None = None
    set_gate: float = 1.4
    reset_gate: float = 3.3
    read_gate: float = 3.3
    read_voltage: float = 0.2
    read_width: float = 2e-7
    rise: float = 1e-8
    cycle_spread: bool = True
    device_spread: bool = False

    def __post_init__(self) -> None:
        """Check the values before anything runs."""
        check_array(self.array)
        check_range("set", self.set, 1e-3, 4.0, "V")
        check_range("reset", self.reset, -4.0, -1e-3, "V")
        check_range("width", self.width, 1e-10, 1.0, "s")
        check_range("rise", self.rise, 1e-12, 1e-3, "s")
        check_range("read_width", self.read_width, 1e-10, 1.0, "s")
        check_range("read_voltage", self.read_voltage, 1e-3, 0.5, "V")
        for name in ("set_gate", "reset_gate", "read_gate"):
            check_range(name, getattr(self, name), 0.0, 3.63, "V")
        for value in self.amplitudes or ():
            check_range("amplitudes", value, -4.0, 4.0, "V")
        for name in ("pulses", "cycles", "alternating"):
            check_count(name, getattr(self, name), 0)
        check_count("all pulses", self._count, 1)
        if not np.isin(self.polarity, (-1, 1)).all():
            given = self.amplitudes or self.sequence
            raise ConfigError(thing="directions of pulses", value=given, limit="up or down, not 0")

    @property
    def _count(self) -> int:
        given = self.sequence if self.amplitudes is None else self.amplitudes
        return 2 * self.pulses * self.cycles + self.alternating if given is None else len(given)

    @property
    def polarity(self) -> NDArray[np.int64]:
        """Direction of every pulse, shape (pulses,)."""
        if self.amplitudes is not None:
            return np.sign(self.amplitudes).astype(np.int64)
        if self.sequence is not None:
            return np.asarray(self.sequence, dtype=np.int64)
        return trains_of(self.pulses, self.cycles, self.alternating)

    @property
    def amplitude(self) -> FloatArray:
        """Amplitude of every pulse, shape (pulses,) [V]."""
        if self.amplitudes is not None:
            return np.asarray(self.amplitudes, dtype=np.float64)
        return np.where(self.polarity > 0, self.set, self.reset)

    def run(
        self,
        *,
        simulator: str | Simulator = "ngspice",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Pulse the cells.

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
            ``conductance`` (pulse, row, col) [S] after every pulse, ``initial_conductance``
            (row, col) [S]; ``pulse_current`` (pulse, row, col) [A] at the end of the flat top, NaN
            in long trains of which the solver skips pulses; ``polarity``, ``amplitude`` [V],
            ``width`` [s], ``gate`` [V] (pulse); ``final_<state>``, ``status`` (row, col).

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
            return measure_pulses(
                group,
                self.amplitude,
                self.timing,
                lambda varied, part: self.testbench(
                    varied.array, part, seed=seed, attachments=varied.attachments
                ),
                read_voltage=self.read_voltage,
                spreads=spreads,
                simulator=simulator,
                seed=seed,
                progress=progress,
            )

        run = run_cells(
            self,
            array,
            measure,
            simulator=simulator,
            seed=seed,
            progress=progress,
            cache=cache,
            label="pulses",
        )
        return run.dataset(
            pulse_variables(
                run.outputs["conductance"],
                run.outputs["pulse_current"],
                self.amplitude,
                self.polarity,
                self.width,
                np.where(self.polarity > 0, self.set_gate, self.reset_gate),
            ),
            coordinates={"pulse": (("pulse",), np.arange(self.polarity.size), "1", "pulse number")},
            attributes={
                "read_voltage": self.read_voltage,
                "read_gate": self.read_gate,
                "cycle_spread": self.cycle_spread,
            },
        )

    @property
    def timing(self) -> PulseTiming:
        """When every pulse and read begins."""
        return PulseTiming(width=self.width, read_width=self.read_width, rise=self.rise)

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist: all pulses on all cells at once, no cycle-to-cycle spread."""
        array = with_spread(self.array, seed) if self.device_spread else self.array
        return self.testbench(array, self.amplitude, seed=seed).spice()

    def testbench(
        self,
        array: Array,
        amplitude: Sequence[float] | FloatArray,
        *,
        seed: int | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> Testbench:
        """The testbench that applies pulses of `amplitude` [V] to all cells of `array` at once."""
        up = np.asarray(amplitude) > 0
        wave, gate = self.timing.waves(
            (self.read_voltage, amplitude),
            (self.read_gate, np.where(up, self.set_gate, self.reset_gate)),
        )
        longest = self.width / 3
        return Testbench(
            array=array,
            drives=every_cell(array, wave, gate=gate),
            analysis=Transient(stop=wave.duration, step=longest, max_step=longest),
            probes=("cell_current", *state_probes(array)),
            options=_OPTIONS,
            title="pulse update",
            seed=seed,
            attachments=attachments,
        )
