"""Studies of whole arrays: exact cases, states, drives, refusals, sections and pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import cosim as cs
from compact_models.steady import solve_steady
from cosim.behavioural.ir_drop import effective_conductance
from cosim.catalogue import EXPERIMENTS, settings_model
from cosim.dataset import check_dataset
from cosim.errors import ConfigError
from cosim.experiments.array_studies import (
    ArrayDisturb,
    ArrayProgram,
    IrDrop,
    Leakage,
    common,
)
from cosim.experiments.array_studies.conductances import device_conductance, with_conductance
from cosim.experiments.array_studies.row_drives import read_drives, write_drives
from cosim.experiments.base import with_spread
from netlists import Drive, Layout, Waveform
from netlists.bias import one_cell

WIRES = cs.Parasitics(r_row=0.35, r_col=0.35)


@pytest.fixture(scope="module")
def reram() -> Any:
    return cs.load_model("cmo_hfox")


@pytest.fixture(scope="module")
def array(reram: Any) -> cs.Array:
    return cs.Array(cs.Cell(reram, cs.load_model("nmos_3v3")), rows=3, cols=4, parasitics=WIRES)


@pytest.fixture(scope="module")
def linear() -> cs.Array:
    resistor = cs.load_model("resistor")
    return cs.Array(cs.Cell(resistor), rows=1, cols=1, parasitics=WIRES)


# --- IR drop -----------------------------------------------------------------------------------


@pytest.mark.parametrize("placement", ["start/start", "end/both"])
def test_error_of_a_linear_crossbar_is_that_of_its_reduced_network(
    linear: cs.Array, placement: str
) -> None:
    study = IrDrop(linear, sizes=(6, 12), placements=(placement,), compare_size=0)
    found = study.run(seed=3, progress=False)
    bit, source = placement.split("/")
    for k, size in enumerate(study.sizes):
        point = {n: v[0] for n, v in study.axes.items()} | {"size": size}
        built = study.built(point, 3)
        g = 1.0 / built.parameter_array("resistance")
        drive = Drive(bit_line=bit, source_line=source)  # type: ignore[arg-type]
        exact = effective_conductance(g, built.parasitics, drive)
        shares = study.shares(built, 3)
        error = shares @ (exact - g)
        rms = np.sqrt((error**2).mean() / ((shares @ g) ** 2).mean())
        assert float(found.rms.values.ravel()[k]) == pytest.approx(rms, rel=1e-9)
        assert float(found.linear.values.ravel()[k]) < 1e-12
    check_dataset(found)


def test_wires_without_resistance_make_no_error_and_no_limit(linear: cs.Array) -> None:
    bare = linear.replace(parasitics=cs.Parasitics())
    found = IrDrop(bare, sizes=(4, 8), compare_size=0).run(progress=False)
    assert float(found.largest.max()) == 0.0
    assert np.isnan(found.limit_size.values).all()
    assert "not reached" in str(found.limit_text.values.ravel()[0])


def test_both_ends_hold_to_twice_the_size(linear: cs.Array) -> None:
    study = IrDrop(
        linear, sizes=(16, 32, 64), placements=("start/start", "both/both"), pattern="uniform",
        limit=0.02, compare_size=0, inputs=2,
    )  # fmt: skip
    found = study.run(progress=False).limit_size.values.ravel()
    assert found[1] / found[0] == pytest.approx(2.0, rel=0.03)


def test_parallel_lines_add_up_the_cells_that_are_on(array: cs.Array) -> None:
    study = IrDrop(array, sizes=(4,), layouts=("parallel",), compare_size=0, inputs=3)
    found = study.run(progress=False)
    # Without wires a column is the sum of its cells, exactly.
    assert float(found.linear.max()) < 1e-5
    assert 0 < float(found.rms.max()) < 1e-2


def test_interrupted_ir_drop_goes_on(linear: cs.Array, tmp_path: Path) -> None:
    study = IrDrop(linear, sizes=(4, 8), compare_size=0)
    first = study.run(progress=False, cache=tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    files[0].unlink()
    again = study.run(progress=False, cache=tmp_path)
    xr.testing.assert_equal(first, again)


def test_every_input_of_parallel_lines_has_a_row_that_is_on(array: cs.Array) -> None:
    study = IrDrop(array, sizes=(2,), layouts=("parallel",), compare_size=0, inputs=64)
    built = study.built({n: v[0] for n, v in study.axes.items()}, 0)
    shares = study.shares(built, 0)
    assert shares.any(axis=1).all()
    assert set(np.unique(shares)) == {0.0, 1.0}


# --- common ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.floats(1.0, 4.0), st.floats(1e-3, 10.0))
def test_crossing_of_a_power_law_is_exact(exponent: float, factor: float) -> None:
    sizes = [8, 16, 64]
    values = [factor * n**exponent for n in sizes]
    limit = factor * 30.0**exponent
    found, text = common.crossing(sizes, values, limit)
    assert found == pytest.approx(30.0, rel=1e-9)
    assert text == "30"


def test_crossing_says_why_there_is_none() -> None:
    assert common.crossing([1, 2], [0.1, 0.2], 1.0)[1] == "not reached up to 2"
    assert common.crossing([1, 2], [3.0, 4.0], 1.0)[1] == "passed already at 1"
    found, _ = common.crossing([0.0, 0.1], [1e-6, 1e-4], 1e-5, power=False)
    assert found == pytest.approx(0.05)


def test_cells_with_spread_get_the_conductance_asked_for(array: cs.Array) -> None:
    spread = with_spread(array, 5)
    wanted = np.linspace(12e-6, 75e-6, 12).reshape(3, 4)
    built = with_conductance(spread, wanted)
    assert device_conductance(built) == pytest.approx(wanted, rel=1e-6)


def test_a_conductance_that_a_device_cannot_have_is_refused(array: cs.Array) -> None:
    with pytest.raises(ConfigError, match="no state of this conductance"):
        with_conductance(with_spread(array, 5), 93.8e-6)


def test_window_of_conductances_is_that_at_the_read_voltage(array: cs.Array) -> None:
    # Heat and the bent characteristic raise what a state shows at 0.5 V.
    IrDrop(array, highest=(95e-6,), read_voltage=0.5, compare_size=0)
    with pytest.raises(ConfigError, match="no state of the device"):
        IrDrop(array, highest=(95e-6,), compare_size=0)


def test_a_pulse_does_not_keep_the_parameters_of_the_one_before(array: cs.Array) -> None:
    from cosim.experiments.array_studies.session import Session

    drives = one_cell(array, (1, 2), Waveform.pulse(1.3, 1e-6), gate=1.4, scheme="gate")
    slow = {"E_i_set0": 1.1 * array.parameter_array("E_i_set0")}
    session, fresh = (Session(array=array, simulator=cs.get_simulator("native")) for _ in range(2))
    start = session.start()
    session.pulse(drives, start, slow)
    again, once = session.pulse(drives, start)[0]["c"], fresh.pulse(drives, start)[0]["c"]
    np.testing.assert_allclose(again, once, rtol=1e-6)
    assert once[1, 2] > 1.001 * start["c"][1, 2]


def test_a_leaking_neighbour_takes_two_cells(array: cs.Array) -> None:
    with pytest.raises(ConfigError, match="no neighbour"):
        Leakage(array, compare_size=1)
    with pytest.raises(ConfigError, match="set of an experiment"):
        Leakage(array, set=0.0)


def test_state_is_on_the_rising_branch(array: cs.Array, reram: Any) -> None:
    built = with_conductance(array, 93e-6)
    density = built.initial_state("c")[0, 0]
    assert density < 4.73
    settled = solve_steady(reram, voltages={"top": 0.2, "bottom": 0.0},
                           held={"c": density, "phi": 1.0})  # fmt: skip
    assert float(settled.current("top")) / 0.2 == pytest.approx(93e-6, rel=1e-6)


def test_lifting_keeps_cell_voltages_and_frees_the_junctions(array: cs.Array) -> None:
    wave = Waveform.pulse(-1.3, 1e-6)
    plain = one_cell(array, (1, 2), wave, scheme="half")
    lifted = common.lifted(plain)
    times = np.linspace(0, wave.duration, 50)

    def at(drives: Any, name: str) -> Any:
        return drives[name].at(times)

    for i in range(3):
        for j in range(4):
            before = at(plain, f"bl{i}") - at(plain, f"sl{j}")
            assert at(lifted, f"bl{i}") - at(lifted, f"sl{j}") == pytest.approx(before, abs=1e-12)
    assert min(at(lifted, n).min() for n in lifted) >= 0.0


# --- leakage -----------------------------------------------------------------------------------


def test_leakage_is_the_sum_of_what_switched_off_transistors_pass(array: cs.Array) -> None:
    parallel = array.replace(layout=Layout.PARALLEL, parasitics=cs.Parasitics())
    study = Leakage(parallel, sizes=(5, 9), gates_off=(0.0, 0.2), compare_size=0)
    found = study.run(progress=False)
    selector = parallel.cell.selector
    for g, gate in enumerate(study.gates_off):
        one = float(selector.current(gate=gate, drain=1.35, source=0.0, bulk=0.0))
        for k, size in enumerate(study.sizes):
            leak = float(found.leakage.sel(bias="set")[g, k])
            assert leak == pytest.approx((size - 1) * one, rel=1e-3)
    assert float(found.sense_error.max()) < 1e-2 < float(found.passive_sense_error.min())
    check_dataset(found)


def test_passive_sneak_under_half_is_the_row_of_the_sense_line(array: cs.Array, reram: Any) -> None:
    bare = array.replace(parasitics=cs.Parasitics())
    study = Leakage(bare, sizes=(6,), gates_off=(0.0,), compare_size=0)
    found = study.run(progress=False)
    low, high = reram.vacancies_at(conductance=[9e-6, 88.2e-6])
    exact = 5 * reram.current(voltage=0.1, vacancies=high)
    exact /= reram.current(voltage=0.2, vacancies=low)
    error = float(found.passive_sense_error.sel(bias="read", scheme="half", size=6))
    assert error == pytest.approx(float(exact), rel=1e-4)


# --- rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", list(Layout))
def test_only_cells_that_are_written_see_a_voltage(array: cs.Array, layout: Layout) -> None:
    chosen = array.replace(layout=layout)
    study = ArrayProgram(chosen)
    top = study.rise + study.width / 2
    for amplitudes in ([1.5, 0.0, 1.35, 0.0], [0.0, -1.3, 0.0, -1.5]):
        drives = write_drives(study, chosen, 1, np.array(amplitudes))
        volts = {n: float(w.at(top)) for n, w in drives.items() if isinstance(w, Waveform)}
        for j, wanted in enumerate(amplitudes):
            bit = volts[f"bl{1 if layout is Layout.CROSSING else j}"]
            assert bit - volts[f"sl{j}"] == pytest.approx(wanted, abs=1e-12)
        assert [volts[f"wl{i}"] > 0 for i in range(3)] == [False, True, False]
        assert min(volts.values()) >= 0.0
    reading = read_drives(study, chosen, 2)
    assert {n for n, w in reading.items() if n.startswith("wl") and max(w.values) > 0} == {"wl2"}  # type: ignore[union-attr]


# --- refusals ----------------------------------------------------------------------------------

BAD: dict[str, Callable[[cs.Array, cs.Array], Any]] = {
    "rising": lambda a, r: IrDrop(a, sizes=(8, 4)),
    "start/both": lambda a, r: IrDrop(a, placements=("start",)),
    "crossing, parallel": lambda a, r: IrDrop(a, layouts=("diagonal",)),
    "no selector": lambda a, r: IrDrop(r, layouts=("parallel",)),
    "inside the window": lambda a, r: IrDrop(a, highest=(2e-4,)),
    "lower end": lambda a, r: IrDrop(a, lowest=5e-5, highest=(4e-5,)),
    "stands twice": lambda a, r: IrDrop(a, placements=("start/start", "start/start")),
    "cells differ": lambda a, r: IrDrop(with_spread(a, 1)),
    "in ngspice": lambda a, r: IrDrop(a).run(simulator="ngspice"),
    "0 (none) to 32": lambda a, r: IrDrop(a, compare_size=64),
    "passive case": lambda a, r: Leakage(r),
    "rising, 0 to 3.63": lambda a, r: Leakage(a, gates_off=(0.2, 0.1)),
    "'half'": lambda a, r: ArrayDisturb(a, schemes=("halff",)),
    "crossing lines": lambda a, r: ArrayDisturb(a.replace(layout=Layout.PARALLEL)),
    "rising, 1 to": lambda a, r: ArrayDisturb(a, counts=(10, 1)),
    "native": lambda a, r: ArrayDisturb(a).run(simulator="ngspice"),
    "without selectors": lambda a, r: ArrayDisturb(r),
    "do not rise": lambda a, r: ArrayDisturb(a, lowest=2e-5, middle=3e-5, highest=1e-5),
    "needs selectors": lambda a, r: ArrayProgram(r),
    "wrong shape": lambda a, r: ArrayProgram(a, targets=np.ones((2, 2))),
    "unequal length": lambda a, r: ArrayProgram(a, targets=((1e-5, 2e-5), (1e-5,))),  # type: ignore[arg-type]
    "0.41": lambda a, r: ArrayProgram(a, targets=np.full(a.shape, 1e-7)),
    "1 to 20": lambda a, r: ArrayProgram(a, passes=0),
    "2 levels": lambda a, r: ArrayProgram(a, levels=1),
}


@pytest.mark.parametrize("text", BAD, ids=lambda t: t.replace(" ", "_"))
def test_bad_input_is_refused_before_any_work(text: str, array: cs.Array, linear: cs.Array) -> None:
    with pytest.raises(ConfigError) as caught:
        BAD[text](array, linear)
    if text != "0.41":
        assert text in str(caught.value)


def test_settings_of_every_study_can_stand_in_a_file() -> None:
    model = settings_model("ir_drop")
    table = model.model_validate({"placements": ["both/both"], "highest": ["50 uS"]})
    assert table.placements == ("both/both",)  # type: ignore[attr-defined]
    assert table.highest == (5e-5,)  # type: ignore[attr-defined]
    assert {"ir_drop", "leakage", "array_disturb", "array_program"} <= set(EXPERIMENTS)


def test_a_comparison_that_was_asked_for_and_not_made_says_so() -> None:
    from cosim.experiments.array_studies.compared import beside

    what = {"ngspice_current_difference": "currents"}

    def figures(**attributes: Any) -> list[Any]:
        given = {"simulator": "native", "compare_size": 4, "ngspice_current_difference": np.nan}
        return beside(xr.Dataset(attrs=given | attributes), what)

    assert figures(compare_size=0) == []
    assert figures(simulator="ngspice") == []
    (missing,) = figures()
    assert (missing.verdict, missing.note) == ("", "ngspice was not found")
    (found,) = figures(ngspice_current_difference=0.002)
    assert (found.verdict, found.required) == ("miss", True)
    (stand_in,) = figures(ngspice_current_difference=0.03, warnings="stand-in: nmos_3v3")
    assert stand_in.verdict == "pass"
    assert "regression bound" in stand_in.note
