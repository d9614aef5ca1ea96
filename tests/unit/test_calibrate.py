import contextlib

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from compact_models import load_model, noise
from compact_models.errors import CalibrationError, CosimError, DataError
from cosim import cli, unseen
from cosim.behavioural import (
    BehaviouralDevice,
    DeviceSpread,
    NoiseLaws,
    OutsideCalibration,
    predict,
    soft_bounds,
)
from cosim.behavioural.pulse_data import PulseData
from cosim.behavioural.pulse_windows import windows
from cosim.calibration import calibrate
from cosim.experiments import PulseUpdate
from cosim.experiments.base import ambient
from netlists import Array, Cell

# The published open-loop sequence: 2 x (400 up, 400 down), then 500 alternating.
SEQUENCE = np.concatenate([np.tile(np.repeat([1, -1], 400), 2), np.tile([1, -1], 250)])


def dataset(conductance, polarity=SEQUENCE, **variables):
    conductance = np.asarray(conductance)
    conductance = conductance.reshape(len(conductance), -1, 1)
    return xr.Dataset(
        {
            "conductance": (("pulse", "row", "col"), conductance, {"units": "S"}),
            "polarity": ("pulse", polarity),
            "amplitude": ("pulse", np.where(polarity > 0, 1.35, -1.3)),
            "width": ("pulse", np.full(len(polarity), 2.5e-6)),
        }
        | variables
    )


def curved(u, polarity):
    """A law that is not soft bounds: exponential in u, both ways."""
    return 0.03 * np.exp(-4 * u) if polarity > 0 else -0.03 * np.exp(-4 * (1 - u))


def curved_train(start, polarity):
    u, out = start, []
    for p in polarity:
        u = u + curved(u, p)
        out.append(10e-6 + 80e-6 * u)
    return np.array(out)


def test_noise_free_law_is_recovered():
    result = calibrate(dataset(curved_train(0.05, SEQUENCE)))
    assert result.report.trajectory_error < 0.01
    assert result.device.up.noise < 1e-3
    window = result.device.window
    for g in (30e-6, 50e-6, 70e-6):
        u = (g - 10e-6) / 80e-6
        got = (result.device.pulse(np.array(g), 1) - g) / window
        assert float(got) == pytest.approx(curved(u, 1) * 80e-6 / window, rel=0.01)


def test_unseen_sequence_is_predicted_within_two_percent_of_the_window():
    result = calibrate(dataset(curved_train(0.05, SEQUENCE)))
    rng = np.random.default_rng(0)
    other = np.where(rng.random(600) < 0.6, 1, -1)
    truth = curved_train(0.3, other)
    predicted = result.device.train(10e-6 + 80e-6 * 0.3, other)
    assert np.abs(predicted - truth).max() < 0.02 * result.device.window


def test_noisy_population_gives_back_figures_and_spread():
    device = soft_bounds(states=40.0, skew=0.55, nsr=0.6)
    rng = np.random.default_rng(1)
    scale = np.exp(0.2 * rng.standard_normal(24))
    u, out = np.full(24, 0.1), []
    for p in SEQUENCE:
        u = np.clip((device.up if p > 0 else device.down).apply(u, rng, scale), 0, 1)
        out.append(device.conductance(u))
    result = calibrate(dataset(np.array(out)))
    measured, fitted = result.report.figures, result.device.figures
    assert measured["skew"] == pytest.approx(0.55, abs=0.03)
    assert measured["states"] == pytest.approx(40.0 * np.mean(1 / scale), rel=0.1)
    assert fitted["states"] == pytest.approx(40.0, rel=0.12)
    assert fitted["skew"] == pytest.approx(0.55, abs=0.04)
    assert fitted["nsr"] == pytest.approx(0.6, rel=0.15)
    assert result.device.spread.step == pytest.approx(np.log(scale).std(), rel=0.2)
    assert result.scale_up == pytest.approx(scale / np.exp(np.log(scale).mean()), rel=0.25)


