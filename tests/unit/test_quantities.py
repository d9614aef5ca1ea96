"""Units at the door."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import ConfigError
from cosim.quantities import read_quantity, show_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("2.5 us", "s", 2.5e-6),
        ("2.5us", "s", 2.5e-6),
        ("2.5 µs", "s", 2.5e-6),
        ("0.35 Ohm", "ohm", 0.35),
        ("20 kOhm", "ohm", 20e3),
        ("50 uS", "S", 50e-6),
        ("-1.3 V", "V", -1.3),
        ("1 V/ms", "V/s", 1e3),
        ("85 degC", "K", 358.15),
        ("2 %", "dimensionless", 0.02),
        ("1.18 eV", "J", 1.890568e-19),
        ("1e19 1/cm^3", "1/m**3", 1e25),
        (3, "V", 3.0),
        ("1.35", "V", 1.35),
    ],
)
def test_reads_what_users_write(text: object, unit: str, value: float) -> None:
    assert read_quantity(text, unit) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("10 M", "ohm"),  # molar to a unit library, mega to a user: neither is taken
        ("3 V", "s"),
        ("1 V\n.control", "V"),
        ("1 V; quit", "V"),
        ("9**9**9 V", "V"),
        ("2 m^99999999", "V"),
        ("1e400", "V"),
        ("nan", "V"),
        ("V", "V"),
        ("", "V"),
        (True, "V"),
        (None, "V"),
        (math.inf, "V"),
        ("1 " + "V*" * 40 + "V", "V"),
        ("1 __import__('os')", "V"),
    ],
)
def test_refuses_the_rest_and_says_what_to_write(text: object, unit: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_quantity(text, unit, name="width")
    assert "width" in str(caught.value)
    assert "Write for example" in caught.value.next_step


@given(st.text(max_size=80))
@settings(max_examples=50, deadline=None)
def test_any_text_gives_a_number_or_our_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert math.isfinite(read_quantity(text, "V"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (258e-6, "A", "258 uA"),
        (999.96e-6, "A", "1.00 mA"),
        (3.174, "V", "3.17 V"),
        (-1.3, "V", "-1.30 V"),
        (0.0, "V", "0 V"),
        (61.0, "%", "61 %"),
        (22.0, "", "22"),
        (math.nan, "S", "—"),
        (1.4e6, "K/W", "1.4e+06 K/W"),
    ],
)
def test_shows_numbers_as_people_read_them(value: float, unit: str, text: str) -> None:
    assert show_quantity(value, unit) == text
