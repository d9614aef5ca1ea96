"""Dataset of a study of leakage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable, build_dataset
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.leakage_setup import BIASES, LeakageSetup
from cosim.experiments.base import provenance
from cosim.simulators.base import Result, Simulator
from netlists.bias import Scheme

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
PASSIVE: tuple[Scheme, ...] = ("half", "third", "floating")
QUANTITIES = {
    "selected_current": ("A", "current of the selected cell"),
    "leakage": ("A", "sum of the currents of the cells of other rows, each counted positive"),
    "worst_leakage": ("A", "largest current of one of them"),
    "row_current": ("A", "sum of the currents of the other cells of the selected row"),
    "sense_error": ("1", "current of the sensed source line against that of the selected cell"),
    "power_ratio": ("1", "power from all drivers over that in the selected cell"),
}


def assemble(
    study: LeakageSetup,
    simulator: Simulator,
    seed: int,
    results: list[Result],
    data: dict[str, Floats],
    last: Floats,
    compared: dict[str, float],
) -> xr.Dataset:
    """Dataset of all sizes, with the gate voltages at which the sensed current is off.

    Parameters
    ----------
    data : mapping of str to ndarray
        Every quantity over (bias, gate or scheme, size).
    last : ndarray, shape (biases, rows, cols)
        Cell currents at the largest size [A].
    compared : mapping of str to float
        Differences to ngspice.
    """
    limits = np.full((len(BIASES), len(study.sizes)), np.nan)
    texts = np.full(limits.shape, "", dtype=object)
    for at in np.ndindex(limits.shape):
        errors = data["sense_error"][at[0], :, at[1]]
        limits[at], texts[at] = common.crossing(study.gates_off, errors, study.limit, power=False)
    variables: dict[str, Variable] = {}
    for name, values in data.items():
        passive = name.startswith("passive_")
        unit, text = QUANTITIES[name.removeprefix("passive_")]
        dims = ("bias", "scheme" if passive else "gate_off", "size")
        variables[name] = (dims, values, unit, text + (", no selector" if passive else ""))
    at_size = ("bias", "size")
    text = "gate voltage of unselected rows at which the sensed current is off by the limit"
    variables["limit_gate"] = (at_size, limits, "V", text)
    variables["limit_text"] = (at_size, texts.astype(str), "1", "voltage, or why there is none")
    variables["leakage_map"] = (("bias", "row", "col"), last, "A", "magnitude of cell currents")
    coordinates: dict[str, Variable] = {
        "bias": (("bias",), np.array(BIASES), "1", "what the selected cell gets"),
        "gate_off": (("gate_off",), np.array(study.gates_off), "V", "gate of unselected rows"),
        "size": (("size",), np.array(study.sizes), "1", "rows and columns"),
        "scheme": (("scheme",), np.array(PASSIVE), "1", "bias of the passive array"),
    }
    attributes = provenance(study, study.array, simulator, seed, results)
    attributes |= {
        name: getattr(study, name)
        for name in ("read_voltage", "set", "reset", "read_gate", "set_gate", "reset_gate",
                     "selected_conductance", "other_conductance", "limit", "compare_size")
    }  # fmt: skip
    attributes |= {"layout": study.array.layout.value}
    attributes |= compared
    return build_dataset(variables, coordinates=coordinates, attributes=attributes)
