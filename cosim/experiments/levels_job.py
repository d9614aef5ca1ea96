"""Levels by the closed loop as a job of a study file: ``experiment = "program_verify"``."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import ConfigError
from cosim.experiments.job_parts import (
    DatasetJob,
    at_default,
    job_figure,
    job_plot,
    job_provenance,
    stamped,
)
from cosim.experiments.levels import moment_name, plot_levels, programmed_levels
from cosim.published import Figure, published
from cosim.report import Section

if TYPE_CHECKING:
    import xarray as xr

TIMES = (600.0, 86400.0, 3.156e8)
"""Since programming, at which levels are looked at [s]."""


@dataclass(frozen=True, kw_only=True)
class LevelProgramming(DatasetJob):
    """Closed-loop programming of many levels on devices with spread.

    Parameters
    ----------
    levels, devices : int
        Levels, and devices programmed to each where cells stand alone.
    lowest, highest : float
        Conductance of the end levels [S].
    acceptance_ranges : tuple of float
        Half-widths of the accepted band relative to the target [1].
    limit : int
        Pulses after which a cell is given up.
    array : int
        Rows and columns of the array that is programmed behind its wires; 0 for none.
    orders : tuple of str
        "cell": one cell at a time; "row": all cells of a row on their bit line at once.
    without_wires : bool
        Also the array with the last order and no wire resistance.
    wire_resistance : float
        Of a segment between neighbouring cells [Ohm].
    driver_resistance : float
        Of every driver and sensing input [Ohm].
    """

    levels: int = 35
    devices: int = 32
    lowest: float = 10e-6
    highest: float = 90e-6
    acceptance_ranges: tuple[float, ...] = (0.002, 0.02)
    limit: int = 2000
    array: int = 64
    orders: tuple[str, ...] = ("cell", "row")
    without_wires: bool = False
    wire_resistance: float = 0.35
    driver_resistance: float = 0.0

    def __post_init__(self) -> None:
        """Refuse an array without an order."""
        if self.array and (not self.orders or not set(self.orders) <= {"cell", "row"}):
            raise ConfigError(
                thing="orders in which an array is programmed",
                value=self.orders,
                limit="cell, row, or both",
            )

    def steps(self, seed: int, progress: bool) -> Mapping[str, Callable[[], xr.Dataset]]:
        """Make ``program_verify.nc``, and ``levels_array.nc`` where there is an array."""
        made: dict[str, Callable[[], xr.Dataset]] = {
            "program_verify": lambda: self.program_cells(seed, progress)
        }
        if self.array:
            made["levels_array"] = lambda: self.program_arrays(seed, progress)
        return made

    def section(self, data: Mapping[str, xr.Dataset]) -> Section:
        """Return pulses, energy and overlap of every way of programming, and distributions."""
        single = data["program_verify"]
        figures = [f for part in _parts(single) for f in self._figures("", "", part)]
        rows = [_row("cell by cell, no array", part) for part in _parts(single)]
        plots = [
            job_plot("program_verify", "every level cell by cell, programmed and relaxed",
                     plot_levels(single))
        ]  # fmt: skip
        if "levels_array" in data:
            from cosim.experiments.wired_plots import array_against_cells, array_levels

            arrays = data["levels_array"]
            for name in arrays.variant.values:
                parts = _parts(arrays.sel(variant=name))
                rows += [_row(str(name), part) for part in parts]
                figures += [
                    f for p in parts for f in self._figures(f"{_key(name)}_", f"{name}, ", p)
                ]
            shown = arrays.isel(variant=-1)
            plots += [
                job_plot("levels_array", f"every level in the array, {shown.variant.values}",
                         array_levels(shown)),
                job_plot("levels_wires", "what the array does to programming",
                         array_against_cells(arrays, single)),
            ]  # fmt: skip
        moments = [moment_name(float(t)).removeprefix("after ") for t in single.moment.values]
        columns = "where, range, pulses, inner levels, median, reached [%], energy [nJ]"
        head = [*columns.split(", "), *moments]
        caption = "Pulses and energy of a cell, overlap of neighbouring levels [%]"
        return Section(
            title="Closed-loop programming",
            text="Published: 35 levels, about 89 pulses at 0.2 % and 11 at 2 %; the array there "
            "is 8 x 4. Pulses on average over cells that reached their level; inner levels leave "
            "out a tenth of the window at both ends, where pulses hardly move a cell. In the array "
            "cells are read through their transistor and wires, and a row that is written at once "
            "shares its bit line.",
            figures=tuple(figures),
            plots=tuple(plots),
            tables={caption: (head, rows)},
            provenance=job_provenance(single),
        )

    def program_cells(self, seed: int, progress: bool = False) -> xr.Dataset:
        """Program single cells, without an array."""
        return programmed_levels(
            levels=self.levels,
            devices=self.devices,
            lowest=self.lowest,
            highest=self.highest,
            acceptance_ranges=self.acceptance_ranges,
            times=TIMES,
            limit=self.limit,
            seed=seed,
            progress=progress,
        )

    def program_arrays(self, seed: int, progress: bool = False) -> xr.Dataset:
        """Program the array in every order; the dimension ``variant`` names them."""
        import xarray as xr

        from compact_models import load_model, noise
        from cosim.experiments.wired_cells import Wires
        from cosim.experiments.wired_levels import program_array
        from cosim.experiments.wired_program import WiredProgram

        def say(text: str) -> None:
            if progress:
                print(text, file=sys.stderr, flush=True)

        cases = [(order, self.wire_resistance) for order in self.orders]
        if self.without_wires:
            cases.insert(0, (self.orders[-1], 0.0))
        found, names = [], []
        for order, ohms in cases:
            program = WiredProgram(
                size=self.array,
                wires=Wires(segment=ohms, driver=self.driver_resistance),
                order=order,  # type: ignore[arg-type]
                limit=self.limit,
            )
            names.append(f"{order} at a time, {f'{ohms:g} ohm' if ohms else 'no wires'}")
            found.append(
                program_array(
                    program, np.linspace(self.lowest, self.highest, self.levels),
                    list(self.acceptance_ranges), list(TIMES), seed, say,
                )
            )  # fmt: skip
        shared = ["target", "level"]
        joined = xr.concat(
            [d.drop_vars(shared) for d in found], "variant", combine_attrs="drop_conflicts"
        )
        joined = joined.assign_coords(variant=("variant", names))
        reram, laws = load_model("cmo_hfox").parameters, noise.noise_parameters()
        return stamped(
            joined.assign({n: found[0][n] for n in shared}),
            "levels_array",
            seed=seed,
            fingerprint=reram.fingerprint,
            citations=f"{reram.citation}; {laws.citation}",
        )

    def _figures(self, key: str, where: str, part: xr.Dataset) -> list[Figure]:
        acceptance = float(part.acceptance_range)
        name = f"{where}at {acceptance:.1%}"
        reached = part.reached.values.astype(bool)
        known = published("overlap_law")
        overlap = []
        # Other levels overlap by something else than the published ones.
        if at_default(self, "levels", "lowest", "highest") and math.isclose(acceptance, 0.002):
            value = 100.0 * float(part.overlap.sel(moment=600.0).mean())
            overlap = [
                job_figure(f"{key}overlap", f"neighbours overlap after 10 minutes {name}",
                           value, known.unit, low=known.low, high=known.high)
            ]  # fmt: skip
        return [
            *overlap,
            job_figure(f"{key}pulses_{acceptance:g}", f"mean pulses {name}",
                       _mean(part.pulses.values[reached])),
            job_figure(f"{key}energy_{acceptance:g}", f"mean energy of a cell's pulses {name}",
                       float(part.energy.sum()) / reached.size, "J"),
            job_figure(f"{key}reached_{acceptance:g}", f"cells that reach their level {name}",
                       100.0 * reached.mean(), "%", low=99.0, required=True),
        ]  # fmt: skip


def _parts(dataset: xr.Dataset) -> list[xr.Dataset]:
    return [dataset.sel(acceptance_range=a) for a in dataset.acceptance_range.values]


def _mean(values: Any) -> float:
    """Mean of some values; NaN where there are none."""
    return float(values.mean()) if values.size else float("nan")


def _row(where: str, part: xr.Dataset) -> list[str]:
    reached = part.reached.values.astype(bool)
    pulses = part.pulses.values
    return [
        where,
        f"{float(part.acceptance_range):.1%}",
        f"{_mean(pulses[reached]):.1f}",
        f"{_mean(pulses[reached & _inner(part)]):.1f}",
        f"{np.median(pulses):.0f}",
        f"{100.0 * reached.mean():.2f}",
        f"{float(part.energy.sum()) / reached.size * 1e9:.1f}",
        *(f"{100.0 * float(v):.3g}" if v > 1e-4 else "0" for v in part.overlap.mean("pair")),
    ]


def _inner(part: xr.Dataset) -> Any:
    """Which cells have a target in the middle 80 % of the window."""
    target = part.target.values if "target" in part else part.level.values[:, None]
    low, high = float(np.min(target)), float(np.max(target))
    edge = 0.1 * (high - low)
    inside = (target >= low + edge) & (target <= high - edge)
    return np.broadcast_to(inside, part.reached.shape)


def _key(name: Any) -> str:
    order, _, wires = str(name).partition(" at a time, ")
    return f"array_{order}" if wires != "no wires" else f"array_{order}_no_wires"
