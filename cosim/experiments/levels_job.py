"""Levels by the closed loop as a job of a study file: ``experiment = "program_verify"``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.job_parts import job_figure, job_plot, job_provenance

if TYPE_CHECKING:
    import xarray as xr

    from cosim.pipeline import JobResult


@dataclass(frozen=True, kw_only=True)
class LevelProgramming:
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

    def run(
        self, *, folder: Path, study: Any, fresh: bool = False, progress: bool = True
    ) -> JobResult:
        """Program, relax, and leave the data and the distributions."""
        from cosim.experiments.program_verify import plot_levels, run_study
        from cosim.pipeline import JobResult
        from cosim.report import Section

        single = run_study(
            {
                "levels": self.levels,
                "devices": self.devices,
                "lowest": self.lowest,
                "highest": self.highest,
                "acceptance_ranges": list(self.acceptance_ranges),
                "limit": self.limit,
                "seed": study.seed,
            },
            progress=progress,
        )
        single.to_netcdf(folder / "program_verify.nc", engine="h5netcdf")
        datasets = {"program_verify": single}
        figures = [f for part in _parts(single) for f in _figures("", "", part)]
        rows = [_row("cell by cell, no array", part) for part in _parts(single)]
        plots = [
            job_plot("program_verify", "every level cell by cell, programmed and relaxed",
                     plot_levels(single))
        ]  # fmt: skip
        if self.array:
            from cosim.experiments.wired_plots import array_against_cells, array_levels

            arrays = self.program_arrays(single, study.seed, progress)
            arrays.to_netcdf(folder / "levels_array.nc", engine="h5netcdf")
            datasets["levels_array"] = arrays
            for name in arrays.variant.values:
                parts = _parts(arrays.sel(variant=name))
                rows += [_row(str(name), part) for part in parts]
                figures += [f for p in parts for f in _figures(f"{_key(name)}_", f"{name}, ", p)]
            shown = arrays.isel(variant=-1)
            plots += [
                job_plot("levels_array", f"every level in the array, {shown.variant.values}",
                         array_levels(shown)),
                job_plot("levels_wires", "what the array does to programming",
                         array_against_cells(arrays, single)),
            ]  # fmt: skip
        moments = [_short(float(t)) for t in single.moment.values]
        columns = "where, range, pulses, inner levels, median, reached [%], energy [nJ]"
        head = [*columns.split(", "), *moments]
        caption = "Pulses and energy of a cell, overlap of neighbouring levels [%]"
        section = Section(
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
        return JobResult(sections=(section,), datasets=datasets, problems=section.problems)

    def program_arrays(self, single: xr.Dataset, seed: int, progress: bool) -> xr.Dataset:
        """Program the array in every order; the dimension ``variant`` names them."""
        import xarray as xr

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
                    program, single.level.values, list(self.acceptance_ranges),
                    single.time.values.tolist(), seed, say,
                )
            )  # fmt: skip
        shared = ["target", "level"]
        joined = xr.concat(
            [d.drop_vars(shared) for d in found], "variant", combine_attrs="drop_conflicts"
        )
        joined = joined.assign_coords(variant=("variant", names))
        return joined.assign({n: found[0][n] for n in shared})


def _parts(dataset: xr.Dataset) -> list[xr.Dataset]:
    return [dataset.sel(acceptance_range=a) for a in dataset.acceptance_range.values]


def _figures(key: str, where: str, part: xr.Dataset) -> list[Any]:
    acceptance = float(part.acceptance_range)
    name = f"{where}at {acceptance:.1%}"
    reached = part.reached.values.astype(bool)
    cells = reached.size
    overlap = []
    if acceptance <= 0.002 and 600.0 in part.moment:
        value = 100.0 * float(part.overlap.sel(moment=600.0).mean())
        overlap = [job_figure(f"{key}overlap", f"neighbours overlap after 10 minutes {name}",
                              value, "%", low=8.64, high=10.56)]  # fmt: skip
    return [
        *overlap,
        job_figure(f"{key}pulses_{acceptance:g}", f"mean pulses {name}",
                   part.pulses.values[reached].mean()),
        job_figure(f"{key}energy_{acceptance:g}", f"mean energy of a cell's pulses {name}",
                   float(part.energy.sum()) / cells, "J"),
        job_figure(f"{key}reached_{acceptance:g}", f"cells that reach their level {name}",
                   100.0 * reached.mean(), "%", low=99.0, required=True),
    ]  # fmt: skip


def _row(where: str, part: xr.Dataset) -> list[str]:
    reached = part.reached.values.astype(bool)
    pulses = part.pulses.values
    return [
        where,
        f"{float(part.acceptance_range):.1%}",
        f"{pulses[reached].mean():.1f}",
        f"{pulses[reached & _inner(part)].mean():.1f}",
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


def _short(seconds: float) -> str:
    from cosim.experiments.program_verify import moment_name

    return moment_name(seconds).removeprefix("after ")
