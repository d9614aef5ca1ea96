"""Compiled kernels: pulses on devices, one by one and row by row.

Everywhere: `w` weights, float32, shape (inputs, outputs); `planes` (4, inputs, outputs),
per device: low end, span, scale of up and of down steps; `law` (2, KNOTS), the up and down
step tables in units of the span; `noise` (4,): relative noise up, down, absolute floor
up, down; `bounds` (2,): lowest and highest place in the window; `rng` the generator's state.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from cosim.network.blocks import pulse_blocks
from cosim.network.lanes import LANES
from cosim.network.random import GAUSS, next_gauss

# Several coincidences of one train move a device in one step as long as they cannot
# take it further than this share of its window; the error is of second order in it.
LUMPED = np.float32(0.02)
ALL = np.int32((1 << LANES) - 1)


@nb.njit(inline="always", error_model="numpy")
def mean_step(u: Any, table: Any) -> Any:
    """Linear interpolation of a step table at `u`, flat outside 0..1."""
    last = table.shape[0] - 1
    t = min(max(u, np.float32(0.0)), np.float32(1.0)) * np.float32(last)
    k = min(int(t), last - 1)
    return table[k] + (t - np.float32(k)) * (table[k + 1] - table[k])


@nb.njit(inline="always", error_model="numpy")
def some_pulses(
    w: Any, i: Any, j: Any, n: Any, up: Any, planes: Any, law: Any, noise: Any, bounds: Any,
    rng: Any,
) -> None:  # fmt: skip
    """`n` full pulses of one sign on device (i, j)."""
    side = 0 if up else 1
    low, span = planes[0, i, j], planes[1, i, j]
    scale = planes[2, i, j] if up else -planes[3, i, j]
    u = (w[i, j] - low) / span
    table = law[side]
    while n > 0:
        mean = mean_step(u, table) * scale
        m = 1
        if n > 1 and np.float32(n) * abs(mean) < LUMPED:
            m = n
        n -= m
        step = mean * np.float32(m)
        sigma = abs(mean) * noise[side]
        floor = noise[2 + side]
        if sigma > np.float32(0.0) or floor > np.float32(0.0):
            # Independent noise of m pulses adds in the square.
            root = np.float32(1.0) if m == 1 else np.sqrt(np.float32(m))
            step += root * sigma * next_gauss(rng, GAUSS)
            if floor > np.float32(0.0):
                step += root * floor * next_gauss(rng, GAUSS)
        u = min(max(u + step, bounds[0]), bounds[1])
    w[i, j] = low + u * span


@nb.njit(inline="always", error_model="numpy")
def whole_blocks(size: Any) -> Any:
    """The next multiple of the number of lanes."""
    return (size + LANES - 1) // LANES * LANES


@nb.njit(inline="always", error_model="numpy")
def lowest_bit(word: Any) -> Any:
    """Place of the lowest set bit of a number that is not 0."""
    place = 0
    while (word >> place) & 1 == 0:
        place += 1
    return place


@nb.njit(cache=True, error_model="numpy")
def pulse_row(
    row: Any, w: Any, planes: Any, law: Any, noise: Any, bounds: Any, numbers: Any, sides: Any,
    up: Any, read: Any, rng: Any,
) -> None:  # fmt: skip
    """Pulses on the devices of one row: the same as `some_pulses` one after the other.

    Parameters
    ----------
    numbers, sides : int32
        Pulses and signs of every column, zeros up to `whole_blocks`.
    up : int32
        The sign that raises.
    read : int32
        1 where a random number is left out before every column, pulsed or not; else 0.
    """
    rng[0], k, hard = pulse_blocks(
        w, planes, numbers, sides, law, noise, bounds, GAUSS, up, row * w.shape[1], 0, ALL, read,
        LUMPED, rng[0],
    )  # fmt: skip
    if hard != 0:
        pulse_rest(k, hard, row, w, planes, law, noise, bounds, numbers, sides, up, read, rng)


@nb.njit(cache=True, error_model="numpy")
def pulse_rest(
    k: Any, hard: Any, row: Any, w: Any, planes: Any, law: Any, noise: Any, bounds: Any,
    numbers: Any, sides: Any, up: Any, read: Any, rng: Any,
) -> None:  # fmt: skip
    """What `pulse_blocks` left of a row: devices in `hard` from column `k` on, and the rest."""
    while hard != 0:
        j = k + lowest_bit(hard)
        some_pulses(w, row, j, numbers[j], sides[j] == up, planes, law, noise, bounds, rng)
        lanes = ALL & ~np.int32((2 << (j - k)) - 1)
        rng[0], k, hard = pulse_blocks(
            w, planes, numbers, sides, law, noise, bounds, GAUSS, up, row * w.shape[1], k, lanes,
            read, LUMPED, rng[0],
        )  # fmt: skip


@nb.njit(cache=True, error_model="numpy")
def pulse_each(
    w: Any, counts: Any, planes: Any, law: Any, noise: Any, bounds: Any, rng: Any
) -> None:
    """Apply a signed number of pulses to every device; `counts` int, shape of `w`."""
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            n = counts[i, j]
            if n != 0:
                some_pulses(w, i, j, abs(n), n > 0, planes, law, noise, bounds, rng)
