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

from cosim.network.random import GAUSS, STRIDE, mix, next_gauss

LONGEST_TRAIN = 63


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
def pulse_each(
    w: Any, counts: Any, fixed: Any, law: Any, noise: Any, bounds: Any, rng: Any
) -> None:
    """Apply a signed number of pulses to every device; `counts` int, shape of `w`."""
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            n = counts[i, j]
            if n != 0:
                some_pulses(w, i, j, abs(n), n > 0, fixed, law, noise, bounds, rng)


@nb.njit(inline="always")
def count_bits(word: Any) -> Any:
    """Number of set bits of a uint64."""
    v = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    v = (v & np.uint64(0x3333333333333333)) + ((v >> np.uint64(2)) & np.uint64(0x3333333333333333))
    v = (v + (v >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((v * np.uint64(0x0101010101010101)) >> np.uint64(56))


@nb.njit(cache=True, error_model="numpy")
def bit_train(values: Any, factor: Any, length: Any, bits: Any, rng: Any) -> None:
    """Stochastic pulse trains: bit b of `bits[k]` is set with probability |values[k]| factor.

    All bits of a train are made at once from the binary digits of the probability, last
    digit first: OR with a random word for a one, AND for a zero. The 16 digits are rounded
    up or down by chance, so that small probabilities are right on average.
    """
    full = (np.uint64(1) << np.uint64(length)) - np.uint64(1)
    counter = rng[0]
    for k in range(values.shape[0]):
        p = abs(values[k]) * factor
        word = np.uint64(0)
        if p >= 1.0:
            word = full
        elif p > 0.0:
            counter += STRIDE
            draw = np.float32(mix(counter) >> np.uint64(40)) * np.float32(2.0**-24)
            digits = np.uint32(np.float32(p) * np.float32(65536.0) + draw)
            if digits >= np.uint32(65536):
                word = full
            elif digits > np.uint32(0):
                left = 16
                while digits & np.uint32(1) == np.uint32(0):
                    digits >>= np.uint32(1)
                    left -= 1
                for _ in range(left):
                    counter += STRIDE
                    if digits & np.uint32(1):
                        word |= mix(counter)
                    else:
                        word &= mix(counter)
                    digits >>= np.uint32(1)
                word &= full
        bits[k] = word
    rng[0] = counter


@nb.njit(cache=True, error_model="numpy")
def train_length(x: Any, d: Any, strength: Any, longest: Any, managed: Any) -> Any:
    """Length of the pulse train and the factors on x and d (update management).

    `strength` is the learning rate over the step at the symmetry point. Returns
    (length, factor_x, factor_d) with ``length * factor_x * factor_d = strength``.
    """
    top_x, top_d = 0.0, 0.0
    for k in range(x.shape[0]):
        top_x = max(top_x, abs(x[k]))
    for k in range(d.shape[0]):
        top_d = max(top_d, abs(d[k]))
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
    active = np.empty(d.shape[0], np.int32)
    count = 0
    for j in range(d.shape[0]):
        if bits_d[j] != np.uint64(0):
            active[count] = j
            count += 1
    for i in range(x.shape[0]):
        if bits_x[i] == np.uint64(0):
            continue
        for a in range(count):
            j = active[a]
            both = bits_x[i] & bits_d[j]
            if both != np.uint64(0):
                up = (x[i] > 0.0) == (d[j] > 0.0)
                n = count_bits(both)
                total += n
                some_pulses(w, i, j, n, up, fixed, law, noise, bounds, rng)
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
