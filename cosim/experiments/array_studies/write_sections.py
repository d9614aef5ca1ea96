"""What pages and terminals say about disturb and programming of whole arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cosim.experiments.array_studies import write_plots
from cosim.experiments.array_studies.compared import beside
from cosim.published import Figure, published
from cosim.quantities import show_quantity
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

PUBLISHED_COUNT = 100_000
ENDS = {"g_max": "upper", "g_min": "lower"}


def _comparable(dataset: xr.Dataset) -> bool:
    """Whether device and pulses are those of the published disturb measurement."""
    a = dataset.attrs
    return (
        str(a["device"]) == "cmo_hfox_350nm"
        and math.isclose(float(a["up"]), 1.4)
        and math.isclose(float(a["down"]), -1.9)
        and math.isclose(float(a["width"]), 2.5e-6)
    )


def disturb(dataset: xr.Dataset) -> Section:
    """Disturb: k of half-selected and unselected cells, heat, states."""
    a = dataset.attrs
    comparable = _comparable(dataset)
    figures: list[Figure] = []
    rows: list[list[object]] = []
    counts = [int(n) for n in dataset["count"].values]
    rated = [n for n in (PUBLISHED_COUNT, counts[-1]) if n in counts]
    for s, scheme in enumerate(map(str, dataset["scheme"].values)):
        name = write_plots.NAMES[scheme]
        for bound in map(str, dataset["bound"].values):
            for n in dict.fromkeys(rated):
                k = dataset["k"].sel(scheme=scheme, bound=bound, count=n)
                worst = k.isel(kind=slice(1, 3)).max("polarity")
                kind = str(worst["kind"].values[int(np.nanargmax(worst.values))])
                sigma = dataset["k_sigma"].sel(scheme=scheme, bound=bound, count=n, kind=kind)
                known = "disturb_k_maximum" if bound == "g_max" else "disturb_k_minimum"
                # Published for V/2; the other schemes stand beside it for the reader.
                same = comparable and n == PUBLISHED_COUNT and scheme == "half"
                figures.append(
                    Figure(
                        key=f"k_{scheme}_{bound}_{n}",
                        name=f"k half-selected, {name}, {ENDS[bound]} bound, {n} pulses",
                        value=float(np.nanmax(worst.values)),
                        spread=float(sigma.max()),
                        published=published(known) if same else None,
                        note=f"worse polarity, {kind}",
                    )
                )
        away = dataset["k"].sel(scheme=scheme, kind="unselected").isel(count=-1)
        figures.append(
            Figure(
                key=f"k_{scheme}_unselected",
                name=f"k unselected, {name}, {counts[-1]} pulses",
                value=float(away.max()),
                note="worse bound and polarity",
            )
        )
        hot = dataset["temperature"].values[s]
        role = dataset["role"].values[s]
        for r, what in ((3, "selected"), (1, "half-selected")):
            chosen = hot[..., role == 3] if r == 3 else hot[..., (role == 1) | (role == 2)]
            figures.append(
                Figure(
                    key=f"temperature_{scheme}_{what.replace('-', '_')}",
                    name=f"hottest {what} cell, {name}",
                    value=float(chosen.max()),
                    unit="K",
                )
            )
        for bound in map(str, dataset["bound"].values):
            for polarity in map(str, dataset["polarity"].values):
                case = dataset.sel(scheme=scheme, bound=bound, polarity=polarity)
                full = case["full_change"].values[role == 3]
                for n in counts:
                    mean = case["k"].sel(count=n).values
                    spread = case["k_sigma"].sel(count=n).values
                    moved = case["change"].sel(count=n).values
                    rows.append(
                        [name, bound, polarity, n, f"{full.mean() * 1e6:.3g}",
                         *(f"{moved[role == r].mean() * 1e6:.2g}" if (role == r).any() else "-"
                           for r in range(3)),
                         *(f"{x:.2g} ({y:.1g})" for x, y in zip(mean, spread, strict=True))]
                    )  # fmt: skip
    figures += beside(
        dataset,
        {
            "ngspice_change_difference": "change by one pulse",
            "ngspice_temperature_difference": "heat on top of a pulse",
        },
    )
    size = f"{dataset.sizes['row']} x {dataset.sizes['col']}"
    head = ("scheme", "start", "pulses are", "pulses", "selected, one pulse [uS]",
            "unselected [uS]", "half-selected row [uS]", "half-selected column [uS]",
            "k unselected (sigma)", "k half-selected row", "k half-selected column")  # fmt: skip
    known_bound = published("disturb_k_maximum")
    window = ", ".join(
        f"{text} {show_quantity(float(a[key]), 'S')}"
        for key, text in (("g_max", "upper bound"), ("g_min", "lower bound"),
                          ("g_sp", "full step taken at"))
    )  # fmt: skip
    return Section(
        title="Disturb in the array",
        text=f"{size} cells of {a['device']}, {float(a['up']):+.3g}/{float(a['down']):.3g} V, "
        f"{float(a['width']) * 1e6:.3g} us, {float(a['r_row']):g}/{float(a['r_col']):g} ohm a "
        f"segment; {window}. k is the whole change over a full step. Published for V/2 on the "
        f"350 nm device: below {known_bound.value:g} after 100 000 half pulses "
        f"({known_bound.source}).",
        figures=tuple(figures),
        plots=(
            Plot(
                name="array_disturb",
                caption="k against the number of pulses.",
                figure=write_plots.disturb_curves(
                    dataset, known_bound.value if comparable else None
                ),
                wide=True,
            ),
            Plot(
                name="array_disturb_heat",
                caption="Temperature of every cell.",
                figure=write_plots.disturb_heat(dataset),
                wide=True,
            ),
            Plot(
                name="array_disturb_states",
                caption="Change of every cell.",
                figure=write_plots.disturb_states(dataset),
                wide=True,
            ),
        ),
        tables={"Every case": (head, rows)},
        provenance=dict(a),
    )


def program(dataset: xr.Dataset) -> Section:
    """Programming: pulses, error, disturbance, energy and time."""
    a = dataset.attrs
    cells = dataset["pulses"].size
    good = dataset["reached"].values > 0
    pulses = dataset["pulses"].values
    error = (dataset["error"] / dataset["target"]).values
    rows = dataset.sizes["row"]
    moved = {
        "row_disturbance": "by the rest of its row",
        "array_disturbance": "by other rows",
    }
    published_pulses = {0.002: 89.0, 0.02: 11.0}
    beside_text = [
        f"published, single cells: about {n:g} (Falcone2025, read off a figure)"
        for r, n in published_pulses.items()
        if math.isclose(r, float(a["acceptance_range"]))
    ]
    figures = [
        Figure(key="reached", name="cells that reach their target", value=100 * float(good.mean()),
               unit="%", low=99.0, required=True),
        Figure(key="mean_pulses", name="mean pulses a cell", value=float(pulses.mean()),
               spread=float(pulses.std()), note="".join(beside_text)),
        Figure(key="most_pulses", name="most pulses of a cell", value=float(pulses.max())),
        Figure(key="error_rms", name="error left, rms over the target",
               value=100 * float(np.sqrt(np.mean(error**2))), unit="%",
               note="last read of the whole array, no noise"),
        Figure(key="error_largest", name="error left, largest", unit="%",
               value=100 * float(np.abs(error).max())),
        *(
            Figure(key=name, name=f"largest change of an accepted cell {text}", unit="S",
                   value=float(np.abs(dataset[name].values[good]).max()) if good.any() else 0.0)
            for name, text in moved.items()
        ),
        Figure(key="total_energy", name="energy, whole array", unit="J",
               value=float(a["total_energy"]), note="drivers of bit and source lines"),
        Figure(key="energy_per_cell", name="energy a cell", unit="J",
               value=float(a["total_energy"]) / cells),
        Figure(key="read_share", name="of it verify reads", unit="%",
               value=100 * float(dataset["read_energy"].sum() / dataset["energy"].sum())),
        Figure(key="total_time", name="time, whole array", unit="s", value=float(a["total_time"]),
               note=f"one {a['order']} at a time; reads of {float(a['read_width']) * 1e9:g} ns "
               "are assumed"),
        *beside(dataset, {"ngspice_conductance_difference": "states after the same pulses",
                          "ngspice_energy_difference": "energy of the same pulses"}),
    ]  # fmt: skip
    head = ("row", "mean pulses", "most", "given up", "energy [nJ]", "of it reads [nJ]",
            "time [us]", "error rms [%]")  # fmt: skip
    table = [
        [i, f"{pulses[i].mean():.1f}", int(pulses[i].max()), int((~good[i]).sum()),
         f"{1e9 * float(dataset['energy'][i]):.3g}",
         f"{1e9 * float(dataset['read_energy'][i]):.2g}",
         f"{1e6 * float(dataset['time'][i]):.4g}",
         f"{100 * float(np.sqrt(np.mean(error[i] ** 2))):.3g}"]
        for i in range(rows)
    ]  # fmt: skip
    return Section(
        title="Programming of a matrix in the array",
        text=f"{rows} x {dataset.sizes['col']} cells, {a['layout']} lines of "
        f"{float(a['r_row']):g}/{float(a['r_col']):g} ohm a segment, accepted within "
        f"{100 * float(a['acceptance_range']):g} % of the target, one {a['order']} at a time, "
        f"{a['passes']} pass(es); {a['spreads']}.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="array_program_map",
                caption="Target, pulses, error and disturbance of every cell.",
                figure=write_plots.program_maps(dataset),
                wide=True,
            ),
            Plot(
                name="array_program",
                caption="Error and pulses against target; energy and time of every row.",
                figure=write_plots.program_figures(dataset),
                wide=True,
            ),
        ),
        tables={"Rows": (head, table)},
        provenance=dict(a),
    )
