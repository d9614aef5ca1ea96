"""Many equal periods at once: multirevolution steps, and where a stimulus has equal periods.

Method: one period of the stimuli is a map ``x -> x + d(x)`` of the held states, integrated in full
by :class:`~cosim.simulators.native.transient.Integrator`.  While `d` changes slowly, M periods are
taken at once with the multirevolution form of the trapezoidal rule [Calvo2004],

    x* = x + M d(x),   x(+M) = x + M [(1 - b) d(x) + b d(x*)],   b = (M - 1) / 2 M,

which is exact for M = 1 and second order in M otherwise.  Its error is estimated by the difference
to the same formula with ``d(x(+M))``, the value that the next jump starts from; M follows from it.

[Calvo2004] M. P. Calvo, J. I. Montijano, L. Randez, Adv. Comput. Math. 21, 2004 (multirevolution
methods for periodic problems).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import NotConverged

Floats = NDArray[np.float64]

METHOD = "multirevolution trapezoidal rule"

_LONGEST_PATTERN, _SHORTEST = 24, 4


def _nothing(*_: object) -> None:
    return None


@dataclass(kw_only=True, eq=False)
class Jumps:
    """A train of equal periods, by jumps where little changes.

    Parameters
    ----------
    change : callable
        ``(states, number) -> change of the states by one period``; the number is that of a period
        of the train which does start at these states, or None for a trial.
    tolerance : float
        Error of a state per jump, relative to its size plus 0.01.
    lower, upper : ndarray, shape (states,)
        Bounds of the states.
    discard : callable
        Called when the last numbered period does not count after all.
    accepted : callable
        Called as ``(number, jump, states, change, states after, change after)``.
    """

    change: Callable[[Floats, int | None], Floats]
    tolerance: float
    lower: Floats
    upper: Floats
    discard: Callable[[], None] = _nothing
    accepted: Callable[[int, int, Floats, Floats, Floats, Floats], None] = _nothing
    integrated: int = field(default=0, init=False)
    error: float = field(default=0.0, init=False)

    def _d(self, x: Floats, number: int | None) -> Floats:
        self.integrated += 1
        return self.change(x, number)

    def run(self, x: Floats, stops: Sequence[int]) -> Iterator[Floats]:
        """States after each number of periods in `stops`, growing."""
        lower, upper = self.lower[:, None, None], self.upper[:, None, None]
        done, jump, last = 0, 1, stops[-1]
        d = self._d(x, 0)
        for stop in stops:
            while done < stop:
                m = min(jump, stop - done)
                # A jump costs two periods: short ones save nothing.
                if m < _SHORTEST:
                    x, done = x + d, done + 1
                    if done < last:
                        d = self._d(x, done)
                    jump = min(jump + 1, max(jump, _SHORTEST))
                    continue
                b = (m - 1) / (2.0 * m)
                ahead = x + m * d
                error = np.inf
                if np.all((ahead >= lower) & (ahead <= upper)):
                    try:
                        new = x + m * ((1.0 - b) * d + b * (second := self._d(ahead, None)))
                        following = self._d(new, done + m)
                        size = np.maximum(np.abs(x), np.abs(new)) + 0.01
                        error = float(np.max(m * b * np.abs(following - second) / size))
                    except NotConverged:
                        error = np.inf
                if not error <= self.tolerance:
                    self.discard()
                    shrink = 0.2
                    if np.isfinite(error):
                        shrink = 0.85 * (self.tolerance / error) ** (1 / 3)
                    jump = max(1, int(m * min(0.7, max(0.1, shrink))))
                    continue
                if done + m == last:
                    self.discard()
                self.accepted(done, m, x, d, new, following)
                x, d, done = new, following, done + m
                self.error += error
                if m == jump:
                    grown = 0.85 * (self.tolerance / max(error, 1e-12)) ** (1 / 3)
                    jump = max(m + 1, int(m * min(4.0, grown)))
            yield x


def between(
    jump: int, x: Floats, d: Floats, after: Floats, d_after: Floats, points: int
) -> Iterator[tuple[int, Floats]]:
    """Numbers of periods within a jump, its end included, and the states after them.

    The cubic through the states before and after one period at both ends of the jump.
    """
    at = np.array([0.0, 1.0, jump, jump + 1.0])
    values = (x, x + d, after, after + d_after)
    for k in np.unique(np.linspace(0, jump, points + 1).round().astype(int))[1:-1]:
        weights = [
            np.prod([(k - b) / (a - b) for j, b in enumerate(at) if j != i])
            for i, a in enumerate(at)
        ]
        yield int(k), sum((w * v for w, v in zip(weights, values, strict=True)), np.zeros_like(x))
    yield jump, after


@dataclass(frozen=True, kw_only=True)
class Train:
    """`count` equal periods of `marks` corners each, from corner number `first`."""

    first: int
    marks: int
    count: int


def _numbered(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """The same number for equal rows; sorts integers, which ``np.unique`` of rows does not."""
    number = np.zeros(columns[0].size, dtype=np.int64)
    for column in columns:
        own = np.unique(column, return_inverse=True)[1].ravel()
        number = np.unique(number * (own.max() + 1) + own, return_inverse=True)[1].ravel()
    return number


def find_trains(times: Floats, levels: Floats, strain: Floats, least: int) -> list[Train]:
    """Stretches of a stimulus that repeat one period at least `least` times.

    A period begins, where the pattern allows, after the stretch of constant voltages that strains
    the cells least.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Corners of the stimulus, growing [s].
    levels : ndarray, shape (n, k)
        Voltages there [V].
    strain : ndarray, shape (n,)
        What counts for it, such as the largest voltage of a bit or source line [V].
    """
    if times.size < 3:
        return []
    spans = np.diff(times)
    order = np.argsort(spans)
    # Spans that are equal but for the rounding of long times get the same number.
    apart = np.diff(spans[order], prepend=0.0) > 1e-5 * spans[order]
    span_number = np.empty(spans.size, dtype=np.int64)
    span_number[order] = np.cumsum(apart)
    level_number = _numbered(*levels.T)
    tokens = _numbered(span_number, level_number[:-1], level_number[1:])
    covered = np.zeros(tokens.size, dtype=np.int64)
    pattern = np.zeros(tokens.size, dtype=np.int64)
    for q in range(1, min(_LONGEST_PATTERN, tokens.size // 2) + 1):
        same = np.append(tokens[:-q] == tokens[q:], False)
        ends = np.flatnonzero(~same)
        length = ends[np.searchsorted(ends, np.arange(same.size))] - np.arange(same.size)
        covers = np.where(length // q + 1 >= least, length + q, 0)
        better = covers > covered[: same.size]
        covered[: same.size][better] = covers[better]
        pattern[: same.size][better] = q
    trains: list[Train] = []
    at = 0
    candidates = np.flatnonzero(covered)
    flat = levels[:-1] == levels[1:]
    size = np.where(flat.all(axis=1), strain[:-1], np.inf)
    while (k := int(np.searchsorted(candidates, at))) < candidates.size:
        start = int(candidates[k])
        q, reach = int(pattern[start]), int(covered[start])
        turn = int(np.argmin(size[start : start + q]) + 1) % q
        count = (reach - turn) // q
        if count >= least:
            trains.append(Train(first=start + turn, marks=q, count=count))
        at = start + max(reach - q, 1)
    return trains
