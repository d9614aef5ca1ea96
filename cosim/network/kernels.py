"""Compiled kernels: pulses on arrays of devices.

Everywhere: `w` weights, float32, shape (inputs, outputs); `fixed` (inputs, outputs, 4),
per device: low end, span, scale of up and of down steps; `law` (2, K), the up and down
step tables in units of the span; `noise` (4,): relative noise up, down, absolute floor
up, down; `rng` the generator's state.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from cosim.network.random import GAUSS, GAUSS_BITS, STRIDE, mix, next_gauss
from cosim.network.trains import LONGEST_TRAIN, bit_train, count_bits, train_length

__all__ = ["LONGEST_TRAIN", "bit_train", "mixed_batch", "pulse_each", "pulse_outer", "sgd_batch"]

# Several coincidences of one train move a device in one step as long as they cannot
# take it further than this share of its window; the error is of second order in it.
LUMPED = np.float32(0.02)


@nb.njit(inline="always", error_model="numpy")
def mean_step(u: Any, table: Any) -> Any:
    """Linear interpolation of a step table at `u`, flat outside 0..1."""
    last = table.shape[0] - 1
    t = min(max(u, np.float32(0.0)), np.float32(1.0)) * np.float32(last)
    k = min(int(t), last - 1)
    return table[k] + (t - np.float32(k)) * (table[k + 1] - table[k])


@nb.njit(inline="always", error_model="numpy")
def some_pulses(
    w: Any, i: Any, j: Any, n: Any, up: Any, fixed: Any, law: Any, noise: Any, bounds: Any,
    rng: Any,
) -> None:  # fmt: skip
    """`n` full pulses of one sign on device (i, j)."""
    side = 0 if up else 1
    low, span = fixed[i, j, 0], fixed[i, j, 1]
    scale = fixed[i, j, 2 + side] if up else -fixed[i, j, 2 + side]
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


@nb.njit(cache=True, error_model="numpy")
def pulse_row(
    row: Any, w: Any, fixed: Any, law: Any, noise: Any, bounds: Any, hits: Any, places: Any,
    draws: Any, count: Any, rng: Any,
) -> None:  # fmt: skip
    """Pulses on `count` devices of one row: the same as `some_pulses` one after the other.

    Parameters
    ----------
    hits : int32 (5, outputs)
        Columns (all different), numbers of pulses, signs (0 up, 1 down), random numbers to
        leave out before each; room.
    places : float32 (8, outputs)
        Room.
    draws : uint64 (2, outputs)
        Room for the counters of the random numbers.

    Notes
    -----
    Many loops instead of one: those without look-ups, branches or a running state are
    compiled to work on many devices at once.
    """
    last = np.int32(law.shape[1] - 1)
    top = np.float32(last)
    lowest, highest = bounds[0], bounds[1]
    columns, numbers, sides, gaps, knots = hits[0], hits[1], hits[2], hits[3], hits[4]
    us, lows, spans, scales, means = places[0], places[1], places[2], places[3], places[4]
    parts, slopes, floors = places[5], places[6], places[7]
    first, second = draws[0], draws[1]
    line, devices = w[row], fixed[row]
    for k in range(count):
        j = np.uint32(columns[k])
        us[k] = line[j]
        lows[k] = devices[j, 0]
        spans[k] = devices[j, 1]
        scales[k] = devices[j, 3] if sides[k] else devices[j, 2]
    for k in range(count):
        u = (us[k] - lows[k]) / spans[k]
        t = min(max(u, np.float32(0.0)), np.float32(1.0)) * top
        knot = min(np.int32(t), last - np.int32(1))
        us[k] = u
        knots[k] = knot
        parts[k] = t - np.float32(knot)
    for k in range(count):
        side, at = np.uint32(sides[k]), np.uint32(knots[k])
        left = law[side, at]
        means[k] = left
        slopes[k] = law[side, at + np.uint32(1)] - left
    for k in range(count):
        size = means[k] + parts[k] * slopes[k]
        means[k] = size * (-scales[k] if sides[k] else scales[k])
    counter = rng[0]
    rough = noise[2] > np.float32(0.0) or noise[3] > np.float32(0.0)
    for k in range(count):
        n = numbers[k]
        side = np.uint32(sides[k])
        size = abs(means[k])
        counter += np.uint64(gaps[k]) * STRIDE
        if n == 1 or np.float32(n) * size < LUMPED:
            floor = noise[np.uint32(2) + side]
            sigma = size * noise[side]
            if floor > np.float32(0.0) or sigma > np.float32(0.0):
                counter += STRIDE
                first[k] = counter
            if floor > np.float32(0.0):
                counter += STRIDE
                second[k] = counter
            slopes[k] = sigma
            floors[k] = floor
        else:
            rng[0] = counter
            some_pulses(w, row, columns[k], n, side == 0, fixed, law, noise, bounds, rng)
            numbers[k] = 0
            counter = rng[0]
    rng[0] = counter
    shift = np.uint64(64 - GAUSS_BITS)
    for k in range(count):
        n = np.float32(numbers[k])
        root = np.sqrt(n)
        step = means[k] * n + root * slopes[k] * GAUSS[mix(first[k]) >> shift]
        parts[k] = root
        means[k] = step
    if rough:
        for k in range(count):
            means[k] += parts[k] * floors[k] * GAUSS[mix(second[k]) >> shift]
    for k in range(count):
        u = min(max(us[k] + means[k], lowest), highest)
        us[k] = lows[k] + u * spans[k]
    for k in range(count):
        if numbers[k] > 0:
            line[columns[k]] = us[k]


@nb.njit(cache=True, error_model="numpy")
def pulse_each(
    w: Any, counts: Any, fixed: Any, law: Any, noise: Any, bounds: Any, rng: Any
) -> None:
    """Apply a signed number of pulses to every device; `counts` int, shape of `w`."""
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            n = counts[i, j]
            if n != 0:
                some_pulses(w, i, j, abs(n), n > 0, fixed, law, noise, bounds, rng)


@nb.njit(cache=True, error_model="numpy")
def pulse_outer(
    w: Any,
    fixed: Any,
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
    total = 0
    size = d.shape[0]
    active = np.empty(size, np.int32)
    words = np.empty(size, np.uint64)
    together = np.empty(size, np.int32)
    places_of = np.empty(size + 1, np.uint32)
    negative = np.empty(size, np.int32)
    hits = np.zeros((5, size), np.int32)
    places = np.empty((8, size), np.float32)
    draws = np.zeros((2, size), np.uint64)
    count = 0
    for j in range(size):
        if bits_d[j] != np.uint64(0):
            active[count] = j
            words[count] = bits_d[j]
            negative[count] = 1 if d[j] < 0.0 else 0
            count += 1
    for i in range(x.shape[0]):
        own = bits_x[i]
        if own == np.uint64(0):
            continue
        turned = np.int32(1 if x[i] < 0.0 else 0)
        for a in range(count):
            together[a] = count_bits(own & words[a])
        found = 0
        for a in range(count):
            # Written always, kept only where the trains meet: no branch to guess.
            places_of[found] = a
            found += together[a] > 0
        for k in range(found):
            a = places_of[k]
            hits[0, k] = active[a]
            hits[1, k] = together[a]
            hits[2, k] = negative[a] ^ turned
            total += together[a]
        if found > 0:
            pulse_row(i, w, fixed, law, noise, bounds, hits, places, draws, found, rng)
    if half > 0.0:
        disturb(w, fixed, law, bounds, x, d, half, bits_x, bits_d)
    return total


@nb.njit(cache=True, error_model="numpy")
def disturb(
    w: Any, fixed: Any, law: Any, bounds: Any, x: Any, d: Any, half: Any, bits_x: Any, bits_d: Any
) -> None:
    """Mean effect of half-selected pulses.

    The update runs in an up and a down phase; a line fires its train once in each, at half
    the voltage and with the polarity of the phase. So a device sees the pulses of its row
    and of its column in both phases, less the coincidences in the phase of its own update.
    """
    pulses_d = np.empty(d.shape[0], np.float32)
    for j in range(d.shape[0]):
        pulses_d[j] = count_bits(bits_d[j])
    for i in range(x.shape[0]):
        pulses_x = np.float32(count_bits(bits_x[i]))
        for j in range(d.shape[0]):
            single = pulses_x + pulses_d[j]
            if single == 0.0:
                continue
            ups, downs = single, single
            both = bits_x[i] & bits_d[j]
            if both != np.uint64(0):
                n = 2.0 * count_bits(both)
                if (x[i] > 0.0) == (d[j] > 0.0):
                    ups -= n
                else:
                    downs -= n
            u = (w[i, j] - fixed[i, j, 0]) / fixed[i, j, 1]
            u += half * ups * mean_step(u, law[0]) * fixed[i, j, 2]
            u -= half * downs * mean_step(u, law[1]) * fixed[i, j, 3]
            w[i, j] = fixed[i, j, 0] + min(max(u, bounds[0]), bounds[1]) * fixed[i, j, 1]


@nb.njit(cache=True, error_model="numpy")
def sgd_batch(
    w: Any,
    fixed: Any,
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
            w, fixed, law, noise, bounds, xs[s], ds[s], strength, longest, managed, half,
            bits_x, bits_d, rng,
        )  # fmt: skip
    return total


@nb.njit(cache=True, error_model="numpy")
def mixed_batch(
    w: Any,
    fixed: Any,
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
                    some_pulses(w, i, j, abs(n), n > 0, fixed, law, noise, bounds, rng)
    return total
