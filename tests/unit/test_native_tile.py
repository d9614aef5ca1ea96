"""The matrix a tile computes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compact_models import load_model
from cosim.errors import ConfigError
from cosim.simulators.native import effective_matrix
from netlists.array import Array
from netlists.cell import Cell
from netlists.lines import Layout
from netlists.parasitics import Parasitics


def resistors(**more):
    r = np.random.default_rng(4).uniform(1e4, 1e5, (6, 4))
    return r, Array(
        Cell(load_model("resistor")), rows=6, cols=4, parameters={"resistance": r}, **more
    )


def test_matrix_without_wires_is_the_cells_and_with_wires_is_exact():
    r, ideal = resistors()
    assert_allclose(effective_matrix(ideal).matrix, 1 / r, rtol=1e-12)
    _, wired = resistors(parasitics=Parasitics(r_row=20.0, r_col=30.0))
    tile = effective_matrix(wired)
    assert_allclose(tile.ideal, 1 / r, rtol=1e-12)
    # Linear cells leave nothing out: random inputs through the full solver agree.
    assert tile.nonlinearity < 1e-9
    assert np.all(tile.matrix < tile.ideal)
    assert_allclose(tile.product(np.ones((1, 6)))[0], tile.matrix.sum(axis=0), rtol=1e-12)


def test_parallel_lines_compute_no_product():
    with pytest.raises(ConfigError):
        effective_matrix(resistors(layout=Layout.PARALLEL)[1])


def test_the_read_voltage_may_be_negative_and_not_nothing():
    r, array = resistors()
    assert_allclose(effective_matrix(array, read_voltage=-0.2).matrix, 1 / r, rtol=1e-12)
    for wrong in (0.0, np.nan):
        with pytest.raises(ConfigError, match="linearised"):
            effective_matrix(array, read_voltage=wrong)
