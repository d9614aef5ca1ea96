"""Many arrays at once, and a fitted model in place of a foundry's transistor."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compact_models import load_model
from cosim.errors import ConfigError, SimulatorError
from cosim.simulators.native import NativeSimulator, draw_array, monte_carlo
from netlists import bias
from netlists.analysis import Transient
from netlists.array import Array
from netlists.cell import Cell
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform


def array_of(selector, **more):
    return Array(
        Cell(load_model("cmo_hfox"), selector),
        rows=3,
        cols=2,
        parasitics=Parasitics(r_row=1.0, r_col=1.0),
        **more,
    )


def bench(array, **more):
    more.setdefault("probes", ("source_line_current", "cell_current", "i(bl0)"))
    voltage = more.pop("voltage", 0.2)
    return Testbench(array=array, drives=bias.every_cell(array, voltage, gate=1.4), **more)


def test_draws_do_not_depend_on_workers_or_on_their_number():
    testbench = bench(array_of(load_model("nmos_3v3")))
    few = monte_carlo(testbench, 3, seed=5, workers=1)
    many = monte_carlo(testbench, 6, seed=5, workers=3)
    assert few.sizes["draw"] == 3
    for name in ("source_line_current", "cell_current", "i_bl0"):
        assert_allclose(many[name][:3], few[name], rtol=0)
        assert many[name].attrs["units"] == "A"
    assert many.cell_current.dims == ("draw", "point", "row", "col")
    assert (many.status == "ok").all()
    assert float(many.residual.max()) <= 1e-9
    spread = many.cell_current.std("draw") / many.cell_current.mean("draw")
    assert float(spread.min()) > 1e-3
    other = monte_carlo(testbench, 2, seed=6)
    assert np.all(other.cell_current.values != few.cell_current.values[:2])
    one = NativeSimulator().run(testbench.replace(array=draw_array(testbench.array, 5, 1)))
    assert_allclose(one["cell_current"], few.cell_current[1], rtol=0)


def test_transients_at_times_and_failed_draws():
    wave = Waveform.pulse(1.2, 1e-7)
    analysis = Transient(stop=wave.duration, step=1e-8)
    testbench = bench(
        array_of(None), voltage=wave, analysis=analysis, probes=("state:c", "cell_current")
    )
    times = [5e-8, 1e-7]
    found = monte_carlo(testbench, 2, at=times)
    assert found.state_c.shape == (2, 2, 3, 2)
    assert np.all(found.state_c[:, 1] > found.state_c[:, 0])
    assert monte_carlo(testbench, 2).state_c.shape == (2, 1, 3, 2)
    with pytest.raises(SimulatorError, match="every draw failed"):
        monte_carlo(testbench, 2, simulator=NativeSimulator(deadline=1e-9))
    with pytest.raises(ConfigError):
        monte_carlo(testbench, 0)
    resistors = Array(Cell(load_model("resistor")), rows=1, cols=1)
    with pytest.raises(ConfigError, match="nothing in this array varies"):
        monte_carlo(bench(resistors), 2)


@dataclass(frozen=True)
class Card:
    name: str = "gf180mcu_nfet_03v3"
    subcircuit: str = "nfet_03v3"
    library: tuple[str, ...] = ()
    parameters: dict[str, float] = field(default_factory=lambda: {"w": 5.35e-6, "l": 0.28e-6})
    terminals: tuple[str, ...] = ("drain", "gate", "source", "bulk")
    definition: str = ""
    citation: str = ""


def test_a_stand_in_is_taken_only_when_asked_for():
    array = array_of(Card(), selector_parameters={"w": np.full((3, 2), 4e-6)})
    testbench = bench(array)
    with pytest.raises(ConfigError, match="stand_in=True"):
        NativeSimulator().run(testbench)
    with pytest.raises(ConfigError, match="cosim calibrate transistor"):
        NativeSimulator(stand_in=True).run(bench(array_of(Card(name="somebody"))))
    found = NativeSimulator(stand_in=True).run(testbench)
    assert "in place of the foundry card gf180mcu_nfet_03v3" in found.provenance.warnings[0]
    fitted = load_model("nmos_3v3", parameters="nmos_3v3_gf180mcu_nfet_03v3")
    own = array_of(fitted, selector_parameters={"width": 4e-6})
    assert_allclose(found["cell_current"], NativeSimulator().run(bench(own))["cell_current"])
    # A model that was fitted here runs as it is.
    assert not NativeSimulator(stand_in=True).run(bench(own)).provenance.warnings
    odd = array_of(Card(parameters={"w": 5.35e-6, "l": 0.28e-6, "nf": 2.0}))
    with pytest.raises(ConfigError, match="no such parameter"):
        NativeSimulator(stand_in=True).run(bench(odd))
