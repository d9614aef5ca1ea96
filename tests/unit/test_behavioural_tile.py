import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compact_models.errors import ParameterError
from cosim.behavioural import (
    Converter,
    NoiseLaws,
    ReadLaw,
    Tile,
    TileOptions,
    effective_conductance,
    soft_bounds,
)
from netlists import Drive, Parasitics

IDEAL = {"dac": Converter(), "adc": Converter(bound=np.inf), "noisy": False}


@pytest.mark.parametrize("scheme", ["differential", "reference", "offset"])
def test_ideal_tile_multiplies_exactly(scheme):
    rng = np.random.default_rng(0)
    weights, inputs = rng.uniform(-2, 2, (7, 5)), rng.uniform(-1, 1, (4, 7))
    tile = Tile.program(weights, soft_bounds(), options=TileOptions(scheme=scheme, **IDEAL))
    assert tile.multiply(inputs) == pytest.approx(inputs @ weights, abs=1e-12)
    assert tile.weights() == pytest.approx(weights, abs=1e-12)
    assert (tile.inputs, tile.outputs) == (7, 5)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 10), st.floats(0.1, 10.0), st.lists(st.floats(-30, 30), min_size=1))
def test_converter_is_exact_at_zero_bounded_and_within_half_a_step(bits, bound, values):
    converter = Converter(bits=bits, bound=bound)
    x = np.array([0.0, *values])
    y = converter.convert(x)
    assert y[0] == 0.0
    assert np.abs(y).max() <= bound
    inside = np.abs(x) <= bound
    assert (np.abs(y - x)[inside] <= 0.5 * converter.step * (1 + 1e-9)).all()


def test_one_cell_with_wires_is_a_series_circuit():
    parasitics = Parasitics(r_row=3.0, r_col=5.0, r_driver=7.0, r_contact=1.0)
    got = effective_conductance(np.array([[1e-3]]), parasitics)
    assert got[0, 0] == pytest.approx(1.0 / (1e3 + 3.0 + 5.0 + 2 * 8.0), rel=1e-9)


def test_effective_conductance_matches_a_dense_nodal_solution():
    rng = np.random.default_rng(1)
    rows, cols, r = 4, 3, 2.0
    cells = rng.uniform(1e-5, 1e-3, (rows, cols))
    node = np.arange(rows * cols).reshape(rows, cols)
    size = 2 * rows * cols
    matrix, right = np.zeros((size, size)), np.zeros((size, rows))

    def join(a: int, b: int, g: float) -> None:
        matrix[[a, b], [a, b]] += g
        matrix[[a, b], [b, a]] -= g

    for i in range(rows):
        matrix[node[i, 0], node[i, 0]] += 1 / r
        right[node[i, 0], i] = 1 / r
        for j in range(cols):
            join(node[i, j], node[i, j] + rows * cols, cells[i, j])
            if j:
                join(node[i, j - 1], node[i, j], 1 / r)
            if i:
                join(node[i - 1, j] + rows * cols, node[i, j] + rows * cols, 1 / r)
    for j in range(cols):
        matrix[node[-1, j] + rows * cols, node[-1, j] + rows * cols] += 1 / r
    volts = np.linalg.solve(matrix, right)
    expected = volts[node[-1] + rows * cols].T / r
    got = effective_conductance(cells, Parasitics(r_row=r, r_col=r), Drive(source_line="end"))
    assert got == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("ends", [("start", "start"), ("end", "both"), ("both", "end")])
def test_both_solvers_of_the_wires_agree(ends, monkeypatch):
    cells = np.random.default_rng(3).uniform(1e-5, 1e-4, (40, 30))
    wires = Parasitics(r_row=2.0, r_col=3.0, r_driver=20.0)
    drive = Drive(bit_line=ends[0], source_line=ends[1])
    small = effective_conductance(cells, wires, drive)
    monkeypatch.setattr("cosim.behavioural.ir_drop.LARGE", 10)
    assert effective_conductance(cells, wires, drive) == pytest.approx(small, rel=1e-8)


