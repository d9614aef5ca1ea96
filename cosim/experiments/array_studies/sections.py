"""What pages and terminals say about the studies of whole arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.experiments.array_studies import plots, write_sections
from cosim.experiments.array_studies.compared import beside
from cosim.published import Figure
from cosim.quantities import show_quantity
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

OHM = "\N{GREEK CAPITAL LETTER OMEGA}"
Table = tuple[Sequence[str], Sequence[Sequence[object]]]


def ir_drop(dataset: xr.Dataset) -> Section:
    """IR drop: error against size, where it passes the limit, maps."""
    a = dataset.attrs
    measure, limit = str(a["measure"]), float(a["limit"])
    figures: list[Figure] = []
    rows: list[list[object]] = []
    dims = dataset[measure].dims
    many = int(np.prod(dataset[measure].shape[:-1])) > 1
    for at in np.ndindex(dataset[measure].shape[:-1]):
        layout, placement, ohms, high = (
            dataset[n].values[k] for n, k in zip(dims[:-1], at, strict=True)
        )
        wire = plots.ohm_text(dataset, ohms)
        case = f"{layout}, {placement}, {wire}, to {show_quantity(float(high), 'S')}"
        text = str(dataset["limit_text"].values[at])
        number = "_".join(str(k) for k in at) if many else ""
        figures.append(
            Figure(
                key=f"limit_size{'_' + number if number else ''}",
                name=f"size at {100 * limit:g} % error: {case}",
                value=float(dataset["limit_size"].values[at]),
                note="rows and columns" if text[:1].isdigit() else text,
            )
        )
        for k, size in enumerate(dataset["size"].values):
            here = (*at, k)
            rows.append(
                [
                    *case.split(", "),
                    size,
                    f"{100 * float(dataset['worst_drop'].values[here]):.3g}",
                    f"({dataset['worst_row'].values[here]:.0f}, "
                    f"{dataset['worst_column'].values[here]:.0f})",
                    *(f"{100 * float(dataset[n].values[here]):.3g}"
                      for n in ("rms", "corrected", "largest")),
                ]
            )  # fmt: skip
    first = (0,) * (dataset[measure].ndim - 1)
    for k in {0, dataset.sizes["size"] - 1}:
        size = int(dataset["size"].values[k])
        for name, text in (("worst_drop", "largest IR drop"), (measure, f"error ({measure})")):
            figures.append(
                Figure(
                    key=f"{name}_{size}",
                    name=f"{text} at {size} x {size}, first case",
                    value=100 * float(dataset[name].values[(*first, k)]),
                    unit="%",
                )
            )
    linear = float(dataset["linear"].values[(*first, -1)])
    figures.append(
        Figure(
            key="linear",
            name="product without wires against the sum of G V, rms",
            value=100 * linear,
            unit="%",
            note="cells are not linear in voltage; not counted as an error of the wires",
        )
    )
    figures += beside(
        dataset,
        {
            "ngspice_current_difference": "currents of a read",
            "ngspice_voltage_difference": "voltages of cells",
        },
    )
    head = ("layout", "ends", f"{OHM}/segment", "range to", "size", "worst drop [%]", "at cell",
            "rms [%]", "after one factor [%]", "largest [%]")  # fmt: skip
    return Section(
        title="IR drop",
        text=f"Arrays of up to {int(dataset['size'].values[-1])} x "
        f"{int(dataset['size'].values[-1])} cells, conductances {a['pattern']} between "
        f"{show_quantity(float(a['lowest']), 'S')} and the upper end, {a['inputs']} random inputs "
        f"up to {float(a['read_voltage']):g} V, gates at {float(a['gate']):g} V. "
        "Errors are against the same array without wire and driver resistance.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="ir_drop_error",
                caption="Error of the product against the size of the array.",
                figure=plots.ir_drop_errors(dataset),
                wide=True,
            ),
            Plot(
                name="ir_drop_map",
                caption="What the wires take of the voltage of every cell, all inputs on.",
                figure=plots.ir_drop_maps(dataset),
                wide=True,
            ),
        ),
        tables={"Every case": (head, rows)},
        provenance=dict(a),
    )


def leakage(dataset: xr.Dataset) -> Section:
    """Leakage: currents of unselected cells against their gates, beside the passive array."""
    a = dataset.attrs
    size = int(dataset["size"].values[-1])
    names = {"read": "read", "set": "SET", "reset": "RESET"}
    figures: list[Figure] = []
    rows: list[list[object]] = []
    for b, bias in enumerate(map(str, dataset["bias"].values)):
        where = f"{names[bias]}, {size} x {size}"
        low = float(dataset["gate_off"].values[0])
        figures += [
            Figure(
                key=f"leakage_{bias}",
                name=f"all cells of other rows, {where}, gate {low:g} V",
                value=float(dataset["leakage"].values[b, 0, -1]),
                unit="A",
                note=f"selected cell "
                f"{show_quantity(abs(float(dataset['selected_current'].values[b, 0, -1])), 'A')}",
            ),
            Figure(
                key=f"limit_gate_{bias}",
                name=f"gate at which {where} is off by {100 * float(a['limit']):g} %",
                value=float(dataset["limit_gate"].values[b, -1]),
                unit="V",
                note="gate voltage of unselected rows"
                if math.isfinite(float(dataset["limit_gate"].values[b, -1]))
                else str(dataset["limit_text"].values[b, -1]),
            ),
        ]
        for k, n in enumerate(dataset["size"].values):
            for g, gate in enumerate(dataset["gate_off"].values):
                rows.append(_leak_row(dataset, "", names[bias], n, f"{gate:g} V", (b, g, k)))
            if "passive_leakage" in dataset:
                for s, scheme in enumerate(dataset["scheme"].values):
                    text = f"no selector, {scheme}"
                    rows.append(_leak_row(dataset, "passive_", names[bias], n, text, (b, s, k)))
        if "passive_sense_error" in dataset:
            best = int(np.argmin(dataset["passive_sense_error"].values[b, :, -1]))
            figures.append(
                Figure(
                    key=f"passive_error_{bias}",
                    name=f"the same without selector: error, {where}",
                    value=100 * float(dataset["passive_sense_error"].values[b, best, -1]),
                    unit="%",
                    note=f"best of the schemes: {dataset['scheme'].values[best]}",
                )
            )
    figures += beside(
        dataset,
        {
            "ngspice_selected_difference": "selected cell",
            "ngspice_leakage_difference": "sum of the leakage",
        },
    )
    head = ("bias", "size", "unselected", "selected [A]", "other rows [A]", "worst cell [A]",
            "rest of the row [A]", "sense error [%]", "power ratio")  # fmt: skip
    return Section(
        title="Sneak and leakage",
        text=f"One cell at {show_quantity(float(a['selected_conductance']), 'S')} selected among "
        f"cells at {show_quantity(float(a['other_conductance']), 'S')}, {a['layout']} lines; "
        "without selector the lines cross.",
        figures=tuple(figures),
        plots=(
            Plot(
                name="leakage",
                caption="Current of all unselected rows, and error of the sensed current.",
                figure=plots.leakage_curves(dataset),
                wide=True,
            ),
            Plot(
                name="leakage_map",
                caption="Current of every cell at the lowest gate voltage.",
                figure=plots.leakage_maps(dataset),
                wide=True,
            ),
        ),
        tables={"Every case": (head, rows)},
        provenance=dict(a),
    )


def _leak_row(
    data: xr.Dataset, kind: str, bias: str, size: Any, text: str, at: tuple[int, int, int]
) -> list[object]:
    values = [
        float(data[kind + q].values[at])
        for q in ("selected_current", "leakage", "worst_leakage", "row_current")
    ]
    error, ratio = (float(data[kind + q].values[at]) for q in ("sense_error", "power_ratio"))
    return [bias, size, text, *(f"{v:.3g}" for v in values), f"{100 * error:.3g}", f"{ratio:.4g}"]


SECTIONS: Mapping[str, Callable[[xr.Dataset], Section]] = {
    "ArrayDisturb": write_sections.disturb,
    "ArrayProgram": write_sections.program,
    "IrDrop": ir_drop,
    "Leakage": leakage,
}


def report_table(dataset: xr.Dataset) -> str:
    """Figures of an array study, and its table of cases, as text.

    Parameters
    ----------
    dataset : xarray.Dataset
        From one of the classes of this package.
    """
    from cosim.errors import DataError, best_matches
    from cosim.text import table

    name = str(dataset.attrs.get("experiment", ""))
    if name not in SECTIONS:
        raise DataError(
            thing="this is no study of an array", value=name, next_step=best_matches(name, SECTIONS)
        )
    section = SECTIONS[name](dataset)
    rows = [(f.name, f.ours, f.beside, f.verdict, f.source) for f in section.figures]
    parts = [table(("figure", "here", "required", "", "note"), rows, width=70)]
    parts += [
        f"{title}\n{table(head, list(body))}" for title, (head, body) in section.tables.items()
    ]
    return "\n\n".join(parts)