def test_half_select_is_measured_from_half_pulses():
    polarity = np.concatenate([SEQUENCE[:1600], np.tile(np.repeat([1, -1], 30), 2)])
    amplitude = np.where(polarity > 0, 1.35, -1.3)
    amplitude[1600:] /= 2
    u, out = 0.1, []
    for p, v in zip(polarity, amplitude, strict=True):
        u = u + curved(u, p) * (0.01 if abs(v) < 1 else 1.0)
        out.append(10e-6 + 80e-6 * u)
    data = dataset(np.array(out), polarity)
    data["amplitude"] = ("pulse", amplitude)
    assert calibrate(data).device.half_select == pytest.approx(0.01, rel=0.1)


def test_curves_of_noisy_steps_do_not_wiggle_and_residuals_are_sorted():
    device = soft_bounds(states=25.0, skew=0.5, nsr=1.0)
    rng, u, out = np.random.default_rng(7), 0.1, []
    for p in SEQUENCE:
        u = float(np.clip((device.up if p > 0 else device.down).apply(np.array(u), rng), 0, 1))
        out.append(device.conductance(u))
    result = calibrate(dataset(np.array(out)))
    grid = np.linspace(0.1, 0.9, 81)
    assert (np.diff(result.device.up.step(grid)) <= 1e-6).all()
    assert (np.diff(-result.device.down.step(grid)) >= -1e-6).all()
    assert result.report.forms["up"]["form"] == "monotone"
    rows = result.report.residuals
    assert {r["polarity"] for r in rows} == {1.0, -1.0}
    assert sum(r["count"] for r in rows) == len(SEQUENCE) - 1
    assert all(abs(r["measured"] - r["predicted"]) < 4 * r["rms"] for r in rows)


def test_a_law_with_a_maximum_is_not_forced_to_be_monotone():
    def bent(u, p):
        return 0.04 * np.exp(-(((u if p > 0 else 1 - u) - 0.3) ** 2) / 0.02) * p + 0.002 * p

    u, out = 0.05, []
    for p in SEQUENCE:
        u = float(np.clip(u + bent(u, p), 0, 1))
        out.append(10e-6 + 80e-6 * u)
    report = calibrate(dataset(np.array(out))).report
    assert report.forms["up"]["form"] == "free"


def test_csv_gives_the_same_device_as_the_dataset(tmp_path):
    g = curved_train(0.05, SEQUENCE)
    path = tmp_path / "chip.csv"
    rows = ["# bench 3", "pulse, conductance [uS], amplitude [V], width [us]"]
    rows += [
        f"{n}, {1e6 * x!r}, {1.35 if p > 0 else -1.3}, 2.5"
        for n, (x, p) in enumerate(zip(g.tolist(), SEQUENCE, strict=True))
    ]
    path.write_text("\n".join(rows))
    a = calibrate(PulseData.from_csv(path)).device
    b = calibrate(dataset(g)).device
    assert a.conductance_max == pytest.approx(b.conductance_max, rel=1e-9)
    assert a.up.steps == pytest.approx(b.up.steps, rel=1e-6)
    assert a.down.width == pytest.approx(2.5e-6)


def rate(u, volts):
    """A law of amplitude: du/dt in windows a second."""
    return 8e3 * np.exp(9.0 * (abs(volts) - 1.35)) * ((1 - u) if volts > 0 else u)


def pulsed(u, volts, width):
    share = 1.0 - np.exp(-rate(0.5, volts) * 2.0 * width)
    return u + share * ((1 - u) if volts > 0 else -u)


def several_pulses(devices=3, count=160, seed=0):
    """Rows (pulse, device, conductance, amplitude, width) of pulses of many kinds."""
    rng = np.random.default_rng(seed)
    volts = np.concatenate(
        [
            np.repeat([1.35, -1.35], 40),
            rng.choice([-1, 1], count) * rng.choice([1.2, 1.3, 1.4, 1.5], count),
        ]
    )
    width = np.concatenate([np.full(80, 2e-6), rng.choice([1e-6, 2e-6, 5e-6], count)])
    u, rows = np.linspace(0.1, 0.9, devices), []
    rows += [(0, d, x, 0.0, 2e-6) for d, x in enumerate(u)]
    for n, (v, w) in enumerate(zip(volts, width, strict=True), 1):
        u = pulsed(u, v, w)
        rows += [(n, d, x, float(v), float(w)) for d, x in enumerate(u)]
    return [(n, d, 10e-6 + 80e-6 * x, v, w) for n, d, x, v, w in rows]


