"""Linear crossbars: the Krylov solver against a sparse direct solve, and circuit theorems."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cosim.errors import ConfigError, NotConverged
from cosim.simulators.native import mixed
from cosim.simulators.native.direct import Lines, assemble
from cosim.simulators.native.gmres import solve_newton
from cosim.simulators.native.linear import LinearCrossbar
from cosim.simulators.native.lines import factor_columns, factor_rows, width
from cosim.simulators.native.many import coarse_space, solve_blocks

ENDS = ("start", "end", "both")


def lines(count, resistance, driver, ends, floating=()):
    mask = np.zeros(count, dtype=bool)
    mask[list(floating)] = True
    return Lines.driven(count, resistance, driver=driver, ends=ends, floating=mask)


@st.composite
def crossbars(draw):
    rows, cols = draw(st.integers(1, 21)), draw(st.integers(1, 19))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    g = rng.uniform(9e-6, 88e-6, (rows, cols))
    g[rng.random((rows, cols)) < draw(st.sampled_from([0.0, 0.1]))] = 0.0
    g[rng.random((rows, cols)) < draw(st.sampled_from([0.0, 0.05]))] = 0.05
    families = []
    for count in (rows, cols):
        resistance = draw(st.sampled_from([0.0, 1e-9, 0.35, 50.0, 1e5]))
        driver = draw(st.sampled_from([None, 0.0, 10.0, 5e3]))
        floating = rng.random(count) < draw(st.sampled_from([0.0, 0.2]))
        floating[0] = False
        families.append(
            Lines.driven(
                count, resistance, driver=driver, ends=draw(st.sampled_from(ENDS)),
                floating=floating,
            )
        )  # fmt: skip
    return g, *families, rng.uniform(-1, 1, rows), rng.uniform(-1, 1, cols)


@contextmanager
def mixed_precision_for_all():
    kept = mixed.SMALLEST
    mixed.SMALLEST = 0
    try:
        yield
    finally:
        mixed.SMALLEST = kept


@pytest.mark.parametrize("first", [nullcontext, mixed_precision_for_all])
@given(case=crossbars())
@settings(max_examples=50, deadline=None)
def test_krylov_equals_direct_solve(first, case):
    with first():
        compare_with_direct(*case)


def compare_with_direct(g, row, column, v_row, v_column):
    try:
        slow = LinearCrossbar(g, row, column, method="direct").solve(v_row, v_column)
    except NotConverged:
        # The direct solver loses digits where wires are 1e9 times better than cells.
        with suppress(NotConverged):
            assert LinearCrossbar(g, row, column).solve(v_row, v_column).residual <= 1e-9
        return
    fast = LinearCrossbar(g, row, column).solve(v_row, v_column)
    scale = max(np.max(np.abs(slow.cell_current)), 1e-12)
    assert fast.residual <= 1e-9
    close = max(1e-9, 20 * slow.residual) * scale
    assert_allclose(fast.cell_current, slow.cell_current, rtol=0, atol=close)
    assert_allclose(fast.row_current, slow.row_current, rtol=0, atol=10 * close)
    assert_allclose(fast.column_current, slow.column_current, rtol=0, atol=10 * close)
    assert abs(fast.row_current.sum() + fast.column_current.sum()) <= 1e-8 * scale


@given(crossbars())
@settings(max_examples=40, deadline=None)
def test_many_inputs_equal_one_at_a_time(case):
    g, row, column, v_row, v_column = case
    array = LinearCrossbar(g, row, column)
    factors = np.array([1.0, -0.5, 0.3, 0.01])[:, None]
    rows, columns = factors * v_row, factors * v_column
    rows[1, 0], columns[2, -1] = 0.7, -0.9
    try:
        single = [array.solve(a, b) for a, b in zip(rows, columns, strict=True)]
    except NotConverged:
        return
    many = array.solve_many(rows, columns)
    for found, one in zip(many, single, strict=True):
        exact = np.concatenate([one.row_current, one.column_current])
        scale = max(np.max(np.abs(one.cell_current)), np.max(np.abs(exact)), 1e-12)
        assert_allclose(found, exact, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize(
    ("wire", "method"), [(0.35, "block"), (30.0, "block"), (1e5, "one"), (0.0, "one")]
)
def test_blocks_of_inputs_with_threads(wire, method):
    rng = np.random.default_rng(11)
    g = rng.uniform(9e-6, 88e-6, (70, 45))
    row, column = lines(70, wire, 5.0, "both"), lines(45, wire, None, "end")
    array = LinearCrossbar(g, row, column, threads=2)
    v, none = rng.uniform(0, 0.2, (27, 70)), np.zeros((1, 45))
    found = array.solve_many(v, none)
    slow = LinearCrossbar(g, row, column, method="direct").solve_many(v, none)
    assert_allclose(found, slow, rtol=0, atol=1e-10 * np.max(np.abs(slow)))
    assert_allclose(found, LinearCrossbar(g, row, column).solve_many(v, none), rtol=1e-14)
    if method == "block":
        found = solve_blocks(array, coarse_space(array), v, np.zeros((27, 45)), 2)
        assert found[1].all()


REGIMES = {
    "even": lambda rng, shape: rng.uniform(10e-6, 90e-6, shape),
    "decades": lambda rng, shape: 10 ** rng.uniform(-6, -4, shape),
    "corner": lambda rng, shape: np.kron(
        [[1e-6, 1e-6], [1e-6, 9e-5]], np.ones(np.array(shape) // 2)
    ),
    "opens and shorts": lambda rng, shape: np.where(
        rng.random(shape) < 0.1, 0.0, np.where(rng.random(shape) < 1e-4, 0.05, 5e-5)
    ),
}


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("wire", [0.35, 10.0])
def test_mixed_precision_on_large_arrays(regime, wire):
    rng = np.random.default_rng(7)
    g = REGIMES[regime](rng, (210, 250))
    row, column = lines(210, wire, None, "start", [5]), lines(250, 2 * wire, 30.0, "both")
    v = rng.uniform(-0.2, 0.2, 210)
    found = LinearCrossbar(g, row, column).solve(v, np.full(250, 0.05))
    slow = LinearCrossbar(g, row, column, method="direct").solve(v, np.full(250, 0.05))
    assert found.method == "mixed"
    assert found.residual < 1e-12
    scale = np.max(np.abs(slow.cell_current))
    assert_allclose(found.cell_current, slow.cell_current, rtol=0, atol=1e-9 * scale)
    assert_allclose(found.column_current, slow.column_current, rtol=0, atol=1e-9 * scale)
    assert_allclose(found.row_voltage, slow.row_voltage, rtol=0, atol=1e-9)
    assert_allclose(found.column_voltage, slow.column_voltage, rtol=0, atol=1e-9)
    total = found.row_current.sum() + found.column_current.sum()
    assert abs(total) <= 1e-10 * np.abs(found.row_current).sum()


@pytest.mark.parametrize("shape", [(2, 900), (900, 2), (17, 16), (33, 400)])
def test_mixed_precision_on_any_shape(shape):
    rng = np.random.default_rng(0)
    g = rng.uniform(1e-5, 9e-5, shape)
    row, column = lines(shape[0], 5.0, None, "end"), lines(shape[1], 3.0, 200.0, "both")
    v, z = rng.uniform(-1, 1, shape[0]), rng.uniform(-1, 1, shape[1])
    slow = LinearCrossbar(g, row, column, method="direct").solve(v, z)
    with mixed_precision_for_all():
        array = LinearCrossbar(g, row, column)
        found, still = array.solve(v, z), array.solve(0 * v, 0 * z)
        small = array.solve(1e-12 * v, 1e-12 * z)
    assert found.method == still.method == small.method == "mixed"
    scale = np.max(np.abs(slow.cell_current))
    assert_allclose(found.cell_current, slow.cell_current, rtol=0, atol=1e-10 * scale)
    assert_allclose(1e12 * small.cell_current, found.cell_current, rtol=0, atol=1e-10 * scale)
    assert not still.cell_current.any()


@pytest.mark.parametrize(("wire", "most"), [(0.35, 7), (2.0, 9), (10.0, 10)])
def test_iterations_hardly_grow_with_size(wire, most):
    rng = np.random.default_rng(8)
    counts = []
    for n in (256, 512):
        driven = lines(n, wire, None, "start")
        solved = LinearCrossbar(rng.uniform(1e-5, 9e-5, (n, n)), driven, driven).solve(
            rng.uniform(-0.2, 0.2, n), np.zeros(n)
        )
        assert solved.method == "mixed"
        counts.append(solved.iterations)
    assert counts[1] <= min(counts[0] + 2, most)


def test_another_way_where_mixed_precision_fails(monkeypatch):
    g = np.full((210, 200), 5e-5)
    driven = lines(210, 0.35, None, "start"), lines(200, 0.35, None, "start")
    right = LinearCrossbar(g, *driven).solve(np.ones(210), np.zeros(200))
    given = mixed.MixedSolver.solve

    def spoilt(self, *args):
        u, *rest = given(self, *args)
        u[100, 100] = np.nan
        return u, *rest

    for wrong in (lambda *_: None, spoilt):
        monkeypatch.setattr(mixed.MixedSolver, "solve", wrong)
        solved = LinearCrossbar(g, *driven).solve(np.ones(210), np.zeros(200))
        assert solved.method == "krylov"
        assert_allclose(solved.cell_current, right.cell_current, rtol=1e-9)


def test_single_cell_is_a_voltage_divider():
    row, column = lines(1, 3.0, 7.0, "start"), lines(1, 3.0, 2.0, "end")
    solved = LinearCrossbar([[0.1]], row, column).solve([1.0], [0.0])
    assert_allclose(solved.cell_current, 1.0 / (7.0 + 10.0 + 2.0), rtol=1e-14)


def test_superposition_reciprocity_transposition():
    rng = np.random.default_rng(3)
    g = rng.uniform(9e-6, 88e-6, (17, 9))
    row, column = lines(17, 2.0, None, "both", [4]), lines(9, 3.0, 20.0, "start")
    array = LinearCrossbar(g, row, column)
    a, b = (array.solve(rng.normal(size=17), rng.normal(size=9)) for _ in range(2))
    rng = np.random.default_rng(3)
    rng.uniform(size=(17, 9))
    va, wa = rng.normal(size=17), rng.normal(size=9)
    vb, wb = rng.normal(size=17), rng.normal(size=9)
    both = array.solve(va + vb, wa + wb)
    assert_allclose(both.cell_current, a.cell_current + b.cell_current, atol=1e-16)
    flipped = LinearCrossbar(g.T, column, row).solve(wa, va)
    assert_allclose(flipped.cell_current, -a.cell_current.T, atol=1e-16)
    matrix = array.effective_conductance()
    assert_allclose(LinearCrossbar(g.T, column, row).effective_conductance(), matrix.T, rtol=1e-11)
    assert_allclose(va @ matrix, -array.solve(va, np.zeros(9)).column_current, rtol=1e-10)
    many = array.solve_many(np.stack([va, vb]), np.stack([wa, wb]))
    assert_allclose(many[1, 17:], b.column_current, rtol=1e-12)


def test_wires_far_worse_than_cells():
    g = np.full((40, 40), 1e-2)
    row, column = lines(40, 1e4, None, "start"), lines(40, 1e4, None, "end")
    v = np.linspace(-1, 1, 40)
    fast = LinearCrossbar(g, row, column).solve(v, np.zeros(40))
    slow = LinearCrossbar(g, row, column, method="direct").solve(v, np.zeros(40))
    assert fast.method == "krylov"
    assert_allclose(fast.column_current, slow.column_current, rtol=1e-9)


def test_gives_up_on_krylov_and_still_answers():
    g = np.full((12, 12), 1e-2)
    row, column = lines(12, 1e4, None, "start"), lines(12, 1e4, None, "end")
    solved = LinearCrossbar(g, row, column, iterations=2).solve(np.ones(12), np.zeros(12))
    assert solved.method == "direct"
    assert solved.residual < 1e-9


def test_floating_line_without_cells_is_an_error():
    g = np.full((3, 3), 1e-5)
    g[1] = 0.0
    array = LinearCrossbar(g, lines(3, 1.0, None, "start", [1]), lines(3, 1.0, None, "start"))
    with pytest.raises(NotConverged):
        array.solve(np.ones(3), np.zeros(3))


@pytest.mark.parametrize("bad", [-1e-6, np.nan, np.inf])
def test_bad_conductances_are_refused(bad):
    with pytest.raises(ConfigError):
        LinearCrossbar([[1e-5, bad]], lines(1, 1.0, None, "start"), lines(2, 1.0, None, "start"))


@pytest.mark.parametrize("r_col", [0.0, 0.35, 30.0])
@pytest.mark.parametrize("parallel", [False, True])
def test_newton_step_against_direct_solve(r_col, parallel):
    rng = np.random.default_rng(5)
    rows, cols = 19, 13
    g1, g2 = np.zeros((2, rows, width(cols)))
    g1[:, :cols] = rng.uniform(1e-6, 9e-5, (rows, cols))
    g2[:, :cols] = rng.uniform(1e-6, 9e-5, (rows, cols))
    f = np.zeros((2, rows, width(cols)))
    f[:, :, :cols] = rng.normal(size=(2, rows, cols)) * 1e-5
    row = lines(cols if parallel else rows, 5.0, None, "start")
    column = lines(cols, r_col, 3.0, "end")
    a = np.zeros((2, rows, width(cols)))
    last_row, last_col = np.zeros(cols if parallel else rows), np.zeros(cols)
    factor = factor_columns if parallel else factor_rows
    assert factor(g1, cols, 5.0, row.start, row.end, a[0], last_row) < 0
    assert factor_columns(g2, cols, r_col, column.start, column.end, a[1], last_col) < 0
    u, w = np.zeros((2, rows, width(cols)))
    count, reached = solve_newton(
        g1, g2, cols, parallel, 5.0, a[0], last_row, r_col, a[1], last_col,
        f[0], f[1], u, w, 1e-12, 20, 5,
    )  # fmt: skip
    assert count < 60
    assert reached < 1e-11
    if parallel:
        residual = g1 * u - g2 * w - f[0]
        residual = residual[:, :cols]
        residual[1:] += (u[1:, :cols] - u[:-1, :cols]) / 5.0
        residual[:-1] += (u[:-1, :cols] - u[1:, :cols]) / 5.0
        residual[0] += u[0, :cols] / 5.0
        assert np.max(np.abs(residual)) < 1e-14
    else:
        exact = assemble(g1[:, :cols], g2[:, :cols], row, column).solve(
            f[0, :, :cols], f[1, :, :cols]
        )
        assert_allclose(u[:, :cols], exact[0], atol=1e-9)
        assert_allclose(w[:, :cols], exact[1], atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda a: a.solve([0.1, np.nan], [0.0, 0.0]), "voltages .*: nan .allowed: finite"),
        (lambda a: a.solve([0.1, 0.1, 0.1], [0.0, 0.0]), r"voltages .*numbers of shape \(2,\)"),
        (lambda a: a.solve(["a", "b"], [0.0, 0.0]), "numbers of shape"),
        (lambda a: a.solve_many(np.ones((2, 3)), np.ones((2, 2))), r"shape \(2, 2\)"),
        (lambda a: a.solve_many(np.ones((2, 2)), np.ones((3, 2))), r"shape \(3, 2\)"),
        (lambda a: LinearCrossbar(a.conductances, a.row, a.row, method="quick"), "auto or direct"),
        (lambda a: LinearCrossbar(a.conductances * np.nan, a.row, a.row), "finite values"),
        (lambda a: LinearCrossbar(a.conductances, lines(3, 1.0, 1.0, "end"), a.row), "per line"),
        *(
            (
                lambda a, bad=bad, r=r: LinearCrossbar(
                    a.conductances,
                    Lines(resistance=r, start=np.array([1.0, bad]), end=np.zeros(2)),
                    a.row,
                ),
                "conductances of lines",
            )
            for bad, r in ((-1.0, 1.0), (np.nan, 1.0), (1.0, np.nan), (1.0, np.inf), (1.0, -1.0))
        ),
    ],
)
def test_wrong_input_never_becomes_a_solution(wrong, text):
    array = LinearCrossbar(np.full((2, 2), 1e-4), *[lines(2, 1.0, 1.0, "start")] * 2)
    with pytest.raises(ConfigError, match=text):
        wrong(array)
    found = array.solve(0.1, 0.0)
    assert found.residual < 1e-12
