"""Training algorithms on device arrays.

Every learner holds weights of shape (inputs, outputs), gives them for products, and
takes batches of inputs and error signals. `rate` is the learning rate of the wanted
change ``rate * xs.T @ ds`` (ds is minus the gradient with respect to the output).

``fp`` is floating point, the baseline; the papers of the others are in `PAPERS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError, best_matches
from cosim.behavioural.device import BehaviouralDevice
from cosim.network import kernels, transfer
from cosim.network.crossbar import DeviceArray, Matrix, Pulses, Reference

State = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class TransferOptions:
    """Settings of the Tiki-Taka family.

    Parameters
    ----------
    fast : float
        Pulses a sample that the strongest input and error pair puts on A.
    every : int
        Samples between two transfers; each reads one row of A, or more with `sweep`.
    sweep : int or None
        Samples in which all rows of A are to be read once: as many rows are read at each
        transfer as that takes. None reads one row at each transfer.
    lift : float
        Wanted change of C per reading of A, relative to the change that was put on A.
    flip : float
        Probability that a row's chopper changes sign after a reading (chopped versions).
    memory : float
        Weight of the newest reading in the average that becomes the next reference (agad).
    read_sigma : float
        Noise of a reading of A relative to its half window.
    pulses : Pulses
        Trains of the fast array.
    """

    fast: float = 1.0
    every: int = 1
    sweep: int | None = 100
    lift: float = 0.3
    flip: float = 0.1
    memory: float = 0.5
    read_sigma: float = 0.0
    pulses: Pulses = field(default_factory=lambda: Pulses(length=5))


class Learner(Protocol):
    """What a layer asks of an algorithm."""

    def weights(self) -> Matrix:
        """Weights for products, shape (inputs, outputs)."""

    def program(self, weights: NDArray[Any]) -> None:
        """Set the weights before training."""

    def update(self, xs: Matrix, ds: Matrix, rate: float) -> None:
        """Learn from a batch: xs (batch, inputs), ds (batch, outputs)."""

    def state(self) -> State:
        """All that changes, for a checkpoint."""

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""


class FloatingPoint:
    """Weights as numbers; clipped at the range of the devices only when asked."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.w: Matrix = np.zeros((inputs, outputs), np.float32)

    def weights(self) -> Matrix:
        """Weights, shape (inputs, outputs)."""
        return self.w

    def program(self, weights: NDArray[Any]) -> None:
        """Set the weights."""
        self.w = np.array(weights, np.float32)

    def update(self, xs: Matrix, ds: Matrix, rate: float) -> None:
        """Plain stochastic gradient descent."""
        self.w += np.float32(rate) * (xs.T @ ds)

    def state(self) -> State:
        """The weights."""
        return {"w": self.w}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.w = np.array(state["w"], np.float32)


class AnalogSgd:
    """Plain analog SGD on one array."""

    def __init__(self, array: DeviceArray) -> None:
        self.array = array

    def weights(self) -> Matrix:
        """Weights, shape (inputs, outputs)."""
        return self.array.w

    def program(self, weights: NDArray[Any]) -> None:
        """Set the weights."""
        self.array.program(weights)

    def update(self, xs: Matrix, ds: Matrix, rate: float) -> None:
        """One parallel pulsed update per sample."""
        self.array.update(xs, ds, rate)

    def state(self) -> State:
        """The array's state."""
        return self.array.state()

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.array.restore(state)


class MixedPrecision(AnalogSgd):
    """Gradients in a digital matrix, whole steps as pulses."""

    def __init__(self, array: DeviceArray) -> None:
        super().__init__(array)
        self.chi = np.zeros(array.w.shape, np.float32)

    def update(self, xs: Matrix, ds: Matrix, rate: float) -> None:
        """Add to the digital matrix; pulse where it holds a whole step."""
        a = self.array
        kernels.mixed_batch(
            a.w, a.planes, a.law, a.noise, a.bounds, self.chi, xs, ds,
            np.float32(rate), np.float32(a.step), a.rng,
        )  # fmt: skip

    def state(self) -> State:
        """Array and digital matrix."""
        return {**self.array.state(), "chi": self.chi}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.array.restore(state)
        self.chi = np.array(state["chi"], np.float32)


