"""The line of a table that says how far the native solver is from ngspice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cosim.published import Figure

if TYPE_CHECKING:
    import xarray as xr

AGREEMENT = 0.1
"""Difference to ngspice beyond which a result is not to be trusted [%]: what this project
requires of its array solver."""


def beside(dataset: xr.Dataset, attribute: str, what: str, required: bool = True) -> Figure | None:
    """The difference to ngspice as a figure; None where nothing was compared."""
    value = float(dataset.attrs.get(attribute, math.nan))
    if not math.isfinite(value):
        return None
    return Figure(
        key=attribute,
        name=f"{dataset.attrs['simulator']} against ngspice, {what}",
        value=100 * value,
        unit="%",
        high=AGREEMENT,
        required=required,
        note=f"largest difference, {dataset.attrs['compare_size']} x "
        f"{dataset.attrs['compare_size']} cells",
    )
