"""The benchmark runner: what a row says, and how goals are judged."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cosim.benchmarks import SECTIONS, run_benchmarks
from cosim.benchmarks.rows import Row, fastest, in_turns, peak_memory, reset_peak, speed_goal
from cosim.cli import run
from cosim.errors import ConfigError
from cosim.simulators.native.peers import PEERS, problem, splu


def test_linear_rows_come_from_a_process_of_their_own(capsys):
    rows = run_benchmarks(["linear"], json=True, sizes=(8,))
    assert {row.solver for row in rows} >= {"native", "scipy splu"}
    assert all(row.seconds > 0 and row.size == 8 for row in rows)
    assert max(row.accuracy for row in rows) < 1e-9
    assert all(row.memory > 20 or math.isnan(row.memory) for row in rows)
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document["rows"][0]["work"] == "linear"
    assert document["peak_memory_mib"] is None or document["peak_memory_mib"] > 20
    assert "[1/1" in told.err
    missing = {p.name for p in PEERS if not p.installed}
    assert missing <= set(document["absent"])


@pytest.mark.parametrize("wrong", [["nothing"], ["--sizes", "1.5"], ["--threads", "0"]])
def test_wrong_use(wrong, capsys):
    assert run(["bench", *wrong]) == 2
    assert capsys.readouterr().err


def test_unknown_names_are_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="linear"):
        run_benchmarks(["linaer"])


def test_every_section_has_its_function():
    for section in SECTIONS.values():
        assert callable(section.measure)
        assert set(section.sizes) <= set(section.full_sizes)


def test_solvers_take_turns_and_failures_become_rows():
    calls: list[str] = []

    def good(name: str) -> str:
        calls.append(name)
        return name

    def bad() -> None:
        raise ArithmeticError("no such thing")

    times = in_turns({"a": lambda: good("a"), "bad": bad, "b": lambda: good("b")}, 3)
    assert calls == ["a", "b"] * 4
    assert times["a"].runs == 3
    assert times["bad"].error.startswith("ArithmeticError")
    row = times["bad"].row(work="w", size=1, solver="bad", ratio=1.0)
    assert math.isnan(row.seconds)
    assert math.isnan(row.ratio)
    assert fastest([row]) is None


def test_goals_compare_with_the_fastest_peer():
    slow = Row(work="w", size=1, solver="slow", seconds=9.0, ratio=9.0, accuracy=1e-9)
    quick = replace(slow, solver="quick", seconds=3.0, ratio=3.0)
    rough = replace(slow, solver="rough", ratio=1.0, accuracy=1e-3)
    goal = speed_goal(fastest([slow, quick, rough]), 5.0)
    assert goal.reached is False
    assert "quick" in goal.what
    assert speed_goal(fastest([]), 5.0).reached is None


def test_peers_solve_the_problem_of_the_native_solver():
    from cosim.benchmarks.crossbar import _solve, _solve_many

    g, inputs = problem(9, 3)
    expected = splu(g, inputs)
    assert_allclose(_solve_many(g, inputs), expected, rtol=1e-10)
    assert_allclose(-_solve(g, inputs[1:]).column_current, expected[1], rtol=1e-10)
    for peer in PEERS:
        if peer.installed and "2e-4" not in peer.name:
            assert_allclose(peer.currents(g, inputs), expected, rtol=1e-9)


def test_peak_memory_is_that_since_the_reset():
    reset_peak()
    before = peak_memory()
    if math.isnan(before):
        pytest.skip("this system does not tell")
    block = np.ones(4_000_000)
    assert peak_memory() > before + 20
    assert block.size
