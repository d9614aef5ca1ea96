"""Compiled loops of the spiking rung: spike trains and the event-driven neuron.

Everything is piecewise linear in time, so nothing is stepped: a membrane moves at a
constant slope during a read pulse, and its threshold crossing is solved exactly.
Random numbers come from a counter (splitmix64) started by (seed, image), so a train
depends on neither the order of the images nor the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange

POISSON, REGULAR, LATENCY = 0, 1, 2

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0  # 2^-53


@njit(cache=True)
def _uniform(state):  # type: ignore[no-untyped-def]
    """Next number in (0, 1) of the counter in ``state[0]``."""
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    z = z ^ (z >> _S31)
    return (float(z >> _S11) + 0.5) * _UNIT


@njit(cache=True)
def train(image, code, rate, slot, jitter, seed, number, times, pixels):  # type: ignore[no-untyped-def]
    """Write the spike train of one image; returns the number of events.

    `image` holds brightness 0..1, `rate` is the spike rate of brightness 1 [1/s].
    POISSON: independent exponential intervals. REGULAR: period 1 / (rate x), random
    phase, relative `jitter`. LATENCY: one spike a pixel at (1 - x) / rate, repeated.
    The bus is serial: an event waits until `slot` after the one before it.
    """
    state = np.empty(1, dtype=np.uint64)
    state[0] = np.uint64(seed) * _MIX1 + np.uint64(number) * _MIX2
    inputs, room = image.size, times.size
    total = image.sum()
    if total <= 0.0 or room == 0:
        return 0
    previous, clock, count = -math.inf, 0.0, 0
    if code == POISSON:
        cumulative = np.cumsum(image)
        while count < room:
            clock -= math.log(_uniform(state)) / (rate * total)
            target = _uniform(state) * total
            pixel = min(np.searchsorted(cumulative, target, side="right"), inputs - 1)
            previous = max(clock, previous + slot)
            times[count], pixels[count] = previous, pixel
            count += 1
        return count
    due = np.full(inputs, math.inf)
    for i in range(inputs):
        if image[i] > 0.0:
            if code == REGULAR:
                due[i] = _uniform(state) / (rate * image[i])
            else:
                due[i] = (1.0 - image[i]) / rate
    while count < room:
        pixel = np.argmin(due)
        previous = max(due[pixel], previous + slot)
        times[count], pixels[count] = previous, pixel
        count += 1
        if code == REGULAR:
            # Sum of twelve uniforms less six: near enough to normal, and bounded.
            normal = -6.0
            for _ in range(12):
                normal += _uniform(state)
            due[pixel] += max(0.05, 1.0 + jitter * normal) / (rate * image[pixel])
        else:
            due[pixel] += 1.0 / rate
    return count


@njit(cache=True)
def _segment(v, free, ready, j, start, stop, slope, up, down, rail, timing, log, count):  # type: ignore[no-untyped-def]
    """Move membrane j at `slope` from `start` to `stop`; fires as often as it crosses."""
    refractory, reset, delay, _ = timing
    t = start
    while True:
        t = max(t, free[j])
        if t >= stop:
            return count
        if t < ready[j]:
            end = min(stop, ready[j])
            v[j] = min(rail, max(-rail, v[j] + slope * (end - t)))
            t = end
            if t >= stop:
                return count
        lag = delay
        if v[j] >= up[j] or v[j] <= down[j]:
            # Beyond the threshold when the refractory time ends: the comparator has long decided.
            crossing, lag = t, 0.0
        elif slope > 0.0:
            crossing = t + (up[j] - v[j]) / slope
        elif slope < 0.0:
            crossing = t + (down[j] - v[j]) / slope
        else:
            return count
        if crossing >= stop:
            v[j] = min(rail, max(-rail, v[j] + slope * (stop - t)))
            return count
        positive = v[j] >= up[j] or (v[j] > down[j] and slope > 0.0)
        if count < log.shape[0]:
            log[count, 0] = crossing + lag
            log[count, 1] = j
            log[count, 2] = 1.0 if positive else -1.0
        count += 1
        v[j] = 0.0
        free[j] = crossing + lag + reset
        ready[j] = crossing + lag + max(refractory, reset)
        t = crossing


@njit(cache=True)
def present(times, pixels, events, weights, up, down, drift, rail, pulse, timing, lead, log, score):  # type: ignore[no-untyped-def]
    """Play a train to a layer until one neuron leads by `lead` spikes.

    Writes output spikes (time, neuron, sign) to `log` and the signed counts to
    `score`; returns the events used, the spikes logged, and whether it was decided.
    """
    neurons, latency = weights.shape[0], timing[3]
    v, free, ready = np.zeros(neurons), np.zeros(neurons), np.zeros(neurons)
    score[:] = 0.0
    count = 0
    if events > 0 and times[0] > 0.0:
        for j in range(neurons):
            if drift[j] != 0.0:
                count = _segment(
                    v, free, ready, j, 0.0, times[0], drift[j], up, down, rail, timing, log, count
                )
    for e in range(events):
        t, pixel = times[e] + latency, pixels[e]
        following = times[e + 1] + latency if e + 1 < events else t + pulse + timing[0] + timing[1]
        before = count
        for j in range(neurons):
            slope = weights[j, pixel] / pulse + drift[j]
            count = _segment(
                v, free, ready, j, t, t + pulse, slope, up, down, rail, timing, log, count
            )
            count = _segment(
                v,
                free,
                ready,
                j,
                t + pulse,
                following,
                drift[j],
                up,
                down,
                rail,
                timing,
                log,
                count,
            )
        if count > log.shape[0]:
            return e + 1, log.shape[0], False
        for k in range(before if e else 0, count):
            score[int(log[k, 1])] += log[k, 2]
        first, second = -math.inf, -math.inf
        for j in range(neurons):
            if score[j] > first:
                first, second = score[j], first
            elif score[j] > second:
                second = score[j]
        if lead < math.inf and first - second >= lead:
            return e + 1, count, True
    return events, count, False


@njit(cache=True, parallel=True)
def classify(  # type: ignore[no-untyped-def]
    images,
    numbers,
    code,
    rate,
    slot,
    jitter,
    seed,
    room,
    weights,
    up,
    down,
    drift,
    rail,
    pulse,
    timing,
    lead,
    choice,
    used,
    fired,
    decided,
    span,
):
    """Classify many images; fills `choice`, `used`, `fired`, `decided`, `span` (one each)."""
    for n in prange(images.shape[0]):
        score = np.zeros(weights.shape[0])
        # Most images are decided early: a short train first, all of it only where that fails.
        length = min(room, 320)
        while True:
            times, pixels = np.empty(length), np.empty(length, dtype=np.int64)
            log = np.empty((64 * weights.shape[0] + 16 * length, 3))
            events = train(images[n], code, rate, slot, jitter, seed, numbers[n], times, pixels)
            e, spikes, sure = present(
                times, pixels, events, weights, up, down, drift, rail, pulse, timing, lead, log,
                score,
            )  # fmt: skip
            if sure or length == room or events < length:
                break
            length = room
        choice[n] = np.argmax(score)
        used[n], fired[n], decided[n] = e, spikes, sure
        span[n] = times[e - 1] if e > 0 else 0.0
