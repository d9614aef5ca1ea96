"""Pictures: every one draws, whatever the size of its data, and shows what it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim import plot
from cosim.published import published

RNG = np.random.default_rng(0)


def _pictures(cells: int) -> dict[str, Any]:
    volts = np.linspace(-1.3, 1.3, 21)
    current = 1e-4 * np.sinh(volts)[:, None] * RNG.uniform(0.5, 1.5, cells)
    levels = RNG.uniform(1e-5, 9e-5, (30, cells))
    direction = np.where(np.arange(30) < 15, 1, -1)
    steps = {"up": levels[:, 0], "down": levels[:, 0]}
    return {
        "forming": lambda: plot.forming_traces(np.abs(volts), current),
        "distribution": lambda: plot.distribution(
            RNG.normal(3.4, 0.1, cells), "V", "voltage", "title", published("forming_voltage")
        ),
        "loops": lambda: plot.iv_loops(volts, current),
        "pulses": lambda: plot.pulse_response(
            levels, direction, window=(9e-6, 9e-5), model=levels.mean(axis=1)
        ),
        "steps": lambda: plot.step_curves(np.linspace(1e-5, 9e-5, 30), steps, 4e-5),
        "map": lambda: plot.cell_map(RNG.uniform(0, 1e-3, (cells, 3)), "V", "drop", "title"),
        "digits": lambda: plot.digit_scores(
            RNG.random((cells, 8, 8)), [3] * cells, [("a", RNG.random((cells, 10)))]
        ),
        "agreement": lambda: plot.agreement(levels, levels, "S", ("a", "b"), "title"),
    }


@pytest.mark.parametrize(("name", "cells"), [(n, 2) for n in sorted(_pictures(1))] + [("map", 12)])
def test_every_picture_draws(name: str, cells: int, tmp_path: Path) -> None:
    figure = _pictures(cells)[name]()
    figure.savefig(tmp_path / "p.png", dpi=20)
    assert (tmp_path / "p.png").stat().st_size > 500


def test_constant_and_missing_values_draw() -> None:
    plot.cell_map(np.zeros((2, 2)), "V", "drop", "title")
    plot.iv_loops(np.zeros(5), np.zeros((5, 1)))
    lost = plot.distribution([np.nan, 3.3], "V", "voltage", "Forming")
    assert "1 of 2 without a value" in lost.axes[0].get_title(loc="left")
    plot.distribution([np.nan], "V", "voltage", "Forming")


def test_axes_read_in_the_units_people_use() -> None:
    figure = plot.cell_map(np.array([[1e-3, 2e-3]]), "V", "IR drop", "title")
    assert "IR drop [mV]" in {a.get_ylabel() for a in figure.axes}
    figure = plot.agreement([1e-6], [2e-6], "A", ("a", "b"), "title")
    assert figure.axes[0].get_xlabel() == "a [uA]"


def test_equal_numbers_are_not_stretched_over_the_axes() -> None:
    figure = plot.agreement([1e-6, 1e-6], [1.0000001e-6, 1e-6], "A", ("a", "b"), "title")
    low, high = figure.axes[0].get_xlim()
    assert high - low > 0.05
