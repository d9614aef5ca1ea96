"""Convolutions mapped to tiles: every patch of the image is one input vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compact_models.errors import ParameterError
from cosim.network.algorithms import Analog, State
from cosim.network.crossbar import Matrix
from cosim.network.layers import Activation, InputOutput, Layer, Linear, Stateless
from cosim.network.model import Network


class Convolution:
    """2-D convolution without padding, stride 1, on one analog matrix.

    Shapes: inputs (batch, height, width, channels_in), outputs (batch, height - size + 1,
    width - size + 1, channels_out). The matrix has size * size * channels_in rows; every
    position of the kernel is one product forward and one update backward (Gokmen, Onen,
    Haensch, Front. Neurosci. 11, 538 (2017)).
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        size: int,
        *,
        analog: Analog,
        io: InputOutput | None = None,
        gain: float = 4.0,
        seed: np.random.SeedSequence | None = None,
        first: bool = False,
    ) -> None:
        self.size, self.channels = size, channels_in
        self.matrix = Linear(
            size * size * channels_in, channels_out,
            analog=analog, io=io, gain=gain, seed=seed, first=first,
        )  # fmt: skip
        self._shape: tuple[int, ...] = ()

    def forward(self, x: Matrix) -> Matrix:
        """Convolve."""
        if x.ndim != 4 or x.shape[3] != self.channels or min(x.shape[1:3]) < self.size:
            raise ParameterError(
                thing="images of a convolution",
                value=x.shape,
                limit=f"(batch, height, width, {self.channels}), sides at least {self.size}",
            )
        self._shape = x.shape
        windows = np.lib.stride_tricks.sliding_window_view(x, (self.size, self.size), axis=(1, 2))
        batch, height, width = windows.shape[:3]
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(batch * height * width, -1)
        return self.matrix.forward(patches).reshape(batch, height, width, -1)

    def backward(self, d: Matrix) -> Matrix:
        """Error signals of the inputs."""
        batch, height, width, channels = d.shape
        patches = self.matrix.backward(d.reshape(-1, channels))
        if self.matrix.first:
            return patches
        parts = patches.reshape(batch, height, width, self.size, self.size, self.channels)
        out = np.zeros(self._shape, np.float32)
        for a in range(self.size):
            for b in range(self.size):
                out[:, a : a + height, b : b + width] += parts[:, :, :, a, b]
        return out

    def update(self, rate: float) -> None:
        """Learn from every patch."""
        self.matrix.update(rate)

    def state(self) -> State:
        """State of the matrix."""
        return self.matrix.state()

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.matrix.restore(state)


class MaxPool(Stateless):
    """Largest of every 2 x 2 block; odd last rows and columns are dropped."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._winner: Matrix = np.zeros(0, np.float32)

    def forward(self, x: Matrix) -> Matrix:
        """Shrink by two."""
        self._shape = x.shape
        batch, height, width, channels = x.shape
        h, w = height // 2, width // 2
        blocks = x[:, : 2 * h, : 2 * w].reshape(batch, h, 2, w, 2, channels)
        flat = blocks.transpose(0, 1, 3, 5, 2, 4).reshape(batch, h, w, channels, 4)
        self._winner = flat.argmax(axis=-1)
        return np.asarray(flat.max(axis=-1))

    def backward(self, d: Matrix) -> Matrix:
        """Errors go to the winners."""
        batch, h, w, channels = d.shape
        flat = (self._winner[..., None] == np.arange(4)) * d[..., None]
        blocks = flat.reshape(batch, h, w, channels, 2, 2).transpose(0, 1, 4, 2, 5, 3)
        out = np.zeros(self._shape, np.float32)
        out[:, : 2 * h, : 2 * w] = blocks.reshape(batch, 2 * h, 2 * w, channels)
        return out


class Flatten(Stateless):
    """Images to vectors."""

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()

    def forward(self, x: Matrix) -> Matrix:
        """Reshape to (batch, all)."""
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, d: Matrix) -> Matrix:
        """Reshape back."""
        return d.reshape(self._shape)


def LeNet(
    *,
    analog: Analog,
    io: InputOutput | None = None,
    side: int = 28,
    channels: Sequence[int] = (16, 32),
    hidden: int = 128,
    classes: int = 10,
    kernel: int = 5,
    activation: str = "tanh",
    gain: float = 4.0,
    seed: int = 0,
) -> Network:
    """Two convolutions with pooling, two fully connected layers.

    The defaults are the network of Gokmen, Onen, Haensch, Front. Neurosci. 11, 538 (2017).
    Inputs have shape (n, side, side, 1).
    """
    seeds = np.random.SeedSequence(seed).spawn(len(channels) + 2)
    layers: list[Layer] = []
    depth = 1
    for n, count in enumerate(channels):
        layers += [
            Convolution(
                depth, count, kernel, analog=analog, io=io, gain=gain, seed=seeds[n], first=n == 0
            ),
            Activation(activation),
            MaxPool(),
        ]
        depth, side = count, (side - kernel + 1) // 2
        if side < 1:
            raise ParameterError(
                thing="image side of a LeNet", value=side, limit="large enough for both kernels"
            )
    layers += [
        Flatten(),
        Linear(side * side * depth, hidden, analog=analog, io=io, gain=gain, seed=seeds[-2]),
        Activation(activation),
        Linear(hidden, classes, analog=analog, io=io, gain=gain, seed=seeds[-1]),
    ]
    return Network(layers, seed=seed, name="lenet")
