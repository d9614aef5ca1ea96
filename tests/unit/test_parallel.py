"""Parallel runs: order, one failure, and what the user's interrupt ends."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from cosim.errors import DataError, Interrupted
from cosim.parallel import parallel_map
from cosim.simulators.process import no_more_processes, run_process


def test_results_are_in_order() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0.0)
        return number * number

    assert parallel_map(slow_first, range(5), workers=3) == [0, 1, 4, 9, 16]
    assert parallel_map(slow_first, []) == []


def test_one_failure_lets_the_others_end(tmp_path: Path) -> None:
    all_started = threading.Barrier(3)

    def work(number: int) -> int:
        all_started.wait(10)
        if number == 0:
            raise DataError(thing="first")
        outcome = run_process(
            ["sleep", "0.3"], directory=tmp_path, deadline=10, log_name=f"{number}.log"
        )
        (tmp_path / f"{number}.code").write_text(str(outcome.code))
        return number

    with pytest.raises(DataError, match="first"):
        parallel_map(work, range(3), workers=3)
    assert [p.read_text() for p in tmp_path.glob("*.code")] == ["0", "0"]


def test_interrupt_starts_nothing_more(tmp_path: Path) -> None:
    def stop(number: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="0 of 2 done"):
        parallel_map(stop, range(2), workers=1)
    with no_more_processes(), pytest.raises(Interrupted):
        run_process(["true"], directory=tmp_path, deadline=1, log_name="log")
    assert run_process(["true"], directory=tmp_path, deadline=5, log_name="log").code == 0
