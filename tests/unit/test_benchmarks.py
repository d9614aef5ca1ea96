"""The benchmark runner: what a row says, and how goals are judged."""

from __future__ import annotations

import json
import math
import re
import sys
import types
from dataclasses import replace
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cosim import benchmarks
from cosim.benchmarks import SECTIONS, run_benchmarks
from cosim.benchmarks.rows import (
    NO_SOLVER,
    Row,
    fastest,
    free_memory,
    in_turns,
    memory_speed,
    peak_memory,
    reset_peak,
    speed_goal,
)
from cosim.cli import run
from cosim.errors import ConfigError
from cosim.simulators.native.peers import PEERS, crosssim, linear_peers, problem, splu


def test_linear_rows_come_from_a_process_of_their_own(capsys):
    rows = run_benchmarks(["linear"], json=True, sizes=(8,))
    assert {row.solver for row in rows} >= {"native", "scipy splu"}
    assert all(row.seconds > 0 and row.size == 8 for row in rows)
    assert max(row.accuracy for row in rows) < 1e-9
    assert all(row.memory > 20 or math.isnan(row.memory) for row in rows)
    native = next(row for row in rows if row.solver == "native")
    assert native.limit > 0
    assert "GB/s of memory" in native.note
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document["rows"][0]["work"] == "linear"
    assert document["rows"][0]["limit"] == native.limit
    assert document["peak_memory_mib"] is None or document["peak_memory_mib"] > 20
    assert "[1/1" in told.err
    missing = {p.name for p in PEERS if not p.installed}
    assert missing <= set(document["absent"])


def test_names_may_have_commas_and_help_names_all(monkeypatch, capsys):
    chosen = []

    def measured(names, **_):
        chosen.append(names)
        return [Row(work="linear", size=8, solver=solver, seconds=1.0) for solver in solvers]

    monkeypatch.setattr(benchmarks, "run_benchmarks", measured)
    solvers = ["native"]
    assert run(["bench", "linear,batch", "read", "--only", "pulse"]) == 0
    assert run(["bench"]) == 0
    assert chosen == [["linear", "batch", "read", "pulse"], None]
    solvers = ["native", NO_SOLVER]
    assert run(["bench"]) == 1
    run(["bench", "--help"])
    assert set(re.findall(r"\w+", capsys.readouterr().out)) >= set(SECTIONS)


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
    # Above the size up to which malloc may hand out pages that are resident already.
    block = np.ones(8_000_000)
    assert peak_memory() > before + 40
    assert block.size


def test_peers_that_need_too_much_memory_are_left_out_with_the_reason():
    taken, left_out = linear_peers(64, False, 1, 1e3)
    assert not taken
    assert "needs about" in left_out["scipy splu"]
    taken, left_out = linear_peers(64, False, 1, free_memory())
    assert "scipy splu" in taken
    assert not left_out
    assert "scipy splu" not in linear_peers(1024, True, 1, math.inf)[0]


def test_speed_of_memory():
    assert 1e8 < memory_speed(megabytes=8, runs=2) < 1e13


def crosssim_loop(v, g, tolerance, gamma, limit, r_in, r_out):
    """The iteration that its source describes: drops of the summed currents, relaxed."""
    driven = np.tile(v, (len(g), 1))
    dropped = driven.copy()
    for _ in range(limit):
        current = g * dropped
        along = np.cumsum(np.cumsum(current, 1)[:, ::-1], 1)[:, ::-1] * r_out
        across = np.cumsum(np.cumsum(current[::-1], 0)[::-1], 0) * r_in
        error = driven - along - across - dropped
        if np.max(np.abs(error)) < tolerance:
            break
        dropped += gamma * error
    return (g * dropped).sum(axis=1)


def test_both_forms_of_crosssim(monkeypatch):
    def old_solver(vector, matrix, parameters, **_):
        simulation, wires = parameters.simulation, parameters.xbar.array.parasitics
        return crosssim_loop(
            vector, matrix, simulation.Verr_th_mvm, simulation.relaxation_gamma,
            simulation.Niters_max_parasitics, wires.Rp_row, wires.Rp_col,
        )  # fmt: skip

    class Array:
        def __init__(self, parameters):
            self.given, self.wires = parameters.simulation, parameters.xbar.array.parasitics
            assert self.wires.Rp_row_terminal_norm == self.wires.Rp_col_terminal_norm == 0.0
            assert not self.given.fast_matmul

        def iterative_solve(self, matrix, vector):
            return crosssim_loop(
                vector, matrix, self.given.Verr_th_mvm, self.given.relaxation_gamma,
                self.given.Niters_max_parasitics, self.wires.Rp_row_norm, self.wires.Rp_col_norm,
            )  # fmt: skip

    package = types.ModuleType("simulator")
    circuits = types.ModuleType("simulator.circuits")
    package.__path__ = circuits.__path__ = []
    old = types.ModuleType("simulator.circuits.array_simulator")
    old.__spec__ = ModuleSpec(old.__name__, None)
    old.mvm_parasitics = old_solver
    old.solve_mvm_circuit = lambda solver, *rest: solver(*rest)
    home = types.ModuleType("simulator.circuits.array")
    home.__path__ = []
    new = types.ModuleType("simulator.circuits.array.NonInterleaved_InputSource")
    new.NonInterleaved_InputSource_Array = Array
    for module in (package, circuits):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    g, inputs = problem(9, 2)
    for release in ((old,), (home, new)):
        with monkeypatch.context() as patch:
            for module in release:
                patch.setitem(sys.modules, module.__name__, module)
            assert_allclose(crosssim(g, inputs), splu(g, inputs), rtol=1e-8)
