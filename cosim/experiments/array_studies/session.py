"""One array, pulsed and read again and again: states go in and come out.

On the native solver the systems of the array are built once and keep their last solution; any
other simulator runs one testbench a pulse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.model import CompactModel
from cosim.experiments.array_studies import common
from cosim.experiments.base import final_states, state_probes
from cosim.simulators.base import RunProvenance, Simulator
from netlists import Array, Options
from netlists.analysis import OperatingPoint, Transient
from netlists.testbench import Testbench
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from cosim.simulators.native.newton import ArraySystem
    from cosim.simulators.native.simulator import NativeSimulator
    from netlists.bias import Drives

Floats = NDArray[np.float64]
States = dict[str, Floats]

STEPS = 50
"""Least number of time points of a pulse where the simulator does not choose them itself."""


def precise(simulator: Simulator) -> Simulator:
    """The simulator with state errors that are small beside the change by a single pulse."""
    if simulator.name != "native":
        return simulator
    native: NativeSimulator = simulator  # type: ignore[assignment]
    return replace(native, state_tolerance=min(native.state_tolerance, 1e-6))


@dataclass(eq=False, kw_only=True)
class Session:
    """An array under one simulator.

    Parameters
    ----------
    array : Array
    simulator : Simulator
    """

    array: Array
    simulator: Simulator
    warnings: dict[str, None] = field(default_factory=dict, init=False)
    wall_time: float = field(default=0.0, init=False)
    version: str = field(default="", init=False)
    _solved: Array | None = field(default=None, init=False)
    _systems: dict[bool, ArraySystem] = field(default_factory=dict, init=False)
    _hash: Any = field(default_factory=hashlib.sha256, init=False)
    _hashed: bool = field(default=False, init=False)
    _changed: set[str] = field(default_factory=set, init=False)

    def start(self) -> States:
        """Held states of the array at its start, each (rows, cols), normalised."""
        held = (s.name for s in self.array.cell.reram.states if s.held)
        return {name: self.array.initial_state(name) for name in held}

    def pulse(
        self, drives: Drives, states: States, parameters: Mapping[str, Floats] | None = None
    ) -> tuple[States, float]:
        """Apply one transient; returns the states after it and the energy of the drivers [J].

        Parameters
        ----------
        drives : mapping of str to Waveform
            The longest of them is the duration.
        states : dict of str to ndarray, shape (rows, cols)
        parameters : mapping of str to ndarray, shape (rows, cols), optional
            Parameters of the memory devices that this pulse has different ones of.

        Raises
        ------
        SimulatorError
        """
        waves = [w for w in drives.values() if w is not None]
        stop = max(w.duration for w in waves)
        self._note(drives, states, parameters or {})
        if self.simulator.name == "native":
            return self._native_pulse(drives, states, parameters or {}, stop)
        array = self.array.with_parameters(**(parameters or {})).with_states(states)
        longest = stop / STEPS
        bench = Testbench(
            array=array,
            drives=drives,
            analysis=Transient(stop=stop, step=longest, max_step=longest),
            probes=(*state_probes(array), *common.line_currents(drives)),
            options=_options(array),
            title="pulse",
        )
        result = self.simulator.run(bench)
        self._remember(result.provenance)
        after = final_states(array, result)
        power = common.driver_power(bench.drives, result)
        energy = float((_mean_power(power[:-1], power[1:]) * np.diff(result.axis)).sum())
        return {n: after[f"final_{n}"] for n in states}, energy

    def read(self, drives: Drives, states: States) -> tuple[Floats, float]:
        """Operating point; returns currents out of the source lines [A], drivers' power [W].

        Raises
        ------
        SimulatorError
        """
        if self.simulator.name == "native":
            system, stimuli = self._prepared(drives, dynamic=False)
            bit, source, gate = stimuli.at(0.0)
            system.solve(bit=bit, source=source, gate=gate, held=np.array(list(states.values())))
            return -system.source_delivered.sum(axis=1), self._power(system, bit, source)
        array = self.array.with_states(states)
        bench = Testbench(
            array=array,
            drives=drives,
            analysis=OperatingPoint(),
            probes=common.line_currents(drives),
            options=common.OPTIONS,
            title="read",
        )
        result = self.simulator.run(bench)
        self._remember(result.provenance)
        lines = range(array.line_set("sl").count)
        taken = np.array([-float(result[f"i(sl{k})"][0]) for k in lines])
        return taken, float(common.driver_power(bench.drives, result)[0])

    def absorb(self, other: Session) -> None:
        """Count what another session did as this one's."""
        self.wall_time += other.wall_time
        self.warnings.update(other.warnings)
        self._hash.update(other._hash.digest())

    def provenance(self) -> RunProvenance:
        """Where the results of all pulses so far came from."""
        return RunProvenance(
            simulator=self.simulator.name,
            version=self.version or str(getattr(self.simulator, "version", "")),
            netlist_sha256=self._hash.hexdigest(),
            wall_time=self.wall_time,
            warnings=tuple(self.warnings),
        )

    def _prepared(self, drives: Drives, *, dynamic: bool) -> tuple[ArraySystem, Any]:
        from cosim.simulators.native.build import Stimuli, build_system
        from cosim.simulators.native.stand_in import stood_in_array

        native: NativeSimulator = self.simulator  # type: ignore[assignment]
        if self._solved is None:
            self._solved, notes = stood_in_array(self.array, native.stand_in)
            self.warnings.update(dict.fromkeys(notes))
        bench = Testbench(
            array=self._solved, drives=drives, analysis=OperatingPoint(),
            probes=("source_line_current",), title="pulse",
        )  # fmt: skip
        if dynamic not in self._systems:
            from netlists.limits import stimulus_findings, voltage_findings

            for finding in (*voltage_findings(bench), *stimulus_findings(bench)):
                if finding.severity == "error":
                    raise finding.as_error()
                self.warnings[str(finding)] = None
            self._systems[dynamic] = build_system(
                self._solved, dynamic=dynamic, tolerance=native.tolerance, threads=native.threads
            )
        return self._systems[dynamic], Stimuli(bench)

    def _native_pulse(
        self, drives: Drives, states: States, parameters: Mapping[str, Floats], stop: float
    ) -> tuple[States, float]:
        import time

        from cosim.simulators.native.transient import Integrator

        begin = time.perf_counter()
        system, stimuli = self._prepared(drives, dynamic=True)
        # What an earlier pulse had of its own goes back to what the array has.
        own = {n: self.array.parameter_array(n) for n in self._changed - set(parameters)}
        if own or parameters:
            system.change({**own, **parameters})
        self._changed = set(parameters)
        integrator = Integrator(
            system=system,
            stimuli=stimuli,
            states=np.array([np.asarray(s, dtype=float) for s in states.values()]),
            tolerance=self.simulator.state_tolerance,  # type: ignore[attr-defined]
        )
        integrator.start(0.0)
        marks = stimuli.breakpoints
        marks = np.unique(np.append(marks[(marks > 0) & (marks < stop)], stop))
        bit, source, _ = stimuli.at(0.0)
        t, energy, before = 0.0, 0.0, self._power(system, bit, source)
        for mark in marks:
            while t < mark:
                reached, _ = integrator.step(t, float(mark), np.inf)
                bit, source, _ = stimuli.at(reached)
                power = self._power(system, bit, source)
                energy += _mean_power(before, power) * (reached - t)
                t, before = reached, power
        self.wall_time += time.perf_counter() - begin
        return dict(zip(states, integrator.states.copy(), strict=True)), energy

    @staticmethod
    def _power(system: ArraySystem, bit: Floats, source: Floats) -> float:
        return float(
            bit @ system.bit_delivered.sum(axis=1) + source @ system.source_delivered.sum(axis=1)
        )

    def _note(self, drives: Drives, states: States, parameters: Mapping[str, Floats]) -> None:
        """Feed what decides a pulse to the hash of the session."""
        if self.simulator.name != "native":
            return
        if not self._hashed:
            self._hash.update(self.array.fingerprint.encode())
            self._hashed = True
        for part in (drives, parameters, states):
            for name, value in part.items():
                self._hash.update(name.encode())
                if isinstance(value, Waveform):
                    self._hash.update(repr(value).encode())
                else:
                    self._hash.update(np.ascontiguousarray(value).tobytes())

    def _remember(self, provenance: RunProvenance) -> None:
        self.warnings.update(dict.fromkeys(provenance.warnings))
        self.wall_time += provenance.wall_time
        self.version = provenance.version
        self._hash.update(provenance.netlist_sha256.encode())


def _options(array: Array) -> Options:
    """Of a pulse in another simulator."""
    if isinstance(array.cell.selector, CompactModel):
        return replace(common.OPTIONS, gmin=1e-15, reltol=1e-5)
    # A foundry's card has junctions, which stop at tolerances below what they leak.
    return Options(reltol=1e-5)


def _mean_power(before: Any, after: Any) -> Any:
    """Mean over a step of a power whose voltage and current both change linearly.

    Measured on a SET and a RESET pulse of the solver's own few steps: within 1e-4 of the integral
    with 64 steps, where the trapezoidal rule is off by 2e-3, nearly all of it on the edges.
    """
    return (before + np.sqrt(np.maximum(before * after, 0.0)) + after) / 3.0
