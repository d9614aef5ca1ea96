"""Does the behavioural layer give the spikes of the circuit? Image by image, spike by spike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.network.spiking.circuit import CircuitRun, simulate
from cosim.network.spiking.hardware import Chip, encoder_of
from cosim.network.spiking.layer import OutputSpikes
from cosim.network.spiking.studies import Arrays, Keep, made
from cosim.simulators.ngspice import NgspiceSimulator

START = 20e-9  # s, silence before the first event of a circuit run


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """One image on the circuit and on the layer.

    Parameters
    ----------
    image : int
    events : int
        Input spikes played: those the layer needs for its decision.
    layer, circuit : OutputSpikes
    run : CircuitRun
    energy : dict of str to float
        Of all neurons, see :class:`~cosim.network.spiking.circuit.CircuitRun` [J].
    wall_time : float
        [s]
    runs : tuple of CircuitRun
        The runs themselves, one a neuron (one in all when they ran together).
    same_counts : bool
        Every neuron fired equally often with each sign.
    same_order : bool
        The sequence of (neuron, sign) is the same, spikes nearer than `tie` aside.
    time_error : float
        Largest difference of the times of corresponding spikes [s]; nan when the counts differ.
    """

    image: int
    events: int
    layer: OutputSpikes
    circuit: OutputSpikes
    energy: dict[str, float]
    wall_time: float
    runs: tuple[CircuitRun, ...]
    same_counts: bool
    same_order: bool
    time_error: float


def per_neuron(spikes: OutputSpikes, neurons: int) -> list[tuple[NDArray[np.float64], list[int]]]:
    """Times and signs of each neuron."""
    return [
        (spikes.times[spikes.neurons == j], spikes.signs[spikes.neurons == j].tolist())
        for j in range(neurons)
    ]


def compare(
    chip: Chip,
    images: ArrayLike,
    number: int,
    *,
    lead: float = 10,
    seed: int = 0,
    limit: int = 2000,
    lumped: bool = True,
    together: bool = False,
    tie: float = 5e-9,
    simulator: NgspiceSimulator | None = None,
    keep: Keep = made,
) -> Agreement:
    """Play image `number` of `images` to all neurons of `chip` in ngspice and to its layer.

    Parameters
    ----------
    limit : int
        Most events to play.
    together : bool
        All neurons in one netlist. They share nothing but the word lines, which are ideal
        sources, so one run each gives the same spikes in less time.
    tie : float
        Spikes of different neurons nearer than this have no order that could be compared [s].
    keep : callable
        Gets the name of a run and a function that makes it, and returns its arrays; one that
        remembers them lets an interrupted comparison go on.
    """
    x = np.asarray(images, dtype=float)
    layer = chip.layer()
    times, pixels = encoder_of(chip.parameters).train(x[number], seed=seed, number=number)
    events = min(layer.respond(times, pixels, lead=lead).events, limit)
    times, pixels = times[:events] + START, pixels[:events]
    expected = layer.respond(times, pixels)
    engine = simulator or NgspiceSimulator(deadline=3000.0)
    neurons = len(chip.weights)
    groups = [slice(0, neurons)] if together else [slice(j, j + 1) for j in range(neurons)]

    def run(g: slice) -> Arrays:
        return simulate(
            chip.conductance[g], times, pixels, chip.parameters, gain=chip.gain[g],
            offset=chip.offset[g], lumped=lumped, simulator=engine,
        ).arrays()  # fmt: skip

    runs = [
        CircuitRun.of_arrays(
            keep(f"image {number}, neurons {g.start} to {g.stop}", partial(run, g))
        )
        for g in groups
    ]
    circuit = _merged(runs, groups, events)
    pairs = list(zip(per_neuron(expected, neurons), per_neuron(circuit, neurons), strict=True))
    same = all(a[1] == b[1] for a, b in pairs)
    error = (
        max((float(np.max(np.abs(a[0] - b[0]), initial=0.0)) for a, b in pairs), default=0.0)
        if same
        else np.nan
    )
    return Agreement(
        image=number, events=events, layer=expected, circuit=circuit,
        energy={n: sum(r.energy[n] for r in runs) for n in runs[0].energy},
        wall_time=sum(r.wall_time for r in runs), runs=tuple(runs),
        same_counts=same, same_order=same and _same_order(expected, circuit, tie),
        time_error=error,
    )  # fmt: skip


def _merged(runs: list[CircuitRun], groups: list[slice], events: int) -> OutputSpikes:
    times = np.concatenate([r.spikes.times for r in runs])
    neurons = np.concatenate(
        [r.spikes.neurons + g.start for r, g in zip(runs, groups, strict=True)]
    )
    signs = np.concatenate([r.spikes.signs for r in runs])
    order = np.argsort(times, kind="stable")
    return OutputSpikes(
        times=times[order], neurons=neurons[order], signs=signs[order], events=events, decided=False
    )


def _same_order(a: OutputSpikes, b: OutputSpikes, tie: float) -> bool:
    """Every pair of spikes of `a` further apart than `tie` comes in the same order in `b`."""
    rank: dict[tuple[int, int], float] = {}
    seen: dict[int, int] = {}
    for time, j in zip(b.times, b.neurons, strict=True):
        rank[(int(j), seen.get(int(j), 0))] = float(time)
        seen[int(j)] = seen.get(int(j), 0) + 1
    seen = {}
    latest = -np.inf  # latest time in b of all spikes at least `tie` earlier in a
    pending: list[tuple[float, float]] = []
    for time, j in zip(a.times, a.neurons, strict=True):
        key = (int(j), seen.get(int(j), 0))
        seen[int(j)] = key[1] + 1
        pending.append((float(time), rank[key]))
        for early, there in [q for q in pending if q[0] <= time - tie]:
            latest = max(latest, there)
            pending.remove((early, there))
        if rank[key] < latest:
            return False
    return True
