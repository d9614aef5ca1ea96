"""Several at the same work in turns, timed."""

from __future__ import annotations

import importlib
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

Work = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Medians over the turns: images a second, and times of the last one over this one's."""

    rate: float
    ratio: float
    wall_ratio: float


def race(
    works: Sequence[Work | None], images: int, batch: int, turns: int = 6
) -> list[Pace | None]:
    """Let several work on the same images in turns, on one thread each.

    Parameters
    ----------
    works : sequence of callable or None
        ``work(first image)`` handles one batch. Called once before, to compile.
    images, batch, turns : int

    Returns
    -------
    list of Pace or None
    """
    turns = max(1, min(turns, images // batch))
    spent = np.zeros((len(works), turns, 2))  # processor time and time on the clock
    edges = np.linspace(0, images // batch, turns + 1).astype(int) * batch
    with _one_thread():
        for work in works:
            if work is not None:
                work(0)
        for turn, (low, high) in enumerate(itertools.pairwise(edges)):
            for n, work in enumerate(works):
                if work is not None:
                    begun = time.process_time(), time.perf_counter()
                    for k in range(low, high, batch):
                        work(k)
                    ended = time.process_time(), time.perf_counter()
                    spent[n, turn] = np.maximum(np.subtract(ended, begun), 1e-9)
    rates = np.median(np.diff(edges) / spent[:, :, 0].clip(1e-9), axis=1)
    ratios = np.median(spent[-1] / spent.clip(1e-9), axis=1)
    return [
        None
        if work is None
        else Pace(rate=float(rate), ratio=float(ratio[0]), wall_ratio=float(ratio[1]))
        for work, rate, ratio in zip(works, rates, ratios, strict=True)
    ]


def _one_thread() -> AbstractContextManager[Any]:
    """Matrix products of numpy on one thread; aihwkit's are so by `speed_peer`."""
    try:
        pools = importlib.import_module("threadpoolctl")
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = pools.threadpool_limits(1)
    return limits