def write(path, rows, *, separator=",", comma=False, encoding="utf-8", end="\n", extra=()):
    def number(x):
        text = repr(float(x))
        return text.replace(".", ",") if comma else text

    head = ["pulse", "device", "conductance [uS]", "amplitude [V]", "width [us]"]
    lines = ["# chip 7", separator.join(head), *extra]
    lines += [
        separator.join([str(n), f"D{d}", number(g * 1e6), number(v), number(w * 1e6)])
        for n, d, g, v, w in rows
    ]
    path.write_bytes(end.join(lines).encode(encoding))
    return path


def test_measured_amplitudes_widths_and_devices_give_a_law(tmp_path):
    result = calibrate(PulseData.from_csv(write(tmp_path / "chip.csv", several_pulses())))
    device = result.device
    assert result.report.devices == 3
    assert len({(r["amplitude"], r["width"]) for r in result.report.by_pulse}) == 26
    assert max(r["rms"] for r in result.report.by_pulse) < 8e-3
    for volts, width in ((1.33, 1.5e-6), (-1.45, 4e-6), (-1.22, 1.2e-6)):
        g = np.array([45e-6, 55e-6, 65e-6])
        truth = 10e-6 + 80e-6 * pulsed((g - 10e-6) / 80e-6, volts, width)
        got = device.pulse(g, int(np.sign(volts)), amplitude=volts, width=width)
        assert np.abs(got - truth).max() < 0.003 * device.window
    with pytest.warns(OutsideCalibration, match="none like it was measured"):
        far = device.pulse(np.array([83e-6]), 1, amplitude=1.3, width=2e-6)
    assert 83e-6 < far[0] < 87e-6
    with pytest.warns(OutsideCalibration, match="amplitude up"):
        beyond = predict(device, [50e-6], [1.7], [2e-6])
    assert beyond["outside_calibration"].values.all()


