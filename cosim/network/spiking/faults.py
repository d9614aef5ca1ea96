"""Stuck cells: is it better to protect the sign bit, or to spend the cells on the weight?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.network.spiking.hardware import timing_of
from cosim.network.spiking.layer import SpikingLayer
from cosim.network.spiking.studies import Task, labelled

if TYPE_CHECKING:
    import xarray as xr

FAULT_SCHEMES = {
    "unary, 8 cells": "4 + 4 cells, as on the chip",
    "binary, 4 cells": "a sign bit and three magnitude bits",
    "binary, sign tripled, 6 cells": "the sign bit by majority of three",
    "binary, all doubled, 8 cells": "every bit twice, the mean of both read",
    "unary, 16 cells": "8 + 8 cells of half the step",
}


def fault_tolerance(
    task: Task,
    faults: Sequence[float] = (0.0, 0.003, 0.01, 0.03, 0.1),
    *,
    chips: int = 5,
) -> xr.Dataset:
    """Accuracy against stuck cells for ways to spend cells on a weight.

    Half of the faulty cells are stuck in LRS, half in HRS; nothing else is wrong. See
    `FAULT_SCHEMES`: is it better to protect the sign bit or to have more cells?

    Returns
    -------
    xarray.Dataset
        accuracy(scheme, fault, chip).
    """
    accuracy = np.empty((len(FAULT_SCHEMES), len(faults), chips))
    for a, scheme in enumerate(FAULT_SCHEMES):
        for b, fault in enumerate(faults):
            for k in range(chips):
                rng = np.random.default_rng((task.seed, a, b, k))
                weights = _faulty(task.weights, scheme, fault, rng)
                layer = SpikingLayer(weights=weights, timing=timing_of(task.parameters))
                accuracy[a, b, k] = task.run(layer).accuracy(task.labels)
    one = {"units": "dimensionless"}
    return labelled(
        "faults",
        accuracy=(("scheme", "fault", "chip"), accuracy, one),
        coords={
            "scheme": list(FAULT_SCHEMES),
            "fault": ("fault", np.asarray(faults), one),
            "chip": np.arange(chips),
        },
    )


def _faulty(
    weights: NDArray[np.int64], scheme: str, fault: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Weights as read back from cells of which some are stuck."""

    def stuck(bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
        draw = rng.random(bits.shape)
        return (bits & (draw >= fault / 2)) | (draw > 1 - fault / 2)

    magnitude = np.abs(weights)
    if scheme.startswith("unary"):
        copies = 2 if "16" in scheme else 1
        levels = np.arange(4 * copies) / copies
        up = stuck(np.maximum(weights, 0)[..., None] > levels).sum(-1)
        down = stuck(np.maximum(-weights, 0)[..., None] > levels).sum(-1)
        return np.asarray((up - down) / copies, dtype=float)
    signs = 3 if "tripled" in scheme else 2 if "doubled" in scheme else 1
    copies = 2 if "doubled" in scheme else 1
    value = np.zeros(weights.shape)
    for bit in range(3):
        wanted = np.broadcast_to(((magnitude >> bit) & 1)[..., None] > 0, (*weights.shape, copies))
        value += 2.0**bit * stuck(wanted).mean(-1)
    votes = stuck(np.broadcast_to((weights < 0)[..., None], (*weights.shape, signs))).mean(-1)
    if signs == 3:
        votes = np.round(votes)
    return np.asarray(value * (1.0 - 2.0 * votes))
