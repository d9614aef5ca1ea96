"""Form, cycle, pulse and read the same cells in ngspice, the state carried from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from compact_models import load_model
from cosim.dataset import load, save
from cosim.errors import ConfigError, NotConverged
from cosim.experiments import Cycling, Forming, PulseUpdate, Read, with_spread
from cosim.experiments.cells import cell_groups, single_cell
from cosim.experiments.cycles import cycle_spreads, draw_cycles
from cosim.simulators.base import Result
from cosim.simulators.ngspice import NgspiceSimulator
from netlists import Array, Cell, Layout, Parasitics, Testbench, bias
from netlists.analysis import OperatingPoint

pytestmark = pytest.mark.ngspice

HRS, LRS = 0.7, 3.77  # 1e25 1/m^3 [Galetta2025]


def array(rows: int = 1, cols: int = 1, resistance: float = 0.35, **options: Any) -> Array:
    wires = Parasitics(r_row=resistance, r_col=2 * resistance, r_driver=resistance)
    cell = Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))
    return Array(cell, rows=rows, cols=cols, parasitics=wires, **options)


@pytest.fixture(scope="module")
def formed(ngspice: NgspiceSimulator) -> xr.Dataset:
    devices = with_spread(array(1, 2), 3)
    return Forming(devices).run(simulator=ngspice, seed=3, progress=False)


def test_forming_in_a_sweep(formed: xr.Dataset, tmp_path: Path) -> None:
    assert formed.attrs["experiment"] == "Forming"
    assert (formed["status"] == "ok").all()
    assert (formed["formed"] == 1).all()
    assert (formed["final_phi"] > 0.99).all()
    # The published range of single cells, 130 nm [Falcone2025]: 3.38 V on average.
    assert (abs(formed["forming_voltage"] - 3.38) < 0.25).all()
    assert np.ptp(formed["forming_voltage"].to_numpy()) > 1e-3
    # The transistor limits the current, and before the jump there is next to none.
    assert (formed["forming_current"] < 5e-4).all()
    assert (formed["current"].sel(voltage=3.0, method="nearest") < 1e-7).all()
    drop = formed["forming_voltage"] - formed["reram_forming_voltage"]
    np.testing.assert_allclose(
        drop, formed["forming_current"] * formed.attrs["selector_resistance"], rtol=1e-9
    )
    assert formed.attrs["selector_resistance"] == pytest.approx(800.0, rel=0.05)
    xr.testing.assert_equal(load(save(formed, tmp_path / "f.nc")), formed)


def test_forming_through_a_foundry_transistor(ngspice: NgspiceSimulator) -> None:
    reram = load_model("cmo_hfox")
    found = {
        name: Forming(Array(Cell(reram, selector), rows=1, cols=1)).run(
            simulator=ngspice, progress=False
        )
        for name, selector in (("ours", load_model("nmos_3v3")), ("card", "gf180mcu_nfet_03v3"))
    }
    ours, card = found["ours"], found["card"]
    # Our transistor was fitted to this card, whose triode resistance is 806 ohm.
    assert card.attrs["selector_resistance"] == pytest.approx(806, rel=0.01)
    assert ours.attrs["selector_resistance"] == pytest.approx(773, rel=0.01)
    for name in ("forming_voltage", "reram_forming_voltage"):
        assert float(card[name][0, 0]) == pytest.approx(float(ours[name][0, 0]), rel=0.01)


def test_forming_by_pulses_needs_more_voltage_for_shorter_ones(
    ngspice: NgspiceSimulator,
) -> None:
    options: dict[str, Any] = {"mode": "pulse", "start": 2.8, "resolution": 0.1, "stop": 3.6}
    found = [
        Forming(array(), width=width, **options)
        .run(simulator=ngspice, progress=False)["forming_voltage"]
        .item()
        for width in (1.0, 0.03)
    ]
    assert 2.8 < found[0] < found[1] <= 3.6


def test_formed_cells_have_no_forming_voltage(
    formed: xr.Dataset, ngspice: NgspiceSimulator
) -> None:
    again = Forming(array(1, 2).with_states(formed), rate=100.0, stop=1.0).run(
        simulator=ngspice, progress=False
    )
    assert (again["formed"] == 1).all()
    assert again["forming_voltage"].isnull().all()


def test_same_seed_same_devices(formed: xr.Dataset, ngspice: NgspiceSimulator) -> None:
    # A cell is what the seed and its place make it, whatever else is simulated.
    other = Forming(array(2, 2), device_spread=True)
    group = with_spread(other.array, 3)
    for name, values in with_spread(array(1, 2), 3).parameters.items():
        np.testing.assert_array_equal(values, group.parameters[name][:1])
    assert not np.array_equal(
        with_spread(other.array, 4).parameters["t_ox"], group.parameters["t_ox"]
    )
    given = with_spread(other.array.with_parameters(t_ox=4e-9), 3)
    assert (given.parameters["t_ox"] == 4e-9).all()


def test_state_is_carried_on(formed: xr.Dataset, ngspice: NgspiceSimulator) -> None:
    cells = with_spread(array(1, 2), 3).with_states(formed)
    cycled = Cycling(cells, cycles=1).run(simulator=ngspice, seed=3, progress=False)
    assert cycled["current"].dims == ("cycle", "point", "row", "col")
    assert (cycled["ratio"] > 3).all()
    # LRS is read before the device is reset, HRS after.
    cells = cells.with_states(cycled)
    updates = PulseUpdate(cells, pulses=3).run(simulator=ngspice, seed=3, progress=False)
    hrs = cycled["hrs"].isel(cycle=-1)
    np.testing.assert_allclose(updates["initial_conductance"], hrs, rtol=0.25)
    assert (updates["conductance"].isel(pulse=2) > updates["initial_conductance"]).all()
    assert updates["polarity"].to_numpy().tolist() == [1, 1, 1, -1, -1, -1]
    # After the last pulse, the array reads what the pulse experiment read.
    image = Read(cells.with_states(updates)).run(simulator=ngspice, progress=False)
    np.testing.assert_allclose(
        image["conductance"], updates["conductance"].isel(pulse=-1), rtol=2e-3
    )
    for dataset in (cycled, updates, image):
        assert dataset.attrs["netlist_sha256"]
        assert "Galetta" in dataset.attrs["citations"]


def test_one_cell_alone_is_the_cell_in_its_array(ngspice: NgspiceSimulator) -> None:
    cells = array(2, 2, resistance=50.0, parameters={"c_0": [[0.7, 1.64], [3.77, 1.0]]})
    for layout in Layout:
        whole = cells.replace(layout=layout)
        drives = bias.one_cell(whole, (1, 0), 0.9, gate=1.4)
        inside = ngspice.run(
            Testbench(
                array=whole, drives=drives, probes=("cell_current",), analysis=OperatingPoint()
            )
        )["cell_current"][0, 1, 0]
        alone = single_cell(whole, 1, 0)
        outside = ngspice.run(
            Testbench(
                array=alone,
                drives=bias.every_cell(alone, 0.9, gate=1.4),
                probes=("cell_current",),
            )
        )["cell_current"][0, 0, 0]
        assert outside == pytest.approx(inside, rel=1e-4)


def test_cycle_spread_is_the_parameter_of_that_pulse(ngspice: NgspiceSimulator) -> None:
    cells = array().with_parameters(c_0=HRS)
    noisy = PulseUpdate(cells, sequence=(1,)).run(simulator=ngspice, seed=5, progress=False)
    spreads = cycle_spreads(cells)
    names = tuple(spreads)
    assert names
    (group,) = cell_groups(cells, ngspice)
    z = draw_cycles(group, names, 1, 5)[0]
    values = {n: spreads[n].deviate(cells.parameter_array(n), z[k]) for k, n in enumerate(names)}
    plain = PulseUpdate(cells.with_parameters(**values), sequence=(1,), cycle_spread=False).run(
        simulator=ngspice, progress=False
    )
    quiet = PulseUpdate(cells, sequence=(1,), cycle_spread=False).run(
        simulator=ngspice, progress=False
    )
    step = (noisy["conductance"] - noisy["initial_conductance"]).item()
    expected = (plain["conductance"] - plain["initial_conductance"]).item()
    without = (quiet["conductance"] - quiet["initial_conductance"]).item()
    assert step == pytest.approx(expected, rel=0.01)
    assert abs(step / without - 1) > 0.03


def test_a_staircase_is_its_single_pulses(ngspice: NgspiceSimulator) -> None:
    cell = array(1, 1)
    stairs = (1.1, 1.3, -1.2)
    options: dict[str, Any] = {"width": 1e-6, "cycle_spread": False}
    together = PulseUpdate(cell, amplitudes=stairs, **options).run(
        simulator=ngspice, progress=False
    )
    np.testing.assert_array_equal(together["amplitude"], stairs)
    np.testing.assert_array_equal(together["polarity"], [1, 1, -1])
    for number, value in enumerate(stairs):
        alone = PulseUpdate(
            cell, sequence=(int(np.sign(value)),), set=abs(value), reset=-abs(value), **options
        ).run(simulator=ngspice, progress=False)
        assert float(alone["conductance"][0, 0, 0]) == pytest.approx(
            float(together["conductance"][number, 0, 0]), rel=2e-4
        )
        cell = cell.with_states(alone)


def test_segments_do_not_change_the_result(
    ngspice: NgspiceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = PulseUpdate(array().with_parameters(c_0=HRS), pulses=3)
    whole = experiment.run(simulator=ngspice, seed=1, progress=False)
    monkeypatch.setattr("cosim.experiments.pulse_segments._SEGMENT", 2)
    parts = experiment.run(simulator=ngspice, seed=1, progress=False)
    np.testing.assert_allclose(parts["conductance"], whole["conductance"], rtol=1e-3)
    assert whole.attrs["netlists"] == 1
    assert parts.attrs["netlists"] == 3


def test_array_solver_gives_the_same_pulses(ngspice: NgspiceSimulator) -> None:
    """One run for all cells and a run a pulse, against a run a cell with sources for the spread."""
    cells = with_spread(array(2, 1, parameters={"c_0": [[HRS], [LRS]]}), 2)
    experiment = PulseUpdate(cells, sequence=(1, 1, -1, 1, -1, -1))
    ours = experiment.run(simulator="native", seed=2, progress=False)
    theirs = experiment.run(simulator=ngspice, seed=2, progress=False)
    np.testing.assert_allclose(ours["conductance"], theirs["conductance"], rtol=2e-3)
    moved = (theirs["conductance"] - theirs["initial_conductance"]).to_numpy()
    found = (ours["conductance"] - ours["initial_conductance"]).to_numpy()
    np.testing.assert_allclose(found, moved, atol=0.01 * np.abs(moved).max())


@pytest.mark.slow
def test_open_loop_reaches_the_published_ends(ngspice: NgspiceSimulator) -> None:
    """400 up, 400 down from HRS: about 92 uS and 18 uS of the published equations."""
    cells = array(resistance=0.0).with_parameters(c_0=HRS)
    found = PulseUpdate(cells, cycle_spread=False).run(simulator=ngspice, progress=False)
    transistor = 300.0  # Ohm at V_G = 3.3 V, in series with every read
    ends = found["conductance"].isel(pulse=[399, 799], row=0, col=0).to_numpy()
    device = 1 / (1 / ends - transistor) * 1e6
    np.testing.assert_allclose(device, [92.0, 18.0], rtol=0.15)


def test_read_shows_the_wires(ngspice: NgspiceSimulator) -> None:
    states = np.full((3, 2), LRS)
    inputs = np.array([[0.2, 0.2, 0.2], [0.0, 0.1, 0.2]])
    wired = Read(array(3, 2, resistance=20.0, parameters={"c_0": states}), inputs=inputs).run(
        simulator=ngspice, progress=False
    )
    bare = Read(array(3, 2, resistance=0.0, parameters={"c_0": states}), inputs=inputs).run(
        simulator=ngspice, progress=False
    )
    assert dict(wired.sizes) == {
        "input": 2, "source_line": 2, "bit_line": 3, "row": 3, "col": 2,
    }  # fmt: skip
    assert np.abs(bare["voltage_drop"]).max() < 1e-6
    drop = wired["voltage_drop"].isel(input=0).to_numpy()
    assert (np.diff(drop, axis=0) > 0).all()
    assert (np.diff(drop, axis=1) > 0).all()
    assert (wired["current"].isel(input=0) < bare["current"].isel(input=0)).all()
    # At the read voltage the sum of conductances is the current of the array without wires.
    np.testing.assert_allclose(
        bare["current"].isel(input=0), bare["ideal_current"].isel(input=0), rtol=1e-4
    )


def test_failed_cell_is_nan_and_the_others_stay(ngspice: NgspiceSimulator) -> None:
    class Unlucky(NgspiceSimulator):
        def run(self, testbench: Testbench) -> Result:
            if testbench.array.parameter_array("c_0").max() > 3.0:
                raise NotConverged(thing="no solution for this cell")
            return super().run(testbench)

    cells = array(1, 2, parameters={"c_0": [[HRS, LRS]]})
    found = PulseUpdate(cells, sequence=(-1,)).run(simulator=Unlucky(), progress=False)
    assert found["status"].to_numpy().tolist() == [
        ["ok", "NotConverged: no solution for this cell"]
    ]
    assert np.isfinite(found["conductance"].isel(col=0)).all()
    assert found["conductance"].isel(col=1).isnull().all()
    with pytest.raises(NotConverged, match="this cell"):
        PulseUpdate(cells.with_parameters(c_0=LRS), sequence=(-1,)).run(
            simulator=Unlucky(), progress=False
        )


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (PulseUpdate, {"reset": 1.3}, "reset"),
        (PulseUpdate, {"sequence": (1, 0)}, "directions"),
        (PulseUpdate, {"amplitudes": (1.2, 0.0)}, "directions"),
        (PulseUpdate, {"amplitudes": (1.2, -5.0)}, "amplitudes"),
        (PulseUpdate, {"pulses": 0}, "all pulses"),
        (Forming, {"stop": 10.0}, "stop"),
        (Forming, {"mode": "both"}, "mode"),
        (Cycling, {"cycles": 0}, "cycles"),
        (Read, {"inputs": [[0.2, 0.2]]}, "wrong shape"),
        (Read, {"inputs": [2.0]}, "must not write"),
    ],
)
def test_refused(make: Any, options: Mapping[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        make(array(), **options)
    assert replace(make(array()), gate=1.0) if make is Forming else True
