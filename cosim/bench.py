"""Benchmarks of the native solver beside its peers, in one run: size, time, accuracy.

Rows are medians of several runs; the first call, which may compile, is timed apart.  A peer's ratio
is to the native solver's time in the same run.  Accuracy is the largest relative difference of
line currents to the peer, or the imbalance of currents where there is no peer.
"""

from __future__ import annotations

import json as json_module
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError, SimulationTimeout, SimulatorError, best_matches
from cosim.simulators.native.peers import WIRE, linear_peers, ngspice, splu

Floats = NDArray[np.float64]

THREADS = 2
"""That share the cells of nonlinear arrays; everything else is on one."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure.

    Parameters
    ----------
    work : str
        Which benchmark.
    size : int
        Rows and columns of the array.
    solver : str
        ``"native"`` or the peer's name.
    seconds : float
        Median; of a peer that passed its deadline, the deadline.
    cpu : float
        Median processor time of this process [s], less disturbed on a shared machine; 0 where a
        peer is another program.
    first : float
        First call, compilation included [s].
    accuracy : float
        See the module's docstring.
    ratio : float
        Peer's time over the native solver's.
    note : str
    """

    work: str
    size: int
    solver: str
    seconds: float
    cpu: float = 0.0
    first: float = 0.0
    accuracy: float = float("nan")
    ratio: float = 1.0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class _Timing:
    seconds: float
    cpu: float
    first: float


def _median(action: Callable[[], Any], runs: int) -> tuple[_Timing, Any]:
    """Median times of `action`, and what it returned."""
    begin = time.perf_counter()
    result = action()
    first = time.perf_counter() - begin
    if first > 5.0:
        runs = min(runs, 1)
    walls, processor = [], []
    for _ in range(runs):
        begin, start = time.perf_counter(), time.process_time()
        result = action()
        walls.append(time.perf_counter() - begin)
        processor.append(time.process_time() - start)
    timing = _Timing(seconds=float(np.median(walls)), cpu=float(np.median(processor)), first=first)
    return timing, result


def _problem(size: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(size)
    return rng.uniform(9e-6, 88.2e-6, (size, size)), rng.uniform(-0.2, 0.2, size)


def _accuracy(found: Floats, other: Floats) -> float:
    return float(np.max(np.abs(found - other)) / np.max(np.abs(other)))


def linear(sizes: Sequence[int] = (64, 128, 256, 512, 1024)) -> Iterator[Row]:
    """One input on a linear crossbar with wires, factoring included."""
    from cosim.simulators.native import LinearCrossbar, Lines

    def once(g: Floats, v: Floats) -> Any:
        lines = Lines.driven(len(v), WIRE)
        return LinearCrossbar(g, lines, lines).solve(v, np.zeros(len(v)))

    for size in sizes:
        g, v = _problem(size)
        timing, found = _median(partial(once, g, v), 9 if size <= 512 else 5)
        yield Row(
            work="linear", size=size, solver="native", **asdict(timing),
            accuracy=found.residual, note=f"{found.iterations} iterations, {found.method}",
        )  # fmt: skip
        for name, peer in linear_peers(size):
            slow, other = _median(partial(peer, g, v), 3)
            yield Row(
                work="linear", size=size, solver=name, **asdict(slow),
                accuracy=_accuracy(-found.column_current, other),
                ratio=slow.seconds / timing.seconds,
            )  # fmt: skip


def batch(sizes: Sequence[int] = (256, 512, 1024), inputs: int = 100) -> Iterator[Row]:
    """Many inputs on one linear crossbar."""
    from cosim.simulators.native import LinearCrossbar, Lines

    def many(g: Floats, v: Floats) -> Floats:
        lines = Lines.driven(len(g), WIRE)
        return LinearCrossbar(g, lines, lines).solve_many(v, np.zeros(len(g)))

    for size in sizes:
        g, _ = _problem(size)
        v = np.random.default_rng(1).uniform(-0.2, 0.2, (inputs, size))
        timing, found = _median(partial(many, g, v), 1)
        total = np.abs(found.sum(axis=1)) / np.abs(found).max(axis=1)
        yield Row(
            work="batch", size=size, solver="native", **asdict(timing),
            accuracy=float(total.max()), note=f"{inputs} inputs",
        )  # fmt: skip
        if size <= 256:
            slow, _ = _median(partial(splu, g, v[0], inputs), 1)
            yield Row(
                work="batch", size=size, solver="scipy splu", **asdict(slow),
                ratio=slow.seconds / timing.seconds, note=f"{inputs} inputs",
            )  # fmt: skip


def _array(size: int, **states: float) -> Any:
    from compact_models import load_model
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    rng = np.random.default_rng(size)
    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=size,
        cols=size,
        parameters={"c_0": rng.uniform(0.7, 3.77, (size, size)), **states},
        parasitics=Parasitics(r_row=WIRE, r_col=WIRE),
    )


