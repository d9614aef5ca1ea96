"""What the page says about the dataset of each experiment: figures, plots, warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from cosim.report import Section

SECTIONS: Mapping[str, Callable[[xr.Dataset], Section]] = {}
