"""Arrays that multiply and take coincident pulses: in a circuit simulator, or as laws.

Update of a crossing array with word lines along the rows, selected by the transistors: a
row that fires opens its gates; bit lines stand at the SET voltage, source lines that fire
at 0 V and the others at the SET voltage; for RESET the bit lines are at 0 V and the source
lines that fire at the RESET voltage. Only cells where both fire see a voltage across them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.ir_drop import effective_conductance
from cosim.experiments.base import final_states, state_probes
from cosim.experiments.cells import run_patiently
from cosim.experiments.pulse_update import PulseUpdate
from cosim.experiments.read import Read
from cosim.network.algorithms import State
from cosim.simulators.base import Simulator, get_simulator
from netlists import Array, Layout, Parasitics
from netlists.analysis import Options, Transient
from netlists.testbench import Testbench
from netlists.waveform import Waveform

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

# As in pulse updates: there, reads are within 3e-4 of a reltol of 1e-5.
_OPTIONS = Options(method="gear", reltol=1e-3, step_tolerance=50.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Slot:
    """One pulse of an update: cells where a firing row meets a firing column get it.

    Parameters
    ----------
    polarity : int
        +1 SET, -1 RESET.
    rows, columns : ndarray of bool
    """

    polarity: int
    rows: Mask
    columns: Mask

    @property
    def cells(self) -> Mask:
        """Cells that get the pulse, shape (rows, columns)."""
        return np.logical_and.outer(self.rows, self.columns)


class Rung(Protocol):
    """What a layer asks of an array, whoever solves it."""

    name: str

    def multiply(self, voltages: FloatArray) -> FloatArray:
        """Currents of the columns [A], shape (batch, columns), for row voltages [V]."""

    def multiply_back(self, voltages: FloatArray) -> FloatArray:
        """Currents of the rows [A], shape (batch, rows), for column voltages [V]."""

    def pulse(self, slots: Sequence[Slot]) -> None:
        """Give the cells of each slot one pulse."""

    def conductances(self) -> FloatArray:
        """Conductances of the cells at the read voltage, without wires [S]."""

    def state(self) -> State:
        """All that changes."""

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""


class CircuitRung:
    """The array in a circuit simulator: wires, heat, device physics, transistors.

    Parameters
    ----------
    array : Array
        Crossing, word lines along the rows, with selectors; formed (or given states).
    simulator : str or Simulator
        ``"native"`` (array rung) or ``"ngspice"`` (circuit rung).
    pulse : PulseUpdate, optional
        Amplitudes, width, edges and gates; only these fields are used.
    gap : float
        Rest between two pulses [s]; assumed.
    """

    def __init__(
        self,
        array: Array,
        simulator: str | Simulator = "native",
        *,
        pulse: PulseUpdate | None = None,
        gap: float = 2e-8,
    ) -> None:
        if array.layout is not Layout.CROSSING or array.word_lines != "row":
            raise ParameterError(
                thing="array of a circuit tile",
                value=(array.layout.value, array.word_lines),
                limit="crossing lines, word lines along the rows",
            )
        if array.cell.selector is None:
            raise ParameterError(
                thing="cell of a circuit tile", value="no selector", limit="a transistor"
            )
        self.array, self.simulator, self.gap = array, get_simulator(simulator), gap
        self.protocol = pulse or PulseUpdate(array)
        self.name = self.simulator.name
        self.seconds = 0.0

    def multiply(self, voltages: FloatArray) -> FloatArray:
        """Solve the array for every row of voltages."""
        read = Read(self.array, inputs=np.atleast_2d(voltages), gate=self.protocol.read_gate)
        result = self.simulator.run(read.testbench(self.array, read.voltages))
        self.seconds += result.provenance.wall_time
        return -np.asarray(result["source_line_current"])

    def multiply_back(self, voltages: FloatArray) -> FloatArray:
        """The same array driven from its source lines, sensed at its bit lines."""
        volts = np.atleast_2d(voltages)
        grounded = np.zeros((len(volts), self.array.rows))
        read = Read(self.array, inputs=grounded, gate=self.protocol.read_gate)
        bench = read.testbench(self.array, read.voltages)
        drives = dict(bench.drives) | {
            f"sl{k}": Waveform.steps(volts[:, k]) for k in range(self.array.cols)
        }
        result = self.simulator.run(
            dataclasses.replace(bench, drives=drives, probes=("bit_line_current",))
        )
        self.seconds += result.provenance.wall_time
        return -np.asarray(result["bit_line_current"])

    def pulse(self, slots: Sequence[Slot]) -> None:
        """Run all pulses in one transient, the states carried on."""
        if not slots:
            return
        result = run_patiently(self.simulator, self.testbench(slots))
        self.seconds += result.provenance.wall_time
        self.array = self.array.with_states(final_states(self.array, result))

    def testbench(self, slots: Sequence[Slot]) -> Testbench:
        """The stimuli of the slots, one after the other."""
        p, (rows, columns) = self.protocol, self.array.shape
        times, bit = [0.0], [0.0]
        source: list[Any] = [np.zeros(columns)]
        gate: list[Any] = [np.zeros(rows)]
        for slot in slots:
            begin = times[-1] + self.gap
            up = slot.polarity > 0
            top = p.set if up else -p.reset
            lines = top * (~slot.columns if up else slot.columns)
            gates = (p.set_gate if up else p.reset_gate) * slot.rows
            edges = np.cumsum([begin, p.rise, p.width, p.rise])
            for t, on in zip(edges, (0, 1, 1, 0), strict=True):
                times.append(float(t))
                bit.append(on * top if up else 0.0)
                source.append(on * lines)
                gate.append(on * gates)
        times.append(times[-1] + self.gap)
        bit.append(0.0)
        source.append(np.zeros(columns))
        gate.append(np.zeros(rows))

        def waves(kind: str, values: FloatArray) -> dict[str, Waveform | None]:
            return {
                f"{kind}{k}": Waveform(tuple(times), tuple(map(float, v)))
                for k, v in enumerate(values.T)
            }

        drives = waves("bl", np.repeat(np.array(bit)[:, None], rows, axis=1))
        drives |= waves("sl", np.array(source)) | waves("wl", np.array(gate))
        return Testbench(
            array=self.array,
            drives=drives,
            analysis=Transient(stop=times[-1], step=p.width / 3, max_step=p.width / 3),
            probes=state_probes(self.array),
            options=_OPTIONS,
            title="parallel update",
        )

    def conductances(self) -> FloatArray:
        """From the states, cell by cell, by the array rung's equations."""
        from cosim.simulators.native import effective_matrix

        bare = self.array.replace(parasitics=Parasitics())
        p = self.protocol
        return effective_matrix(
            bare, read_voltage=p.read_voltage, gate=p.read_gate, samples=0
        ).ideal

    def state(self) -> State:
        """Held states of all cells."""
        return {f"initial_{k}": np.asarray(v) for k, v in self._states().items()}

    def _states(self) -> dict[str, FloatArray]:
        held = (s for s in self.array.cell.reram.states if s.held)
        return {s.name: np.asarray(self.array.parameter_array(s.initial)) for s in held}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        given = {k.removeprefix("initial_"): np.asarray(v, float) for k, v in state.items()}
        self.array = self.array.with_states({f"final_{k}": v for k, v in given.items()})


