"""Units of parameter files, read by pint; inside the project every number is SI."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from compact_models.errors import ParameterError


@lru_cache(maxsize=256)
def check_unit(name: str, unit: str) -> None:
    """Refuse a unit that pint cannot read."""
    try:
        _registry().Unit(unit)
    # pint's tokenizer and parser raise what their own parts do: AssertionError, TokenError, ...
    except Exception as error:
        raise ParameterError(
            thing=f"parameter '{name}' has a unit that cannot be read",
            value=unit,
            limit="SI units as pint writes them, such as 'm', '1/m**3', 'K/W', 'dimensionless'",
        ) from error


@lru_cache(maxsize=256)
def conversion_factor(name: str, unit: str, wanted: str) -> float:
    """Return the factor from `unit` to `wanted`; refuse another dimension or another zero."""
    if unit == wanted:
        return 1.0
    check_unit(name, unit)
    registry = _registry()
    source, target = registry.Unit(unit), registry.Unit(wanted)
    if source.dimensionality != target.dimensionality:
        raise ParameterError(
            thing=f"parameter '{name}' is in a unit of another dimension",
            value=unit,
            limit=wanted,
            next_step="Correct the unit in the parameter file",
        )
    if registry.Quantity(0.0, source).to(target).magnitude != 0.0:
        raise ParameterError(
            thing=f"parameter '{name}' is in a unit with another zero",
            value=unit,
            limit=wanted,
            next_step=f"Write the value in {wanted}",
        )
    return float(registry.Quantity(1.0, source).to(target).magnitude)


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    return pint.UnitRegistry()
