"""What no equation can answer is refused by name, and nothing of it reaches a result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import CosimError, ModelError
from compact_models.model import define, p
from compact_models.steady import solve_steady

RERAM, SELECTOR, RESISTOR = (load_model(n) for n in ("cmo_hfox", "nmos_3v3", "resistor"))
NAN, TWO, THREE = float("nan"), np.ones(2), np.ones(3)

WRONG: dict[str, Callable[[], Any]] = {
    "cmo_hfox: voltage .V. must be finite": lambda: RERAM.current(voltage=NAN, vacancies=1e25),
    "voltage .V. must be finite real numbers: 'a'": lambda: RERAM.current(
        voltage="a", vacancies=1e25
    ),
    "cmo_hfox: vacancy density .1/m.3. must be finite": lambda: RERAM.rate(
        voltage=0.1, vacancies=[1e25, NAN]
    ),
    "no such vacancy density .*: -1.0": lambda: RERAM.current(voltage=0.1, vacancies=-1.0),
    "C_max = 1e.28": lambda: RERAM.temperature(voltage=0.1, vacancies=2e28),
    "do not fit together: .'top': .3,., 'c': .2,.": lambda: RERAM.current(
        voltage=THREE, vacancies=1e25 * TWO
    ),
    "cannot be read at this voltage": lambda: RERAM.conductance(vacancies=1e25, read_voltage=0),
    "conductance .S. must be finite": lambda: RERAM.vacancies_at(conductance=NAN),
    "potential of the drain": lambda: SELECTOR.current(gate=1.0, drain=np.inf),
    "threshold_voltage must be finite": lambda: SELECTOR.current(
        gate=1.0, drain=1.0, threshold_voltage=NAN
    ),
    "nmos_3v3 is given arrays": lambda: SELECTOR.current(gate=TWO, drain=THREE),
    "no on-resistance": lambda: SELECTOR.on_resistance(gate=1.2, voltage=0.0),
    "resistance .Ohm.: 0 .allowed: more than 0": lambda: RESISTOR.current(voltage=1, resistance=0),
    "resistor: voltage": lambda: RESISTOR.current(voltage=NAN),
    "resistor is given arrays": lambda: RESISTOR.current(voltage=TWO, resistance=THREE),
    "not told the value .*: 'bottom'": lambda: solve_steady(
        RERAM, voltages={"top": 1.0}, held={"c": 1.0, "phi": 1.0}
    ),
    "not told the value .*: 'phi'": lambda: solve_steady(
        RERAM, voltages={"top": 1.0, "bottom": 0.0}, held={"c": 1.0}
    ),
    "steps of a steady solution": lambda: solve_steady(
        RESISTOR, voltages={"top": 1.0, "bottom": 0.0}, held={}, ramp=0
    ),
    "a sum above 0 Ohm": lambda: RERAM.with_parameters(R_s=0.0, R_line=0.0),
    "R_th.* is out of range: 0.0": lambda: RERAM.with_parameters(R_th=0.0),
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_input_is_named(text: str) -> None:
    with pytest.raises(CosimError, match=text):
        WRONG[text]()


def test_nothing_in_gives_nothing_out() -> None:
    assert RERAM.current(voltage=np.zeros((0, 2)), vacancies=1e25).shape == (0, 2)
    assert RERAM.vacancies_at(conductance=np.zeros(0)).shape == (0,)
    assert SELECTOR.current(gate=np.zeros(0), drain=1.0).shape == (0,)


def test_a_definition_hides_no_parameter() -> None:
    with pytest.raises(ModelError, match="name of something else: 'resistance'"):
        replace(RESISTOR, definitions=(define("resistance", p("resistance") * 2, "ohm", ""),))


def test_a_singular_system_does_not_settle() -> None:
    loose = replace(RESISTOR, internal_nodes=("loose",))
    with pytest.raises(ModelError, match="did not settle at 1 of 1"):
        solve_steady(loose, voltages={"top": 1.0, "bottom": 0.0}, held={})
