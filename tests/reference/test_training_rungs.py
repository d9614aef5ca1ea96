"""The behavioural rung against the array rung, on pulses it was not calibrated with.

The stated bound is 2 % of the conductance window. Both sides solve the same published device
(Galetta et al. 2025), so the bound is on the fit, not on the physics.
"""

import numpy as np
import pytest

from cosim import Array, Cell, Parasitics, PulseUpdate, load_model
from cosim.behavioural import Tile, TileOptions
from cosim.calibration import calibrate
from cosim.network.circuit_rungs import CircuitRung, Slot
from cosim.unseen import LIMIT, compare_unseen
from cosim.unseen_data import array_of, pulsed, random_pulses
from cosim.unseen_wires import behind_wires


@pytest.mark.slow
def test_unseen_pulse_sequence_stays_within_two_percent_of_the_window():
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=1, cols=1, parasitics=Parasitics(),
        parameters={"c_0": np.full((1, 1), 0.7), "phi_0": np.ones((1, 1))},
    )  # fmt: skip
    seen = PulseUpdate(array, pulses=150, alternating=40, cycle_spread=False)
    measured = seen.run(simulator="native", seed=0, progress=False)
    fit = calibrate(measured)
    assert fit.report.trajectory_error < 0.02

    rng = np.random.default_rng(5)
    unseen = tuple(int(s) for s in np.where(rng.random(80) < 0.55, 1, -1))
    truth = (
        PulseUpdate(array.with_states(measured), sequence=unseen, cycle_spread=False)
        .run(simulator="native", seed=0, progress=False)["conductance"]
        .values[:, 0, 0]
    )
    start = float(measured["conductance"].values[-1, 0, 0])
    predicted = fit.device.train(start, np.array(unseen))
    assert np.abs(predicted - truth).max() < 0.02 * fit.device.window


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cosim.behavioural.OutsideCalibration")
def test_unseen_amplitudes_widths_and_products_stay_within_two_percent():
    """Five kinds of sequences at widths between those of the calibration, written through wires.

    Some steps leave the plane of conductance and amplitude that data covered; they are flagged.
    """
    found = compare_unseen(size=8, pulses=60, noisy=False, further=False, progress=False)
    assert LIMIT == 0.02
    assert len(found.rows) == 5
    for row in found.rows:
        assert row.worst < 0.5 * LIMIT, row
        assert row.wired.worst < 0.5 * LIMIT, row
        assert max(row.product_worst, row.product_rms) < LIMIT, row
        assert row.outside < 0.2, row
    assert max(row.moved for row in found.rows) > 0.3
    for row in found.fit.report.by_pulse:
        assert row["rms"] < 0.005, row
    # Far cells of lines of 10 ohm a segment lose 50 mV: that moves them 15 % of the window.
    rng = np.random.default_rng(3)
    array = array_of(8, 8, rng.uniform(0.7, 3.5, (8, 8)), wires=10.0)
    volts = random_pulses(rng, 40, 1.1, 1.6)
    wired = behind_wires(found.fit.device, "random", array, pulsed(array, volts, 1.2e-6))
    assert wired.ignored > 0.1
    assert wired.worst < LIMIT, wired
    # All cells at once, and some lines only: currents of all are on the lines of each.
    some = np.arange(8) % 3 > 0
    for rows, columns, together in ((np.ones(8, bool),) * 2 + ("array",), (some, some, "array")):
        array = array_of(8, 8, rng.uniform(0.7, 3.5, (8, 8)), wires=4.0)
        rung = CircuitRung(array, pulse=PulseUpdate(array, set=1.4, reset=-1.35, width=1e-6))
        start = rung.conductances()
        tiles = [Tile(found.fit.device, start, options=TileOptions(scheme="offset", parasitics=w))
                 for w in (array.parasitics, Parasitics())]  # fmt: skip
        for polarity in (1, -1, -1, 1):
            rung.pulse([Slot(polarity=polarity, rows=rows, columns=columns)])
            for tile in tiles:
                tile.pulse(polarity, rows=rows, columns=columns, width=1e-6, together=together,
                           amplitude=1.4 if polarity > 0 else -1.35)  # fmt: skip
        truth = rung.conductances()
        errors = [np.abs(t.programmed - truth).max() / found.fit.device.window for t in tiles]
        assert errors[0] < 0.25 * LIMIT
        assert errors[1] > LIMIT
