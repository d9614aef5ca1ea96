"""Compiled kernels: parallel updates of arrays of devices.

Arguments as in `cosim.network.pulses`.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from cosim.network.blocks import count_bits, pulse_blocks
from cosim.network.pulses import (
    ALL,
    LUMPED,
    mean_step,
    pulse_each,
    pulse_rest,
    some_pulses,
    whole_blocks,
)
from cosim.network.random import GAUSS
from cosim.network.trains import LONGEST_TRAIN, bit_train, train_length

__all__ = ["LONGEST_TRAIN", "bit_train", "mixed_batch", "pulse_each", "pulse_outer", "sgd_batch"]


@nb.njit(inline="always", error_model="numpy")
def together(own: Any, words: Any, numbers: Any) -> Any:
    """Coincidences of one row's train with every column's; their sum."""
    total = np.int32(0)
    for j in range(words.shape[0]):
        count = np.int32(count_bits(own & words[j]))
        numbers[j] = count
        total += count
    return total


@nb.njit(cache=True, error_model="numpy")
def pulse_outer(
    w: Any,
    planes: Any,
    law: Any,
    noise: Any,
    bounds: Any,
    x: Any,
    d: Any,
    strength: Any,
    longest: Any,
    managed: Any,
    half: Any,
    bits_x: Any,
    bits_d: Any,
    rng: Any,
) -> Any:
    """Parallel update ``w += rate * outer(x, d)`` by coincidence of stochastic pulse trains.

    `half` is the half-select ratio k; with k > 0 every device on a pulsed line moves.
    Returns the number of coincidences.
    """
    length, factor_x, factor_d = train_length(x, d, strength, longest, managed)
    if length == 0:
        return 0
    bit_train(x, factor_x, length, bits_x, rng)
    bit_train(d, factor_d, length, bits_d, rng)
    size = d.shape[0]
    room = whole_blocks(size)
    words = np.zeros(room, np.uint64)
    numbers = np.zeros(room, np.int32)
    negative = np.zeros(room, np.int32)
    for j in range(size):
        words[j] = bits_d[j]
        negative[j] = d[j] < 0.0
    total = 0
    for i in range(x.shape[0]):
        own = bits_x[i]
        if own == np.uint64(0):
            continue
        found = together(own, words, numbers)
        if found > 0:
            total += found
            # As `pulse_row`, whose call would count references to every array, row by row.
            up = np.int32(x[i] < 0.0)
            rng[0], k, hard = pulse_blocks(
                w, planes, numbers, negative, law, noise, bounds, GAUSS, up, i * size, 0, ALL,
                np.int32(0), LUMPED, rng[0],
            )  # fmt: skip
            if hard != 0:
                pulse_rest(
                    k, hard, i, w, planes, law, noise, bounds, numbers, negative, up,
                    np.int32(0), rng,
                )  # fmt: skip
    if half > 0.0:
        disturb(w, planes, law, bounds, x, d, half, bits_x, bits_d)
    return total


@nb.njit(cache=True, error_model="numpy")
def disturb(
    w: Any, planes: Any, law: Any, bounds: Any, x: Any, d: Any, half: Any, bits_x: Any, bits_d: Any
) -> None:
    """Mean effect of half-selected pulses.

    Lines of positive and of negative inputs meet lines of positive and of negative errors
    one pair of signs after the other; the pulses of a pair are up where the signs are equal
    and down where they differ. A line repeats its train, at half the voltage, for each sign
    among the lines of the other kind that fire: with inputs of one sign (pixels) a column
    fires once. A device sees the pulses of its row and of its column, less the
    coincidences in the pair of its own update.
    """
    size = d.shape[0]
    # Whether lines of positive (0) and of negative (1) sign fire.
    rows, columns = np.zeros(2, np.float32), np.zeros(2, np.float32)
    for i in range(x.shape[0]):
        if bits_x[i] != np.uint64(0):
            rows[1 if x[i] < 0.0 else 0] = 1.0
    ups_d, downs_d = np.zeros(size, np.float32), np.zeros(size, np.float32)
    negative = np.zeros(size, np.bool_)
    every, firing, count = np.arange(size), np.empty(size, np.int64), 0
    for j in range(size):
        pulses = np.float32(count_bits(bits_d[j]))
        if pulses > 0.0:
            firing[count] = j
            count += 1
            sign = 1 if d[j] < 0.0 else 0
            negative[j] = sign == 1
            columns[sign] = 1.0
            ups_d[j] = pulses * rows[sign]
            downs_d[j] = pulses * rows[1 - sign]
    for i in range(x.shape[0]):
        own = bits_x[i]
        pulses = np.float32(count_bits(own))
        sign = 1 if x[i] < 0.0 else 0
        ups_x, downs_x = pulses * columns[sign], pulses * columns[1 - sign]
        low, span, rise, fall = planes[0, i], planes[1, i], planes[2, i], planes[3, i]
        # Where a row rests only the columns that fire do anything.
        for j in every if pulses > 0.0 else firing[:count]:
            met = np.float32(2 * count_bits(own & bits_d[j]))
            lifted = negative[j] == (sign == 1)
            ups = ups_x + ups_d[j] - (met if lifted else np.float32(0.0))
            downs = downs_x + downs_d[j] - (np.float32(0.0) if lifted else met)
            u = (w[i, j] - low[j]) / span[j]
            u += half * ups * mean_step(u, law[0]) * rise[j]
            u -= half * downs * mean_step(u, law[1]) * fall[j]
            w[i, j] = low[j] + min(max(u, bounds[0]), bounds[1]) * span[j]


@nb.njit(cache=True, error_model="numpy")
def sgd_batch(
    w: Any,
    planes: Any,
    law: Any,
    noise: Any,
    bounds: Any,
    xs: Any,
    ds: Any,
    strength: Any,
    longest: Any,
    managed: Any,
    half: Any,
    rng: Any,
) -> Any:
    """Plain analog SGD: one parallel update per sample; returns the number of pulses."""
    bits_x = np.zeros(xs.shape[1], np.uint64)
    bits_d = np.zeros(ds.shape[1], np.uint64)
    total = 0
    for s in range(xs.shape[0]):
        total += pulse_outer(
            w, planes, law, noise, bounds, xs[s], ds[s], strength, longest, managed, half,
            bits_x, bits_d, rng,
        )  # fmt: skip
    return total


@nb.njit(cache=True, error_model="numpy")
def mixed_batch(
    w: Any,
    planes: Any,
    law: Any,
    noise: Any,
    bounds: Any,
    chi: Any,
    xs: Any,
    ds: Any,
    rate: Any,
    grain: Any,
    rng: Any,
) -> Any:
    """Mixed precision: the gradient in a digital matrix, pulses for its whole multiples."""
    touched = np.zeros(w.shape[0], np.uint8)
    for s in range(xs.shape[0]):
        for i in range(w.shape[0]):
            v = rate * xs[s, i]
            if v != 0.0:
                touched[i] = 1
                for j in range(w.shape[1]):
                    chi[i, j] += v * ds[s, j]
    total = 0
    for i in range(w.shape[0]):
        if touched[i]:
            for j in range(w.shape[1]):
                n = int(chi[i, j] / grain)
                if n != 0:
                    chi[i, j] -= n * grain
                    total += abs(n)
                    some_pulses(w, i, j, abs(n), n > 0, planes, law, noise, bounds, rng)
    return total