def matrix(sizes: Sequence[int] = (64, 128), inputs: int = 10000) -> Iterator[Row]:
    """The effective matrix of a 1T1R tile with wires, then inputs through it."""
    from cosim.simulators.native import effective_matrix

    for size in sizes:
        array = _array(size)
        timing, tile = _median(partial(effective_matrix, array, samples=0), 3)
        checked = effective_matrix(array, samples=3)
        v = np.random.default_rng(1).uniform(0, 0.2, (inputs, size))
        each, _ = _median(partial(tile.product, v), 9)
        yield Row(
            work="matrix", size=size, solver="native", **asdict(timing),
            accuracy=checked.nonlinearity,
            note=f"then {inputs / each.seconds:.3g} inputs/s; accuracy: nonlinearity left out",
        )  # fmt: skip


def _beside_ngspice(
    work: str, size: int, testbench: Any, probe: str, seconds: float, found: Floats, deadline: float
) -> Iterator[Row]:
    simulator = ngspice(deadline)
    if simulator is None:
        return
    name = f"ngspice {simulator.version}"
    begin = time.perf_counter()
    try:
        other = simulator.run(testbench)[probe][-1]
    except SimulationTimeout:
        yield Row(
            work=work, size=size, solver=name, seconds=deadline, ratio=deadline / seconds,
            note="stopped at the deadline: time and ratio are lower bounds",
        )  # fmt: skip
        return
    except SimulatorError as error:
        yield Row(work=work, size=size, solver=name, seconds=float("nan"), note=error.thing)
        return
    slow = time.perf_counter() - begin
    yield Row(
        work=work, size=size, solver=name, seconds=slow, first=slow,
        accuracy=_accuracy(found, other), ratio=slow / seconds, note="B-source devices, one run",
    )  # fmt: skip


def read(
    sizes: Sequence[int] = (64, 128, 256, 1024),
    peers: Sequence[int] = (16,),
    deadline: float = 60.0,
) -> Iterator[Row]:
    """Operating point of a nonlinear, self-heated 1T1R array with wires, from nothing."""
    from cosim.simulators.native import build_system
    from cosim.simulators.native.build import array_states

    for size in sorted({*sizes, *peers}):
        array = _array(size)
        held = array_states(array)
        v = np.random.default_rng(1).uniform(0, 0.2, size)
        gate, zero = np.full(size, 3.3), np.zeros(size)

        def solve(array: Any = array, v: Floats = v, held: Floats = held, gate: Floats = gate,
                  zero: Floats = zero) -> Any:  # fmt: skip
            system = build_system(array, threads=THREADS)
            return system, system.solve(bit=v, source=zero, gate=gate, held=held)

        timing, (system, done) = _median(solve, 7 if size <= 256 else 2)
        yield Row(
            work="read", size=size, solver="native", **asdict(timing),
            accuracy=done.residual,
            note=f"{done.newton} Newton, {done.krylov} Krylov, "
            f"{done.evaluations / size**2:.1f} evaluations a cell",
        )  # fmt: skip
        if size in peers:
            from netlists import bias
            from netlists.analysis import Options
            from netlists.testbench import Testbench

            testbench = Testbench(
                array=array,
                drives=bias.read(array, v),
                probes=("source_line_current",),
                options=Options(reltol=1e-6, vntol=1e-9, abstol=1e-14),
            )
            found = system.source_delivered.sum(axis=1)
            yield from _beside_ngspice(
                "read", size, testbench, "source_line_current", timing.seconds, found, deadline
            )


