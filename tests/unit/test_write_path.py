"""Wires in front of a cell while it is written: circuits with an answer on paper."""

import math

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import ParameterError
from cosim.behavioural import (
    BehaviouralDevice,
    OutsideCalibration,
    PulseResponse,
    Tile,
    TileOptions,
    Validity,
    WritePath,
    Writing,
    predict,
)
from cosim.behavioural.current_law import CurrentLaw
from cosim.behavioural.rate_fit import fit_rates
from cosim.behavioural.selector_law import SelectorLaw
from cosim.behavioural.write_array import array_path, half_pulses
from netlists import Drive, Parasitics

STEEP = 12.0  # 1/V
LEAST, SPAN = 10e-6, 90e-6  # S


def rate(polarity):
    """Rates exp(STEEP |V|) that do not depend on where the device is: steps have a closed form."""
    rng = np.random.default_rng(0)
    volts, width = rng.uniform(0.9, 1.6, 600), rng.choice([2e-7, 1e-6, 3e-6], 600)
    steps = 2e-3 * np.exp(STEEP * (volts - 1.2)) * width / 1e-6
    return fit_rates(rng.uniform(0.0, 1.0, 600), steps, polarity * volts, width, polarity)


RATES = {polarity: rate(polarity) for polarity in (1, -1)}


def device(**changes):
    flat = {"steps": (2e-3, 2e-3), "amplitude": 1.2, "width": 1e-6}
    fields = {
        "conductance_min": LEAST,
        "conductance_max": LEAST + SPAN,
        "up": PulseResponse(polarity=1, **flat),
        "down": PulseResponse(polarity=-1, **flat | {"amplitude": -1.2}),
        "rates_up": RATES[1],
        "rates_down": RATES[-1],
        "validity": Validity(amplitude_up=(0.9, 1.6), amplitude_down=(-1.6, -0.9)),
    }
    return BehaviouralDevice(**fields | changes)


DEVICE = device()


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ("start", [5.0 + 2.0 * k for k in (1, 2, 3, 4)]),
        ("end", [5.0 + 2.0 * k for k in (4, 3, 2, 1)]),
        ("both", [(5 + 2 * k) * (5 + 2 * (5 - k)) / 20 for k in (1, 2, 3, 4)]),
    ],
)
def test_path_of_a_cell_is_its_pieces_of_line_in_series(ends, expected):
    wires = Parasitics(r_row=2.0, r_col=0.0, r_driver=3.0, r_contact=2.0)
    path = WritePath.alone((3, 4), wires, Drive(bit_line=ends))
    assert path.bit_line == pytest.approx(np.broadcast_to(expected, (3, 4)))
    assert path.source_line == pytest.approx(np.full((3, 4), 5.0))


@pytest.mark.parametrize("polarity", [1, -1])
def test_one_row_of_ohmic_cells_is_a_row_of_voltage_dividers(polarity):
    start = np.array([20e-6, 40e-6, 60e-6, 80e-6])
    path = WritePath.alone((1, 4), Parasitics(r_row=100.0, r_col=50.0, r_driver=25.0))
    wires = WritePath(bit_line=path.bit_line.ravel(), source_line=path.source_line.ravel())
    load = 25.0 + 100.0 * np.arange(1, 5) + 75.0
    after = DEVICE.pulse(start, polarity, amplitude=polarity * 1.3, width=1e-6, wires=wires)
    left = 1.3 / (1.0 + start * load)
    # The step is small, so that the divider hardly changes during the pulse.
    middle = 1.3 / (1.0 + 0.5 * (start + after) * load)
    assert ((left - middle) * polarity > 0).all()
    expected = 2e-3 * np.exp(STEEP * (middle - 1.2))
    moved = polarity * (after - start) / SPAN
    assert moved == pytest.approx(expected, rel=2e-3)


def test_the_drop_follows_the_conductance_during_a_pulse():
    """A SET pulse over most of the window against du/dt = r(V(u)), integrated finely."""
    load = 800.0
    wires = WritePath(bit_line=np.array([load]), source_line=np.array([0.0]))
    after = DEVICE.train(np.array([LEAST]), [1], amplitude=1.6, width=2e-6, wires=wires)[0, 0]
    u = 0.0
    for _ in range(4000):
        volts = 1.6 / (1.0 + (LEAST + SPAN * u) * load)
        u += 2e-3 * math.exp(STEEP * (volts - 1.2)) / 1e-6 * 2e-6 / 4000
    assert (after - LEAST) / SPAN == pytest.approx(u, rel=5e-3)
    assert u > 0.3


def test_without_resistance_nothing_changes():
    start = np.linspace(15e-6, 90e-6, 6)
    volts = np.array([1.3, -1.25, 1.1, -1.5])
    none = WritePath(bit_line=np.zeros(6), source_line=np.zeros(6))
    plain = predict(DEVICE, start, volts, np.full(4, 1e-6))
    wired = predict(DEVICE, start, volts, np.full(4, 1e-6), wires=none)
    assert wired["conductance"].values == pytest.approx(plain["conductance"].values, rel=1e-12)


