"""Compiled kernels of the Tiki-Taka family.

The gradient goes to a fast array A by parallel pulses. Row by row A is read and passed
on to the weights C, directly (version 1) or through a digital matrix H that pulses C
when it has gathered a whole step (version 2 and later).

A transfer opens the word line of its row alone and grounds the columns that rest, so no
device of C is half-selected; the parallel pulses on A, with all rows open, half-select.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from cosim.network.kernels import pulse_outer
from cosim.network.pulses import pulse_row, some_pulses, whole_blocks
from cosim.network.random import GAUSS, next_gauss, next_uniform

PLAIN, FILTERED, CHOPPED, DYNAMIC = 0, 1, 2, 3


@nb.njit(cache=True, error_model="numpy")
def quiet_row(
    row: Any, mode: Any, a: Any, c: Any, c_planes: Any, c_law: Any, c_noise: Any, c_bounds: Any,
    h: Any, reference: Any, average: Any, gain: Any, grain: Any, memory: Any, rng: Any,
) -> Any:  # fmt: skip
    """`transfer_row` without reading noise: nothing hangs on the device before."""
    size = a.shape[1]
    line, gathered, means, zero = a[row], h[row], average[row], reference[row]
    room = whole_blocks(size)
    numbers, sides = np.zeros(room, np.int32), np.zeros(room, np.int32)
    if mode == DYNAMIC:
        for j in range(size):
            means[j] += memory * (line[j] - means[j])
    found = 0
    for j in range(size):
        gathered[j] += gain * (line[j] - zero[j])
        steps = gathered[j] / grain
        n = (1 if steps >= 1.0 else 0) - (1 if steps <= -1.0 else 0)
        gathered[j] -= n * grain
        numbers[j] = abs(n)
        sides[j] = n < 0
        found += abs(n)
    # Every reading takes a random number, also where it has no noise.
    up, read = np.int32(0), np.int32(1)
    pulse_row(row, c, c_planes, c_law, c_noise, c_bounds, numbers, sides, up, read, rng)
    return found


@nb.njit(cache=True, error_model="numpy")
def transfer_row(
    row: Any,
    mode: Any,
    a: Any,
    c: Any,
    c_planes: Any,
    c_law: Any,
    c_noise: Any,
    c_bounds: Any,
    h: Any,
    chop: Any,
    reference: Any,
    average: Any,
    gain: Any,
    grain: Any,
    read_sigma: Any,
    memory: Any,
    flip: Any,
    rng: Any,
) -> Any:
    """Read one row of A and move C by what it says. Returns pulses given to C.

    `gain` turns a reading of A into a wanted change of C; `memory` is the weight of the
    newest reading in the running average that becomes the next reference (dynamic mode);
    `flip` the probability that the row's chopper changes sign after the reading.
    """
    total = 0
    sign = chop[row]
    quiet = read_sigma == np.float32(0.0) and mode != PLAIN
    if quiet:
        total = quiet_row(
            row, mode, a, c, c_planes, c_law, c_noise, c_bounds, h, reference, average,
            gain * sign, grain, memory, rng,
        )  # fmt: skip
    for j in range(0 if quiet else a.shape[1]):
        reading = a[row, j] + read_sigma * next_gauss(rng, GAUSS)
        if mode == DYNAMIC:
            average[row, j] += memory * (reading - average[row, j])
        h[row, j] += gain * sign * (reading - reference[row, j])
        wanted = h[row, j] / grain
        if mode == PLAIN:
            # Without H: the nearest number of pulses on average, the rest by chance.
            n = int(np.floor(abs(wanted) + next_uniform(rng)))
            h[row, j] = 0.0
        else:
            n = min(int(abs(wanted)), 1)
            h[row, j] -= n * grain if wanted > 0.0 else -n * grain
        total += n
        if n > 0:
            some_pulses(c, row, j, n, wanted > 0.0, c_planes, c_law, c_noise, c_bounds, rng)
    if mode >= CHOPPED and next_uniform(rng) < flip:
        chop[row] = -sign
        if mode == DYNAMIC:
            for j in range(a.shape[1]):
                reference[row, j] = average[row, j]
    return total


@nb.njit(cache=True, error_model="numpy")
def transfer_batch(
    mode: Any,
    a: Any,
    a_planes: Any,
    a_law: Any,
    a_noise: Any,
    a_bounds: Any,
    c: Any,
    c_planes: Any,
    c_law: Any,
    c_noise: Any,
    c_bounds: Any,
    h: Any,
    chop: Any,
    reference: Any,
    average: Any,
    counter: Any,
    scales: Any,
    xs: Any,
    ds: Any,
    rate: Any,
    fast: Any,
    a_grain: Any,
    c_grain: Any,
    every: Any,
    reads: Any,
    lift: Any,
    read_sigma: Any,
    memory: Any,
    flip: Any,
    longest: Any,
    managed: Any,
    half: Any,
    rng: Any,
) -> Any:
    """Updates and transfers of a batch, sample after sample.

    Parameters beyond those of `transfer_row`
    ------------------------------------------
    every, reads : int
        Samples between two transfers, rows read at each.
    counter : int64 (2,)
        Samples seen, next row to read.
    scales : float64 (1,)
        Running mean of max|x| max|d|; the rate of A is set from it so that the strongest
        pair gets `fast` pulses a sample.
    lift : float
        Wanted change of C per reading of A relative to what was added to A.

    Returns
    -------
    (pulses on A, pulses on C)
    """
    bits_x = np.zeros(xs.shape[1], np.uint64)
    bits_d = np.zeros(ds.shape[1], np.uint64)
    chopped = np.empty(xs.shape[1], np.float32)
    on_a, on_c = 0, 0
    for s in range(xs.shape[0]):
        top_x, top_d = 0.0, 0.0
        for i in range(xs.shape[1]):
            chopped[i] = xs[s, i] * chop[i]
            top_x = max(top_x, abs(xs[s, i]))
        for j in range(ds.shape[1]):
            top_d = max(top_d, abs(ds[s, j]))
        top = top_x * top_d
        if top > 0.0:
            if scales[0] == 0.0:
                scales[0] = top
            scales[0] += 0.001 * (top - scales[0])
            strength = fast / scales[0]
            on_a += pulse_outer(
                a, a_planes, a_law, a_noise, a_bounds, chopped, ds[s], strength, longest, managed,
                half, bits_x, bits_d, rng,
            )  # fmt: skip
        counter[0] += 1
        if counter[0] % every == 0 and scales[0] > 0.0:
            # A gathers strength * a_grain per unit gradient, C is to gather rate.
            gain = lift * rate * scales[0] / (fast * a_grain)
            for _ in range(reads):
                on_c += transfer_row(
                    counter[1], mode, a, c, c_planes, c_law, c_noise, c_bounds, h, chop,
                    reference, average, gain, c_grain, read_sigma, memory, flip, rng,
                )  # fmt: skip
                counter[1] = (counter[1] + 1) % a.shape[0]
    return on_a, on_c
