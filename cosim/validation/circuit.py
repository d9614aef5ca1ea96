"""Figures of whole 1T1R circuits: forming and cycling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
SEED = 7


def _array(rows: int, cols: int, parameters: str = "cmo_hfox") -> Any:
    from compact_models import load_model
    from netlists.array import Array
    from netlists.cell import Cell

    cell = Cell(load_model("cmo_hfox", parameters), load_model("nmos_3v3"))
    return Array(cell, rows=rows, cols=cols)


def _formed(parameters: str, rows: int, cols: int, quick: bool) -> Any:
    """Form an array with spread, or in the quick form the one device without spread."""
    from cosim.experiments.forming import Forming

    array = _array(1, 1, parameters) if quick else _array(rows, cols, parameters)
    return Forming(array, device_spread=not quick).run(
        simulator="native", seed=SEED, progress=False
    )


def forming(quick: bool) -> Figures:
    """Forming sweep of the 130 nm array at V_G = 1.2 V."""
    from compact_models import electrothermal as et

    dataset = _formed("cmo_hfox", 8, 4, quick)
    density = 1e25 * dataset.final_c.values.ravel()
    law = et.hopping_law()
    sigma = law(np.zeros(density.size), np.full(density.size, 293.0), density)[0]
    voltage = dataset.reram_forming_voltage.values
    figures: dict[str, Measured | float] = {
        "forming_voltage": float(np.nanmean(dataset.forming_voltage.values)),
        "forming_current": float(np.nanmean(dataset.forming_current.values)) * 1e6,
        "forming_voltage_reram": float(np.nanmean(voltage)),
        "forming_yield": float(dataset.formed.values.mean()) * 100.0,
        "conductivity_formed": float(sigma.mean()) / 100.0,
    }
    if not quick:
        figures["forming_sigma"] = float(np.nanstd(voltage, ddof=1)) * 1e3
    return figures


def forming_350nm(quick: bool) -> Figures:
    """Forming sweep of the 350 nm device."""
    dataset = _formed("cmo_hfox_350nm", 5, 5, quick)
    voltage = dataset.forming_voltage.values
    figures: dict[str, Measured | float] = {"forming_voltage_350nm": float(np.nanmean(voltage))}
    if not quick:
        figures["forming_sigma_350nm"] = float(np.nanstd(voltage, ddof=1)) * 1e3
    return figures


def cycling(quick: bool) -> Figures:
    """Quasi-static cycling with amplitudes below 1.5 V."""
    from cosim.experiments.cycling import Cycling

    dataset = Cycling(_array(1, 1), cycles=2 if quick else 5, cycle_spread=False).run(
        simulator="native", seed=SEED, progress=False
    )
    return {"cycling_ratio": float(dataset.ratio.mean())}
