"""Products through arrays: inputs bit by bit, and what the closed formula of the kit gives."""

import numpy as np
import pytest

from cosim.validation.product import product_error, products
from cosim.validation.product_array import BITS, READ_VOLTAGE, ArrayProduct


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