@settings(max_examples=30, deadline=None)
@given(
    dialect=st.sampled_from([(",", False), (";", False), (";", True), ("\t", True), ("\t", False)]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
    by_device=st.booleans(),
    values=st.lists(st.floats(1e-9, 1e-2), min_size=6, max_size=12),
)
def test_reader_gives_back_what_was_written(
    tmp_path_factory, dialect, encoding, end, by_device, values
):
    devices, pulses = 2, len(values) // 2
    g = np.array(values[: devices * pulses]).reshape(pulses, devices)
    rows = [(n, d, g[n, d], 1.35 - 0.1 * n, 1e-6) for n in range(pulses) for d in range(devices)]
    if by_device:
        rows.sort(key=lambda r: (r[1], r[0]))
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    blank = dialect[0] * 4
    write(path, rows, separator=dialect[0], comma=dialect[1], encoding=encoding, end=end,
          extra=("", blank, '"% a comment"'))  # fmt: skip
    data = PulseData.from_csv(path)
    assert data.before == pytest.approx(g[:-1], rel=1e-12)
    assert data.after == pytest.approx(g[1:], rel=1e-12)
    assert data.amplitude == pytest.approx(1.35 - 0.1 * np.arange(1, pulses))
    assert data.width == pytest.approx(np.full(pulses - 1, 1e-6))


@settings(max_examples=50, deadline=None)
@given(text=st.text(alphabet='0123456789.,;-+eE#%" \t\n[]uSVpulsecondtazi\x00\ufeff', max_size=200))
def test_reader_ends_in_data_or_in_an_error_of_ours(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    for start in ("", "pulse, conductance [uS], polarity\n1, 2, 1\n"):
        path.write_text(start + text, encoding="utf-8")
        with contextlib.suppress(CosimError):
            assert np.isfinite(PulseData.from_csv(path).after).all()


HEAD = "pulse; device; conductance [uS]; amplitude [V]\n"
GOOD = "0; A; 20,5; 1,35\n1; A; 21,5; 1,35\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pulse, conductance [V], polarity\n1, 2, 1\n2, 3, 1\n", "unit of column"),
        ("pulse, conductance, polarity\n1, 2, 1\n2, 3, 1\n", "unit of column"),
        ("pulse, conductence [uS]\n1, 2\n2, 3\n", "conductance"),
        ("pulse, conductance [uS]\n1, 2\n2, 3\n", "polarity or amplitude"),
        ("pulse, pulse, conductance [uS]\n1, 1, 2\n2, 2, 3\n", "line 1: 'pulse'"),
        ("pulse, conductance [uS], polarity\n1, x, 1\n2, 3, 1\n",
         r"column 'conductance' in line 2 of .*bad.csv: 'x'"),
        ("pulse, conductance [uS], polarity\n1, 2, 1\n\n# a\n2, , 1\n",
         r"column 'conductance' in line 5 of .*: '' .*missing"),
        ("pulse, conductance [uS], polarity\n1, 2, 1\n2, 3\n", "cells in line 3 .*: 2"),
        ("pulse, conductance [uS], polarity\n1, 2, 1\n2, 3,5, 1\n", "line 3 .*: 4 .*semicolons"),
        ("pulse, conductance [uS], polarity\n1, 2, 1\n2, \"3,500.5\", 1\n",
         "line 3 .*'3,500.5'.*without separators of thousands"),
        (HEAD + GOOD + "2; A; 1.020,5; 1,35\n", "line 4 .*'1.020,5' .*decimal comma"),
        (HEAD + GOOD + "2; A; 1.5; 1,35\n", "line 4 .*'1.5' .*decimal comma"),
        (HEAD + GOOD + "1; A; 22,5; 1,35\n", "'pulse' in line 4 .*above 1"),
        (HEAD + GOOD + "0; A; 22,5; 1,35\n", "'pulse' in line 4 .*number several runs on"),
        (HEAD + GOOD + "2; A; 22,5; 0\n", "'amplitude' in line 4 .*not 0 after"),
        (HEAD + GOOD + "2; A; 22500000000; 1,35\n", "line 4 .*Check its unit"),
        (HEAD + GOOD + "2; A; -22,5; 1,35\n", "line 4 .*'-22,5'"),
        (HEAD + GOOD + "0; B; 20,5; 1,35\n1; B; 20; -1,3\n", "'polarity' in line 5 .*device 'A'"),
        (HEAD + GOOD + "0; B; 20,5; 1,35\n", "line 4 .*B: 1 pulses"),
        ("pulse, conductance [uS], polarity, amplitude [V]\n1, 2, 1, 1.3\n2, 3, 1, -1.3\n",
         "'amplitude' in line 3 .*sign of polarity"),
        ("pulse, conductance [uS], polarity\n1, 2, 1\n2, 3, 0.5\n", r"line 3 .*'0.5' .*\+1"),
        ("Keithley 4200\npulse, conductance [uS], polarity\n1, 2, 1\n", "must name the columns"),
    ],
)  # fmt: skip
def test_messy_csv_is_refused_by_line_and_column(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        PulseData.from_csv(path)


def test_no_step_is_taken_over_a_gap_and_conditions_are_kept(tmp_path):
    path = tmp_path / "gap.csv"
    path.write_text(
        "pulse;conductance [uS];polarity;amplitude [V];temperature [degC];read voltage [mV]\n"
        "0;20;0;0;25;200\n1;21;1;1,3;25;200\n2;22;1;1,3;25;200\n5;30;-1;1,2;25;200\n"
        "6;29;-1;1,2;25;200\n"
    )
    data = PulseData.from_csv(path)
    assert data.after[:, 0] == pytest.approx([21e-6, 22e-6, 29e-6])
    assert data.before[:, 0] == pytest.approx([20e-6, 21e-6, 30e-6])
    assert data.run.tolist() == [0, 0, 1]
    assert data.amplitude == pytest.approx([1.3, 1.3, -1.2])
    assert data.conditions["temperature"] == pytest.approx((298.15, 298.15))
    assert data.conditions["read_voltage"] == pytest.approx((0.2, 0.2))


def read_row(law, conductances, voltages):
    currents = law(voltages[:, None], conductances[None])
    return xr.Dataset(
        {
            "current": (("input", "source_line"), currents),
            "input_voltage": (("input", "bit_line"), voltages[:, None]),
            "conductance": (("row", "col"), conductances[None]),
        }
    )


def test_read_law_half_select_and_temperature_come_from_further_data():
    def law(v, g):
        return g * np.sinh(v * (2 + 2e4 * g)) / np.sinh(0.2 * (2 + 2e4 * g)) * 0.2

    cells = np.random.default_rng(0).permutation(np.linspace(9e-6, 9e-5, 12))
    read = read_row(law, cells, np.linspace(0.02, 0.2, 10))
    k = np.array([1, 100])[None, None, :, None] * 2e-3 * np.ones((2, 2, 1, 3))
    disturb = xr.Dataset(
        {"k_total": (("bound", "polarity", "count", "device"), k)}, coords={"count": [1, 100]}
    )
    found = calibrate(dataset(curved_train(0.05, SEQUENCE)), read, disturb, temperature=293.0)
    assert found.report.parts["read_law"] < 2e-3
    assert found.device.read_law.current(0.13, 4.4e-5) == pytest.approx(law(0.13, 4.4e-5), rel=5e-3)
    assert found.device.half_select == pytest.approx(2e-3)
    assert found.device.validity.read_voltage == (0.0, 0.2)
    assert found.report.valid["temperature"] == (293.0, 293.0)
    assert not [w for w in found.report.warnings if "half-select" in w or "read law" in w]
    with pytest.raises(CalibrationError, match="one or more with pulses"):
        calibrate(read)


def test_programming_and_retention_data_give_their_noise_back():
    """Data drawn from laws with other coefficients than the published ones."""
    rng, targets = np.random.default_rng(0), np.linspace(10e-6, 90e-6, 9)
    truth = {
        "programming_slope_tight": 0.004, "relaxation_mean_slope": -2e-7,
        "relaxation_sigma_slope": 1e-7, "relaxation_sigma_offset": 8e-7, "read_coefficient": 6e-8,
    }  # fmt: skip
    p = {**noise.noise_parameters(), **truth}
    target = np.repeat(targets[:, None], 1500, axis=1)
    programmed = noise.programmed(target, rng, 0.002, p)
    closed = xr.Dataset(
        {
            "conductance": (("acceptance_range", "level", "device"), programmed[None]),
            "reached": (("acceptance_range", "level", "device"), np.ones((1, *target.shape), bool)),
        },
        coords={"acceptance_range": [0.002], "level": targets},
    )
    times, draw = np.array([1.0, 60.0, 3600.0, 86400.0, 1e7]), rng.standard_normal(target.shape)
    kept = [noise.read(noise.relaxed(programmed, t, draw, p), t, rng, p) for t in times]
    retention = xr.Dataset(
        {"conductance": (("time", "level", "device"), np.array(kept))},
        coords={"time": times, "level": targets},
    )
    found = calibrate(dataset(curved_train(0.05, SEQUENCE)), closed, retention)
    fitted = dict(found.device.noise.coefficients)
    for name, value in truth.items():
        assert fitted[name] == pytest.approx(value, rel=0.06), name
    assert set(found.report.parts) == {"programming", "relaxation", "read_noise"}
    assert max(found.report.parts.values()) < 0.06
    assert found.device.noise.acceptance_range == 0.002
    assert not [w for w in found.report.warnings if "as published" in w]
    plain = calibrate(dataset(curved_train(0.05, SEQUENCE)))
    assert plain.device.noise == NoiseLaws()
    assert sum("as published" in w for w in plain.report.warnings) == 3


def test_wires_of_a_tile_come_from_products_of_an_array():
    from cosim.behavioural import effective_conductance
    from netlists import Parasitics

    rng = np.random.default_rng(0)
    g, v = rng.uniform(1e-5, 9e-5, (24, 24)), rng.uniform(-0.2, 0.2, (30, 24))
    current = v @ effective_conductance(g, Parasitics(r_row=3.0, r_col=1.0))
    product = xr.Dataset(
        {
            "current": (("input", "source_line"), current),
            "input_voltage": (("input", "bit_line"), v),
            "conductance": (("row", "col"), g),
        }
    )
    found = calibrate(dataset(curved_train(0.05, SEQUENCE)), product)
    assert found.parasitics.r_row == pytest.approx(3.0, rel=0.02)
    assert found.parasitics.r_col == pytest.approx(1.0, rel=0.02)
    assert found.report.parts["product"] < 1e-4 < found.report.parts["product_without_wires"]


def test_cells_that_only_began_elsewhere_share_one_window():
    start = np.array([0.05, 0.4, 0.8])
    sequence = np.repeat([1, -1], 25)
    u, out = start, []
    for p in sequence:
        u = u + 0.02 * ((1 - u) if p > 0 else -u)
        out.append(10e-6 + 80e-6 * u)
    notes = []
    low, high = windows(PulseData.from_dataset(dataset(np.array(out), sequence)), notes)
    assert np.ptp(low) == np.ptp(high) == 0.0
    assert any("one window" in n for n in notes)


def test_outliers_do_not_bend_the_law_for_other_pulses():
    from cosim.behavioural.rate_fit import fit_rates

    rng = np.random.default_rng(0)
    u, volts = rng.uniform(0.05, 0.9, 400), rng.choice([1.2, 1.3, 1.4], 400)
    width = np.full(400, 2e-6)
    steps = np.array([pulsed(x, v, 2e-6) - x for x, v in zip(u, volts, strict=True)])
    steps[::10] *= 3.0
    law = fit_rates(u, steps, volts, width, 1)
    grid = np.linspace(0.1, 0.8, 8)
    got = np.interp(grid, law.positions, law.steps(1.3, 2e-6))
    assert got == pytest.approx(pulsed(grid, 1.3, 2e-6) - grid, rel=0.02)


def test_verb_reports_residuals_ranges_and_takes_several_files(tmp_path, capsys):
    chip = write(tmp_path / "chip.csv", several_pulses())
    assert cli.run(["calibrate", str(chip), str(chip), "--temperature", "25 degC"]) == 0
    text = capsys.readouterr().out
    for part in ("steps by pulse, %", "worst", "valid from", "298 K", "1.50 V", "as published"):
        assert part in text, part
    assert BehaviouralDevice.load(tmp_path / "device.json").rates_up is not None
    assert cli.run(["calibrate", str(chip), "--temperature", "25 V"]) == 2
    # The file tells neither gates nor currents.
    assert cli.run(["calibrate", str(chip), "--selector", "nmos_3v3"]) == 1
    assert "pulses behind a selector" in capsys.readouterr().err
    chip.write_text(chip.read_text().replace("1.35", "oops", 1))
    assert cli.run(["calibrate", str(chip)]) == 2
    assert "'amplitude' in line" in capsys.readouterr().err


@pytest.mark.parametrize(("worst", "status"), [(0.01, 0), (0.03, 1)])
def test_verb_ends_with_1_beyond_two_percent(monkeypatch, capsys, worst, status):
    wired = unseen.WiredRow(
        name="random", size=16, resistance=0.35, drop=3e-3, ignored=0.3, worst=0.02, rms=0.002,
        outside=0.0,
    )  # fmt: skip
    row = unseen.UnseenRow(
        name="random", width=1e-6, amplitudes=(1.0, 1.6), pulses=20, moved=0.3, worst=worst,
        rms=0.002, wired=wired, product_worst=0.004, product_rms=0.003, outside=0.0,
    )  # fmt: skip
    fit = calibrate(dataset(curved_train(0.05, SEQUENCE)))
    found = unseen.Unseen(fit=fit, rows=(row,), wired=(wired,), noisy_mean=0.01, noisy_spread=0.01)
    monkeypatch.setattr(unseen, "compare_unseen", lambda **options: found)
    assert cli.run(["calibrate", "unseen"]) == status
    assert "within 2%" in capsys.readouterr().out
    assert cli.run(["calibrate", "unseen", "--json"]) == status


def test_data_that_cannot_support_a_fit_is_refused():
    g = curved_train(0.05, SEQUENCE)
    with pytest.raises(CalibrationError, match="polarity -1"):
        calibrate(dataset(g[:300], SEQUENCE[:300]))
    with pytest.raises(CalibrationError, match="finite"):
        calibrate(dataset(np.where(np.arange(len(g)) == 7, np.nan, g)))
    with pytest.raises(CalibrationError, match="conductance"):
        calibrate(dataset(g).drop_vars("conductance"))
    with pytest.raises(CalibrationError, match="lowers the conductance"):
        calibrate(dataset(g, -SEQUENCE))
    assert DeviceSpread() == calibrate(dataset(g)).device.spread


def test_conductances_in_the_wrong_unit_are_noted():
    g = curved_train(0.05, SEQUENCE)
    assert "check the unit" in " ".join(calibrate(dataset(1e-6 * g)).report.warnings)
    assert "check the unit" not in " ".join(calibrate(dataset(g)).report.warnings)


def test_simulated_data_say_their_temperature():
    cell = Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))
    array = Array(cell, rows=1, cols=2)
    assert ambient(array) == {"temperature": 293.0}
    assert ambient(array.with_parameters(T_0=[[300.0, 310.0]])) == {"temperature": [300.0, 310.0]}
    assert ambient(Array(Cell(load_model("resistor")), rows=1, cols=1)) == {}
    data = PulseUpdate(array, pulses=12, width=1e-5, cycle_spread=False).run(
        simulator="native", progress=False
    )
    found = calibrate(data)
    assert found.device.validity.temperature == (293.0, 293.0)
    assert not any("temperature" in note for note in found.report.warnings)
    start = data["initial_conductance"].values.ravel()
    with pytest.warns(OutsideCalibration, match="temperature of 350 K"):
        assert predict(found.device, start, [1.35], temperature=350.0)["outside_calibration"].all()
    for ambients, expected in ((300.0, (300.0, 300.0)), ([290.0, 310.0], (290.0, 310.0))):
        one = dataset(curved_train(0.05, SEQUENCE)).assign_attrs(temperature=ambients)
        assert PulseData.from_dataset(one).conditions["temperature"] == expected


def test_currents_of_pulses_are_read_and_kept(tmp_path):
    path = tmp_path / "chip.csv"
    path.write_text(
        "pulse, conductance [uS], amplitude [V], current [uA]\n"
        "0, 20, 0, 4\n1, 22, 1.3, 150\n2, 21, -1.3, -140\n4, 23, 1.3, 155\n5, 24, 1.3, 160\n"
    )
    # The read before the first pulse and the step over the gap have none.
    assert PulseData.from_csv(path).current.ravel() == pytest.approx([150e-6, 140e-6, 160e-6])
    g = curved_train(0.05, SEQUENCE)
    assert calibrate(dataset(g)).device.current_up is None
    currents = 4.0 * 1.3 * g
    volts = np.where(np.array(SEQUENCE) > 0, 1.3, -1.3)
    known = dataset(
        g,
        pulse_current=(("pulse", "row", "col"), currents.reshape(-1, 1, 1)),
        amplitude=("pulse", volts),
    )
    law = calibrate(known).device.current_up
    assert law.over_ohm(np.array([0.3, 0.7]), np.array(1.3)) == pytest.approx([4.0, 4.0], rel=0.01)