def test_what_wires_leave_has_to_be_calibrated():
    wires = WritePath(bit_line=np.array([0.0, 2000.0]), source_line=np.zeros(2))
    start = np.array([60e-6, 60e-6])
    with pytest.warns(OutsideCalibration, match="amplitude up of 0.8"):
        found = predict(DEVICE, start, [0.95], [1e-6], wires=wires)
    assert found["outside_calibration"].values[0].tolist() == [False, True]
    # Drivers may give more than was ever measured across a cell.
    more = WritePath(bit_line=np.array([2000.0]), source_line=np.array([0.0]))
    assert not predict(DEVICE, start[:1], [1.7], [1e-6], wires=more)["outside_calibration"].any()


def test_one_amplitude_tells_nothing_of_wires():
    wires = WritePath(bit_line=np.array(10.0), source_line=np.array(0.0))
    with pytest.raises(ParameterError, match="several amplitudes"):
        device(rates_up=None).pulse(np.array([5e-5]), 1, wires=wires)
    with pytest.raises(ParameterError, match=r"shape .*\(2,\)"):
        DEVICE.pulse(
            np.full(3, 5e-5), 1, wires=WritePath(bit_line=np.ones(2), source_line=np.zeros(2))
        )
    with pytest.raises(ParameterError, match="finite, >= 0"):
        WritePath(bit_line=np.array([1.0, -1.0]), source_line=np.array(0.0))


def test_reads_through_wires_and_back():
    path = WritePath(bit_line=np.array([100.0, 400.0]), source_line=np.array([0.0, 100.0]))
    g = np.array([50e-6, 80e-6])
    assert path.read_behind(g) == pytest.approx(1.0 / (1.0 / g + [100.0, 500.0]))
    assert path.without(path.read_behind(g)) == pytest.approx(g)


def test_currents_above_ohm_are_found_again_and_take_more_of_a_pulse():
    rng = np.random.default_rng(1)
    u, volts = rng.uniform(0.0, 1.0, 1500), rng.uniform(0.9, 1.6, 1500)
    g = LEAST + SPAN * u

    def truth(u, volts):
        return 1.0 + (volts - 0.2) * (3.0 - 2.0 * u)

    law = CurrentLaw.fit(u, g, volts, g * volts * truth(u, volts), 0.2)
    assert law.residual < 5e-3
    grid = np.linspace(0.0, 1.0, 11)
    assert law.over_ohm(grid, np.array(1.25)) == pytest.approx(truth(grid, 1.25), rel=2e-3)
    assert law.over_ohm(grid, np.array(0.2)) == pytest.approx(1.0, abs=5e-3)
    wires = WritePath(bit_line=np.array([300.0]), source_line=np.array([0.0]))
    pulse = device(current_up=law).wired_pulse(1, 1.3, 1e-6, wires)
    left = float(pulse.left(np.array([0.5]), np.array([300.0]))[0])
    current = float((LEAST + 0.5 * SPAN) * left * truth(0.5, left))
    assert left + 300.0 * current == pytest.approx(1.3, abs=1e-4)


def test_a_drop_at_the_source_of_the_transistor_counts_more():
    """Against the transistor's own equations, the source raised by hand."""
    nmos = load_model("nmos_3v3")
    law = SelectorLaw.from_model(
        nmos, set_gate=1.4, reset_gate=3.3, current_max=320e-6, voltages=(1.0, 1.6)
    )
    amps = 250e-6

    def needed(source):
        volts = np.linspace(0.1, 0.4, 30001)
        found = nmos.current(gate=1.4, drain=source + volts, source=source, bulk=0.0)
        return float(np.interp(amps, found, volts))

    slope = (needed(0.01) - needed(0.0)) / 0.01
    assert float(law.extra(1, np.array(amps), np.array(1.3))) == pytest.approx(slope, rel=0.02)
    # In RESET the gate is far above: little is lost.
    assert 0.0 < float(law.extra(-1, np.array(amps), np.array(1.3))) < 0.4 * slope
    wired = device(selector=law)
    path = WritePath(bit_line=np.array([0.0]), source_line=np.array([100.0]))
    pulse = wired.wired_pulse(1, 1.5, 1e-6, path)
    u = np.array([0.9])
    current = pulse.currents(u, pulse.left(u, pulse.load(u, path)))
    assert pulse.load(u, path) == pytest.approx(
        100.0 * (1.0 + law.extra(1, current, np.array(1.5))), rel=1e-3
    )