class TikiTaka:
    """The Tiki-Taka family; `mode` is one of the modes of `cosim.network.transfer`."""

    def __init__(
        self, fast: DeviceArray, slow: DeviceArray, mode: int, options: TransferOptions
    ) -> None:
        self.fast, self.slow, self.mode, self.options = fast, slow, mode, options
        shape = slow.w.shape
        self.h = np.zeros(shape, np.float32)
        self.chop = np.ones(shape[0], np.float32)
        self.reference = np.zeros(shape, np.float32)
        self.average = np.zeros(shape, np.float32)
        self.counter = np.zeros(2, np.int64)
        self.scales = np.zeros(1, np.float64)

    def weights(self) -> Matrix:
        """Weights of the slow array, shape (inputs, outputs)."""
        return self.slow.w

    def program(self, weights: NDArray[Any]) -> None:
        """Set the weights of the slow array."""
        self.slow.program(weights)

    def update(self, xs: Matrix, ds: Matrix, rate: float) -> None:
        """Pulses on the fast array, and its readings to the slow one."""
        a, c, o = self.fast, self.slow, self.options
        rows = a.w.shape[0]
        reads = 1 if o.sweep is None else min(rows, max(1, round(rows * o.every / o.sweep)))
        transfer.transfer_batch(
            self.mode,
            a.w, a.planes, a.law, a.noise, a.bounds,
            c.w, c.planes, c.law, c.noise, c.bounds,
            self.h, self.chop, self.reference, self.average, self.counter, self.scales,
            xs, ds, rate, o.fast, a.step, c.step, o.every, reads, o.lift,
            np.float32(o.read_sigma * a.weight_range), o.memory, o.flip,
            a.pulses.length, a.pulses.managed, a.half_select, a.rng,
        )  # fmt: skip

    def state(self) -> State:
        """Both arrays and the digital matrices."""
        out: State = {f"fast.{k}": v for k, v in self.fast.state().items()}
        out |= {f"slow.{k}": v for k, v in self.slow.state().items()}
        for name in ("h", "chop", "reference", "average", "counter", "scales"):
            out[name] = getattr(self, name)
        return out

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        for part, array in (("fast.", self.fast), ("slow.", self.slow)):
            array.restore({k.removeprefix(part): v for k, v in state.items() if k.startswith(part)})
        for name in ("h", "chop", "reference", "average", "counter", "scales"):
            setattr(self, name, np.array(state[name], getattr(self, name).dtype))


MODES = {
    "ttv1": transfer.PLAIN,
    "ttv2": transfer.FILTERED,
    "cttv2": transfer.CHOPPED,
    "agad": transfer.DYNAMIC,
}
PAPERS = {
    "sgd": "stochastic pulses: T. Gokmen, Y. Vlasov, Front. Neurosci. 10, 333 (2016)",
    "mixed": "mixed precision: S. R. Nandakumar et al., Front. Neurosci. 14, 406 (2020)",
    "ttv1": "Tiki-Taka: T. Gokmen, W. Haensch, Front. Neurosci. 14, 103 (2020)",
    "ttv2": "Tiki-Taka with a digital filter: T. Gokmen, Front. Artif. Intell. 4, 699148 (2021)",
    "cttv2": "chopped TTv2 (version 3): M. J. Rasch et al., Nat. Commun. 15, 7133 (2024)",
    "agad": "dynamic reference, AGAD (version 4): M. J. Rasch et al., Nat. Commun. 15, 7133 (2024)",
}
ALGORITHMS = ("fp", "sgd", "mixed", *MODES)


@dataclass(frozen=True, kw_only=True)
class Analog:
    """An algorithm and its devices, from which layers make their learners.

    Parameters
    ----------
    algorithm : str
        One of `ALGORITHMS`.
    device : BehaviouralDevice, optional
        Needed by all but ``fp``.
    fast_device : BehaviouralDevice, optional
        Of the fast array; the same as `device` by default.
    reference : str
        Of the slow (or only) array; see `DeviceArray`.
    fast_reference : str
        Of the fast array, whose zero must be its symmetry point for ``ttv1``, ``ttv2`` and
        ``cttv2``; ``agad`` finds it by itself.
    pulses : Pulses
        Trains of the weight array under ``sgd``.
    transfer : TransferOptions
    """

    algorithm: str = "agad"
    device: BehaviouralDevice | None = None
    fast_device: BehaviouralDevice | None = None
    reference: Reference = "nominal"
    fast_reference: Reference = "nominal"
    pulses: Pulses = field(default_factory=Pulses)
    transfer: TransferOptions = field(default_factory=TransferOptions)

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ConfigError(
                thing="training algorithm",
                value=self.algorithm,
                next_step=best_matches(self.algorithm, ALGORITHMS),
            )
        if self.algorithm != "fp" and self.device is None:
            raise ConfigError(
                thing=f"device of algorithm {self.algorithm!r}",
                limit="a BehaviouralDevice",
                next_step="Calibrate one, or take cosim.behavioural.soft_bounds().",
            )

    def learner(
        self, inputs: int, outputs: int, weight_range: float, seed: np.random.SeedSequence
    ) -> Learner:
        """Make the learner of one layer or sub-tile."""
        if self.algorithm == "fp" or self.device is None:
            return FloatingPoint(inputs, outputs)
        slow_seed, fast_seed = seed.spawn(2)
        slow = DeviceArray(
            self.device, inputs, outputs, weight_range=weight_range, reference=self.reference,
            pulses=self.pulses, seed=slow_seed,
        )  # fmt: skip
        if self.algorithm == "sgd":
            return AnalogSgd(slow)
        if self.algorithm == "mixed":
            return MixedPrecision(slow)
        fast = DeviceArray(
            self.fast_device or self.device, inputs, outputs, weight_range=weight_range,
            reference=self.fast_reference, pulses=self.transfer.pulses, seed=fast_seed,
        )  # fmt: skip
        return TikiTaka(fast, slow, MODES[self.algorithm], self.transfer)
