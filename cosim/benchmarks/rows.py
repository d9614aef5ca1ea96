"""Measured rows, their goals, and the clock that measures several solvers in turns."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NATIVE, NO_SOLVER = "native", "-"
PATIENCE = 4.0
"""Who takes longer than this for the first call is called once only [s]."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What was wanted of a row.

    Parameters
    ----------
    what : str
    wanted : str
        With its comparison, e.g. ``">= 10 x"``.
    measured : str
    reached : bool or None
        None where nothing was there to compare with.
    """

    what: str
    wanted: str
    measured: str
    reached: bool | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure.

    Parameters
    ----------
    work : str
        Which benchmark.
    size : int
        Rows and columns of the array, or images a batch.
    solver : str
        ``"native"`` or the peer's name.
    seconds : float
        Median; of a peer that passed its deadline, the deadline.
    cpu : float
        Median processor time [s], programs that were started included: other work on the machine
        disturbs it less.
    first : float
        First call, compilation or loading of compiled code included [s].
    runs : int
        Calls that the median is of.
    accuracy : float
        Largest difference to the referee over the largest value; what is compared, and with
        what, is said in the note where it is not the native solver's line currents.
    ratio : float
        Peer's time over the native solver's in the same run: processor time on one thread, else
        time on the clock.
    memory : float
        Peak of the process during the first call, interpreter and libraries included [MiB].
    limit : float
        Time in which memory can deliver what the solver moves [s]; see :func:`memory_speed`.
    note : str
    goals : tuple of Goal
        On native rows.
    """

    work: str
    size: int
    solver: str
    seconds: float
    cpu: float = math.nan
    first: float = math.nan
    runs: int = 1
    accuracy: float = math.nan
    ratio: float = 1.0
    memory: float = math.nan
    limit: float = math.nan
    note: str = ""
    goals: tuple[Goal, ...] = field(default=())

    @property
    def ended_early(self) -> bool:
        """Whether it stands for a whole size that came to no end."""
        return self.solver == NO_SOLVER


@dataclass(frozen=True, kw_only=True, eq=False)
class Timed:
    """Times of one of several actions, and what its first call returned or raised."""

    seconds: float = math.nan
    cpu: float = math.nan
    first: float = math.nan
    runs: int = 0
    memory: float = math.nan
    result: Any = None
    error: str = ""

    def row(self, **more: Any) -> Row:
        """A row of these times; an error goes to the note."""
        if self.error:
            more = {**more, "note": self.error, "ratio": math.nan}
        return Row(
            **{
                "seconds": self.seconds,
                "cpu": self.cpu,
                "first": self.first,
                "runs": self.runs,
                "memory": self.memory,
                **more,
            }
        )

    def ratio(self, mine: Timed, threads: int) -> float:
        """How many times longer this took than `mine`."""
        return self.cpu / mine.cpu if threads == 1 else self.seconds / mine.seconds


def processor_time() -> float:
    """Of this process and of those started from it that have ended [s]."""
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


def reset_peak() -> None:
    """Let the next :func:`peak_memory` begin here, where the system can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory() -> float:
    """Largest resident size of this process since :func:`reset_peak` [MiB]; NaN if unknown."""
    # ru_maxrss would include what the parent had when it forked.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return math.nan
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else math.nan


def memory_speed(megabytes: int = 128, runs: int = 5) -> float:
    """Bytes a second between memory and one processor: an array far above its caches, updated."""
    values = np.ones(megabytes * 2**17)
    best = math.inf
    for _ in range(runs):
        start = time.process_time()
        values += 1.0
        best = min(best, time.process_time() - start)
    return 2 * values.nbytes / best


def free_memory() -> float:
    """What programs can still take [bytes]; infinite where the system does not tell."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return math.inf
    match = re.search(r"MemAvailable:\s+(\d+) kB", told)
    return int(match[1]) * 1024.0 if match else math.inf


def in_turns(
    actions: Mapping[str, Callable[[], Any]], runs: int, patience: float = PATIENCE
) -> dict[str, Timed]:
    """Call several actions in turns, so that other work on the machine meets all alike.

    Parameters
    ----------
    actions : mapping of str to callable
    runs : int
        Timed calls of each after the first, which is timed apart.
    patience : float
        A peer whose first call took longer is not called again: that call is its time [s].

    Returns
    -------
    dict of str to Timed
        An action that raised has NaN times and its error.
    """
    first: dict[str, Timed] = {}
    for name, action in actions.items():
        reset_peak()
        begun, start = time.perf_counter(), processor_time()
        try:
            result = action()
        except Exception as error:
            # A peer may fail in any way; its row says so.
            text = " ".join(str(error).split())[:90]
            first[name] = Timed(error=f"{type(error).__name__}: {text}")
            continue
        spent = time.perf_counter() - begun
        first[name] = Timed(
            seconds=spent,
            cpu=processor_time() - start,
            first=spent,
            runs=1,
            memory=peak_memory(),
            result=result,
        )
    # What the native solver loads in its first call must not count as its time.
    again = [n for n, t in first.items() if not t.error and (n == NATIVE or t.first <= patience)]
    walls: dict[str, list[tuple[float, float]]] = {name: [] for name in again}
    for _ in range(runs):
        for name in again:
            begun, start = time.perf_counter(), processor_time()
            actions[name]()
            walls[name].append((time.perf_counter() - begun, processor_time() - start))
    done = dict(first)
    for name, spent_each in walls.items():
        if spent_each:
            wall, cpu = np.median(np.array(spent_each), axis=0)
            done[name] = replace(first[name], seconds=float(wall), cpu=float(cpu), runs=runs)
    return done


def difference(found: Floats, other: Floats) -> float:
    """Largest difference over the largest value of `other`."""
    return float(np.max(np.abs(found - other)) / np.max(np.abs(other)))


def fastest(rows: Sequence[Row], accuracy: float = 1e-6) -> Row | None:
    """The fastest peer that finished, of those that are exact to `accuracy`."""
    peers = [
        r for r in rows
        if r.solver != NATIVE and math.isfinite(r.ratio) and r.accuracy <= accuracy
    ]  # fmt: skip
    return min(peers, key=lambda r: r.ratio) if peers else None


def speed_goal(peer: Row | None, least: float, what: str = "fastest peer exact to 1e-6") -> Goal:
    """Times faster than a peer."""
    if peer is None or not math.isfinite(peer.ratio):
        why = "no such peer here, or only with --full"
        return Goal(what=what, wanted=f">= {least:g} x", measured=why, reached=None)
    return Goal(
        what=what if peer.solver in what else f"{what} ({peer.solver})",
        wanted=f">= {least:g} x",
        measured=f"{peer.ratio:.3g} x",
        reached=peer.ratio >= least,
    )


def below_goal(what: str, value: float, limit: float, unit: str) -> Goal:
    """Something that must stay below a limit."""
    known = math.isfinite(value)
    return Goal(
        what=what,
        wanted=f"< {limit:g} {unit}",
        measured=f"{value:.3g} {unit}" if known else "not measured",
        reached=value < limit if known else None,
    )