def test_single_precision_products_differ_by_less_than_a_step_of_the_converter():
    rng = np.random.default_rng(4)
    weights, inputs = rng.uniform(-1, 1, (30, 6)), rng.uniform(-1, 1, (50, 30))
    options = TileOptions(noisy=False, adc=Converter(bits=8, bound=12.0))
    tile = Tile.program(weights, soft_bounds(), weight_max=1.0, options=options)
    plain = options.dac.convert(inputs) @ tile.weights()
    got = tile.multiply(inputs)
    assert np.abs(got - plain).max() <= 0.5 * options.adc.step * (1 + 1e-3)
    assert (np.abs(got - options.adc.convert(plain)) < 1e-4).mean() > 0.99


def test_reciprocity_lets_rows_and_columns_swap():
    cells = np.random.default_rng(2).uniform(1e-5, 1e-3, (5, 4))
    a = effective_conductance(cells, Parasitics(r_row=1.0, r_col=2.0))
    b = effective_conductance(cells.T, Parasitics(r_row=2.0, r_col=1.0))
    assert a == pytest.approx(b.T, rel=1e-9)


def test_no_wires_changes_nothing():
    cells = np.random.default_rng(2).uniform(1e-5, 1e-3, (5, 4))
    assert (effective_conductance(cells, Parasitics()) == cells).all()
    tiny = effective_conductance(cells, Parasitics(r_row=1e-6))
    assert tiny == pytest.approx(cells, rel=1e-6)


def test_read_law_of_rank_two_reproduces_a_curved_device():
    volts, cells = np.linspace(0.01, 0.25, 25), np.linspace(5e-6, 1e-4, 20)
    bend = 5.0 + 2e4 * cells
    currents = cells * np.sinh(volts[:, None] * bend) / np.sinh(0.2 * bend) * 0.2
    law = ReadLaw.fit(volts, cells, currents, rank=2)
    assert law.residual < 2e-3
    assert law.current(-0.2, 5e-5) == pytest.approx(-0.2 * 5e-5, rel=2e-3)
    assert float(law.current(0.0, 5e-5)) == 0.0
    assert ReadLaw().current(0.1, 2e-5) == pytest.approx(2e-6)


def test_relaxation_follows_one_path_per_device_and_noise_can_be_off():
    weights = np.random.default_rng(0).uniform(-1, 1, (16, 4))
    tile = Tile.program(weights, soft_bounds(), seed=3)
    early, late = tile.conductances(1.0), tile.conductances(1e8)
    assert (tile.conductances(1e8) == late).all()
    shift_early, shift_late = early - tile.programmed, late - tile.programmed
    assert np.corrcoef(shift_early.ravel(), shift_late.ravel())[0, 1] > 0.99
    assert shift_late.mean() < shift_early.mean()
    still = Tile.program(weights, soft_bounds().replace(noise=NoiseLaws.none()), seed=3)
    assert (still.conductances(1e8) == still.programmed).all()


def test_same_seed_same_tile():
    weights = np.random.default_rng(0).uniform(-1, 1, (16, 4))
    x = np.ones(16)
    a, b = (Tile.program(weights, soft_bounds(), seed=5) for _ in range(2))
    assert (a.multiply(x, time=10.0) == b.multiply(x, time=10.0)).all()


def test_wrong_shapes_and_options_are_named():
    tile = Tile.program(np.ones((3, 2)), soft_bounds())
    with pytest.raises(ParameterError, match="inputs of a tile"):
        tile.multiply(np.ones(4))
    with pytest.raises(ParameterError, match="converter bits"):
        Converter(bits=1)
    with pytest.raises(ParameterError, match="even number"):
        Tile(soft_bounds(), np.ones((3, 3)))
    with pytest.raises(ParameterError, match="floating"):
        effective_conductance(np.ones((2, 2)), Parasitics(r_row=1), Drive(bit_line="floating"))
