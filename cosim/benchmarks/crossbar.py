"""Linear crossbars with wires: one input, many inputs, growth of cost."""

from __future__ import annotations

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
    below_goal,
    difference,
    fastest,
    in_turns,
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


def linear(size: int, full: bool, threads: int) -> Iterator[Row]:
    """One input on a linear crossbar, everything included from the conductances on."""
    g, inputs = problem(size)
    actions: dict[str, Any] = {NATIVE: partial(_solve, g, inputs)}
    actions |= {n: partial(p, g, inputs) for n, p in linear_peers(size, full).items()}
    times = in_turns(actions, 9 if size <= 256 else 5)
    mine = times.pop(NATIVE)
    found = mine.result
    peers = [
        slow.row(
            work="linear", size=size, solver=name, ratio=slow.ratio(mine, threads),
            accuracy=difference(slow.result, -found.column_current) if not slow.error else np.nan,
        )
        for name, slow in times.items()
    ]  # fmt: skip
    goals = [speed_goal(fastest(peers), LINEAR_GOALS[size])] if size in LINEAR_GOALS else []
    if size == 1024:
        goals.append(below_goal("memory", mine.memory, MEMORY_GOAL, "MiB"))
    yield mine.row(
        work="linear", size=size, solver=NATIVE, accuracy=found.residual, goals=tuple(goals),
        note=f"{found.iterations} iterations, {found.method}; accuracy: imbalance of currents",
    )  # fmt: skip
    yield from peers


def batch(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Many inputs on one linear crossbar; peers factor once."""
    g, inputs = problem(size, INPUTS)
    actions: dict[str, Any] = {NATIVE: partial(_solve_many, g, inputs)}
    actions |= {n: partial(p, g, inputs) for n, p in linear_peers(size, full).items()}
    times = in_turns(actions, 3 if size <= 256 else 1)
    mine = times.pop(NATIVE)
    peers = [
        slow.row(
            work="batch", size=size, solver=name, ratio=slow.ratio(mine, threads),
            accuracy=difference(slow.result, mine.result) if not slow.error else np.nan,
        )
        for name, slow in times.items()
    ]  # fmt: skip
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
