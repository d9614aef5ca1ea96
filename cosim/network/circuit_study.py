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
from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
Keep = Callable[[str, Callable[[], dict[str, NDArray[Any]]]], Mapping[str, NDArray[Any]]]


def _made(name: str, make: Callable[[], dict[str, NDArray[Any]]]) -> Mapping[str, NDArray[Any]]:
    """Keep nothing."""
    return make()


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


class _Course:
    """The learners and their followers, and what was found step by step."""

    def __init__(self, c: CircuitConfig) -> None:
        self.config, self.data = c, task(c)
        arrays, self.device, self.fit_error = tiles(c)
        self.natives = [CircuitRung(a, "native") for a in arrays]
        starts = [n.conductances() for n in self.natives]

        def behaviour() -> list[Rung]:
            return [
                BehaviourRung(self.device, g, parasitics=a.parasitics)
                for a, g in zip(arrays, starts, strict=True)
            ]

        self.followers: dict[str, list[Rung]] = {"behaviour": behaviour()}
        if c.ngspice_steps:
            self.followers["ngspice"] = [CircuitRung(a, "ngspice") for a in arrays]
        nets = (
            network(c, rungs, self.device)
            for rungs in (self.natives, self.followers["behaviour"], behaviour())
        )
        self.learners = dict(zip(LEARNERS, nets, strict=True))
        self.array, _, self.alone = self.learners.values()
        self.leaders = [layer for layer in self.array.layers if isinstance(layer, CircuitLayer)]
        self.steps = -(-c.samples // c.batch)
        self.found: dict[str, NDArray[Any]] = {
            "drift": np.full((3, self.steps, len(RUNGS)), np.nan),
            "pulses": np.zeros(self.steps, int),
            "loss": np.zeros(self.steps),
            "at": np.array([0]),
            "accuracy": np.array([self._accuracy()]),
            "seconds": np.zeros(()),
            "failures": np.array([], str),
        }

    def _accuracy(self) -> list[float]:
        d = self.data
        return [n.accuracy(d.test_x, d.test_labels) for n in self.learners.values()]

    def step(self, k: int) -> dict[str, NDArray[Any]]:
        """One update of all; the state afterwards."""
        c, data, found = self.config, self.data, self.found
        spent = sum(n.seconds for n in self.natives)
        part = slice(k * c.batch, (k + 1) * c.batch)
        found["loss"][k] = self.array.learn(data.x[part], data.labels[part], c.rate)
        self.alone.learn(data.x[part], data.labels[part], c.rate)
        found["pulses"][k] = sum(int(s.cells.sum()) for leader in self.leaders for s in leader.last)
        for r, name in enumerate(RUNGS):
            if name in self.followers:
                self._follow(k, r, name)
        if (k + 1) % c.evaluate_every == 0 or k + 1 == self.steps:
            found["at"] = np.append(found["at"], k + 1)
            found["accuracy"] = np.vstack([found["accuracy"], self._accuracy()])
        found["seconds"] = found["seconds"] + (sum(n.seconds for n in self.natives) - spent)
        return self._state()

    def _follow(self, k: int, r: int, name: str) -> None:
        """Give a rung the pulses of step `k`, and compare."""
        found = self.found
        # In ngspice, updates without a pulse show nothing.
        if name == "ngspice" and (
            found["pulses"][k] == 0
            or np.isfinite(found["drift"][0, :, r]).sum() == self.config.ngspice_steps
        ):
            return
        pairs = list(zip(self.followers[name], self.leaders, strict=True))
        try:
            for follower, leader in pairs:
                follower.pulse(leader.last)
            product = max(
                _distance(leader.product_on(follower), leader.product_on(leader.rung))
                for follower, leader in pairs
            )
        except SimulatorError as error:
            # What went before stays; the steps after have no place to start from.
            found["failures"] = np.append(found["failures"], f"{name}, step {k + 1}: {error}")
            del self.followers[name]
            return
        gap = np.concatenate(
            [
                (follower.conductances() - native.conductances()).ravel() / self.device.window
                for follower, native in zip(self.followers[name], self.natives, strict=True)
            ]
        )
        found["drift"][:, k, r] = np.sqrt(np.mean(gap**2)), np.abs(gap).max(), product

    def _parts(self) -> dict[str, Network | Rung]:
        """All that has a state of its own."""
        rungs = {f"ngspice{n}": r for n, r in enumerate(self.followers.get("ngspice", []))}
        return {**self.learners, **rungs}

    def _state(self) -> dict[str, NDArray[Any]]:
        parts = {f"{p}:{k}": v for p, x in self._parts().items() for k, v in x.state().items()}
        return {**self.found, **parts}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `step` gave."""
        # Copies: what is kept must not change with the next step.
        self.found = {k: np.array(state[k]) for k in self.found}
        if not any(k.startswith("ngspice") for k in state):
            self.followers.pop("ngspice", None)
        for name, part in self._parts().items():
            own = f"{name}:"
            part.restore(
                {k.removeprefix(own): np.array(v) for k, v in state.items() if k.startswith(own)}
            )


def run_circuit_study(
    config: Mapping[str, Any] | None = None, progress: bool = True, keep: Keep = _made
) -> xarray.Dataset:
    """Train on the array rung; follow with the others.

    Parameters
    ----------
    config : mapping, optional
        Fields of `CircuitConfig`.
    progress : bool
        Say every step on standard error.
    keep : callable
        Takes the name of a step and what makes its state, and returns the state: made now, or
        in an earlier run that was interrupted.

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
    course = _Course(CircuitConfig.read(config or {}))
    begun = time.perf_counter()
    for k in range(course.steps):
        course.restore(keep(f"step {k + 1}", partial(course.step, k)))
        if progress:
            found = course.found
            print(
                f"step {k + 1}/{course.steps}: loss {found['loss'][k]:.3f}, {found['pulses'][k]} "
                f"pulses, behaviour off by {100 * found['drift'][0, k, 0]:.3f} % of the window "
                f"(rms), {time.perf_counter() - begun:.0f} s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    return _dataset(course)


def _distance(found: FloatArray, true: FloatArray) -> float:
    """Largest difference over the largest magnitude."""
    return float(np.abs(found - true).max() / np.abs(true).max())


def _dataset(course: _Course) -> xarray.Dataset:
    import xarray as xr

    from cosim.dataset import package_version

    c, natives, found = course.config, course.natives, course.found
    drift, pulses = found["drift"], found["pulses"]
    conductances = {
        "array": [n.conductances() for n in natives],
        "behaviour": [f.conductances() for f in course.followers["behaviour"]],
    }
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
            "loss": (("step",), found["loss"], one),
            "accuracy": (("evaluation", "learner"), found["accuracy"], one),
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
            "evaluation": ("evaluation", found["at"], one),
            "solved_by": ("solved_by", names),
        },
        attrs={
            "experiment": "circuit_training",
            "version": package_version(),
            "seed": c.seed,
            "simulator": "native",
            "solver_seconds": float(found["seconds"]),
            "parameter_fingerprint": natives[0].array.fingerprint,
            "citations": natives[0].array.cell.reram.parameters.citation,
            "calibration_error": course.fit_error,
            "batch": c.batch,
            "algorithm": c.algorithm,
            "warnings": "; ".join(map(str, found["failures"])),
        },
    )  # fmt: skip
