"""Dataset of an IR-drop study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable, build_dataset
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.ir_drop_setup import IrDropSetup
from cosim.experiments.base import provenance
from cosim.simulators.base import Result, Simulator

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
ERRORS = {
    "rms": "root mean square over outputs and inputs, over that of the ideal outputs",
    "corrected": "the same after the best common factor on all outputs",
    "largest": "largest over outputs and inputs, over the largest ideal output",
}
SCALARS = ("worst_drop", "worst_row", "worst_column", "mean_drop", *ERRORS, "linear")
AXES = ("layout", "placement", "resistance", "highest", "size")


def assemble(
    study: IrDropSetup,
    simulator: Simulator,
    seed: int,
    results: list[Result],
    data: dict[str, Floats],
    maps: dict[str, Floats],
    compared: tuple[float, float],
) -> xr.Dataset:
    """Dataset of all cases, with the sizes at which the error passes the limit.

    Parameters
    ----------
    data : mapping of str to ndarray
        Of every name in ``SCALARS``, over ``AXES``.
    maps : mapping of str to ndarray, shape (rows, cols)
        IR drop of every cell at the largest size, by layout and placement.
    compared : (float, float)
        Differences to ngspice: currents, voltages.
    """
    axes = study.axes
    limits = np.full(data["rms"].shape[:-1], np.nan)
    texts = np.full(limits.shape, "", dtype=object)
    for at in np.ndindex(limits.shape):
        limits[at], texts[at] = common.crossing(axes["size"], data[study.measure][at], study.limit)
    names = {
        "worst_drop": "largest IR drop of a cell over the input, all inputs on",
        "worst_row": "row of that cell",
        "worst_column": "column of that cell",
        "mean_drop": "mean IR drop over the input",
        "linear": "ideal product against the sum of conductance times voltage, rms",
    } | {n: f"error of the product, {text}" for n, text in ERRORS.items()}
    variables: dict[str, Variable] = {n: (AXES, data[n], "1", names[n]) for n in SCALARS}
    variables["limit_size"] = (AXES[:-1], limits, "1", "size at which the error is the limit")
    variables["limit_text"] = (AXES[:-1], texts.astype(str), "1", "size, or why there is none")
    if maps:
        drops = np.array(list(maps.values()))
        text = "IR drop over the input at the largest size, all inputs on"
        variables["drop_map"] = (("case", "row", "col"), drops, "1", text)
    units = {"resistance": "ohm", "highest": "S"}
    coordinates: dict[str, Variable] = {
        n: ((n,), np.array(v), units.get(n, "1"), n) for n, v in axes.items()
    }
    coordinates["case"] = (("case",), np.array(list(maps)), "1", "layout, bit/source line ends")
    attributes = provenance(study, study.array, simulator, seed, results) | {
        "limit": study.limit,
        "measure": study.measure,
        "pattern": study.pattern,
        "lowest": study.lowest,
        "read_voltage": study.read_voltage,
        "gate": study.gate,
        "inputs": study.inputs,
        "compare_size": study.compare_size,
        "r_row": study.array.parasitics.r_row,
        "r_col": study.array.parasitics.r_col,
        "ngspice_current_difference": compared[0],
        "ngspice_voltage_difference": compared[1],
    }
    return build_dataset(variables, coordinates=coordinates, attributes=attributes)
