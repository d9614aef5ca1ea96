"""Training with the circuit in the loop: the drift between the rungs, step by step.

A network of one or two tiles learns real digits with every product, forward and backward,
and every update solved by the array rung: wires, heat, transistors, device physics. The very
same pulses go to the calibrated behavioural device and, for the first steps, to ngspice; after
each step the conductances of all cells and the products of the batch are compared. A second
behavioural network learns alone, from its own errors.
The pulses are drawn from one seed, and cycle-to-cycle noise is off: what differs is the rung.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import SimulatorError
from cosim.behavioural.device import BehaviouralDevice
from cosim.network.circuit_report import LEARNERS, RUNGS
from cosim.network.circuit_rungs import BehaviourRung, CircuitRung, Rung
from cosim.network.circuit_settings import CircuitConfig, task
from cosim.network.circuit_start import tiles
from cosim.network.circuit_tile import CircuitLayer
from cosim.network.layers import Activation, Layer
from cosim.network.model import Network

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.float64]


def network(c: CircuitConfig, rungs: Sequence[Rung], device: BehaviouralDevice) -> Network:
    """The same network on any rung."""
    layers: list[Layer] = []
    for n, rung in enumerate(rungs):
        if n:
            layers.append(Activation("tanh"))
        layers.append(
            CircuitLayer(
                rung,
                device,
                weight_range=c.weight_range,
                algorithm=c.algorithm,
                seed=c.seed + n,
                first=n == 0,
            )
        )
    return Network(layers)


def run_circuit_study(
    config: Mapping[str, Any] | None = None, progress: bool = True
) -> xarray.Dataset:
    """Train on the array rung; follow with the others.

    Parameters
    ----------
    config : mapping, optional
        Fields of `CircuitConfig`.

    Returns
    -------
    xarray.Dataset
        ``drift_rms``, ``drift_max`` (step, rung): difference of the conductances to the array
        rung, over the window; ``drift_product`` (step, rung): largest difference of the columns'
        currents for the batch, over the largest current; ``pulses``, ``loss`` (step);
        ``accuracy`` (evaluation, learner); ``conductance_0``, with a hidden layer also
        ``conductance_1``, (solved_by, row, col) of the tiles at the end [S].

    Raises
    ------
    ConfigError
        Unknown keys or wrong values.
    """
    c = CircuitConfig.read(config or {})
    data = task(c)
    arrays, device, fit_error = tiles(c)
    natives = [CircuitRung(a, "native") for a in arrays]
    starts = [n.conductances() for n in natives]

    def behaviour() -> list[Rung]:
        return [
            BehaviourRung(device, g, parasitics=a.parasitics)
            for a, g in zip(arrays, starts, strict=True)
        ]

    followers: dict[str, list[Rung]] = {"behaviour": behaviour()}
    if c.ngspice_steps:
        followers["ngspice"] = [CircuitRung(a, "ngspice") for a in arrays]
    net, free = network(c, natives, device), network(c, behaviour(), device)
    same = network(c, followers["behaviour"], device)
    learners = dict(zip(LEARNERS, (net, same, free), strict=True))
    leaders = [layer for layer in net.layers if isinstance(layer, CircuitLayer)]

    steps = -(-c.samples // c.batch)
    drift = np.full((3, steps, len(RUNGS)), np.nan)
    pulses, loss = np.zeros(steps, int), np.zeros(steps)
    failures: list[str] = []
    spiced = 0
    at = [0]
    accuracy = [[n.accuracy(data.test_x, data.test_labels) for n in learners.values()]]
    begun = time.perf_counter()
    for k in range(steps):
        part = slice(k * c.batch, (k + 1) * c.batch)
        loss[k] = net.learn(data.x[part], data.labels[part], c.rate)
        free.learn(data.x[part], data.labels[part], c.rate)
        pulses[k] = sum(int(s.cells.sum()) for leader in leaders for s in leader.last)
        truth = [n.conductances() for n in natives]
        for r, name in enumerate(RUNGS):
            if name not in followers:
                continue
            if name == "ngspice":
                # Updates without a pulse show nothing.
                if pulses[k] == 0 or spiced == c.ngspice_steps:
                    continue
                spiced += 1
            pairs = list(zip(followers[name], leaders, strict=True))
            try:
                for follower, leader in pairs:
                    follower.pulse(leader.last)
                product = max(
                    _distance(leader.product_on(follower), leader.product_on(leader.rung))
                    for follower, leader in pairs
                )
            except SimulatorError as error:
                # What went before stays; the steps after have no place to start from.
                failures.append(f"{name}, step {k + 1}: {error}")
                del followers[name]
                continue
            gaps = [
                (follower.conductances() - g).ravel() / device.window
                for follower, g in zip(followers[name], truth, strict=True)
            ]
            gap = np.concatenate(gaps)
            drift[:, k, r] = np.sqrt(np.mean(gap**2)), np.abs(gap).max(), product
        if (k + 1) % c.evaluate_every == 0 or k + 1 == steps:
            at.append(k + 1)
            accuracy.append([n.accuracy(data.test_x, data.test_labels) for n in learners.values()])
        if progress:
            print(
                f"step {k + 1}/{steps}: loss {loss[k]:.3f}, {pulses[k]} pulses, behaviour off by "
                f"{100 * drift[0, k, 0]:.3f} % of the window (rms), "
                f"{time.perf_counter() - begun:.0f} s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    dataset = _dataset(
        c, natives, drift, pulses, loss, at, accuracy,
        {"array": truth, "behaviour": [f.conductances() for f in followers["behaviour"]]},
        fit_error,
    )  # fmt: skip
    dataset.attrs["warnings"] = "; ".join(failures)
    return dataset


def _distance(found: FloatArray, true: FloatArray) -> float:
    """Largest difference over the largest magnitude."""
    return float(np.abs(found - true).max() / np.abs(true).max())


def _dataset(
    c: CircuitConfig,
    natives: list[CircuitRung],
    drift: FloatArray,
    pulses: NDArray[np.int_],
    loss: FloatArray,
    at: list[int],
    accuracy: list[list[float]],
    conductances: dict[str, list[FloatArray]],
    fit_error: float,
) -> xarray.Dataset:
    import xarray as xr

    from cosim.dataset import package_version

    names = list(conductances)
    one = {"units": "1"}
    return xr.Dataset(
        {
            "drift_rms": (("step", "rung"), drift[0], one | {"long_name": "over the window"}),
            "drift_max": (("step", "rung"), drift[1], one | {"long_name": "over the window"}),
            "drift_product": (
                ("step", "rung"), drift[2], one | {"long_name": "of currents over the largest"},
            ),
            "pulses": (("step",), pulses, one),
            "loss": (("step",), loss, one),
            "accuracy": (("evaluation", "learner"), np.array(accuracy), one),
            **{
                f"conductance_{n}": (
                    ("solved_by", f"row_{n}", f"col_{n}"),
                    np.array([conductances[name][n] for name in names]),
                    {"units": "S", "long_name": f"of tile {n} at the end"},
                )
                for n in range(len(natives))
            },
        },
        coords={
            "step": ("step", np.arange(1, len(pulses) + 1), one),
            "rung": ("rung", list(RUNGS)),
            "learner": ("learner", list(LEARNERS)),
            "evaluation": ("evaluation", at, one),
            "solved_by": ("solved_by", names),
        },
        attrs={
            "experiment": "circuit_training",
            "version": package_version(),
            "seed": c.seed,
            "simulator": "native",
            "solver_seconds": sum(n.seconds for n in natives),
            "parameter_fingerprint": natives[0].array.fingerprint,
            "citations": natives[0].array.cell.reram.parameters.citation,
            "calibration_error": fit_error,
            "batch": c.batch,
            "algorithm": c.algorithm,
        },
    )  # fmt: skip
