"""Linear crossbars with wires: one input, many inputs, growth of cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from cosim.benchmarks.rows import (
    NATIVE,
    Floats,
    Goal,
    Row,
    Timed,
    below_goal,
    difference,
    fastest,
    free_memory,
    in_turns,
    memory_speed,
    speed_goal,
)
from cosim.simulators.native.peers import WIRE, linear_peers, problem

# Times the fastest peer, by size.
LINEAR_GOALS = {64: 1.0, 128: 1.0, 256: 10.0, 512: 10.0, 1024: 20.0}
BATCH_GOALS = {256: 2.0, 512: 2.0, 1024: 3.0}
MEMORY_GOAL = 300.0
GROWTH_GOAL = 6.0
INPUTS = 100


def _solve(g: Floats, inputs: Floats) -> Any:
    from cosim.simulators.native import LinearCrossbar, Lines

    lines = Lines.driven(len(g), WIRE)
    return LinearCrossbar(g, lines, lines).solve(inputs[0], np.zeros(len(g)))


def _solve_many(g: Floats, inputs: Floats) -> Floats:
    from cosim.simulators.native import LinearCrossbar, Lines

    lines = Lines.driven(len(g), WIRE)
    found = LinearCrossbar(g, lines, lines).solve_many(inputs, np.zeros(len(g)))
    return np.asarray(-found[:, len(g) :])


def _limit(found: Any, mine: Timed, threads: int) -> tuple[float, str]:
    """Time that memory alone would take for a solution [s], and how close the solver is."""
    if not math.isfinite(found.moved):
        return math.nan, ""
    speed = memory_speed()
    limit = found.moved / speed
    spent = mine.cpu if threads == 1 else mine.seconds
    cells = found.cell_current.size
    return limit, (
        f"; {found.moved / 1e6:.3g} MB moved, {found.moved / cells:.0f} bytes a cell: "
        f"{limit * 1e3:.3g} ms at the {speed / 1e9:.3g} GB/s of memory, takes {spent / limit:.2g} x"
    )


def _race(
    name: str, size: int, full: bool, threads: int, inputs: int, runs: int
) -> tuple[Timed, list[Row], Floats, Floats]:
    """The native solver and its peers in turns: its times, their rows, problem."""
    g, v = problem(size, inputs)
    peers, skipped = linear_peers(size, full, inputs, free_memory())
    solve = partial(_solve if inputs == 1 else _solve_many, g, v)
    actions: dict[str, Any] = {NATIVE: solve}
    actions |= {n: partial(p, g, v) for n, p in peers.items()}
    times = in_turns(actions, runs)
    mine = times.pop(NATIVE)
    currents = -mine.result.column_current if inputs == 1 else mine.result
    rows = [
        slow.row(
            work=name, size=size, solver=peer, ratio=slow.ratio(mine, threads),
            accuracy=difference(slow.result, currents) if not slow.error else math.nan,
        )
        for peer, slow in times.items()
    ]  # fmt: skip
    rows += [
        Row(work=name, size=size, solver=peer, seconds=math.nan, runs=0, ratio=math.nan, note=why)
        for peer, why in skipped.items()
    ]
    return mine, rows, g, v


def linear(size: int, full: bool, threads: int) -> Iterator[Row]:
    """One input on a linear crossbar, everything included from the conductances on."""
    mine, peers, _, _ = _race("linear", size, full, threads, 1, 9 if size <= 256 else 5)
    found = mine.result
    goals = [speed_goal(fastest(peers), LINEAR_GOALS[size])] if size in LINEAR_GOALS else []
    if size == 1024:
        goals.append(below_goal("memory", mine.memory, MEMORY_GOAL, "MiB"))
    limit, how_close = _limit(found, mine, threads)
    yield mine.row(
        work="linear", size=size, solver=NATIVE, accuracy=found.residual, goals=tuple(goals),
        limit=limit,
        note=f"{found.iterations} iterations, {found.method}; accuracy: imbalance of currents"
        + how_close,
    )  # fmt: skip
    yield from peers


def batch(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Many inputs on one linear crossbar; peers factor once."""
    mine, peers, g, inputs = _race("batch", size, full, threads, INPUTS, 3 if size <= 256 else 1)
    checked = _solve(g, inputs[-1:])
    goals = [speed_goal(fastest(peers), BATCH_GOALS[size])] if size in BATCH_GOALS else []
    yield mine.row(
        work="batch", size=size, solver=NATIVE, goals=tuple(goals),
        accuracy=difference(mine.result[-1], -checked.column_current),
        note=f"{INPUTS} inputs; accuracy: last input against a solve of its own",
    )  # fmt: skip
    yield from peers


def growth(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Cost of an array of twice the size, in turns with the smaller one."""
    sizes = (size // 2, size)
    times = in_turns({str(n): partial(_solve, *problem(n)) for n in sizes}, 15)
    small, large = (times[str(n)] for n in sizes)
    ratio = large.cpu / small.cpu
    for n, timed in zip(sizes, (small, large), strict=True):
        row = timed.row(
            work="growth", size=n, solver=NATIVE, ratio=timed.cpu / small.cpu,
            accuracy=timed.result.residual, note=f"linear, {timed.result.iterations} iterations",
        )  # fmt: skip
        if n == size:
            goal = Goal(
                what=f"processor time of {size} over {size // 2}",
                wanted=f"< {GROWTH_GOAL:g} x",
                measured=f"{ratio:.3g} x",
                reached=ratio < GROWTH_GOAL,
            )
            row = replace(row, goals=(goal,))
        yield row
