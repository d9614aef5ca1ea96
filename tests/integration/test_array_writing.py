"""Disturb and programming of whole arrays on the native solver, and their pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cosim as cs
from cosim.dataset import check_dataset
from cosim.errors import DataError
from cosim.experiments.array_studies import (
    ArrayDisturb,
    ArrayProgram,
    IrDrop,
    Leakage,
    report_table,
    row_loop,
)
from cosim.experiments.array_studies.disturb_setup import ROLES
from cosim.experiments.array_studies.row_drives import write_drives
from cosim.experiments.array_studies.session import Session
from cosim.experiments.array_studies.window import find_window, mean_rate
from cosim.experiments.base import with_spread
from cosim.sections import describe
from netlists import Layout, Waveform

pytestmark = pytest.mark.slow
WIRES = cs.Parasitics(r_row=0.35, r_col=0.35)


@pytest.fixture(scope="module")
def array() -> cs.Array:
    cell = cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3"))
    return cs.Array(cell, rows=3, cols=4, parasitics=WIRES)


# --- disturb -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def disturbed(array: cs.Array) -> tuple[ArrayDisturb, xr.Dataset]:
    study = ArrayDisturb(array, counts=(1, 100, 10_000), compare_size=0)
    return study, study.run(seed=2, progress=False)


def test_disturb_knows_who_is_selected(disturbed: tuple[ArrayDisturb, xr.Dataset]) -> None:
    study, found = disturbed
    one = study.role("half")
    assert [int((one == r).sum()) for r in range(4)] == [6, 3, 2, 1]
    many = study.role("parallel")
    assert int((many == ROLES.index("selected")).sum()) == 4
    hot = found.temperature.sel(scheme="half", bound="g_max", polarity="reset").values
    assert hot[one == 3].min() > hot[one == 1].max() > hot[one == 0].max() + 50
    assert hot[one == 0] == pytest.approx(293.0, abs=1.0)
    check_dataset(found)


def test_disturb_grows_with_the_number_of_pulses_and_spares_the_gated(
    disturbed: tuple[ArrayDisturb, xr.Dataset],
) -> None:
    _, found = disturbed
    half = found.k.sel(scheme="half", bound="g_min", polarity="set", kind="half-selected row")
    # Small changes add up: a hundred times the pulses, a hundred times the change.
    ratio = float(half.sel(count=10_000) / half.sel(count=100))
    assert ratio == pytest.approx(100.0, rel=0.05)
    assert float(found.k.sel(scheme="gate").max()) < 1e-9
    assert float(found.k.sel(scheme="third", kind="half-selected row").max()) < float(half.max())
    held = found.change.where(found.role == 3)
    assert float(abs(held).max()) < 1e-12


def test_one_pulse_of_the_train_is_one_pulse(array: cs.Array) -> None:
    study = ArrayDisturb(
        array, schemes=("half",), counts=(1,), hold_selected=False, compare_size=0,
        highest=88e-6, lowest=12e-6, middle=50e-6, device_spread=False,
    )  # fmt: skip
    found = study.run(progress=False)
    once = found.change.isel(count=0).values
    assert once == pytest.approx(found.full_change.values, rel=2e-3, abs=1e-12)


def test_bounds_are_states_not_conductances(array: cs.Array) -> None:
    window = find_window(ArrayDisturb(array), with_spread(array, 1))
    assert window.conductances["g_min"] < window.conductances["g_sp"] < window.conductances["g_max"]
    # Devices differ by a few per cent; another branch of the curve would be far off.
    assert window.states["g_max"] == pytest.approx(window.highest_state, rel=0.1)


# --- programming -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def programmed(array: cs.Array) -> xr.Dataset:
    return ArrayProgram(array, acceptance_range=0.05, compare_size=0).run(seed=4, progress=False)


def test_programming_reaches_its_targets(programmed: xr.Dataset) -> None:
    assert programmed.reached.values.all()
    # Read noise adds to the accepted band.
    assert float(abs(programmed.error / programmed.target).max()) < 0.06
    total = programmed.set_pulses + programmed.reset_pulses
    assert (programmed.pulses == total).all()
    check_dataset(programmed)


def test_energy_and_time_of_programming_add_up(programmed: xr.Dataset) -> None:
    a = programmed.attrs
    split = programmed.write_energy + programmed.read_energy
    assert float(split.sum()) == pytest.approx(a["total_energy"], rel=1e-12)
    assert float(programmed.time.sum()) == pytest.approx(a["total_time"], rel=1e-12)
    slots = programmed.write_time.values / (2.5e-6 + 2e-8)
    assert slots == pytest.approx(np.round(slots), abs=1e-6)
    most = programmed.pulses.max("col").values
    assert (np.round(slots) >= most).all()
    # A pulse at 1.3 V through some tens of microsiemens costs some hundred picojoules.
    each = a["total_energy"] / a["total_pulses"]
    assert 2e-11 < each < 2e-9


def test_programming_goes_on_and_gives_the_same(array: cs.Array, tmp_path: Path) -> None:
    study = ArrayProgram(
        array.replace(layout=Layout.PARALLEL), acceptance_range=0.1, compare_size=0
    )
    first = study.run(seed=4, progress=False, cache=tmp_path)
    files = sorted(tmp_path.iterdir(), key=lambda p: p.stat().st_mtime)
    assert len(files) == array.rows
    files[-1].unlink()
    xr.testing.assert_equal(first, study.run(seed=4, progress=False, cache=tmp_path))


def test_higher_pulses_reach_what_a_slow_device_misses(array: cs.Array) -> None:
    barrier = float(array.cell.reram.parameters["E_i_set0"])
    slow = array.replace(rows=1, cols=2).with_parameters(
        E_i_set0=np.array([[barrier, barrier + 0.2 * 1.602e-19]])
    )
    given = {
        "targets": np.array([[70e-6, 70e-6]]), "limit": 40, "compare_size": 0,
        "cycle_spread": False, "read_noise": False, "device_spread": False,
    }  # fmt: skip
    fixed = ArrayProgram(slow, **given).run(progress=False)
    assert fixed.reached.values.tolist() == [[1, 0]]
    steps = ArrayProgram(slow, **given, step_after=8).run(progress=False)
    assert steps.reached.values.all()
    # What needs no higher pulses gets none.
    assert int(steps.pulses[0, 0]) == int(fixed.pulses[0, 0])


def test_energy_of_a_pulse_is_voltage_times_current_times_time(array: cs.Array) -> None:
    resistive = array.with_parameters(nu_i=0.0)
    study = ArrayProgram(resistive)
    session = Session(array=resistive, simulator=cs.get_simulator("native"))
    drives = write_drives(study, resistive, 0, np.array([0.3, 0.3, 0.3, 0.3]))
    states, energy = session.pulse(drives, session.start())
    assert states["c"] == pytest.approx(resistive.initial_state("c"))
    reading = {n: Waveform.constant(float(np.max(w.values))) for n, w in drives.items()}  # type: ignore[union-attr]
    _, power = session.read(reading, states)
    # The edges of a linear load take a third of their time; the device is nearly one at 0.3 V.
    assert energy == pytest.approx(power * (study.width + 2 * study.rise / 3), rel=1e-3)


# --- pages -------------------------------------------------------------------------------------


def test_sections_have_figures_pictures_and_tables(
    array: cs.Array,
    programmed: xr.Dataset,
    disturbed: tuple[ArrayDisturb, xr.Dataset],
    tmp_path: Path,
) -> None:
    drop = IrDrop(array, sizes=(4, 8), compare_size=0, inputs=2).run(progress=False)
    leak = Leakage(array, sizes=(3,), gates_off=(0.0, 0.6), compare_size=0).run(progress=False)
    for dataset in (drop, leak, disturbed[1], programmed):
        section = describe(dataset)
        assert section.figures
        assert section.tables
        assert not section.problems
        for picture in section.plots:
            path = tmp_path / picture.file
            picture.figure.savefig(path, dpi=40)
            assert path.stat().st_size > 2000
        text = report_table(dataset)
        assert section.figures[0].name[:40] in text
    with pytest.raises(DataError):
        report_table(xr.Dataset())


def test_published_bound_stands_only_beside_its_own_device(
    disturbed: tuple[ArrayDisturb, xr.Dataset],
) -> None:
    figures = {f.key: f for f in describe(disturbed[1]).figures}
    assert all(f.published is None for f in figures.values())
    other = disturbed[1].assign_coords(count=[1, 100, 100_000])
    other.attrs |= {"device": "cmo_hfox_350nm", "up": 1.4, "down": -1.9}
    figures = {f.key: f for f in describe(other).figures}
    known = figures["k_half_g_max_100000"].published
    assert known is not None
    assert known.value == 0.005
    assert figures["k_third_g_max_100000"].published is None


@pytest.mark.parametrize("layout", list(Layout))
def test_a_row_alone_stands_for_the_whole_array(
    array: cs.Array, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    wires = cs.Parasitics(r_row=3.0, r_col=2.0, r_driver=5.0)
    small = array.replace(rows=2, cols=2, layout=layout, parasitics=wires)
    study = ArrayProgram(small, acceptance_range=0.1, limit=6, compare_size=0)
    alone = study.run(seed=7, progress=False)
    monkeypatch.setattr(row_loop, "_alone", lambda *_: None)
    whole = study.run(seed=7, progress=False)
    assert alone.attrs["rows_in_whole_array"] == 0
    assert whole.attrs["rows_in_whole_array"] == 2
    assert (alone.pulses == whole.pulses).all()
    assert alone.final_c.values == pytest.approx(whole.final_c.values, rel=1e-7)
    assert alone.energy.values == pytest.approx(whole.energy.values, rel=1e-6)


def test_rows_that_leak_are_solved_with_the_whole_array(array: cs.Array) -> None:
    study = ArrayProgram(
        array.replace(rows=2, cols=2, layout=Layout.PARALLEL), acceptance_range=0.2, limit=2,
        gate_off=0.6, compare_size=0,
    )  # fmt: skip
    found = study.run(seed=7, progress=False)
    assert found.attrs["rows_in_whole_array"] == 2


def test_spread_from_pulse_to_pulse_raises_the_mean_drift(array: cs.Array) -> None:
    cold = np.full(array.shape, 300.0)
    changed = mean_rate(array, 1.0, cold)
    base = array.parameter_array("E_i_set0")
    lowered = base - changed.parameter_array("E_i_set0")
    kt = 1.380649e-23 * 300.0
    rng = np.random.default_rng(0)
    drawn = np.exp(-8.2e-21 * rng.standard_normal(400_000) / kt).mean()
    assert np.exp(lowered[0, 0] / kt) == pytest.approx(drawn, rel=0.05)
    assert changed.parameter_array("E_i_reset") == pytest.approx(array.parameter_array("E_i_reset"))
