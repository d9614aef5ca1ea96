"""Dataset of a disturb study of a whole array."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import device_conductance
from cosim.experiments.array_studies.disturb_case import on_top
from cosim.experiments.array_studies.disturb_setup import ROLES, DisturbSetup
from cosim.experiments.array_studies.session import Session, precise
from cosim.experiments.array_studies.window import Window
from cosim.experiments.base import cell_dataset, provenance
from cosim.experiments.disturb import BOUNDS, POLARITIES
from cosim.simulators.base import Result, Simulator
from netlists import Array

if TYPE_CHECKING:
    import xarray as xr


Floats = NDArray[np.float64]


def beside(
    study: DisturbSetup, simulator: Simulator, window: Window, progress: bool
) -> dict[str, float]:
    """One pulse on a few nominal cells, and the heat on top of it, against ngspice."""
    names = "ngspice_change_difference", "ngspice_temperature_difference"
    found = dict.fromkeys(names, float("nan"))
    for other in common.beside(simulator, study.compare_size, progress):
        n = study.compare_size
        plain = study.array.replace(rows=n, cols=n, parameters={}, selector_parameters={})
        begin = plain.with_states({"c": np.full(plain.shape, window.highest_state)})
        before = device_conductance(begin)
        ends, heats = [], []
        for chosen in (precise(simulator), other):
            session = Session(array=begin, simulator=chosen)
            wave = study.pulse(study.down)
            drives = study.drives(begin, study.schemes[0], wave)
            after, _ = session.pulse(drives, session.start())
            ends.append(device_conductance(begin.with_states(after)) - before)
            top = on_top(study, begin, study.schemes[0], study.down, chosen)
            heats.append(top["state:dT"][0])
        values = (common.relative_difference(*ends), common.relative_difference(*heats))
        found = dict(zip(names, values, strict=True))
    return found


def assemble(
    study: DisturbSetup,
    array: Array,
    simulator: Simulator,
    seed: int,
    results: list[Result],
    outputs: dict[str, Floats],
    steps: Floats,
    compared: dict[str, float],
    window: Window,
) -> xr.Dataset:
    """Dataset of all cases, with k by role.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        What the cases gave, over (scheme, bound, polarity, ...).
    steps : ndarray, shape (schemes,)
        Full step at the symmetry point [S].
    compared : mapping of str to float
        Differences to ngspice.
    """
    case = ("scheme", "bound", "polarity")
    cells = ("row", "col")
    roles = np.array([study.role(s) for s in study.schemes])
    k = np.abs(outputs["change"]) / steps[:, None, None, None, None, None]
    shape = (*k.shape[:4], 3)
    mean, sigma = np.full(shape, np.nan), np.full(shape, np.nan)
    for s, r in np.ndindex(len(study.schemes), 3):
        chosen = k[s][..., roles[s] == r]
        if chosen.shape[-1]:
            mean[s, ..., r], sigma[s, ..., r] = chosen.mean(axis=-1), chosen.std(axis=-1)
    given: dict[str, Variable] = {
        "change": ((*case, "count", *cells), outputs["change"], "S",
                   "change of the device by so many pulses"),
        "full_change": ((*case, *cells), outputs["full_change"], "S",
                        "change by one pulse, selected cells too"),
        "temperature": ((*case, *cells), outputs["temperature"], "K", "on top of a pulse"),
        "voltage": ((*case, *cells), outputs["voltage"], "V",
                    "across the device on top of a pulse"),
        "vacancies": ((*case, *cells), outputs["vacancies"], "1",
                      "state C / 1e25 1/m^3 after the last count"),
        "role": (("scheme", *cells), roles, "1", "position in the attribute roles"),
        "full_step": (("scheme",), steps, "S", "full step at the symmetry point"),
        "k": ((*case, "count", "kind"), mean, "1", "mean |change| over full step"),
        "k_sigma": ((*case, "count", "kind"), sigma, "1", "its spread over the cells"),
    }  # fmt: skip
    coordinates: dict[str, Variable] = {
        "scheme": (("scheme",), np.array(study.schemes), "1", "bias scheme"),
        "bound": (("bound",), np.array(BOUNDS), "1", "where the cells start"),
        "polarity": (("polarity",), np.array(POLARITIES), "1", "of the pulses"),
        "count": (("count",), np.array(study.counts), "1", "pulses"),
        "kind": (("kind",), np.array(ROLES[:3]), "1", "what the cells are"),
    }
    attributes = provenance(study, array, simulator, seed, results)
    attributes |= {n: getattr(study, n) for n in ("up", "down", "width", "set_gate",
                   "reset_gate", "hold_selected", "device_spread", "cycle_spread",
                   "compare_size")}  # fmt: skip
    attributes |= window.conductances
    attributes |= {
        "roles": ", ".join(ROLES),
        "device": array.cell.reram.parameters.name,
        "r_row": array.parasitics.r_row,
        "r_col": array.parasitics.r_col,
        **compared,
    }
    return cell_dataset(
        given, status=None, coordinates=coordinates, attributes=attributes, shape=array.shape
    )
