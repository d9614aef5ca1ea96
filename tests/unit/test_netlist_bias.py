"""Bias schemes: which cell sees which voltage, on ideal lines."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from compact_models import load_model
from compact_models.errors import NetlistError
from netlists import Array, Cell, Layout, Waveform, bias

TOP = 5e-7  # inside the pulses used here
PULSE = Waveform.pulse(1.2, 1e-6)


@pytest.fixture(scope="module")
def passive() -> Array:
    return Array(Cell(load_model("resistor")), rows=3, cols=4)


@pytest.fixture(scope="module")
def gated() -> Array:
    return Array(Cell(load_model("cmo_hfox"), load_model("nmos_3v3")), rows=3, cols=4)


def _line(array: Array, drives: bias.Drives, kind: str, t: float) -> NDArray[np.float64]:
    """Potential of a kind of line at every cell; nan where it floats."""
    lines = array.line_set(kind)  # type: ignore[arg-type]
    values = np.full(array.shape, np.nan)
    for (i, j), _ in np.ndenumerate(values):
        wave = drives[f"{kind}{i if lines.along == 'row' else j}"]
        if wave is not None:
            values[i, j] = wave.at(t)
    return values


def _cells(array: Array, drives: bias.Drives, t: float = TOP) -> NDArray[np.float64]:
    return _line(array, drives, "bl", t) - _line(array, drives, "sl", t)


def _only(array: Array, cell: tuple[int, int], value: float) -> NDArray[np.float64]:
    expected = np.zeros(array.shape)
    expected[cell] = value
    return expected


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_half_scheme(passive: Array, sign: float) -> None:
    seen = _cells(passive, bias.one_cell(passive, (1, 2), sign * PULSE))
    expected = np.zeros(passive.shape)
    expected[1, :] = expected[:, 2] = sign * 0.6
    expected[1, 2] = sign * 1.2
    assert seen == pytest.approx(expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_third_scheme(passive: Array, sign: float) -> None:
    seen = _cells(passive, bias.one_cell(passive, (1, 2), sign * PULSE, scheme="third"))
    expected = np.full(passive.shape, -sign * 0.4)
    expected[1, :] = expected[:, 2] = sign * 0.4
    expected[1, 2] = sign * 1.2
    assert seen == pytest.approx(expected)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("layout", "word_lines"),
    [(Layout.CROSSING, "row"), (Layout.CROSSING, "column"), (Layout.PARALLEL, "row")],
)
def test_gate_selection_leaves_voltage_on_one_open_cell(
    gated: Array, sign: float, layout: Layout, word_lines: str
) -> None:
    array = gated.replace(layout=layout, word_lines=word_lines)
    drives = bias.one_cell(array, (1, 2), sign * PULSE, gate=1.4)
    open_cells = _line(array, drives, "wl", TOP) > 0
    assert open_cells.sum() == (4 if word_lines == "row" else 3)
    assert np.where(open_cells, _cells(array, drives), 0.0) == pytest.approx(
        _only(array, (1, 2), sign * 1.2)
    )
    for kind in ("bl", "sl"):
        assert (_line(array, drives, kind, TOP) >= 0).all()


def test_floating_scheme_disconnects_the_rest(gated: Array) -> None:
    drives = bias.one_cell(gated, (0, 3), PULSE, scheme="floating")
    assert [n for n, w in drives.items() if w is not None and n[:2] != "wl"] == ["bl0", "sl3"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_every_cell_sees_the_same(gated: Array, sign: float) -> None:
    drives = bias.every_cell(gated, sign * PULSE, gate=1.2)
    assert _cells(gated, drives) == pytest.approx(np.full(gated.shape, sign * 1.2))
    assert _line(gated, drives, "wl", 0.0) == pytest.approx(np.full(gated.shape, 1.2))


def test_parallel_update_adds_rows_and_columns(passive: Array) -> None:
    rows = [Waveform.pulse(0.6, 1e-6) * on for on in (1, 0, 1)]
    columns = [Waveform.pulse(0.6, 1e-6) * on for on in (0, 1, 1, 0)]
    seen = _cells(passive, bias.parallel_update(passive, rows, columns))
    assert seen == pytest.approx(0.6 * np.add.outer([1, 0, 1], [0, 1, 1, 0]))


def test_gate_coincidence_needs_gate_and_voltage(gated: Array) -> None:
    parallel = gated.replace(layout=Layout.PARALLEL)
    gates = [Waveform.pulse(1.4, 1e-6) * on for on in (1, 0, 1)]
    drives = bias.gate_coincidence(parallel, gates, [PULSE, 0.0, -PULSE, 0.0])
    seen = np.where(_line(parallel, drives, "wl", TOP) > 0, _cells(parallel, drives), 0.0)
    assert seen == pytest.approx(np.outer([1, 0, 1], [1.2, 0, -1.2, 0]))
    crossing = gated.replace(word_lines="column")
    drives = bias.gate_coincidence(crossing, [*gates, 0.0], [PULSE, 0.0, PULSE])
    seen = np.where(_line(crossing, drives, "wl", TOP) > 0, _cells(crossing, drives), 0.0)
    assert seen == pytest.approx(np.outer([1.2, 0, 1.2], [1, 0, 1, 0]))


def test_reads_take_a_scalar_a_vector_or_many(gated: Array) -> None:
    inputs = np.random.default_rng(1).uniform(0, 0.2, (5, 3))
    assert _cells(gated, bias.read(gated, 0.2)) == pytest.approx(np.full(gated.shape, 0.2))
    assert _cells(gated, bias.read(gated, inputs[0]))[:, 0] == pytest.approx(inputs[0])
    many = bias.read(gated, inputs)
    for k in range(5):
        assert _cells(gated, many, t=float(k))[:, 2] == pytest.approx(inputs[k])


def test_closed_gates_may_have_a_waveform(gated: Array) -> None:
    off = Waveform.constant(0.1)
    assert bias.one_cell(gated, (0, 0), 1.0, gate_off=off)["wl1"] == off


def test_what_cannot_be_biased_is_refused(passive: Array, gated: Array) -> None:
    parallel = gated.replace(layout=Layout.PARALLEL)
    attempts = [
        lambda: bias.one_cell(passive, (3, 0), 1.0),
        lambda: bias.one_cell(passive, (0, -1), 1.0),
        lambda: bias.one_cell(passive, (0, 0), 1.0, scheme="gate"),
        lambda: bias.one_cell(passive, (0, 0), 1.0, scheme="quarter"),  # type: ignore[arg-type]
        lambda: bias.one_cell(parallel, (0, 0), 1.0, scheme="half"),
        lambda: bias.one_cell(parallel.replace(word_lines="column"), (0, 0), 1.0),
        lambda: bias.parallel_update(parallel, [0.0] * 3, [0.0] * 4),
        lambda: bias.parallel_update(passive, [0.0] * 4, [0.0] * 4),
        lambda: bias.gate_coincidence(gated, [0.0] * 3, [0.0] * 3),
        lambda: bias.gate_coincidence(
            gated.replace(word_lines="column"), [0.0] * 4, [-1.0, 0.0, 0.0]
        ),
        lambda: bias.read(gated, np.zeros((2, 4))),
    ]
    for attempt in attempts:
        with pytest.raises(NetlistError):
            attempt()
