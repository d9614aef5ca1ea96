r"""Off-line training of the spiking perceptron, as a plain loop.

Equivalence
-----------
A neuron that fires signed spikes at a threshold :math:`\theta` and pauses for a
refractory time has an output rate that is odd in its mean input, linear near zero
and saturates at both ends. Training replaces it by

.. math:: y_j = \tanh(g \, \sum_i w_{ji} x_i), \quad w_{ji} \in \{-4, ..., +4\},

with brightness :math:`x_i` in 0..1 for the input rate. The gain g sets how far a
weight must grow before a neuron saturates, and with it the spread of the weights over
the nine levels. Rates carry no bias, so there is none.

The loop minimises :math:`\sum_j (y_j - d_j)^2` with targets +1 for the label and -1
elsewhere by stochastic gradient descent. Weights are kept as real numbers, held
within the outer levels; in the last part of the training the forward pass sees them
rounded (straight-through), and what is returned is the rounded matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError, DataError
from cosim.network.spiking.encoder import brightness

LARGEST_WEIGHT = 4


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the perceptron is trained.

    Parameters
    ----------
    gain : float
        Slope g of the tanh. The published one is not known; this one is calibrated to
        the published 136 input spikes an image. A lower gain drives more weights to the
        outer levels: fewer input spikes, lower accuracy.
    rate : float
        Step of the gradient descent at the start; falls linearly to zero. In units of
        1 / gain^2, which makes it independent of the gain.
    epochs, batch : int
    rounded_from : float
        Fraction of the epochs after which the forward pass is rounded; 1: never.
    seed : int
    """

    gain: float = 0.17
    rate: float = 0.2
    epochs: int = 15
    batch: int = 100
    rounded_from: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("gain", "rate", "epochs", "batch"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    thing=f"training '{name}' must be positive", value=getattr(self, name)
                )


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """Result of a training.

    Parameters
    ----------
    weights : ndarray of int64, shape (classes, inputs)
        -4..+4.
    real_weights : ndarray, shape (classes, inputs)
        Before rounding.
    loss : ndarray, shape (epochs,)
        Mean squared error per epoch.
    """

    weights: NDArray[np.int64]
    real_weights: NDArray[np.float64]
    loss: NDArray[np.float64]


def round_weights(weights: ArrayLike) -> NDArray[np.int64]:
    """Round to the nine levels -4..+4."""
    rounded = np.round(np.asarray(weights, dtype=float))
    return np.clip(rounded, -LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int64)


def train(
    images: ArrayLike, labels: ArrayLike, *, classes: int = 10, settings: Training | None = None
) -> Trained:
    """Train on images of brightness 0..1.

    Parameters
    ----------
    images : array_like, shape (n, ...)
        Flattened to (n, inputs).
    labels : array_like of int, shape (n,)
    classes : int
    settings : Training, optional

    Raises
    ------
    DataError
        If images and labels do not belong together or leave 0..1.
    """
    s = settings or Training()
    x = brightness(images)
    x = x.reshape(len(x), -1)
    y = np.asarray(labels, dtype=np.int64)
    if len(x) != len(y) or len(x) == 0:
        raise DataError(thing="images and labels differ in number", value=(len(x), len(y)))
    if y.min() < 0 or y.max() >= classes:
        raise DataError(thing="label", value=int(y.max()), limit=f"0 to {classes - 1}")
    rng = np.random.default_rng(s.seed)
    target = -np.ones((len(y), classes))
    target[np.arange(len(y)), y] = 1.0
    weights = rng.normal(0.0, 0.3, (classes, x.shape[1]))
    limit = LARGEST_WEIGHT + 0.49
    loss = np.zeros(s.epochs)
    for epoch in range(s.epochs):
        order = rng.permutation(len(y))
        step = s.rate / s.gain**2 * (1.0 - epoch / s.epochs)
        for start in range(0, len(y), s.batch):
            part = order[start : start + s.batch]
            seen = round_weights(weights) if epoch >= s.rounded_from * s.epochs else weights
            output = np.tanh(s.gain * x[part] @ seen.T)
            error = output - target[part]
            loss[epoch] += np.sum(error**2) / len(y)
            slope = (error * (1.0 - output**2)).T @ x[part] * (s.gain / len(part))
            weights = np.clip(weights - step * slope, -limit, limit)
    return Trained(weights=round_weights(weights), real_weights=weights, loss=loss)
