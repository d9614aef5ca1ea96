"""What the curves of the validation share: frame and colours."""

from __future__ import annotations

from typing import Any

Drawn = tuple[Any, str]
"""A matplotlib figure, and what it shows."""
OURS, THEIRS, GREY = "#1f5fa8", "#d1611b", "#777777"


def blank(width: float = 6.0, height: float = 4.2) -> tuple[Any, Any]:
    """Return an empty figure and its axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axis = figure.subplots()
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    return figure, axis
