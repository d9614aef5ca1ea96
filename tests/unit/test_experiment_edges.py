"""Experiments at the edge of their settings: one point, one pulse, nothing to divide by."""

from __future__ import annotations

import pytest

import cosim as cs
from cosim.errors import ConfigError


@pytest.fixture(scope="module")
def cell() -> cs.Array:
    return cs.Array(cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3")), rows=1, cols=1)


@pytest.mark.parametrize("stop", [3.6, 3.5])
def test_a_cell_that_the_first_pulse_forms_has_that_forming_voltage(
    cell: cs.Array, stop: float
) -> None:
    found = cs.Forming(
        cell, mode="pulse", start=3.5, stop=stop, resolution=0.1, width=1.0, gate=1.2
    ).run(simulator="native", progress=False)
    assert float(found.formed[0, 0]) == 1.0
    assert float(found.forming_voltage[0, 0]) == pytest.approx(3.5)
    assert float(found.forming_current[0, 0]) == pytest.approx(float(found.current[0, 0, 0]))


def test_a_sweep_of_one_point_is_refused(cell: cs.Array) -> None:
    with pytest.raises(ConfigError, match="resolution of Forming"):
        cs.Forming(cell, stop=0.1, resolution=0.2)
