"""Whole experiments in the native solver against ngspice: wires and cycle-to-cycle spread too."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compact_models import load_model
from cosim.experiments import cycling, pulse_update
from cosim.experiments.cycling import Cycling
from cosim.experiments.pulse_update import PulseUpdate
from netlists.analysis import Options
from netlists.array import Array
from netlists.cell import Cell
from netlists.parasitics import Parasitics

pytestmark = [pytest.mark.ngspice, pytest.mark.slow]

# The experiments' own options leave half a per cent on a loop, more than is compared here.
TIGHT = Options(method="gear", reltol=1e-6, step_tolerance=1.0, vntol=1e-9, abstol=1e-14)


@pytest.fixture(scope="module")
def array():
    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=1,
        cols=2,
        parameters={"c_0": np.array([[0.8, 2.5]])},
        parasitics=Parasitics(r_row=2.0, r_col=2.0),
    )


def test_pulse_update(array, ngspice, monkeypatch):
    monkeypatch.setattr(pulse_update, "_OPTIONS", TIGHT)
    update = PulseUpdate(array, pulses=4, alternating=2)
    fast, slow = (update.run(simulator=s, seed=3, progress=False) for s in ("native", ngspice))
    assert_allclose(fast.final_c, slow.final_c, rtol=1e-3)
    assert_allclose(fast.conductance, slow.conductance, rtol=1e-3)
    assert fast.attrs["residual"] <= 1e-9


def test_cycling(array, ngspice, monkeypatch):
    monkeypatch.setattr(cycling, "_OPTIONS", TIGHT)
    loops = Cycling(array, cycles=1)
    fast, slow = (loops.run(simulator=s, seed=3, progress=False) for s in ("native", ngspice))
    assert_allclose(fast.final_c, slow.final_c, rtol=2e-3)
    for name in ("lrs", "hrs"):
        assert_allclose(fast[name], slow[name], rtol=3e-3)
    largest = np.max(np.abs(slow.current.values))
    assert_allclose(fast.current, slow.current, atol=2e-3 * largest)
