"""Units at the door: text such as ``"2.5 us"`` becomes an SI float, and nothing else gets in.

Text is split into a number and a unit before pint sees it, and only the unit goes to pint, so a
study file cannot make a parser evaluate an expression.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from cosim.errors import ConfigError

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(.*?)\s*", re.DOTALL)
_UNIT = re.compile(r"[A-Za-zµμΩ%][A-Za-z0-9µμΩ%/*^(). -]{0,39}|1/[A-Za-z0-9µμΩ/*^(). -]{1,39}")
_EXPONENT = re.compile(r"[\^*]\s*-?\s*\d{2,}")
_EXAMPLES = {
    "V": "1.35 V",
    "s": "2.5 us",
    "ohm": "0.35 ohm",
    "F": "0.2 fF",
    "V/s": "1 V/ms",
    "S": "50 uS",
    "A": "300 uA",
    "K": "85 degC",
    "m": "12 nm",
    "dimensionless": "0.02 or '2 %'",
}


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry()


@lru_cache(maxsize=512)
def _scale(unit: str, expected: str) -> tuple[float, float]:
    """Factor and offset that turn a value in `unit` into the SI base of `expected`."""
    import pint

    registry = _registry()
    # pint is case-sensitive and knows only "ohm", while every data sheet writes "kOhm".
    given = registry.parse_units(unit.replace("Ohm", "ohm"))
    wanted = registry.parse_units(expected)
    one, zero = (registry.Quantity(x, given).to(wanted).magnitude for x in (1.0, 0.0))
    if not (math.isfinite(one) and math.isfinite(zero)):
        raise pint.PintError("scale is not finite")
    return float(one - zero), float(zero)


def read_quantity(value: Any, unit: str, *, name: str = "value") -> float:
    """Read a number with unit, as users write it.

    Parameters
    ----------
    value : str, int or float
        ``"2.5 us"``, or a bare number which counts as SI.
    unit : str
        The expected SI unit, as pint writes it (``"V"``, ``"ohm"``, ``"1/m**3"``).
    name : str
        What the number is, for the error text.

    Returns
    -------
    float
        In `unit`.

    Raises
    ------
    ConfigError
        Not a number, not finite, or a unit of another kind.
    """
    example = _EXAMPLES.get(unit, f"a number in {unit}")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _refused(name, value, unit, example, "is not a number")
    if not isinstance(value, str):
        number = _as_float(value)
        if number is None:
            raise _refused(name, value, unit, example, "is not a finite number")
        return number
    match = _NUMBER.fullmatch(value) if len(value) <= 64 else None
    number = _as_float(match[1]) if match else None
    if match is None or number is None:
        raise _refused(name, value, unit, example, "is not a number with a unit")
    text = match[2]
    if not text:
        return number
    if not _UNIT.fullmatch(text) or _EXPONENT.search(text):
        raise _refused(name, value, unit, example, "has a unit that cannot be read")
    import pint

    try:
        factor, offset = _scale(text, unit)
    except pint.DimensionalityError:
        raise _refused(name, value, unit, example, "has a unit of another kind") from None
    except (pint.PintError, ValueError, TypeError, AttributeError, SyntaxError, OverflowError):
        raise _refused(name, value, unit, example, "has a unit that cannot be read") from None
    except Exception as error:  # pint's tokenizer raises its own kinds on malformed text
        raise _refused(name, value, unit, example, "has a unit that cannot be read") from error
    # 0.35 * 1e-6 is one rounding; 2.5 us must not become 2.4999999999999998e-06 in a netlist.
    return float(f"{number * factor + offset:.15g}")


def _as_float(value: Any) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _refused(name: str, value: Any, unit: str, example: str, why: str) -> ConfigError:
    shown = value[:60] if isinstance(value, str) else value
    return ConfigError(
        thing=f"{name} {why}",
        value=shown,
        limit=f"a quantity in {unit}" if unit != "dimensionless" else "a plain number",
        next_step=f"Write for example {example}",
    )


_PREFIXES = (
    (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"),
    (1e-9, "n"), (1e-12, "p"), (1e-15, "f"),
)  # fmt: skip
_PREFIXABLE = {"V", "A", "s", "S", "ohm", "F", "W", "J", "Hz", "m"}


def _number(value: float, digits: int) -> str:
    """Significant digits; no power of ten where a person would write none."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e5 else text


def show_quantity(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Text for people: ``258 uA``, ``3.17 V``, ``61 %``; an em dash where there is no number."""
    if value is None or not math.isfinite(value):
        return "\N{EM DASH}"
    # Below the last prefix only the power of ten is left to tell the size.
    if unit not in _PREFIXABLE or abs(value) < _PREFIXES[-1][0]:
        return f"{_number(value, digits)} {'' if unit == 'dimensionless' else unit}".rstrip()
    # Rounding first, so that 999.96 uA reads 1.00 mA and not 1e+03 uA.
    rounded = abs(float(f"{value:.{digits - 1}e}"))
    factor, prefix = next((p for p in _PREFIXES if rounded >= p[0]), _PREFIXES[-1])
    scaled = value / factor
    whole = len(str(int(abs(float(f"{scaled:.{digits - 1}e}")))))
    return f"{scaled:.{max(digits - whole, 0)}f} {prefix}{unit}"


def show_span(seconds: float) -> str:
    """Return a span of time in words, such as ``10 min`` or ``10 years``."""
    spans = (("year", 3.156e7), ("day", 86400.0), ("h", 3600.0), ("min", 60.0))
    for name, size in spans:
        if seconds >= size:
            number = f"{seconds / size:.3g}"
            plural = "s" if name in ("year", "day") and number != "1" else ""
            return f"{number} {name}{plural}"
    return f"{seconds:.3g} s"