def test_laws_of_wires_are_saved_with_the_device(tmp_path):
    law = CurrentLaw.fit(*(np.linspace(a, b, 40) for a, b in ((0, 1), (1e-5, 1e-4), (1, 1.6))),
                         np.linspace(3e-5, 3e-4, 40), None)  # fmt: skip
    selector = SelectorLaw(
        currents=(1e-4, 2e-4), voltages=(1.0, 1.5), up=((0.1, 0.1), (0.2, 0.2)),
        down=((0.0, 0.0), (0.1, 0.1)), gates=(1.4, 3.3),
    )  # fmt: skip
    made = device(current_up=law, selector=selector)
    assert BehaviouralDevice.load(made.save(tmp_path / "device.json")) == made


LINES = Parasitics(r_row=100.0, r_col=50.0, r_driver=25.0)


def test_a_row_that_is_pulsed_at_once_is_a_ladder():
    g = np.array([[20e-6, 40e-6, 60e-6, 80e-6]])
    none = WritePath(bit_line=np.zeros(1), source_line=np.zeros(1))
    law = DEVICE.wired_pulse(1, 1.3, 1e-6, none)
    path = array_path(law, DEVICE.normalise(g), np.ones((1, 4), bool),
                      Writing(together="array", parasitics=LINES))  # fmt: skip
    # Kirchhoff at the four nodes of the bit line; each cell goes on to ground over 75 ohm.
    branch = 1.0 / (1.0 / g[0] + 75.0)
    nodes = np.diag(branch + 0.02) - 0.01 * (np.eye(4, k=1) + np.eye(4, k=-1))
    nodes[0, 0] += 1.0 / 125.0 - 0.01
    nodes[3, 3] -= 0.01
    volts = np.linalg.solve(nodes, [1.3 / 125.0, 0.0, 0.0, 0.0])
    current = volts * branch
    assert path.source_line[0] == pytest.approx(np.full(4, 75.0), rel=1e-5)
    assert path.bit_line[0] == pytest.approx((1.3 - volts) / current, rel=1e-5)
    # Alone, a cell has nothing but its own current on the line.
    assert (path.bit_line > 2.0 * WritePath.alone((1, 4), LINES).bit_line[:, :1]).all()


@pytest.mark.parametrize("polarity", [1, -1])
def test_cells_pulsed_together_lose_more_than_alone_and_only_they_move(polarity):
    start = np.linspace(20e-6, 80e-6, 12).reshape(3, 4)
    moved = {}
    for together in ("cell", "row", "array"):
        tile = Tile(DEVICE, start, options=TileOptions(scheme="offset", parasitics=LINES))
        tile.pulse(polarity, rows=[True, False, True], columns=[False, True, True, True],
                   amplitude=1.3 * polarity, width=1e-6, together=together)  # fmt: skip
        moved[together] = polarity * (tile.programmed - start)
        assert (moved[together][1] == 0.0).all()
        assert (moved[together][:, 0] == 0.0).all()
    cells = np.ix_([0, 2], [1, 2, 3])
    assert (moved["array"][cells] < moved["row"][cells]).all()
    assert (moved["row"][cells] < moved["cell"][cells]).all()
    assert (moved["array"][cells] > 0.0).all()


def test_half_selected_cells_move_by_their_ratio():
    cells = np.logical_and.outer([True, False, True], [False, True, True])
    assert half_pulses(cells, "array").tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 0]]
    assert half_pulses(cells, "row").tolist() == [[1, 1, 1], [0, 2, 2], [1, 1, 1]]
    assert half_pulses(cells, "cell").tolist() == [[2, 2, 2], [0, 2, 2], [2, 2, 2]]
    start = np.full((3, 3), 50e-6)
    tile = Tile(device(half_select=0.05), start, options=TileOptions(scheme="offset"))
    tile.pulse(1, rows=cells.any(axis=1), columns=cells.any(axis=0), together="array",
               select="half")  # fmt: skip
    moved = (tile.programmed - start) / SPAN
    assert moved[cells] == pytest.approx(np.full(4, 2e-3), rel=1e-6)
    assert moved[1, 1] == pytest.approx(0.05 * 2e-3, rel=1e-6)
    assert moved[1, 0] == 0.0
    with pytest.raises(ParameterError, match="firing lines"):
        tile.pulse(1, rows=np.ones(4, bool))
    with pytest.raises(ParameterError, match="cell or row or array"):
        tile.pulse(1, together="column")


def test_a_device_driven_beyond_all_that_was_measured_is_flagged_from_there_on():
    known = device(validity=Validity(conductance=(LEAST, LEAST + SPAN)))
    with pytest.warns(OutsideCalibration, match="drives the conductance beyond"):
        found = predict(known, [LEAST + 0.1 * SPAN], [1.5] * 20 + [-1.5], np.full(21, 1e-6))
    flags, g = found["outside_calibration"].values[:, 0], found["conductance"].values[:, 0]
    first = int(np.argmax(g > LEAST + 0.999 * SPAN))
    assert first > 5
    assert not flags[:first].any()
    assert flags[first:].all()
