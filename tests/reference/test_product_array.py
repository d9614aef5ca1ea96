"""Products through arrays: inputs bit by bit, and what the closed formula of the kit gives."""

import numpy as np
import pytest

from cosim.validation.product import product_error, products
from cosim.validation.product_array import BITS, READ_VOLTAGE, ArrayProduct
from cosim.validation.product_budget import BudgetProduct, columns, parts, product_steps


def test_bits_add_up_to_the_rounded_inputs():
    case = ArrayProduct(size=6, count=3)
    worth = 2.0 ** np.arange(BITS - 1) / (2 ** (BITS - 1) - 1)
    bits = case.voltages().reshape(3, BITS - 1, 6) / READ_VOLTAGE
    got = np.einsum("b,ibr->ir", worth, bits)
    amplitude = ArrayProduct(size=6, count=3, coding="amplitude").voltages() / READ_VOLTAGE
    np.testing.assert_allclose(got, amplitude, atol=1e-12)
    assert set(np.unique(np.abs(bits)).round(12)) <= {0.0, 1.0}
    assert np.abs(got - case.draw()[1]).max() <= 0.5 / 31 + 1e-12


@pytest.mark.slow
def test_wires_and_voltage_coding_cost_what_they_must():
    plain = ArrayProduct(size=16, wire=0.0, scheme="differential").solve()[0]
    wires = ArrayProduct(size=16, wire=20.0, scheme="differential").solve()[0]
    volts = ArrayProduct(size=16, wire=0.0, scheme="differential", coding="amplitude").solve()[0]
    assert plain < wires
    assert plain < volts


def test_errors_of_the_public_code_are_reproduced():
    # Mean of 12 runs of example 34 of aihwkit 1.1.0: 0.0823 after 1 s, standard error 0.0003.
    errors = product_error(draws=12, wire_law="published")
    assert errors.mean() == pytest.approx(0.0823, rel=0.02)
    assert set(products(True)) >= {"product_1s", "product_code_10y", "product_against_wan"}


def test_references_stand_behind_their_blocks():
    case = BudgetProduct(size=6, references=3)
    assert case.order().tolist() == [0, 1, -1, 2, 3, -1, 4, 5, -1]
    weights, _, conductance = case.draw()
    assert conductance.shape == (6, 9)
    middle = 0.5 * (9e-6 + 88.2e-6)
    # 1 s after programming the spread about the target is 0.41 uS.
    np.testing.assert_allclose(conductance[:, [2, 5, 8]], middle, atol=2.5e-6)
    np.testing.assert_allclose(conductance[:, 0], middle + weights[:, 0] * 39.6e-6, atol=2.5e-6)


def test_causes_alone_are_what_their_laws_say():
    found = parts(size=64)
    length = np.sqrt(64 / 3)
    # Uniform rounding; the spread of 0.4118 uS in a half window of 39.6 uS.
    assert found["inputs"] == pytest.approx(length / 31 / np.sqrt(12), rel=0.03)
    assert found["outputs"] == pytest.approx(15 / 127 / np.sqrt(12), rel=1e-12)
    assert found["devices"] == pytest.approx(0.4118 / 39.6 * length, rel=0.03)
    whole = np.sqrt(sum(found[k] ** 2 for k in ("inputs", "outputs", "devices", "read")))
    # Without wires and with the middle as a number, the tile shows their sum.
    assert product_error(draws=6, wire=0.0).mean() == pytest.approx(whole, rel=0.03)


@pytest.mark.slow
def test_taking_causes_out_lowers_the_error():
    steps = {s.key: s.error for s in product_steps(size=12, wire=2.0, count=60)}
    assert steps["weighted"] < steps["reference"]
    assert steps["both_ends"] < 1.02 * steps["weighted"]
    assert steps["rounded"] < steps["range"]
    assert steps["quiet"] < steps["rounded"]
    assert steps["pairs_rounded"] < steps["pairs"]
    assert columns(BudgetProduct(size=12, wire=2.0, count=60, references=8)).references.shape == (
        60,
        8,
    )
