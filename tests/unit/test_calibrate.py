import numpy as np
import pytest
import xarray as xr

from compact_models.errors import CalibrationError, DataError
from cosim.behavioural import DeviceSpread, soft_bounds
from cosim.behavioural.pulse_data import PulseData
from cosim.calibration import calibrate

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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pulse, conductance [V], polarity\n1, 2, 1\n2, 3, 1\n", "unit of column"),
        ("pulse, conductance, polarity\n1, 2, 1\n2, 3, 1\n", "unit of column"),
        ("pulse, conductence [uS]\n1, 2\n2, 3\n", "conductance"),
        ("pulse, conductance [uS]\n1, 2\n2, 3\n", "polarity or amplitude"),
        (
            "pulse, conductance [uS], polarity\n1, x, 1\n2, 3, 1\n",
            r"'conductance' in line 2 of .*bad.csv: 'x'",
        ),
    ],
)
def test_wrong_csv_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        PulseData.from_csv(path)


def test_data_that_cannot_support_a_fit_is_refused():
    g = curved_train(0.05, SEQUENCE)
    with pytest.raises(CalibrationError, match="polarity -1"):
        calibrate(dataset(g[:300], SEQUENCE[:300]))
    with pytest.raises(CalibrationError, match="finite"):
        calibrate(dataset(np.where(np.arange(len(g)) == 7, np.nan, g)))
    with pytest.raises(CalibrationError, match="conductance"):
        calibrate(dataset(g).drop_vars("conductance"))
    assert DeviceSpread() == calibrate(dataset(g)).device.spread
