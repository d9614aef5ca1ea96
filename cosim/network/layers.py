"""Layers: products through tiles of limited size, and what stands between them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.network import products
from cosim.network.algorithms import Analog, State
from cosim.network.crossbar import Matrix
from cosim.network.random import new_state


@dataclass(frozen=True, kw_only=True)
class InputOutput:
    """Converters and noise around a training tile.

    Every vector is divided by its largest magnitude before the DAC (noise management).

    Parameters
    ----------
    dac_bits, adc_bits : int or None
        None is ideal. 7 and 9 bits are what aihwkit takes for training by default.
    adc_bound : float
        Largest output, in units of the weight range times the largest input.
    bound_management : int
        How often a vector whose outputs reach the bound is read again at half the signal and
        twice the scale (Gokmen, Onen, Haensch, Front. Neurosci. 11, 538 (2017)). A vector
        that falls short of it is read once.
    noise : float
        Standard deviation added to every output before the ADC, in the same units.
    tile_inputs, tile_outputs : int
        Largest tile; larger matrices are cut up and their partial sums added after the ADC.
    """

    dac_bits: int | None = 7
    adc_bits: int | None = 9
    adc_bound: float = 12.0
    bound_management: int = 0
    noise: float = 0.0
    tile_inputs: int = 1024
    tile_outputs: int = 1024

    def __post_init__(self) -> None:
        for name, bits in (("dac_bits", self.dac_bits), ("adc_bits", self.adc_bits)):
            if bits is not None and not 2 <= bits <= 24:
                raise ParameterError(thing=name, value=bits, limit="2 to 24, or None")
        if not 0 <= self.bound_management <= 10:
            raise ParameterError(
                thing="readings of bound management", value=self.bound_management, limit="0 to 10"
            )
        if min(self.tile_inputs, self.tile_outputs) < 1 or not self.adc_bound > 0:
            raise ParameterError(
                thing="tile size and ADC bound",
                value=(self.tile_inputs, self.tile_outputs, self.adc_bound),
                limit="all above 0",
            )

    @classmethod
    def ideal(cls) -> InputOutput:
        """Exact products."""
        return cls(dac_bits=None, adc_bits=None, adc_bound=np.inf)

    @property
    def dac_step(self) -> float:
        """Step of the DAC on [-1, 1]; 0 when ideal."""
        return 0.0 if self.dac_bits is None else 2.0 / (2**self.dac_bits - 2)

    @property
    def adc_step(self) -> float:
        """Step of the ADC in units of the weight range; 0 when ideal."""
        return 0.0 if self.adc_bits is None else 2.0 * self.adc_bound / (2**self.adc_bits - 2)


class Layer(Protocol):
    """A step of a network: forward, backward, then update."""

    def forward(self, x: Matrix) -> Matrix:
        """Outputs for a batch; keeps what `backward` needs."""

    def backward(self, d: Matrix) -> Matrix:
        """Error signals (minus gradient) with respect to the inputs."""

    def update(self, rate: float) -> None:
        """Learn from the last forward and backward pass."""

    def state(self) -> State:
        """All that changes while training."""

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""


class Stateless:
    """A layer that learns nothing."""

    def update(self, rate: float) -> None:
        """Nothing to learn."""

    def state(self) -> State:
        """Nothing to keep."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing to take back."""


