"""The line of a table that says how far the native solver is from ngspice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cosim.published import Figure

if TYPE_CHECKING:
    import xarray as xr

AGREEMENT = 0.1
"""Difference to ngspice beyond which a result is not to be trusted [%]: what this project
requires of its array solver."""
STAND_IN_AGREEMENT = 5.0
"""The same where a fitted transistor stands for the foundry's card that ngspice runs [%]. A
regression bound, set after the comparison: 3 % of the change by a RESET pulse were measured, 0.2 %
of currents. The models say why it is not less: at -1.3 V the rate of the drift grows by a factor
exp(19) a volt and 0.13 to 0.14 V fall across the transistor, so the mean error of the fit near
V_DS = 0, 1.1 % for the GF180MCU card, is worth 2.8 % of a pulse; its worst error is not stated."""

_REGRESSION = "; 5 % is a regression bound, set after 3 % had been seen, not derived"


def beside(dataset: xr.Dataset, differences: Mapping[str, str]) -> list[Figure]:
    """Differences to ngspice as figures; those that were asked for and not measured say so.

    Parameters
    ----------
    differences : mapping of str to str
        Attribute of the dataset -> what it is the difference of.
    """
    a = dataset.attrs
    if not int(a["compare_size"]) or a["simulator"] == "ngspice":
        return []
    return [_figure(dataset, n, what, float(a[n])) for n, what in differences.items()]


def _figure(dataset: xr.Dataset, attribute: str, what: str, value: float) -> Figure:
    stands_in = "stand-in:" in str(dataset.attrs.get("warnings", ""))
    ours = f"{dataset.attrs['simulator']}{' with the stand-in' if stands_in else ''}"
    name = f"{ours} against ngspice{' with the card' if stands_in else ''}, {what}"
    if math.isnan(value):
        return Figure(key=attribute, name=name, value=value, unit="%", note="ngspice was not found")
    return Figure(
        key=attribute,
        name=name,
        value=100 * value,
        unit="%",
        high=STAND_IN_AGREEMENT if stands_in else AGREEMENT,
        required=True,
        note=f"largest difference, {dataset.attrs['compare_size']} x "
        f"{dataset.attrs['compare_size']} cells" + (_REGRESSION if stands_in else ""),
    )
