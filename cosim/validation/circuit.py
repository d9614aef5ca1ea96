"""Figures of whole 1T1R circuits: forming and cycling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
SEED = 7


def _array(rows: int, cols: int, parameters: str = "cmo_hfox", transistor: str = "nmos_3v3") -> Any:
    from compact_models import load_model
    from netlists.array import Array
    from netlists.cell import Cell

    cell = Cell(load_model("cmo_hfox", parameters), load_model("nmos_3v3", transistor))
    return Array(cell, rows=rows, cols=cols)


def formed_cells(
    parameters: str, rows: int, cols: int, quick: bool, transistor: str = "nmos_3v3"
) -> Any:
    """Form an array with spread, or in the quick form the one device without spread."""
    from cosim.experiments.forming import Forming

    rows, cols = (1, 1) if quick else (rows, cols)
    array = _array(rows, cols, parameters, transistor)
    return Forming(array, device_spread=not quick).run(
        simulator="native", seed=SEED, progress=False
    )


def forming(quick: bool) -> Figures:
    """Forming sweep of the 130 nm array at V_G = 1.2 V, with both transistors."""
    from cosim.validation.cell import PAPER

    return {**_forming("", "nmos_3v3", quick), **_forming("_paper", PAPER, quick)}


def _forming(suffix: str, transistor: str, quick: bool) -> Figures:
    from compact_models import electrothermal as et

    dataset = formed_cells("cmo_hfox", 8, 4, quick, transistor)
    density = 1e25 * dataset.final_c.values.ravel()
    law = et.hopping_law()
    sigma = law(np.zeros(density.size), np.full(density.size, 293.0), density)[0]
    voltage = dataset.reram_forming_voltage.values
    current = dataset.forming_current.values * 1e6
    figures: dict[str, Measured | float] = {
        f"forming_voltage{suffix}": float(np.nanmean(dataset.forming_voltage.values)),
        f"forming_current{suffix}": Measured(
            value=float(np.nanmean(current)),
            note=f"{np.nanmin(current):.0f} to {np.nanmax(current):.0f} uA",
        ),
        f"forming_voltage_reram{suffix}": float(np.nanmean(voltage)),
        f"forming_yield{suffix}": float(dataset.formed.values.mean()) * 100.0,
        f"conductivity_formed{suffix}": float(sigma.mean()) / 100.0,
    }
    if not quick:
        figures[f"forming_sigma{suffix}"] = float(np.nanstd(voltage, ddof=1)) * 1e3
        # Range of 32 normal draws: 4.14 standard deviations.
        figures[f"forming_current_range{suffix}"] = float(
            np.exp(4.14 * np.nanstd(np.log(current), ddof=1))
        )
    return figures


def forming_350nm(quick: bool) -> Figures:
    """Forming sweep of the 350 nm device."""
    dataset = formed_cells("cmo_hfox_350nm", 5, 5, quick)
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
