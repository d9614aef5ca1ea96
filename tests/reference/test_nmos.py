"""The 3.3 V NMOS against the foundry card it stands for, run in ngspice over the whole plane.

Card: GF180MCU nfet_03v3 (BSIM4, sm141064 rev. 9, typical, 27 degC), W = 5.35 um,
L = 0.28 um. How errors are counted: every point of a uniform grid weighs the same;
"of the on-current" divides by the largest current of that gate voltage (V_D = 3.3 V).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import ModelError
from compact_models.fit_nmos import CONSTANTS, fit_nmos
from compact_models.foundry import load_transistor

CARD = "gf180mcu_nfet_03v3"
GATES = np.arange(34) / 10
DRAINS = np.arange(67) / 20
SOURCES = (0.0, 0.25, 0.5, 1.0, 1.5)
OPTIONS = ".options reltol=1e-6 abstol=1e-16 gmin=1e-15"
CONTROL = ".control\nset num_threads=1\nrun\nwrite result.raw\nquit 0\n.endc\n.end\n"

pytestmark = pytest.mark.ngspice


@pytest.fixture(scope="module")
def card():
    try:
        return load_transistor(CARD)
    except ModelError as error:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model():
    return load_model("nmos_3v3")


def _sweep(ngspice, card, sources):
    """Drain current [A], shape (source, gate, drain)."""
    size = " ".join(f"{name}={value!r}" for name, value in card.parameters.items())
    lines = ["* plane", *card.library, "vd d 0 0", "vg g 0 0", OPTIONS]
    for k, source in enumerate(sources):
        lines += [f"vs{k} s{k} 0 {source}", f"vi{k} d d{k} 0"]
        lines.append(f"x{k} d{k} g s{k} 0 {card.subcircuit} {size}")
    probes = [f"i(vi{k})" for k in range(len(sources))]
    lines += [".save " + " ".join(probes), ".dc vd 0 3.3 0.05 vg 0 3.3 0.1", CONTROL]
    plot = ngspice.run_text("\n".join(lines), expect=probes).plots[-1]
    columns = plot.columns()
    shape = (len(GATES), len(DRAINS))
    return np.array([plot.values[:, columns[p]].real.reshape(shape) for p in probes])


@dataclass(frozen=True)
class Plane:
    source: float
    card: np.ndarray
    model: np.ndarray

    @property
    def forward(self):
        return np.broadcast_to(self.source + 0.01 < DRAINS, self.card.shape)

    @property
    def on(self):
        return np.broadcast_to(self.card[:, -1:], self.card.shape)

    def error(self, where, *, of_the_on_current=True):
        against = self.on if of_the_on_current else self.card
        where = where & self.forward
        return np.abs(self.model - self.card)[where] / against[where]


@pytest.fixture(scope="module")
def planes(ngspice, card, model):
    currents = _sweep(ngspice, card, SOURCES)
    return {
        source: Plane(source, i, model.current(gate=GATES[:, None], drain=DRAINS, source=source))
        for source, i in zip(SOURCES, currents, strict=True)
    }


def test_the_card_is_the_one_the_model_was_fitted_to(planes):
    """806 Ohm at V_G = 1.2 V and 50 mV, about 300 Ohm at 3.3 V, 2.40 mA at 3.0 V, 3.3 V."""
    current = planes[0.0].card
    assert 0.05 / current[12, 1] == pytest.approx(806, rel=2e-3)
    assert 0.05 / current[33, 1] == pytest.approx(300, rel=5e-3)
    assert current[30, 66] == pytest.approx(2.40e-3, rel=5e-3)


@pytest.mark.parametrize(
    ("source", "of_on", "pointwise", "weak"),
    [
        (0.0, 0.0052, 0.008, 0.13),
        (0.25, 0.0072, 0.012, 0.08),
        (0.5, 0.0095, 0.017, 0.07),
        (1.0, 0.0165, 0.027, 0.095),
        (1.5, 0.033, 0.045, 0.125),
    ],
)
def test_mean_error_over_the_plane(planes, record_property, source, of_on, pointwise, weak):
    """On: gate curves whose on-current is above 10 uA. Weak: |ln ratio| below 1 uA, above 10 pA."""
    plane = planes[source]
    conducting = plane.on > 1e-5
    faint = (plane.on < 1e-4) & (plane.card > 1e-11) & (plane.card < 1e-6) & plane.forward
    figures = {
        "of_on": plane.error(conducting).mean(),
        "worst_of_on": plane.error(conducting).max(),
        "pointwise": plane.error(conducting, of_the_on_current=False).mean(),
        "weak": np.abs(np.log(plane.model[faint] / plane.card[faint])).mean(),
    }
    for name, value in figures.items():
        record_property(f"nmos_3v3_{name}_vsb_{source:g}", float(value))
    print({"V_SB": source} | {n: round(float(x), 4) for n, x in figures.items()})
    assert figures["of_on"] < of_on
    assert figures["worst_of_on"] < 0.09
    assert figures["pointwise"] < pointwise
    assert figures["weak"] < weak


def test_saturation_at_the_forming_gate_voltage(planes):
    """V_G = 1.2 V limits the forming current: within 2.5 % of the card from 1 V to 3 V."""
    plane = planes[0.0]
    chosen = [20, 40, 60]
    np.testing.assert_allclose(plane.card[12, chosen], [338.5e-6, 377.9e-6, 416.3e-6], rtol=2e-3)
    np.testing.assert_allclose(plane.model[12, chosen], plane.card[12, chosen], rtol=0.025)


def test_reversed_transistor_is_the_same_device(planes):
    """Drain below source, at V_SB = 1 V: the card swaps them, the model needs no swap."""
    plane = planes[1.0]
    where = np.broadcast_to((DRAINS < 0.99) & (GATES[:, None] > 1.15), plane.card.shape)
    scale = np.abs(plane.card).max(axis=1, keepdims=True)
    assert (np.abs(plane.model - plane.card) / scale)[where].mean() < 0.009


def test_width_scales_current(ngspice, card, model):
    """W = 2.0 um, from the same size bin of the card: 1.0262 mA at 3.3 V and 3.3 V."""
    narrow = _sweep(ngspice, card.resized(w=2.0e-6), (0.0,))[0]
    assert narrow[33, 66] == pytest.approx(1.0262e-3, rel=2e-3)
    current = model.with_parameters(width=2.0e-6).current(gate=GATES[:, None], drain=DRAINS)
    strong = GATES >= 1.0
    error = np.abs(current - narrow)[strong, 1:] / narrow[strong, -1:]
    assert error.mean() < 0.02


def test_gate_capacitances(ngspice, card, model):
    """Small signal at V_DS = 0 above flat band, against the charges of the model."""
    from compact_models.emit.functions import compile_model

    gates = np.linspace(-0.4, 3.3, 38)
    size = " ".join(f"{name}={value!r}" for name, value in card.parameters.items())
    lines = ["* capacitances", *card.library]
    probes = []
    for k, gate in enumerate(gates.tolist()):
        lines += [f"vg{k} g{k} 0 {gate!r} ac 1", f"vd{k} d{k} 0 0", f"vb{k} b{k} 0 0"]
        lines.append(f"x{k} d{k} g{k} 0 b{k} {card.subcircuit} {size}")
        probes += [f"i(vg{k})", f"i(vd{k})", f"i(vb{k})"]
    lines += [".save " + " ".join(probes), ".ac lin 1 1meg 1meg", CONTROL]
    plot = ngspice.run_text("\n".join(lines), expect=probes).plots[-1]
    columns = [plot.columns()[p] for p in probes]
    taken = plot.values[0, columns].imag.reshape(-1, 3) / (2 * np.pi * 1e6)
    card_gate, card_drain, card_bulk = -taken[:, 0], taken[:, 1], taken[:, 2]

    kernels = compile_model(model)
    step = 1e-3
    values = kernels.parameter_vector(model.parameters)[:, None]
    charges = []
    for shift in (-step / 2, step / 2):
        nodes = np.zeros((4, len(gates)))
        nodes[kernels.nodes.index("gate")] = gates + shift
        charges.append(kernels.call(nodes, np.zeros((0, len(gates))), values).charges)
    slope = dict(zip(kernels.nodes, (charges[1] - charges[0]) / step, strict=True))
    inverted = gates > 1.0
    np.testing.assert_allclose(-slope["drain"], card_drain, atol=0.08e-15)
    np.testing.assert_allclose(slope["gate"][inverted], card_gate[inverted], rtol=0.02)
    # The bulk's share is a coarse fit: the card mixes depletion with the onset of accumulation.
    np.testing.assert_allclose(-slope["bulk"], card_bulk, atol=0.65e-15)
    np.testing.assert_allclose(slope["gate"], card_gate, rtol=0.12)


def test_the_shipped_constants_are_what_the_fit_finds(planes):
    """From another start, least squares end at the parameter file, which has four digits."""
    shipped = load_model("nmos_3v3").parameters
    start = shipped.replace(
        threshold_voltage=0.7,
        current_factor=1e-3,
        ideality=1.0,
        body_factor=0.5,
        mobility_inversion=0.5,
        velocity_saturation=1.0,
        scattering=0.1,
    )
    fit = fit_nmos(
        gate=GATES[:, None],
        drain=DRAINS,
        source=np.array(SOURCES)[:, None, None],
        current=np.array([planes[s].card for s in SOURCES]),
        calibrated_to="GF180MCU nfet_03v3",
        start=start,
        source_weight=0.2,
    )
    assert fit.parameters.parameter("ideality").calibrated_to == "GF180MCU nfet_03v3"
    for name in CONSTANTS:
        assert fit.parameters[name] == pytest.approx(shipped[name], rel=0.01), name
    assert fit.mean_error < 0.012
    assert fit.worst_error < 0.08
    assert fit.weak_error < 0.11
