"""Nonlinear 1T1R arrays with wires: reads and pulses beside ngspice on the same testbench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from cosim.benchmarks import engines
from cosim.benchmarks.rows import (
    NATIVE,
    Floats,
    Goal,
    Row,
    Timed,
    below_goal,
    difference,
    in_turns,
    speed_goal,
)
from cosim.errors import SimulationTimeout
from cosim.simulators.native.peers import WIRE
from cosim.simulators.ngspice import NgspiceSimulator

READ_GOALS = {"plain": {64: 1000.0}, "compiled": {64: 100.0, 128: 100.0, 256: 100.0}}
PULSE_GOALS = {"plain": {64: 200.0}, "compiled": {64: 20.0}}
LARGE_READ = {"seconds": 5.0, "memory": 1024.0}
# Sizes up to which an ngspice run takes seconds, and up to which it is worth the wait.
LARGEST = {"read": {"plain": (16, 64), "compiled": (64, 256)},
           "pulse": {"plain": (8, 64), "compiled": (64, 64)}}  # fmt: skip
DEADLINE = (60.0, 600.0)
STOPPED = "stopped at the deadline: time and ratio are lower bounds"
NAMES = {"plain": "ngspice, B-source devices", "compiled": "ngspice, compiled devices"}


def array_1t1r(size: int) -> Any:
    """Square array of formed devices of random state with transistors and wires."""
    from compact_models import load_model
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    rng = np.random.default_rng(size)
    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=size,
        cols=size,
        parameters={"c_0": rng.uniform(0.7, 3.77, (size, size))},
        parasitics=Parasitics(r_row=WIRE, r_col=WIRE),
    )


@dataclass(frozen=True, kw_only=True)
class _Referee:
    """One ngspice on one testbench."""

    kind: str
    simulator: NgspiceSimulator
    testbench: Any
    probe: str

    @property
    def title(self) -> str:
        return engines.title(self.simulator)

    def __call__(self) -> Floats:
        return np.asarray(self.simulator.run(self.testbench)[self.probe][-1])


def _referees(work: str, size: int, full: bool, testbench: Any, probe: str) -> list[_Referee]:
    found = []
    for kind, simulator in (("compiled", engines.compiled()), ("plain", engines.plain())):
        if simulator is not None and size <= LARGEST[work][kind][full]:
            timed = replace(simulator, deadline=DEADLINE[full])
            found.append(_Referee(kind=kind, simulator=timed, testbench=testbench, probe=probe))
    return found


def _race(
    native: Callable[[], Any], referees: list[_Referee], runs: int
) -> tuple[Timed, dict[str, Timed]]:
    """The native solver and ngspice in turns; an ngspice that is stopped has its deadline."""
    from cosim.simulators.osdi_bench import warm

    actions: dict[str, Callable[[], Any]] = {NATIVE: native}
    for referee in referees:
        if referee.kind == "compiled":
            warm(referee.simulator, referee.testbench)
        actions[referee.title] = partial(_or_deadline, referee)
    times = in_turns(actions, runs, patience=2.0)
    return times.pop(NATIVE), times


def _or_deadline(referee: _Referee) -> Floats | None:
    try:
        return referee()
    except SimulationTimeout:
        return None


def _peer_rows(
    work: str,
    size: int,
    mine: Timed,
    times: dict[str, Timed],
    found: Floats,
    note: str,
    threads: int,
) -> list[Row]:
    rows = []
    for name, slow in times.items():
        stopped = slow.result is None and not slow.error
        close = np.nan if slow.result is None else difference(found, slow.result)
        rows.append(
            slow.row(
                work=work, size=size, solver=name, ratio=slow.ratio(mine, threads),
                memory=np.nan, accuracy=close,
                note=STOPPED if stopped else note,
            )
        )  # fmt: skip
    return rows


def _goals(
    table: dict[str, dict[int, float]], size: int, referees: list[_Referee], rows: list[Row]
) -> list[Goal]:
    goals = []
    for kind, least in table.items():
        if size not in least:
            continue
        names = [r.title for r in referees if r.kind == kind]
        row = next((r for r in rows if r.solver in names), None)
        goal = speed_goal(row, least[size], NAMES[kind])
        if row is not None and row.note == STOPPED and not goal.reached:
            # The bound is lower than the goal: the goal may be reached or not.
            goal = replace(goal, measured=f"> {goal.measured}", reached=None)
        goals.append(goal)
    return goals


def read(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Operating point of a nonlinear, self-heated 1T1R array with wires, from nothing."""
    from cosim.simulators.native import build_system
    from cosim.simulators.native.build import array_states
    from netlists import bias
    from netlists.analysis import Options
    from netlists.testbench import Testbench

    array = array_1t1r(size)
    held = array_states(array)
    v = np.random.default_rng(1).uniform(0, 0.2, size)
    gate, zero = np.full(size, 3.3), np.zeros(size)

    def solve() -> Any:
        system = build_system(array, threads=threads)
        return system, system.solve(bit=v, source=zero, gate=gate, held=held)

    testbench = Testbench(
        array=array,
        drives=bias.read(array, v),
        probes=("source_line_current",),
        options=Options(reltol=1e-4, vntol=1e-7, abstol=1e-12),
    )
    referees = _referees("read", size, full, testbench, "source_line_current")
    mine, times = _race(solve, referees, 7 if size <= 256 else 3)
    system, done = mine.result
    rows = _peer_rows(
        "read",
        size,
        mine,
        times,
        system.source_delivered.sum(axis=1),
        "accuracy: line currents",
        threads,
    )
    goals = _goals(READ_GOALS, size, referees, rows)
    if size == 1024:
        goals = [
            below_goal(
                "processor time" if threads == 1 else "time",
                mine.cpu if threads == 1 else mine.seconds,
                LARGE_READ["seconds"],
                "s",
            ),
            below_goal("memory", mine.memory, LARGE_READ["memory"], "MiB"),
        ]
    yield mine.row(
        work="read", size=size, solver=NATIVE, accuracy=done.residual, goals=tuple(goals),
        note=f"{done.newton} Newton, {done.krylov} Krylov, "
        f"{done.evaluations / size**2:.1f} evaluations a cell, {threads} threads; "
        "accuracy: imbalance of currents",
    )  # fmt: skip
    yield from rows


