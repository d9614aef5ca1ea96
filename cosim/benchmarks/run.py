"""Run benchmarks, each size in a process of its own, and print their rows and goals."""

from __future__ import annotations

import json as json_module
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from cosim.benchmarks.rows import NATIVE, NO_SOLVER, Goal, Row
from cosim.benchmarks.sections import SECTIONS, absent
from cosim.errors import ConfigError, best_matches

MARK = "cosim-benchmark-row "
_LIMIT = (900.0, 7200.0)  # s, of one size
_HEAD = (
    f"{'work':10}{'size':>5}  {'solver':17}{'time [s]':>10}{'cpu [s]':>10}{'first [s]':>10}"
    f"{'ratio':>9}{'accuracy':>10}{'MiB':>7}  note"
)


def _checked(selected: Sequence[str] | None, sizes: Sequence[int] | None, threads: int) -> None:
    for name in selected or ():
        if name not in SECTIONS:
            raise ConfigError(
                thing="no benchmark of that name",
                value=name,
                next_step=best_matches(name, SECTIONS),
            )
    for size in sizes or ():
        if not 2 <= size <= 8192 and size != 1:
            raise ConfigError(thing="size of a benchmark", value=size, limit="1 to 8192")
    if threads < 1:
        raise ConfigError(thing="threads of a benchmark", value=threads, limit=">= 1")


def _rows_of(name: str, size: int, full: bool, threads: int) -> list[Row]:
    """Rows of one size, measured by another process."""
    number = str(threads)
    environment = {
        **os.environ,
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), number),
    }
    command = [sys.executable, "-m", "cosim.benchmarks", name, str(size), str(int(full)), number]
    worker = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    late = ""
    try:
        out, told = worker.communicate(timeout=_LIMIT[full])
    except subprocess.TimeoutExpired:
        late = f"stopped after {_LIMIT[full]:g} s"
        out, told = _stop(worker)
    except BaseException:
        _stop(worker)
        raise
    ended = worker.returncode
    reason = late or (told.strip().splitlines() or ["no message"])[-1]
    rows = [
        _row(json_module.loads(line[len(MARK) :]))
        for line in out.splitlines()
        if line.startswith(MARK)
    ]
    if ended != 0 or late:
        what = f"killed by signal {-ended}" if ended < 0 and not late else reason
        rows.append(
            Row(work=name, size=size, solver=NO_SOLVER, seconds=math.nan, runs=0, ratio=math.nan,
                note=f"this size ended early: {what}")
        )  # fmt: skip
    return rows


def _stop(worker: subprocess.Popen[str]) -> tuple[str, str]:
    """End a worker so that it can end the simulators it has started; what it has said."""
    worker.terminate()
    try:
        return worker.communicate(timeout=20.0)
    except subprocess.TimeoutExpired:
        worker.kill()
        return worker.communicate()


def _row(fields: dict[str, object]) -> Row:
    goals = fields.pop("goals")
    assert isinstance(goals, list)
    return Row(**fields, goals=tuple(Goal(**g) for g in goals))  # type: ignore[arg-type]


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def _line(row: Row) -> str:
    return (
        f"{row.work:10}{row.size:5}  {row.solver:17}{_number(row.seconds, '.4g'):>10}"
        f"{_number(row.cpu, '.4g'):>10}{_number(row.first, '.4g'):>10}"
        f"{_number(row.ratio, '.4g'):>9}{_number(row.accuracy, '.1e'):>10}"
        f"{_number(row.memory, '.0f'):>7}  {row.note}"
    )


def _verdict(goal: Goal) -> str:
    word = {True: "reached", False: "MISSED", None: "not compared"}[goal.reached]
    return f"{'':17}goal: {goal.what} {goal.wanted}: {goal.measured}, {word}"


def measure(
    selected: Sequence[str] | None = None,
    sizes: Sequence[int] | None = None,
    *,
    full: bool = False,
    threads: int = 1,
) -> Iterator[list[Row]]:
    """Rows of each section and size in turn; see :func:`run_benchmarks`."""
    _checked(selected, sizes, threads)
    names = list(selected or SECTIONS)
    jobs = [
        (name, size)
        for name in names
        for size in (sizes or (SECTIONS[name].full_sizes if full else SECTIONS[name].sizes))
    ]
    begun = time.perf_counter()
    for k, (name, size) in enumerate(jobs):
        spent = time.perf_counter() - begun
        click.echo(f"[{k + 1}/{len(jobs)}, {spent:.0f} s] {name} {size}", err=True)
        yield _rows_of(name, size, full, threads)


def run_benchmarks(
    selected: Sequence[str] | None = None,
    json: bool = False,
    *,
    sizes: Sequence[int] | None = None,
    full: bool = False,
    threads: int = 1,
) -> list[Row]:
    """Run benchmarks and print them as they finish.

    Parameters
    ----------
    selected : sequence of str, optional
        Of ``SECTIONS``; default all.
    json : bool
        Print one JSON document at the end instead of a table.
    sizes : sequence of int, optional
        Rows and columns of arrays, images a batch of networks; default: those of each section.
    full : bool
        Larger sizes, and peers that take minutes.
    threads : int
        Of the native solver's cells, and of libraries that share work.

    Returns
    -------
    list of Row

    Raises
    ------
    ConfigError
        If a benchmark is unknown, or a number makes no sense.
    """
    rows: list[Row] = []
    missing = absent()
    begun = time.perf_counter()
    section = ""
    for found in measure(selected, sizes, full=full, threads=threads):
        rows += found
        if json or not found:
            continue
        if found[0].work != section:
            section = found[0].work
            click.echo(f"\n{SECTIONS[section].title}\n{_HEAD}")
        for row in found:
            click.echo(_line(row))
        for row in found:
            for goal in row.goals:
                click.echo(_verdict(goal))
    goals = [g for r in rows for g in r.goals]
    counts = {
        "reached": sum(g.reached is True for g in goals),
        "missed": sum(g.reached is False for g in goals),
        "not compared": sum(g.reached is None for g in goals),
    }
    if json:
        memory = [r.memory for r in rows if r.solver == NATIVE and math.isfinite(r.memory)]
        document = {
            "ok": not any(r.ended_early for r in rows),
            "machine": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "threads": threads,
            "full": full,
            "peak_memory_mib": max(memory, default=None),
            "rows": [_finite(asdict(r)) for r in rows],
            "goals": counts,
            "seconds": round(time.perf_counter() - begun),
            "absent": missing,
        }
        click.echo(json_module.dumps(document, indent=1))
        return rows
    click.echo("\ngoals: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    for name, how in missing.items():
        click.echo(f"not here: {name}: {how}")
    kind = "processor time" if threads == 1 else "time"
    click.echo(
        f"medians, solvers in turns, {threads} thread(s) each; ratio: {kind} over the native "
        "solver's;\nfirst: first call, with what it loads or compiles (compiled code is kept for "
        "the next process); MiB: peak of the process, libraries included; "
        f"{time.perf_counter() - begun:.0f} s in all"
    )
    return rows


def _finite(fields: dict[str, object]) -> dict[str, object]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in fields.items()
    }
