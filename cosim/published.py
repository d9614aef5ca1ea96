"""Results beside published figures, each with its source and how well it is known.

The published figures and the bands that count as agreement stand in one table, that of
``cosim validate``; here they are taken in SI units for plots and pages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cosim.errors import ConfigError, best_matches
from cosim.quantities import read_quantity, show_quantity

_SI = {"uS": "S", "V": "V", "mV": "V", "uA": "A", "%": "%", "1": ""}
_KNOWN = {
    "P": "stated",
    "F": "read off a figure",
    "S": "second hand",
    "C": "computed from published numbers",
    "O": "own requirement",
}


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
    known : str
        Stated, read off a figure, second hand, or computed from published numbers.
    kind : str
        ``"calibrated"`` where a parameter of the model was fitted to it, ``"predicted"`` or
        ``"input"`` otherwise.
    reason : str
        Why the model misses it, as far as that is understood.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    band: str
    source: str
    known: str
    kind: str = "predicted"
    reason: str = ""

    def __str__(self) -> str:
        middle, low, high = (show_quantity(x, self.unit) for x in (self.value, self.low, self.high))
        if math.isinf(self.low):
            return f"at most {high}" if self.value == self.high else f"{middle} (at most {high})"
        if math.isinf(self.high):
            return f"at least {low}" if self.value == self.low else f"{middle} (at least {low})"
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
    def reason(self) -> str:
        """Why it misses the published figure; empty where it does not, or nobody knows."""
        known = self.published.reason if self.published is not None else ""
        return known if self.verdict == "miss" else ""

    @property
    def source(self) -> str:
        """Where the figure beside ours comes from."""
        if self.published is None:
            return self.note
        text = f"{self.published.source}, {self.published.known}"
        if self.published.kind == "calibrated":
            text += ", calibrated to it"
        text += f"; band: {self.published.band}"
        return f"{text}. {self.note}" if self.note else text


@lru_cache(maxsize=64)
def published(name: str) -> Published:
    """A row of the table of published figures, in SI units.

    Raises
    ------
    ConfigError
        There is no such row, or it has no value or a unit that has no place here.
    """
    from cosim.validation.table import load_rows

    rows = {row.id: row for row in load_rows()}
    row = rows.get(name)
    if row is None or row.published is None or row.unit not in _SI:
        raise ConfigError(
            thing="no published figure of that name", value=name, next_step=best_matches(name, rows)
        )
    unit = _SI[row.unit]

    def si(value: float) -> float:
        if unit in ("", "%") or math.isinf(value):
            return value
        return read_quantity(f"{value!r} {row.unit}", unit, name=name)

    return Published(
        name=row.quantity,
        value=si(row.published),
        unit=unit,
        low=si(row.low),
        high=si(row.high),
        band=row.band,
        source=row.source,
        known=_KNOWN[row.tag],
        kind=row.kind,
        reason=row.reason,
    )
