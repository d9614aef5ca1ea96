"""The shipped stand-ins are what ``cosim calibrate transistor`` finds, with the error they state.

And a library with a known law: a level 1 transistor, I = kp/2 W/L (V_GS - V_T)^2 (1 + lambda V_DS).
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

import cosim as cs
from compact_models import load_model
from compact_models.errors import ModelError
from compact_models.fit_charges import CHARGES
from compact_models.fit_nmos import CONSTANTS
from compact_models.foundry import load_transistor
from compact_models.library_card import load_card
from cosim.errors import CalibrationError, SimulatorNotFound
from cosim.simulators.foreign import simulator_of
from cosim.transistor import calibrate_transistor
from cosim.transistor_bench import SOURCES, plane

pytestmark = pytest.mark.ngspice


def _card(name):
    try:
        card = load_transistor(name)
        return card, simulator_of(None, compiled=bool(card.modules))
    except (ModelError, SimulatorNotFound) as error:
        if name.startswith("gf180") and os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gf180mcu_nfet_03v3", "sg13_hv_nmos"])
def test_shipped_stand_ins_are_what_the_fit_finds(ngspice, name):
    card, simulator = _card(name)
    found = calibrate_transistor(card, simulator=simulator)
    shipped = load_model("nmos_3v3", f"nmos_3v3_{name}").parameters
    for constant in (*CONSTANTS, *CHARGES):
        assert found.parameters[constant] == pytest.approx(shipped[constant], rel=2e-3), constant
    assert found.mean_error < 0.01
    assert found.linear_error < 0.015
    assert found.worst_error < 0.08
    assert found.summary in shipped.parameter("threshold_voltage").calibrated_to


@pytest.mark.parametrize("name", ["gf180mcu_nfet_03v3", "sg13_hv_nmos"])
def test_between_the_points_of_the_fit(ngspice, name):
    """At voltages that the fit did not see, the error is the one that is stated."""
    card, simulator = _card(name)
    gates, drains = 0.05 + np.arange(32) / 10, 0.025 + np.arange(65) / 20
    current = plane(card, gates, drains, simulator)
    model = load_model("nmos_3v3", f"nmos_3v3_{name}")
    source = np.array(SOURCES)[:, None, None]
    ours = model.current(gate=gates[:, None], drain=drains, source=source)
    forward = np.broadcast_to(drains > source + 0.01, current.shape)
    on = np.where(forward, current, 0.0).max(axis=2, keepdims=True)
    where = forward & (on > 1e-5)
    error = (np.abs(ours - current) / on)[where]
    assert error.mean() < 0.01
    assert error.max() < 0.08


def test_a_library_with_a_known_law(ngspice, tmp_path):
    path = tmp_path / "corners.lib"
    path.write_text(
        ".lib slow\n.model nch nmos level=1 vto=0.7 kp=100u lambda=0.02\n.endl slow\n"
        ".lib fast\n.model nch nmos level=1 vto=0.5 kp=100u lambda=0.02\n.endl fast\n"
    )
    for section, threshold in (("slow", 0.7), ("fast", 0.5)):
        card = load_card(path, "nch", section=section, width=3e-6, length=1e-6)
        resistor = cs.load_model("resistor").with_parameters(resistance=1e-2)
        array = cs.Array(cs.Cell(resistor, card), rows=1, cols=1)
        read = cs.Read(array, gate=0.9, read_voltage=0.5).run(progress=False)
        across = 0.5
        law = 0.5 * 100e-6 * 3 * (0.9 - threshold) ** 2 * (1 + 0.02 * across)
        assert float(read.conductance[0, 0]) * across == pytest.approx(law, rel=1e-3)


def test_what_cannot_be_fitted_is_refused_before_the_fit(ngspice):
    card, simulator = _card("gf180mcu_nfet_03v3")
    with pytest.raises(CalibrationError, match="supply"):
        calibrate_transistor(card, supply=0.0, simulator=simulator)
    weak = replace(card, parameters={**card.parameters, "w": 0.3e-6, "l": 2e-6})
    with pytest.raises(CalibrationError, match="never carries the current"):
        calibrate_transistor(weak, supply=1.0, simulator=simulator)
