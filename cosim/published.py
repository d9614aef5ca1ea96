"""Published figures that results are set beside, each with its source and how well it is known.

The band is what counts as agreement: a published range or standard deviation where there is one,
otherwise a band that is marked as this project's choice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cosim.quantities import show_quantity

FALCONE_2025 = "Falcone et al., Adv. Funct. Mater. 2025, arXiv:2502.04524"
GALETTA_2025 = "Galetta et al., Adv. Electron. Mater. 12(7) e00373"

# How a figure is known: stated by the paper, read off one of its plots, second hand, or computed.
Known = Literal["stated", "plot", "second hand", "computed"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A figure that somebody else reported.

    Parameters
    ----------
    name : str
    value : float
        In `unit`.
    unit : str
        SI, ``"%"`` or ``""`` for a pure number.
    low, high : float
        The band that counts as agreement.
    band : str
        Where the band comes from.
    source : str
    known : {"stated", "plot", "second hand", "computed"}
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    band: str
    source: str
    known: Known

    def __str__(self) -> str:
        middle, low, high = (show_quantity(x, self.unit) for x in (self.value, self.low, self.high))
        return f"{middle} ({low} to {high})"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of a result, beside the published one where there is one.

    Parameters
    ----------
    key, name : str
        For machines and for people.
    value : float
        In `unit`; NaN where it could not be measured.
    unit : str
    spread : float
        Standard deviation over the devices, in `unit`; NaN where there is none.
    published : Published, optional
    required : bool
        Whether a miss makes the whole result one not to be trusted.
    low, high : float
        Own limits of a check that has no published counterpart.
    note : str
    """

    key: str
    name: str
    value: float
    unit: str = ""
    spread: float = math.nan
    published: Published | None = None
    required: bool = False
    low: float = -math.inf
    high: float = math.inf
    note: str = ""

    @property
    def verdict(self) -> Literal["pass", "miss", ""]:
        """Whether the value lies in the band; empty where there is nothing to compare with."""
        low, high = self.low, self.high
        if self.published is not None:
            low, high = max(low, self.published.low), min(high, self.published.high)
        if math.isinf(low) and math.isinf(high):
            return ""
        return "pass" if low <= self.value <= high else "miss"

    @property
    def ours(self) -> str:
        """Value and spread as text."""
        text = show_quantity(self.value, self.unit)
        if math.isfinite(self.spread):
            text += f" \N{PLUS-MINUS SIGN} {show_quantity(self.spread, self.unit, 2)}"
        return text

    @property
    def beside(self) -> str:
        """Published value, or own limits, as text."""
        if self.published is not None:
            return str(self.published)
        if not math.isinf(self.high) and math.isinf(self.low):
            return f"at most {show_quantity(self.high, self.unit)}"
        if not math.isinf(self.low) and math.isinf(self.high):
            return f"at least {show_quantity(self.low, self.unit)}"
        if not math.isinf(self.low):
            return f"{show_quantity(self.low, self.unit)} to {show_quantity(self.high, self.unit)}"
        return ""

    @property
    def source(self) -> str:
        """Where the figure beside ours comes from."""
        if self.published is None:
            return self.note
        known = "" if self.published.known == "stated" else f" ({self.published.known})"
        text = f"{self.published.source}{known}; band: {self.published.band}"
        return f"{text}. {self.note}" if self.note else text


def _falcone(
    name: str, value: float, unit: str, low: float, high: float, band: str, known: Known = "plot"
) -> Published:
    return Published(
        name=name, value=value, unit=unit, low=low, high=high, band=band, source=FALCONE_2025,
        known=known,
    )  # fmt: skip


PUBLISHED: Mapping[str, Published] = {
    "forming_voltage": _falcone(
        "1T1R forming voltage, mean", 3.38, "V", 3.23, 3.53,
        "two standard deviations (75 mV) of the published ReRAM forming voltage"),
    "forming_current": _falcone(
        "forming current, mean", 258e-6, "A", 200e-6, 350e-6, "published range"),
    "reram_forming_voltage": _falcone(
        "ReRAM forming voltage, mean", 3.17, "V", 3.02, 3.32,
        "two published standard deviations (75 mV)"),
    "reram_forming_sigma": _falcone(
        "ReRAM forming voltage, standard deviation", 75e-3, "V", 50e-3, 100e-3,
        "95 % range of a standard deviation estimated from 32 devices, rounded"),
    "window_ratio": _falcone(
        "HRS/LRS resistance ratio in quasi-static cycling", 15.0, "", 10.0, 20.0,
        "a third either way (this project's choice)", "second hand"),
    "conductance_max": _falcone(
        "upper end of the pulsed window", 88.2e-6, "S", 70.6e-6, 105.8e-6,
        "20 % either way (this project's choice)"),
    "conductance_min": _falcone(
        "lower end of the pulsed window", 9.0e-6, "S", 4.5e-6, 18e-6,
        "a factor of two either way (this project's choice)"),
    "states": _falcone(
        "number of states at the symmetry point", 22.0, "", 16.0, 33.0, "published range"),
    "skew": _falcone(
        "skew of the symmetry point", 61.0, "%", 51.0, 71.0,
        "10 points either way (this project's choice)"),
    "nsr": _falcone(
        "noise-to-signal ratio at the symmetry point", 90.0, "%", 60.0, 120.0,
        "a third either way (this project's choice)"),
}  # fmt: skip