def pulse(
    sizes: Sequence[int] = (8, 64), peers: Sequence[int] = (8,), deadline: float = 120.0
) -> Iterator[Row]:
    """One 100 ns SET pulse on every cell at once, with self-heating and vacancy motion."""
    from cosim.simulators.native import NativeSimulator
    from netlists import bias
    from netlists.analysis import Options, Transient
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    for size in sorted({*sizes, *peers}):
        wave = Waveform.pulse(1.5, 1e-7, rise=5e-9, fall=5e-9, after=1e-8)
        array = _array(size)
        testbench = Testbench(
            array=array,
            drives=bias.every_cell(array, wave, gate=2.0),
            probes=("state:c",),
            analysis=Transient(stop=wave.duration, step=2e-9),
            options=Options(reltol=1e-4, method="gear"),
        )
        timing, found = _median(partial(NativeSimulator(threads=THREADS).run, testbench), 3)
        fine = NativeSimulator(state_tolerance=1e-6).run(testbench)["state:c"][-1]
        yield Row(
            work="pulse", size=size, solver="native", **asdict(timing),
            accuracy=_accuracy(found["state:c"][-1], fine),
            note=f"{len(found.axis) - 1} steps; accuracy against tolerance 1e-6",
        )  # fmt: skip
        if size in peers:
            yield from _beside_ngspice(
                "pulse", size, testbench, "state:c", timing.seconds, found["state:c"][-1], deadline
            )


BENCHMARKS: dict[str, Callable[..., Iterator[Row]]] = {
    "linear": linear,
    "batch": batch,
    "matrix": matrix,
    "read": read,
    "pulse": pulse,
}


def run_benchmarks(
    selected: Sequence[str] | None = None, json: bool = False, **options: Any
) -> list[Row]:
    """Run benchmarks and print them as they finish.

    Parameters
    ----------
    selected : sequence of str, optional
        Of ``BENCHMARKS``; default all.
    json : bool
        Print one JSON document at the end instead of a table.
    **options
        Passed to every selected benchmark, e.g. ``sizes=(64,)``.

    Returns
    -------
    list of Row

    Raises
    ------
    ConfigError
        If a benchmark is unknown.
    """
    import platform
    import resource

    for name in selected or ():
        if name not in BENCHMARKS:
            raise ConfigError(
                thing="no benchmark of that name",
                value=name,
                limit=", ".join(BENCHMARKS),
                next_step=best_matches(name, BENCHMARKS),
            )
    rows: list[Row] = []
    if not json:
        print(f"{'work':8}{'size':>6}  {'solver':14}{'time [s]':>11}{'cpu [s]':>11}"
              f"{'first [s]':>11}"
              f"{'ratio':>10}{'accuracy':>11}  note")  # fmt: skip
    for name in selected or BENCHMARKS:
        for row in BENCHMARKS[name](**options):
            rows.append(row)
            if not json:
                print(f"{row.work:8}{row.size:6}  {row.solver:14}{row.seconds:11.4g}{row.cpu:11.4g}"
                      f"{row.first:11.4g}{row.ratio:10.4g}{row.accuracy:11.1e}  {row.note}",
                      flush=True)  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if json:
        document = {
            "machine": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "peak_memory_mib": peak,
            "rows": [asdict(r) for r in rows],
        }
        print(json_module.dumps(document, indent=1))
    else:
        print(f"peak memory of this process: {peak:.0f} MiB")
    return rows
