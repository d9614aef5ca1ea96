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
    size = values.shape[0]
    places = np.empty(size, np.uint32)
    digits, starts, words = (
        np.empty(size, np.uint64), np.empty(size, np.uint64), np.zeros(size, np.uint64),
    )  # fmt: skip
    count = 0
    counter = rng[0]
    for k in range(size):
        p = abs(values[k]) * factor
        bits[k] = full if p >= 1.0 else np.uint64(0)
        if 0.0 < p < 1.0:
            counter += STRIDE
            draw = np.float32(mix(counter) >> np.uint64(40)) * np.float32(2.0**-24)
            found = np.uint64(np.float32(p) * np.float32(65536.0) + draw)
            if found >= np.uint64(65536):
                bits[k] = full
            elif found > np.uint64(0):
                # Zeros at the end would do nothing, and take no random word.
                idle = np.uint64(count_bits((found & (~found + one)) - one))
                places[count], digits[count] = k, found
                starts[count] = counter - idle * STRIDE
                counter += (np.uint64(DIGITS) - idle) * STRIDE
                count += 1
    rng[0] = counter
    # Digit by digit for all values, which the compiler does for several at once.
    for b in range(DIGITS):
        ahead = np.uint64(b + 1) * STRIDE
        for n in range(count):
            draws = mix(starts[n] + ahead)
            chosen = np.uint64(0) - ((digits[n] >> np.uint64(b)) & one)
            words[n] = (words[n] & draws) | (chosen & (words[n] | draws))
    for n in range(count):
        bits[places[n]] = words[n] & full


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
