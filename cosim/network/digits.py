"""Real handwritten digits on one tile: 64 inputs, 10 outputs, one linear layer.

The smallest network that is still real work: scikit-learn's 8 x 8 digits, a softmax
classifier trained in floating point, its weights on a 64 x 20 array as differential
pairs, its scores read as column currents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.converters import Converter
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.tile import Tile, TileOptions
from cosim.network.datasets import digits

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class DigitsClassifier:
    """A linear classifier of digits, ``scores = inputs @ weights``.

    Without bias, so that every score is one pair of column currents.

    Parameters
    ----------
    weights : ndarray, shape (64, 10)
    train_inputs, test_inputs : ndarray, shape (n, 64)
        Pixels in [0, 1].
    train_labels, test_labels : ndarray of int, shape (n,)
    """

    weights: FloatArray
    train_inputs: FloatArray
    train_labels: NDArray[np.int_]
    test_inputs: FloatArray
    test_labels: NDArray[np.int_]

    @classmethod
    def train(
        cls, *, seed: int = 0, epochs: int = 300, rate: float = 0.5, decay: float = 1e-3
    ) -> DigitsClassifier:
        """Softmax regression by full-batch gradient descent with momentum, in floating point.

        `decay` (weight decay) keeps single weights from growing, which would cost the
        others their share of the conductance window.
        """
        data = digits(seed=seed)
        x = data.train_images.reshape(len(data.train_images), -1) / 255.0
        y = np.eye(10)[data.train_labels]
        weights = np.zeros((x.shape[1], 10))
        velocity = np.zeros_like(weights)
        for _ in range(epochs):
            scores = x @ weights
            scores -= scores.max(axis=1, keepdims=True)
            share = np.exp(scores)
            share /= share.sum(axis=1, keepdims=True)
            gradient = x.T @ (share - y) / len(x) + decay * weights
            velocity = 0.9 * velocity - rate * gradient
            weights += velocity
        return cls(
            weights=weights,
            train_inputs=x,
            train_labels=data.train_labels,
            test_inputs=data.test_images.reshape(len(data.test_images), -1) / 255.0,
            test_labels=data.test_labels,
        )

    @property
    def accuracy(self) -> float:
        """Share of the test digits that floating point gets right."""
        return self.score(self.test_inputs @ self.weights)

    def score(self, scores: FloatArray, labels: NDArray[np.int_] | None = None) -> float:
        """Share of right answers among `scores`, shape (n, 10); NaN in a score is wrong."""
        labels = self.test_labels[: len(scores)] if labels is None else labels
        if scores.shape != (len(labels), 10):
            raise ParameterError(
                thing="scores of the digits classifier",
                value=scores.shape,
                limit=f"({len(labels)}, 10)",
            )
        good = np.isfinite(scores).all(axis=1)
        answer = np.argmax(np.where(np.isfinite(scores), scores, -np.inf), axis=1)
        return float(np.mean(good & (answer == labels)))

    def tile(
        self, device: BehaviouralDevice, *, options: TileOptions | None = None, seed: int = 0
    ) -> Tile:
        """The weights on a behavioural tile, programmed with the device's noise.

        Without `options`: 6 bits in, 8 bits out, the output range fitted to the first
        training digits.
        """
        options = options or TileOptions(adc=Converter(bits=8, bound=self.output_range()))
        return Tile.program(self.weights, device, options=options, seed=seed)

    def output_range(self, *, images: int = 200, headroom: float = 1.1) -> float:
        """ADC bound that holds the scores of the first training digits, in tile units."""
        unit = float(np.abs(self.weights).max())
        return headroom * float(np.abs(self.train_inputs[:images] @ self.weights).max()) / unit

    def scores_from_currents(self, currents: FloatArray) -> FloatArray:
        """Scores, up to one positive factor, from column currents [A], shape (n, 20)."""
        currents = np.asarray(currents, float)
        if currents.ndim != 2 or currents.shape[1] != 2 * self.weights.shape[1]:
            raise ParameterError(
                thing="column currents of the digits classifier",
                value=currents.shape,
                limit=f"(n, {2 * self.weights.shape[1]})",
            )
        return currents[:, 0::2] - currents[:, 1::2]
