"""Studies of the spiking chip: one function each, one labelled dataset each.

All run on the behavioural layer; what they need from circuit or device comes in as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.parameters import ParameterSet
from cosim.network.spiking.encoder import Coding
from cosim.network.spiking.hardware import (
    EFFECTS,
    build_chip,
    cell_conductance,
    encoder_of,
    weight_step,
)
from cosim.network.spiking.layer import Classified, SpikingLayer

if TYPE_CHECKING:
    import xarray as xr

Progress = Callable[[str], None]
Arrays = dict[str, NDArray[Any]]
Keep = Callable[[str, Callable[[], Arrays]], Arrays]
"""Gets the name of a part of a study and a function that makes it; may remember what it made."""


def made(_: str, make: Callable[[], Arrays]) -> Arrays:
    """Remember nothing."""
    return make()


def _quiet(_: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What is classified, with which weights.

    Parameters
    ----------
    images : ndarray, shape (n, side, side)
        Brightness 0..1.
    labels : ndarray of int64, shape (n,)
    weights : ndarray of int64, shape (classes, side * side)
    parameters : ParameterSet
    lead : float
        Published working point: 10.
    seed : int
    """

    images: NDArray[np.float64]
    labels: NDArray[np.int64]
    weights: NDArray[np.int64]
    parameters: ParameterSet
    lead: float = 10
    seed: int = 0

    def run(
        self, layer: SpikingLayer, *, lead: float | None = None, coding: Coding = "poisson"
    ) -> Classified:
        """Classify all images on `layer`."""
        return layer.classify(
            self.images, encoder_of(self.parameters, coding),
            lead=self.lead if lead is None else lead, seed=self.seed,
        )  # fmt: skip


def labelled(name: str, **variables: object) -> xr.Dataset:
    """Dataset of a study; `coords` are its coordinates, all else its variables."""
    import xarray as xr

    coords = variables.pop("coords")
    made = xr.Dataset(variables, coords=coords)  # type: ignore[arg-type]
    made.attrs["study"] = name
    return made


def against_lead(
    task: Task, leads: Sequence[float] = (1, 2, 4, 6, 8, 10, 15, 20), *, chips: int = 1
) -> xr.Dataset:
    """Accuracy and input spikes against the lead dS, ideal and chip-like.

    Returns
    -------
    xarray.Dataset
        accuracy(chip, lead), events(chip, lead), undecided(chip, lead); chip 0 is ideal.
    """
    layers = [build_chip(task.weights, task.parameters).layer()] + [
        build_chip(task.weights, task.parameters, effects=EFFECTS, seed=task.seed + k).layer()
        for k in range(chips)
    ]
    shape = (len(layers), len(leads))
    accuracy, events, undecided = np.empty(shape), np.empty(shape), np.empty(shape)
    for a, layer in enumerate(layers):
        for b, lead in enumerate(leads):
            result = task.run(layer, lead=lead)
            accuracy[a, b] = result.accuracy(task.labels)
            events[a, b] = result.events.mean()
            undecided[a, b] = 1.0 - result.decided.mean()
    one = {"units": "dimensionless"}
    return labelled(
        "lead",
        accuracy=(("chip", "lead"), accuracy, one),
        events=(("chip", "lead"), events, one),
        undecided=(("chip", "lead"), undecided, one),
        coords={
            "chip": ["ideal", *(f"chip {k}" for k in range(chips))],
            "lead": ("lead", np.asarray(leads, dtype=float), one),
        },
    )


def losses(
    task: Task,
    *,
    chips: int = 10,
    detailed: int = 3,
    progress: Progress = _quiet,
    keep: Keep = made,
) -> xr.Dataset:
    """Accuracy lost by each effect: alone, and what leaving it out of the whole gives back.

    Parameters
    ----------
    chips : int
        Chips with all effects.
    detailed : int
        How many of them are also taken apart, effect by effect.
    keep : callable
        May remember what a chip gave, see :data:`Keep`.

    Returns
    -------
    xarray.Dataset
        alone(effect, part), without(effect, part): accuracies with only that effect and with
        all others, of the first `detailed` chips; ideal(); whole(chip) and events(chip) with
        all effects.
    """
    ideal = task.run(build_chip(task.weights, task.parameters).layer()).accuracy(task.labels)
    parts = min(detailed, chips)

    def result(k: int, effects: Sequence[str]) -> Classified:
        chip = build_chip(task.weights, task.parameters, effects=effects, seed=task.seed + k)
        return task.run(chip.layer())

    def one_chip(k: int) -> Arrays:
        full = result(k, EFFECTS)
        found = {"whole": full.accuracy(task.labels), "events": full.events.mean()}
        if k < parts:
            others = [[n for n in EFFECTS if n != name] for name in EFFECTS]
            found["alone"] = [result(k, [n]).accuracy(task.labels) for n in EFFECTS]
            found["without"] = [result(k, names).accuracy(task.labels) for names in others]
        return {name: np.array(value) for name, value in found.items()}

    each = []
    for k in range(chips):
        progress(f"chip {k + 1} of {chips}")
        each.append(keep(f"losses of chip {k}", partial(one_chip, k)))
    alone, without = (np.stack([c[n] for c in each[:parts]], 1) for n in ("alone", "without"))
    whole, events = (np.array([float(c[n]) for c in each]) for n in ("whole", "events"))
    one = {"units": "dimensionless"}
    return labelled(
        "losses",
        alone=(("effect", "part"), alone, one),
        without=(("effect", "part"), without, one),
        ideal=((), ideal, one),
        whole=("chip", whole, one),
        events=("chip", events, one),
        coords={"effect": list(EFFECTS), "chip": np.arange(chips), "part": np.arange(parts)},
    )


