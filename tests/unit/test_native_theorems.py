"""Linear arrays against a dense solve written here, and the theorems of linear networks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cosim.simulators.native import LinearCrossbar, Lines

PROPERTY = settings(max_examples=25, deadline=None)


@st.composite
def crossbars(draw):
    """Conductances with opens and shorts, and lines of any resistance driven at any end."""
    rows, cols = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    g = rng.uniform(9e-6, 88e-6, (rows, cols))
    g[rng.random(g.shape) < draw(st.sampled_from([0.0, 0.2]))] = 0.0
    g[rng.random(g.shape) < draw(st.sampled_from([0.0, 0.1]))] = 0.02
    families = [
        Lines.driven(
            count,
            draw(st.sampled_from([0.35, 50.0, 1e4])),
            driver=draw(st.sampled_from([0.5, 100.0])),
            ends=draw(st.sampled_from(["start", "end", "both"])),
        )
        for count in (rows, cols)
    ]
    return rng, g, *families


def dense(g, row, column, v_row, v_column):
    """Nodal analysis with one stamp per resistor; node voltages of both families."""
    rows, cols = g.shape
    n = rows * cols
    a, b = np.zeros((2 * n, 2 * n)), np.zeros(2 * n)
    upper = np.arange(n).reshape(rows, cols)

    def stamp(i, j, conductance):
        a[i, i] += conductance
        a[j, j] += conductance
        a[i, j] -= conductance
        a[j, i] -= conductance

    for i in range(rows):
        for j in range(cols):
            stamp(upper[i, j], n + upper[i, j], g[i, j])
    for lines, voltages, nodes in ((row, v_row, upper), (column, v_column, n + upper.T)):
        for line, volt, start, end in zip(nodes, voltages, lines.start, lines.end, strict=True):
            for one, other in pairwise(line):
                stamp(one, other, 1.0 / lines.resistance)
            for node, conductance in ((line[0], start), (line[-1], end)):
                a[node, node] += conductance
                b[node] += conductance * volt
    x = np.linalg.solve(a, b)
    return x[:n].reshape(rows, cols), x[n:].reshape(rows, cols)


def drives(rng, g):
    return rng.uniform(-1, 1, g.shape[0]), rng.uniform(-1, 1, g.shape[1])


@given(crossbars())
@PROPERTY
def test_dense_solve(case):
    rng, g, row, column = case
    v_row, v_column = drives(rng, g)
    found = LinearCrossbar(g, row, column).solve(v_row, v_column)
    upper, lower = dense(g, row, column, v_row, v_column)
    assert_allclose(found.row_voltage, upper, rtol=1e-9, atol=1e-12)
    assert_allclose(found.column_voltage, lower, rtol=1e-9, atol=1e-12)
    scale = np.max(np.abs(found.cell_current))
    assert_allclose(found.cell_current, g * (upper - lower), rtol=1e-9, atol=1e-9 * scale)


@given(crossbars())
@PROPERTY
def test_superposition(case):
    rng, g, row, column = case
    array = LinearCrossbar(g, row, column)
    one, other = drives(rng, g), drives(rng, g)
    a, b = array.solve(*one), array.solve(*other)
    both = array.solve(2 * one[0] - other[0], 2 * one[1] - other[1])
    scale = np.max(np.abs(a.cell_current)) + np.max(np.abs(b.cell_current))
    assert_allclose(
        both.cell_current, 2 * a.cell_current - b.cell_current, rtol=0, atol=1e-10 * scale
    )


@given(crossbars())
@PROPERTY
def test_reciprocity(case):
    """1 V at one driver draws from another what 1 V there draws from the first."""
    rng, g, row, column = case
    array = LinearCrossbar(g, row, column)
    rows, cols = g.shape
    i, j = rng.integers(rows), rng.integers(cols)
    there = array.solve(np.eye(1, rows, i)[0], np.zeros(cols))
    back = array.solve(np.zeros(rows), np.eye(1, cols, j)[0])
    scale = np.max(np.abs(there.row_current)) + 1e-15
    assert_allclose(there.column_current[j], back.row_current[i], rtol=1e-8, atol=1e-10 * scale)


@given(crossbars())
@PROPERTY
def test_kirchhoff(case):
    """What drivers deliver along a line is what its cells take, at each line and altogether."""
    rng, g, row, column = case
    found = LinearCrossbar(g, row, column).solve(*drives(rng, g))
    cells = found.cell_current
    close = 1e-9 * max(np.max(np.abs(cells)), 1e-15)
    assert_allclose(found.row_current, cells.sum(axis=1), rtol=0, atol=close * g.shape[1])
    assert_allclose(found.column_current, -cells.sum(axis=0), rtol=0, atol=close * g.shape[0])


@given(crossbars())
@PROPERTY
def test_transposition(case):
    rng, g, row, column = case
    v_row, v_column = drives(rng, g)
    one = LinearCrossbar(g, row, column).solve(v_row, v_column)
    other = LinearCrossbar(g.T, column, row).solve(v_column, v_row)
    scale = max(np.max(np.abs(one.cell_current)), 1e-15)
    assert_allclose(other.cell_current, -one.cell_current.T, rtol=0, atol=1e-10 * scale)
    assert_allclose(other.row_voltage, one.column_voltage.T, rtol=0, atol=1e-11)


@given(crossbars())
@PROPERTY
def test_power_of_the_drivers_is_heat_in_the_resistors(case):
    """Tellegen: what the drivers give is dissipated, and nothing is made inside."""
    rng, g, row, column = case
    v_row, v_column = drives(rng, g)
    found = LinearCrossbar(g, row, column).solve(v_row, v_column)
    upper, lower = found.row_voltage, found.column_voltage
    heat = np.sum(g * (upper - lower) ** 2)
    heat += np.sum(np.diff(upper, axis=1) ** 2) / row.resistance
    heat += np.sum(np.diff(lower, axis=0) ** 2) / column.resistance
    heat += np.sum(row.start * (v_row - upper[:, 0]) ** 2 + row.end * (v_row - upper[:, -1]) ** 2)
    heat += np.sum(
        column.start * (v_column - lower[0]) ** 2 + column.end * (v_column - lower[-1]) ** 2
    )
    given_power = v_row @ found.row_current + v_column @ found.column_current
    assert_allclose(heat, given_power, rtol=1e-8, atol=1e-18)
