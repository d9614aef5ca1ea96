"""Many runs at a time, on any executor, with progress, and stopped cleanly by the user."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from typing import TypeVar

from cosim.errors import Interrupted
from cosim.simulators.process import no_more_processes

T = TypeVar("T")
R = TypeVar("R")


def worker_count() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@contextmanager
def _executor(given: Executor | None, workers: int | None) -> Iterator[Executor]:
    if given is not None:
        yield given
        return
    # Threads: the work is done by simulator processes, or by code that leaves the interpreter.
    pool = ThreadPoolExecutor(max_workers=workers or worker_count())
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def parallel_map(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = False,
    label: str = "",
) -> list[R]:
    """Apply `function` to every item; results are in the order of the items.

    Parameters
    ----------
    function : callable
        A module-level function if the executor uses processes.
    executor : concurrent.futures.Executor, optional
        E.g. ``dask.distributed.Client(...).get_executor()``; default is a thread pool.
    workers : int, optional
        Size of the default pool; default is the number of cores.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    Interrupted
        The user stopped it; runs in progress are ended.
    Exception
        What `function` raised first; the runs not yet started are dropped.
    """
    from tqdm import tqdm

    done = 0
    with _executor(executor, workers) as pool:
        futures: dict[Future[R], int] = {}
        try:
            for number, item in enumerate(items):
                futures[pool.submit(function, item)] = number
            results: dict[int, R] = {}
            bar = tqdm(total=len(items), desc=label, disable=not progress, leave=False)
            with bar:
                for future in as_completed(futures):
                    results[futures[future]] = future.result()
                    done += 1
                    bar.update()
        except (KeyboardInterrupt, SystemExit) as stop:
            with no_more_processes():
                for future in futures:
                    future.cancel()
                for future in futures:
                    with suppress(BaseException):
                        future.exception(timeout=30)
            if isinstance(stop, SystemExit):
                raise
            raise Interrupted(
                thing="stopped by the user",
                value=f"{done} of {len(items)} done",
                next_step="What was finished is in the cache, if there is one; run it again to "
                "go on",
            ) from stop
        except BaseException:
            # Runs in progress are let be: they may belong to other points of a study.
            for future in futures:
                future.cancel()
            raise
    return [results[number] for number in range(len(items))]