def pulse(size: int, full: bool, threads: int) -> Iterator[Row]:
    """One 100 ns SET pulse on every cell at once, with self-heating and vacancy motion.

    ngspice has the tolerances at which its states are about as good as the native solver's:
    both are compared with the native solver at a hundredth of its tolerance.
    """
    from cosim.simulators.native import NativeSimulator
    from netlists import bias
    from netlists.analysis import Options, Transient
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    wave = Waveform.pulse(1.5, 1e-7, rise=5e-9, fall=5e-9, after=1e-8)
    array = array_1t1r(size)
    testbench = Testbench(
        array=array,
        drives=bias.every_cell(array, wave, gate=2.0),
        probes=("state:c",),
        analysis=Transient(stop=wave.duration, step=2e-9),
        options=Options(reltol=3e-4, method="gear"),
    )
    referees = _referees("pulse", size, full, testbench, "state:c")
    simulator = NativeSimulator(threads=threads)
    mine, times = _race(partial(simulator.run, testbench), referees, 5)
    exact = NativeSimulator(state_tolerance=1e-6, threads=threads).run(testbench)["state:c"][-1]
    moved = float(np.max(np.abs(exact - array.parameters["c_0"])))
    rows = _peer_rows(
        "pulse", size, mine, times, exact, "accuracy: states, against the same fine run", threads
    )
    goals = _goals(PULSE_GOALS, size, referees, rows)
    yield mine.row(
        work="pulse", size=size, solver=NATIVE, goals=tuple(goals),
        accuracy=difference(mine.result["state:c"][-1], exact),
        note=f"{len(mine.result.axis) - 1} steps, {threads} threads; accuracy: states against a "
        f"run at 1e-6; the pulse moves them by {moved / float(np.max(exact)):.1e}",
    )  # fmt: skip
    yield from rows