class Linear:
    """A matrix of weights on analog tiles, with a digital bias.

    Parameters
    ----------
    inputs, outputs : int
    analog : Analog
        Algorithm and devices.
    io : InputOutput
        Ignored for floating point.
    gain : float
        Weight range in units of ``1 / sqrt(inputs)``.
    seed : SeedSequence
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        analog: Analog,
        io: InputOutput | None = None,
        gain: float = 4.0,
        seed: np.random.SeedSequence | None = None,
        first: bool = False,
    ) -> None:
        sequence = seed or np.random.SeedSequence(0)
        start, noise, *rest = sequence.spawn(3)
        self.inputs, self.outputs, self.first = inputs, outputs, first
        self.io = InputOutput.ideal() if analog.algorithm == "fp" else io or InputOutput()
        self.weight_range = gain / np.sqrt(inputs)
        self.rng = new_state(noise)
        self.bias: Matrix = np.zeros(outputs, np.float32)
        self.rows = cuts(inputs, self.io.tile_inputs)
        self.cols = cuts(outputs, self.io.tile_outputs)
        seeds = iter(rest[0].spawn(len(self.rows) * len(self.cols)))
        initial = np.random.default_rng(start).uniform(-1.0, 1.0, (inputs, outputs))
        initial /= np.sqrt(inputs)
        self.tiles = [
            [
                analog.learner(r.stop - r.start, c.stop - c.start, self.weight_range, next(seeds))
                for c in self.cols
            ]
            for r in self.rows
        ]
        for r, line in zip(self.rows, self.tiles, strict=True):
            for c, tile in zip(self.cols, line, strict=True):
                tile.program(initial[r, c])
        self._x: Matrix = np.zeros((0, inputs), np.float32)
        self._d: Matrix = np.zeros((0, outputs), np.float32)

    def weights(self) -> Matrix:
        """All weights, shape (inputs, outputs)."""
        return np.block([[tile.weights() for tile in line] for line in self.tiles])

    def _product(self, x: Matrix, w: Matrix, transpose: bool) -> Matrix:
        io, unit = self.io, self.weight_range
        if io.dac_bits is None and io.adc_bits is None and io.noise == 0.0:
            return x @ (w.T if transpose else w)
        y = self._read(x, w, transpose, 1.0)
        if io.bound_management == 0 or not np.isfinite(io.adc_bound):
            return y
        tops = np.abs(x).max(axis=1)
        for n in range(io.bound_management):
            # The highest level of the converter may stand for anything above it.
            reach = 2.0**n * io.adc_bound * unit * (1.0 - 1e-5) * tops
            over = (np.abs(y).max(axis=1) >= reach) & (tops > 0.0)
            if not over.any():
                break
            y[over] = self._read(x[over], w, transpose, 2.0 ** (n + 1))
        return y

    def _read(self, x: Matrix, w: Matrix, transpose: bool, coarse: float) -> Matrix:
        """One reading; the signal divided by `coarse`, which makes every step that much larger."""
        io, unit = self.io, self.weight_range * coarse
        return np.asarray(
            products.product(
                x, w, transpose, np.float32(io.dac_step * coarse), np.float32(io.adc_step * unit),
                np.float32(io.adc_bound * unit), np.float32(io.noise * unit), np.float32(1.0),
                self.rng,
            )
        )  # fmt: skip

    def forward(self, x: Matrix) -> Matrix:
        """``x @ weights + bias``."""
        self._x = np.ascontiguousarray(x, np.float32)
        if len(self.rows) == len(self.cols) == 1:
            return self._product(self._x, self.tiles[0][0].weights(), False) + self.bias
        out = np.zeros((len(x), self.outputs), np.float32)
        for r, line in zip(self.rows, self.tiles, strict=True):
            part = np.ascontiguousarray(self._x[:, r])
            for c, tile in zip(self.cols, line, strict=True):
                out[:, c] += self._product(part, tile.weights(), False)
        return out + self.bias

    def backward(self, d: Matrix) -> Matrix:
        """``d @ weights.T``; nothing useful for a first layer, which needs none."""
        self._d = np.ascontiguousarray(d, np.float32)
        if self.first:
            return self._d[:, :0]
        out = np.zeros((len(d), self.inputs), np.float32)
        for c in range(len(self.cols)):
            part = np.ascontiguousarray(self._d[:, self.cols[c]])
            for r, line in zip(self.rows, self.tiles, strict=True):
                out[:, r] += self._product(part, line[c].weights(), True)
        return out

    def update(self, rate: float) -> None:
        """Move the weights by ``rate * x.T @ d``, the bias by ``rate * sum(d)``."""
        self.learn_from(self._x, self._d, rate)

    def learn_from(self, xs: Matrix, ds: Matrix, rate: float) -> None:
        """Update from given inputs (n, inputs) and errors (n, outputs)."""
        self.bias += np.float32(rate) * ds.sum(axis=0)
        if len(self.rows) == len(self.cols) == 1:
            self.tiles[0][0].update(xs, ds, rate)
            return
        for r, line in zip(self.rows, self.tiles, strict=True):
            x = np.ascontiguousarray(xs[:, r])
            for c, tile in zip(self.cols, line, strict=True):
                tile.update(x, np.ascontiguousarray(ds[:, c]), rate)

    def state(self) -> State:
        """Bias, generator and every tile."""
        out: State = {"bias": self.bias, "rng": self.rng}
        for i, line in enumerate(self.tiles):
            for j, tile in enumerate(line):
                out |= {f"tile{i}_{j}.{k}": v for k, v in tile.state().items()}
        return out

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.bias = np.array(state["bias"], np.float32)
        self.rng = np.array(state["rng"], np.uint64)
        for i, line in enumerate(self.tiles):
            for j, tile in enumerate(line):
                part = f"tile{i}_{j}."
                tile.restore(
                    {k.removeprefix(part): v for k, v in state.items() if k.startswith(part)}
                )


def cuts(length: int, limit: int) -> list[slice]:
    """Equal pieces no longer than `limit`."""
    pieces = -(-length // limit)
    edges = np.linspace(0, length, pieces + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]


class Activation(Stateless):
    """``sigmoid``, ``tanh`` or ``relu``, element by element."""

    def __init__(self, kind: str) -> None:
        if kind not in ("sigmoid", "tanh", "relu"):
            raise ParameterError(thing="activation", value=kind, limit="sigmoid, tanh or relu")
        self.kind = kind
        self._y: Matrix = np.zeros(0, np.float32)

    def forward(self, x: Matrix) -> Matrix:
        """The function's value."""
        if self.kind == "relu":
            self._y = np.maximum(x, np.float32(0))
        elif self.kind == "tanh":
            self._y = np.tanh(x)
        else:
            self._y = sigmoid(x)
        return self._y

    def backward(self, d: Matrix) -> Matrix:
        """`d` times the slope."""
        y = self._y
        if self.kind == "relu":
            return d * (y > 0)
        return d * ((1 - y * y) if self.kind == "tanh" else y * (1 - y))


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """Logistic function without overflow."""
    half = x.dtype.type(0.5)
    return half * (1 + np.tanh(half * x))


def softmax_errors(scores: Matrix, labels: NDArray[np.integer[Any]]) -> tuple[float, Matrix]:
    """Mean cross entropy and minus its gradient per sample, shape of `scores`."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    share = np.exp(shifted)
    total = share.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = float(np.mean(np.log(total[:, 0]) - shifted[rows, labels]))
    share /= -total
    share[rows, labels] += 1
    return loss, share
