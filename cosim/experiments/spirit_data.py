"""Datasets of a SPIRIT run: what each step found, with units and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cosim.network.spiking import energy
from cosim.network.spiking.agreement import Agreement
from cosim.network.spiking.hardware import Chip
from cosim.network.spiking.layer import Classified, OutputSpikes
from cosim.network.spiking.studies import Task

if TYPE_CHECKING:
    import xarray as xr

_ONE = {"units": "1"}


def inference(task: Task, result: Classified, seconds: float, data_set: str) -> xr.Dataset:
    """All images on the ideal chip, and the weights.

    Parameters
    ----------
    seconds : float
        What the classification took.
    data_set : str
        ``"mnist"`` or ``"digits"``.
    """
    import xarray as xr

    count = {
        "choice": result.choice, "label": task.labels, "events": result.events,
        "output_spikes": result.output_spikes, "decided": result.decided.astype(np.int8),
    }  # fmt: skip
    made = xr.Dataset({n: ("image", v, _ONE) for n, v in count.items()})
    made["duration"] = ("image", result.duration, {"units": "s"})
    made["weights"] = (("neuron", "input"), task.weights, _ONE)
    made.attrs |= {
        "accuracy": result.accuracy(task.labels),
        "mean_events": float(result.events.mean()),
        "seconds": seconds,
        "lead": task.lead,
        "data_set": data_set,
    }
    return made


def classified(data: xr.Dataset) -> Classified:
    """What :func:`inference` was made of."""
    return Classified(
        choice=data.choice.values,
        events=data.events.values,
        output_spikes=data.output_spikes.values,
        decided=data.decided.values.astype(bool),
        duration=data.duration.values,
    )


def circuit(runs: Sequence[Agreement], chip: Chip, *, exact: bool) -> xr.Dataset:
    """Images in ngspice beside the layer, and the busiest neuron of the first one in time.

    Parameters
    ----------
    exact : bool
        Whether circuit and layer must give the same spikes.
    """
    import xarray as xr

    parts = list(energy.PARTS)
    per_event = [[r.energy[n] / (r.events * len(chip.weights)) for n in parts] for r in runs]
    first = runs[0]
    busiest = int(np.argmax(np.bincount(first.layer.neurons, minlength=1)))
    alone = len(first.runs) > 1
    shown = first.runs[busiest if alone else 0]
    made = xr.Dataset(
        {
            "same_counts": ("image", [int(r.same_counts) for r in runs], _ONE),
            "same_order": ("image", [int(r.same_order) for r in runs], _ONE),
            "time_error": ("image", [r.time_error for r in runs], {"units": "s"}),
            "events": ("image", [r.events for r in runs], _ONE),
            "spikes_circuit": ("image", [len(r.circuit.times) for r in runs], _ONE),
            "spikes_layer": ("image", [len(r.layer.times) for r in runs], _ONE),
            "per_event": (("image", "part"), per_event, {"units": "J"}),
            "membrane": ("time", shown.membrane[:, 0 if alone else busiest], {"units": "V"}),
        },
        coords={
            "image": ("image", [r.image for r in runs], _ONE),
            "part": parts,
            "time": ("time", shown.time, {"units": "s"}),
        },
    )
    pairs = (("circuit", shown.spikes, 0 if alone else busiest), ("layer", first.layer, busiest))
    for name, spikes, neuron in pairs:
        made[f"{name}_time"], made[f"{name}_sign"] = _spikes(spikes, neuron, f"{name}_spike")
    made.attrs |= {
        "simulator": "ngspice",
        "wall_time": sum(r.wall_time for r in runs),
        "exact": int(exact),
        "neuron": busiest,
        "threshold": chip.parameters["threshold"],
    }
    return made


def _spikes(spikes: OutputSpikes, neuron: int, dimension: str) -> tuple[xr.Variable, xr.Variable]:
    import xarray as xr

    mine = spikes.neurons == neuron
    times = xr.Variable((dimension,), spikes.times[mine], {"units": "s"})
    return times, xr.Variable((dimension,), spikes.signs[mine], _ONE)