def codings(task: Task, leads: Sequence[float] = (2, 5, 10, 20)) -> xr.Dataset:
    """Rate coding (random, regular) against time coding (time to first spike).

    Returns
    -------
    xarray.Dataset
        accuracy, events, duration [s], undecided over (coding, lead).
    """
    layer = build_chip(task.weights, task.parameters).layer()
    names: tuple[Coding, ...] = ("poisson", "regular", "latency")
    found = np.empty((4, len(names), len(leads)))
    for a, coding in enumerate(names):
        for b, lead in enumerate(leads):
            r = task.run(layer, lead=lead, coding=coding)
            found[:, a, b] = (
                r.accuracy(task.labels), r.events.mean(), r.duration.mean(), 1 - r.decided.mean(),
            )  # fmt: skip
    dims, one = ("coding", "lead"), {"units": "dimensionless"}
    return labelled(
        "codings",
        accuracy=(dims, found[0], one),
        events=(dims, found[1], one),
        duration=(dims, found[2], {"units": "s"}),
        undecided=(dims, found[3], one),
        coords={"coding": list(names), "lead": ("lead", np.asarray(leads, dtype=float), one)},
    )


def temperature(
    task: Task, temperatures: Sequence[float], conductance: NDArray[np.float64]
) -> xr.Dataset:
    """Accuracy and spikes with LRS and HRS as they are at other temperatures.

    Parameters
    ----------
    conductance : ndarray, shape (temperatures, 2)
        LRS and HRS [S], from :func:`cosim.network.spiking.stability.at_temperature`.

    Notes
    -----
    The thresholds of the neuron stay where they are: the read current alone changes, which
    moves the weight step against the threshold.
    """
    ideal, chip = np.empty((len(temperatures), 2)), np.empty((len(temperatures), 2))
    step = np.empty(len(temperatures))
    nominal = task.parameters
    for k, (low, high) in enumerate(conductance):
        warm = nominal.replace(g_lrs=float(low), g_hrs=float(high))
        step[k] = weight_step(warm) / weight_step(nominal)
        for found, effects in ((ideal, ()), (chip, EFFECTS)):
            r = task.run(build_chip(task.weights, warm, effects=effects, seed=task.seed).layer())
            found[k] = r.accuracy(task.labels), r.events.mean()
    one = {"units": "dimensionless"}
    both = {"temperature": ("temperature", np.asarray(temperatures, dtype=float), {"units": "K"})}
    return labelled(
        "temperature",
        accuracy=(("temperature", "chip"), np.stack([ideal[:, 0], chip[:, 0]], 1), one),
        events=(("temperature", "chip"), np.stack([ideal[:, 1], chip[:, 1]], 1), one),
        step=("temperature", step, one),
        coords={**both, "chip": ["ideal", "chip 0"]},
    )


def leakage(
    task: Task,
    inputs: Sequence[int] = (144, 1440, 14400, 144000, 1440000),
    *,
    chips: int = 3,
    temperatures: Sequence[float] = (300.0, 358.0),
) -> xr.Dataset:
    """Drift of a membrane by inputs that have no event, against the number of inputs.

    Without access transistors every cell of a silent input leaks from the clamped bit line:
    the means of both bit lines cancel, their spread does not. With them the off-current of the
    transistor remains. The accuracy is that of the 144-input task with the drift that a larger
    array would give its neurons.

    Returns
    -------
    xarray.Dataset
        drift(array, inputs): standard deviation over neurons [weight steps / mean event
        interval]; accuracy(array, inputs), mean over `chips` draws.
    """
    p = task.parameters
    rng = np.random.default_rng(task.seed)
    per_amp = p["copy_ratio"] / (p["membrane_capacitance"] * weight_step(p))
    cells = p.sample(rng, (100_000,))["g_hrs"]
    spread = p["read_voltage"] * float(np.std(cell_conductance(cells, p)))
    kinds = {"no transistor": spread}
    for kelvin in temperatures:
        # kT/q scales the slope; the off-current follows 10^(V_T / slope).
        decades = p["selector_threshold"] / p["selector_off_slope"] * (1 - 300.0 / kelvin)
        # Mismatch of off-currents is exponential in that of the threshold: taken as 100 %.
        kinds[f"transistor {kelvin:g} K"] = p["selector_off_current"] * 10**decades
    interval = 1.0 / (p["rate"] * float(task.images.reshape(len(task.images), -1).sum(1).mean()))
    drift = np.empty((len(kinds), len(inputs)))
    accuracy = np.empty_like(drift)
    ideal = build_chip(task.weights, p)
    for a, current in enumerate(kinds.values()):
        for b, n in enumerate(inputs):
            rate = per_amp * current * np.sqrt(2 * 4 * n)
            drift[a, b] = rate * interval
            found = []
            for k in range(chips):
                draw = np.random.default_rng((task.seed, k)).standard_normal(len(task.weights))
                layer = ideal.layer(drift=rate * draw)
                found.append(task.run(layer).accuracy(task.labels))
            accuracy[a, b] = np.mean(found)
    one = {"units": "dimensionless"}
    return labelled(
        "leakage",
        drift=(("array", "inputs"), drift, one),
        accuracy=(("array", "inputs"), accuracy, one),
        coords={"array": list(kinds), "inputs": ("inputs", np.asarray(inputs), one)},
    )
