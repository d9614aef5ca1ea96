"""Compiled kernels: stochastic pulse trains, 64 bits at a time."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from cosim.network.blocks import count_bits
from cosim.network.random import STRIDE, mix

LONGEST_TRAIN = 63
DIGITS = 16


@nb.njit(cache=True, error_model="numpy")
def bit_train(values: Any, factor: Any, length: Any, bits: Any, rng: Any) -> None:
    """Stochastic pulse trains: bit b of `bits[k]` is set with probability |values[k]| factor.

    All bits of a train are made at once from the binary digits of the probability, last
    digit first: OR with a random word for a one, AND for a zero. The 16 digits are rounded
    up or down by chance, so that small probabilities are right on average.
    """
    one = np.uint64(1)
    full = (one << np.uint64(length)) - one
    counter = rng[0]
    for k in range(values.shape[0]):
        p = abs(values[k]) * factor
        word = np.uint64(0)
        if p >= 1.0:
            word = full
        elif p > 0.0:
            counter += STRIDE
            draw = np.float32(mix(counter) >> np.uint64(40)) * np.float32(2.0**-24)
            digits = np.uint64(np.float32(p) * np.float32(65536.0) + draw)
            if digits >= np.uint64(65536):
                word = full
            elif digits > np.uint64(0):
                # Number of digits from the last one that is set.
                left = np.uint64(DIGITS) - np.uint64(count_bits((digits & (~digits + one)) - one))
                digits >>= np.uint64(DIGITS) - left
                at = counter
                counter += left * STRIDE
                for _ in range(left):
                    at += STRIDE
                    draws = mix(at)
                    # A mask instead of a branch: digits cannot be foretold.
                    chosen = np.uint64(0) - (digits & one)
                    word = (word & draws) | (chosen & (word | draws))
                    digits >>= one
                word &= full
        bits[k] = word
    rng[0] = counter


@nb.njit(cache=True, error_model="numpy")
def train_length(x: Any, d: Any, strength: Any, longest: Any, managed: Any) -> Any:
    """Length of the pulse train and the factors on x and d (update management).

    `strength` is the learning rate over the step at the symmetry point. Returns
    (length, factor_x, factor_d) with ``length * factor_x * factor_d = strength``.
    """
    top_x, top_d = largest(x), largest(d)
    wanted = strength * top_x * top_d
    if wanted <= 0.0:
        return 0, 0.0, 0.0
    length = longest
    if managed:
        length = min(longest, max(1, int(np.ceil(wanted))))
        root = np.sqrt(strength / length)
        balance = np.sqrt(top_d / top_x)
        return length, root * balance, root / balance
    root = np.sqrt(strength / length)
    return length, root, root


@nb.njit(cache=True, error_model="numpy")
def largest(values: Any) -> Any:
    """Largest magnitude, float64."""
    top = np.float32(0.0)
    for k in range(values.shape[0]):
        top = max(top, abs(values[k]))
    return np.float64(top)
