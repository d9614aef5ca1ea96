"""The one style of all pictures: colours, sizes, and units people read.

matplotlib is imported when a picture is drawn, and without its global state, so that plots can be
made in threads and on servers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.quantities import show_quantity

P = ParamSpec("P")

INK, SOFT, GRID = "#1f2430", "#667085", "#e9ecf1"
BLUE, ORANGE, GREEN, RED = "#2b6cb0", "#c05621", "#2f855a", "#b42318"
VIOLET, TEAL = "#6b46c1", "#0f8b8d"
PALETTE = (BLUE, ORANGE, GREEN, RED, VIOLET, TEAL)
BAND = "#fbd38d"
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": f"cycler('color', {list(PALETTE)})",
    "grid.color": GRID,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "lines.linewidth": 1.2,
    "figure.facecolor": "white",
}


def styled(function: Callable[P, Any]) -> Callable[P, Any]:
    """Draw with this module's style, whatever the user's own settings are."""

    @wraps(function)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Any:
        from matplotlib import rc_context

        with rc_context(STYLE):
            return function(*args, **kwargs)

    return draw


def new_axes(width: float = 5.6, height: float = 3.5, **subplots: Any) -> tuple[Any, Any]:
    """Figure of that size [inch] and its axes, as ``Figure.subplots`` makes them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**subplots)


def traces(values: ArrayLike) -> NDArray[np.float64]:
    """Any (points, ...) array as (points, traces)."""
    array = np.asarray(values, dtype=float)
    return array.reshape(array.shape[0], -1)


def scaled(values: NDArray[np.float64], unit: str) -> tuple[float, str]:
    """Factor and unit with a prefix in which the largest value reads between 1 and 1000."""
    largest = float(np.max(np.abs(values))) if np.size(values) else 0.0
    if largest == 0.0 or unit in ("", "%", "1", "dimensionless"):
        return 1.0, {"": "1", "dimensionless": "1"}.get(unit, unit)
    prefixed = show_quantity(largest, unit).split(" ")[-1]
    factors = {"T": 1e-12, "G": 1e-9, "M": 1e-6, "k": 1e-3, "m": 1e3, "u": 1e6, "n": 1e9,
               "p": 1e12, "f": 1e15}  # fmt: skip
    prefix = prefixed[: len(prefixed) - len(unit)]
    return factors.get(prefix, 1.0), prefixed
