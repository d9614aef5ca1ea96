"""What the curves of the validation share: frame and colours."""

from __future__ import annotations

from typing import Any

from cosim.style import BLUE, ORANGE, SOFT, new_axes, styled

Drawn = tuple[Any, str]
"""A matplotlib figure, and what it shows."""
OURS, THEIRS, GREY = BLUE, ORANGE, SOFT


@styled
def blank(width: float = 6.0, height: float = 4.2) -> tuple[Any, Any]:
    """Return an empty figure and its axis."""
    return new_axes(width, height)