class BehaviourRung:
    """The calibrated laws in the array's place.

    Parameters
    ----------
    device : BehaviouralDevice
    conductances : ndarray, shape (rows, columns)
        At the start [S].
    parasitics : Parasitics, optional
        Wires of the products; pulses arrive in full.
    seed : int, optional
        Of the cycle-to-cycle noise; without it, mean steps.
    """

    name = "behaviour"

    def __init__(
        self,
        device: BehaviouralDevice,
        conductances: FloatArray,
        *,
        parasitics: Parasitics | None = None,
        seed: int | None = None,
    ) -> None:
        self.device, self.parasitics = device, parasitics or Parasitics()
        self.g: FloatArray = np.array(conductances, float)
        self._rng = None if seed is None else np.random.default_rng(seed)

    def multiply(self, voltages: FloatArray) -> FloatArray:
        """Read law and wires."""
        volts, law = np.atleast_2d(voltages), self.device.read_law
        return np.asarray(sum(law.shape(r, volts) @ w for r, w in enumerate(self._terms())))

    def multiply_back(self, voltages: FloatArray) -> FloatArray:
        """The cells see the voltages with the other sign; wires act alike both ways."""
        volts, law = np.atleast_2d(voltages), self.device.read_law
        return -np.asarray(sum(law.shape(r, -volts) @ w.T for r, w in enumerate(self._terms())))

    def _terms(self) -> list[FloatArray]:
        law = self.device.read_law
        attenuation = effective_conductance(self.g, self.parasitics) / self.g
        return [law.weight(r, self.g) * attenuation for r in range(law.rank)]

    def pulse(self, slots: Sequence[Slot]) -> None:
        """One step of the law a slot."""
        for slot in slots:
            hit = slot.cells
            self.g[hit] = self.device.pulse(self.g[hit], slot.polarity, rng=self._rng)

    def conductances(self) -> FloatArray:
        """As they stand."""
        return self.g.copy()

    def state(self) -> State:
        """Conductances."""
        return {"conductance": self.g}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.g = np.array(state["conductance"], float)
