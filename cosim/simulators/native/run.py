"""A transient testbench from its first corner to its stop: what is solved and what is kept."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.simulators.native.build import Stimuli, build_system, initial_states
from cosim.simulators.native.jumps import METHOD, Jumps, Train, between, find_trains
from cosim.simulators.native.record import Recorder
from cosim.simulators.native.settings import NativeSettings
from cosim.simulators.native.steps import Convergence
from cosim.simulators.native.transient import Integrator

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

Floats = NDArray[np.float64]

# Points that come back of a jump over many equal periods.
_POINTS = 16


def run_transient(
    simulator: NativeSettings, testbench: Testbench, start: float
) -> tuple[Floats, dict[str, Floats], list[str]]:
    """Axis, probes and notes of a transient testbench; `start` is when the run began [s]."""
    return _Run(simulator, testbench, start).run()


def stores_charge(array: Array) -> bool:
    """Whether lines or devices of an array have any capacitance."""
    wires, devices = array.parasitics, (array.cell.reram, array.cell.selector)
    return max(wires.c_row, wires.c_col, wires.c_word) > 0 or any(
        b.charge is not None for d in devices for b in getattr(d, "branches", ())
    )


class _Run:
    def __init__(self, simulator: NativeSettings, testbench: Testbench, start: float) -> None:
        self._simulator, self._testbench, self._start = simulator, testbench, start
        self._analysis: Any = testbench.analysis
        self._charged = simulator.line_capacitance and stores_charge(testbench.array)
        self._system = build_system(
            testbench.built_array,
            floating=testbench.floating,
            dynamic=True,
            charged=self._charged,
            tolerance=simulator.tolerance,
            threads=simulator.threads,
        )
        self._stimuli = Stimuli(testbench)
        self._integrator = self._make_integrator()
        self._recorder = Recorder(testbench, self._system)
        self._changes = deque(sorted(simulator.changes, key=lambda change: change.time))
        self._notes: list[str] = []
        self._done: Convergence

    def _make_integrator(self) -> Integrator:
        testbench = self._testbench
        states, tolerance = initial_states(testbench), self._simulator.state_tolerance
        if not self._charged:
            return Integrator(
                system=self._system, stimuli=self._stimuli, states=states, tolerance=tolerance
            )
        from cosim.simulators.native.wires import WireIntegrator
        from cosim.simulators.native.word_lines import WordLines

        array = testbench.built_array
        return WireIntegrator(
            system=self._system,
            stimuli=self._stimuli,
            states=states,
            tolerance=tolerance,
            word=None if array.cell.selector is None else WordLines(array),
        )

    def run(self) -> tuple[Floats, dict[str, Floats], list[str]]:
        """Go from corner to corner."""
        simulator, stop = self._simulator, self._analysis.stop
        self._change(0.0)
        self._done = self._integrator.start(0.0)
        self._record(0.0)
        more = [c.time for c in self._changes] + [self._analysis.save_from]
        marks = np.append(self._stimuli.breakpoints, more)
        marks = np.unique(np.append(marks[(marks > 0.0) & (marks < stop)], stop))
        self._corners = np.concatenate([[0.0], marks])
        trains: dict[int, Train] = {}
        if simulator.train_from and len(self._integrator.states) and not self._charged:
            # With parameters that change on the way, no two pulses are equal.
            levels = self._stimuli.levels_at(self._corners, ("bl", "sl", "wl"))
            strain = np.abs(self._stimuli.levels_at(self._corners, ("bl", "sl"))).max(axis=1)
            least = simulator.train_from if not simulator.changes else len(marks) + 1
            trains = {n.first: n for n in find_trains(self._corners, levels, strain, least)}
        k = 0
        while k < len(marks):
            if k in trains:
                self._skip_through(trains[k])
                k += trains[k].marks * trains[k].count
                continue
            self._through(k, 0.0)
            k += 1
            if k < len(marks) and self._change(float(self._corners[k])):
                self._done = self._integrator.restart(float(self._corners[k]))
        axis, data = self._recorder.arrays()
        if self._integrator.direct:
            self._notes.append(
                f"{self._integrator.direct} array steps used the sparse direct solver"
            )
        return axis, data, self._notes

    def _change(self, t: float) -> bool:
        """Make the changes of parameters up to time `t`; whether there were any."""
        any_made = False
        while self._changes and self._changes[0].time <= t:
            self._system.change(self._changes.popleft().values)
            any_made = True
        return any_made

    def _record(self, t: float, later: float = 0.0) -> None:
        """Keep the present solution at time `t`, which stands for one that is later."""
        if t + later >= self._analysis.save_from:
            self._recorder.add(
                t + later,
                self._system,
                self._stimuli.at(t),
                self._integrator.states,
                self._done.residual,
            )

    def _through(self, k: int, later: float | None) -> None:
        """Integrate from corner k to the next; with `later` None nothing is kept."""
        t, mark = float(self._corners[k]), float(self._corners[k + 1])
        analysis, longest = self._analysis, np.inf
        moving = self._stimuli.moving(t, mark)
        if moving or self._charged or self._simulator.keep_max_step:
            longest = analysis.max_step or np.inf
            if moving and self._charged:
                # What follows an edge is a waveform, not a state to come.
                longest = min(longest, (mark - t) / 20.0)
            if moving and mark - t > 0.02 * analysis.stop:
                # A long ramp is a measured curve: its points follow the suggested step.
                longest = min(longest, max(analysis.step, (mark - t) / 1000.0))
        while t < mark:
            t, self._done = self._integrator.step(t, mark, longest)
            if later is not None:
                self._record(t, later)
            self._simulator.check_deadline(self._start)

    def _skip_through(self, train: Train) -> None:
        """Take a train of equal periods by jumps."""
        integrator, recorder, first = self._integrator, self._recorder, train.first
        begin, end = (float(self._corners[first + k * train.marks]) for k in (0, train.count))
        period = (end - begin) / train.count
        states = [s for s in self._testbench.array.cell.reram.states if s.held]
        lower = np.array([s.lower for s in states])
        upper = np.array([s.upper for s in states])
        kept = len(recorder)

        def change(x: Floats, number: int | None) -> Floats:
            nonlocal kept
            integrator.states = x
            self._done = integrator.start(begin)
            kept = len(recorder)
            for k in range(first, first + train.marks):
                self._through(k, None if number is None else number * period)
            return integrator.states - x

        def fill(
            number: int, jump: int, x: Floats, d: Floats, after: Floats, d_after: Floats
        ) -> None:
            for k, between_them in between(jump, x, d, after, d_after, _POINTS):
                integrator.states = np.clip(
                    between_them, lower[:, None, None], upper[:, None, None]
                )
                self._done = integrator.start(begin)
                self._record(begin, (number + k) * period)

        jumps = Jumps(
            change=change,
            tolerance=self._simulator.train_tolerance,
            lower=lower,
            upper=upper,
            discard=lambda: recorder.truncate(kept),
            accepted=fill,
        )
        # Errors of one period look like changes from period to period: they must be smaller.
        usual = integrator.tolerance
        integrator.tolerance = min(usual, max(0.1 * jumps.tolerance, 1e-7))
        (integrator.states,) = jumps.run(integrator.states, [train.count])
        integrator.tolerance = usual
        self._done = integrator.start(end)
        self._notes.append(
            f"{train.count} equal pulses from {begin:.6g} s by the {METHOD}: {jumps.integrated} "
            f"periods integrated in full, summed error estimate {jumps.error:.2g} of a state; "
            "of the pulses between, only some ends of periods come back"
        )
