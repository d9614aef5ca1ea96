"""Figures over the devices of an array, out of the dataset of an experiment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.published import Figure, published

if TYPE_CHECKING:
    import xarray as xr

PUBLISHED_CELL = ("cmo_hfox", "nmos_3v3")
"""Parameters of the devices that the published figures and the reasons of misses belong to."""


def over_devices(
    key: str,
    name: str,
    values: Any,
    unit: str,
    factor: float = 1.0,
    beside: str | None = None,
    **more: Any,
) -> Figure:
    """Mean and standard deviation over the devices; NaN stands for a device without a value.

    `beside` names the published figure to compare with.
    """
    given = np.asarray(values, dtype=float).ravel() * factor
    good = given[np.isfinite(given)]
    return Figure(
        key=key,
        name=name,
        value=float(good.mean()) if good.size else math.nan,
        spread=spread_over(good),
        unit=unit,
        published=published(beside) if beside else None,
        **more,
    )


def failed_cells(dataset: xr.Dataset) -> tuple[str, ...]:
    """Why cells of a dataset have no result; empty when all have one."""
    if "status" not in dataset:
        return ()
    status = np.asarray(dataset["status"].values).astype(str).ravel()
    bad = status[status != "ok"]
    if bad.size == 0:
        return ()
    return (f"{bad.size} of {status.size} cells failed, the first with: {bad[0]}",)


def array_size(dataset: xr.Dataset) -> str:
    """Rows x columns, as text."""
    return f"{dataset.sizes.get('row', 1)} x {dataset.sizes.get('col', 1)}"


def made_with(dataset: xr.Dataset) -> str:
    """Simulator and its version."""
    a = dataset.attrs
    return f"{a.get('simulator', '')} {a.get('simulator_version', '')}".strip()


def spread_over(values: Any) -> float:
    """Standard deviation over the devices that have a value; NaN where all are alike."""
    given = np.asarray(values, dtype=float).ravel()
    good = given[np.isfinite(given)]
    return float(good.std(ddof=1)) if good.size > 1 and np.ptp(good) > 0 else math.nan


def of_published_device(dataset: xr.Dataset) -> bool:
    """Whether the published figures are of the memory device of a dataset."""
    return bool(dataset.attrs.get("reram", PUBLISHED_CELL[0]) == PUBLISHED_CELL[0])


def beside_published(figures: Sequence[Figure], dataset: xr.Dataset) -> list[Figure]:
    """Published figures stand beside those of the same device only.

    Their reasons for a miss speak of the usual transistor, and stand beside that one only.
    """
    if not of_published_device(dataset):
        return [alone(f) for f in figures]
    if dataset.attrs.get("selector", PUBLISHED_CELL[1]) == PUBLISHED_CELL[1]:
        return list(figures)
    return [f if f.published is None else replace(f, published=replace(f.published, reason=""))
            for f in figures]  # fmt: skip


def alone(figure: Figure) -> Figure:
    """The same figure without the published one beside it."""
    return replace(figure, published=None)
