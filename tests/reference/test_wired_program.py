"""Levels in a wired array: every pulse against the native array solver, and what wires cost."""

import numpy as np
import pytest

from compact_models import load_model
from cosim.experiments.array_studies import ArrayProgram
from cosim.experiments.array_studies.conductances import with_conductance
from cosim.experiments.array_studies.row_drives import read_drives, write_drives
from cosim.experiments.array_studies.session import Session, precise
from cosim.experiments.wired_cells import Bias, Wires, build_table, pulse, solve_row
from cosim.experiments.wired_levels import program_array
from cosim.experiments.wired_program import WiredProgram
from cosim.simulators.base import get_simulator
from netlists import Array, Cell, Parasitics

COLUMNS, SEGMENT, WIDTH = 16, 5.0, 2.5e-6


@pytest.mark.slow
def test_pulses_on_a_row_are_those_of_the_native_solver():
    # 16 cells behind 5 ohm a segment lose as much as 64 behind 0.35 ohm.
    reram, transistor = load_model("cmo_hfox"), load_model("nmos_3v3")
    wires = Parasitics(r_row=SEGMENT, r_col=SEGMENT)
    array = Array(Cell(reram, transistor), rows=1, cols=COLUMNS, parasitics=wires)
    rng = np.random.default_rng(1)
    array = with_conductance(array, rng.uniform(20e-6, 80e-6, (1, COLUMNS)))
    study = ArrayProgram(array, compare_size=0, device_spread=False)
    session = Session(array=array, simulator=precise(get_simulator("native")))
    states = session.start()

    def table(bit, source, gate, ceiling):
        bias = Bias(bit_line=bit, source_line=source, gate=gate)
        return build_table(reram, transistor, bias, np.array([11e-9]), ceiling)

    ours = Wires(segment=SEGMENT)
    path = ours.source_path(1)
    radius, zero = np.zeros((1, COLUMNS), dtype=np.intp), np.zeros((1, COLUMNS))
    reading, low = table(0.2, 0.0, 3.3, 0.2), table(0.05, 0.0, 3.3, 0.05)
    up = (table(1.35, 0.0, 1.4, 1.5), table(1.5, 0.0, 1.4, 1.5), table(1.5, 0.15, 1.4, 1.5))
    down = (table(0.0, 1.3, 3.3, 1.5), table(0.0, 1.5, 3.3, 1.5))
    x = np.log(states["c"])
    current, _ = session.read(read_drives(study, array, 0), states)
    top = np.full(x.shape, 0.2)
    seen = solve_row((reading,), radius, top, radius, x, zero, ours, path, top)[1]
    np.testing.assert_allclose(seen[0], current, rtol=2e-4)
    some = rng.random(COLUMNS) < 0.6
    mixed = np.where(np.arange(COLUMNS) < 8, 1.35, 1.5)
    cases = [
        (np.where(some, 1.35, 0.0), up, np.where(some, 0, -1)),
        (np.where(~some, -1.3, 0.0), down, np.where(some, -1, 0)),
        (np.where(some, mixed, 0.0), up, np.where(some, np.where(mixed > 1.4, 1, 2), -1)),
    ]
    for amplitudes, tables, chosen in cases:
        kind = chosen[None].astype(np.intp)
        leak = np.exp(low.at(0, radius, x, np.full(x.shape, 0.05))[0]) / 0.05
        for _ in range(2):
            before = states["c"]
            drives = write_drives(study, array, 0, amplitudes)
            states, joules = session.pulse(drives, states)
            x, charge, _ = pulse(
                tables, kind, radius, x, zero,
                zero if tables is up else leak, ours, path, WIDTH,
            )  # fmt: skip
        assert np.abs(states["c"] / before - 1.0).max() > 5e-3
        # 0.1 %, the array rung's own requirement.
        np.testing.assert_allclose(np.exp(x), states["c"], rtol=1e-3)
        # The edges of 10 ns are left out.
        assert (charge[0] * np.abs(amplitudes)).sum() == pytest.approx(joules, rel=1e-2)


@pytest.mark.slow
def test_levels_in_an_array_reach_their_band_and_wires_cost_pulses():
    targets = np.linspace(10e-6, 80e-6, 6)
    found = {
        ohms: program_array(
            WiredProgram(size=10, wires=Wires(segment=ohms)), targets, [0.02], [600.0], 3
        ).isel(acceptance_range=0)
        for ohms in (0.0, 8.0)
    }
    for dataset in found.values():
        assert float(dataset.reached.mean()) > 0.98
        good = dataset.reached.values.astype(bool)
        error = np.abs(dataset.conductance.values / dataset.target.values - 1.0)[good]
        # Accepted on noisy readings: the band, and three sigma of the read noise at 10 us.
        assert error.max() < 0.03
        assert (np.diff(dataset.overlap.values, axis=0) > -1e-9).all()
    bare, wired = (d.pulses.values.mean() for d in found.values())
    assert wired > 1.3 * bare
    assert float(found[8.0].voltage.min()) < 0.97
    # Through wires a cell must conduct more to read the same.
    ratio = found[8.0].device / found[8.0].conductance
    assert float(ratio.max()) > 1.05
