"""Compiled kernels: products of vectors and weights with finite converters and noise."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from cosim.network.random import GAUSS, next_gauss


@nb.njit(cache=True, error_model="numpy")
def add_noise(values: Any, sigma: Any, rng: Any) -> None:
    """Add normal noise in place to a 2-D array."""
    for s in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[s, j] += sigma * next_gauss(rng, GAUSS)


# Sums may be reordered for speed; nan and inf keep their meaning.
@nb.njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def product(
    xs: Any, w: Any, transpose: Any, dac_step: Any, adc_step: Any, adc_bound: Any, sigma: Any,
    scale: Any, rng: Any,
) -> Any:  # fmt: skip
    """``xs @ w`` (or ``xs @ w.T``) through converters, with output noise.

    Every input vector is divided by its largest magnitude before the DAC (noise
    management); a step of 0 stands for an ideal converter. `sigma` in units of w.
    """
    batch = xs.shape[0]
    outs = w.shape[0] if transpose else w.shape[1]
    ys = np.zeros((batch, outs), np.float32)
    q = np.zeros(xs.shape, np.float32)
    tops = np.zeros(batch, np.float32)
    for s in range(batch):
        top = np.float32(0.0)
        for i in range(xs.shape[1]):
            top = max(top, abs(xs[s, i]))
        tops[s] = top
        if top > 0.0:
            inverse = np.float32(1.0) / top
            for i in range(xs.shape[1]):
                v = xs[s, i] * inverse
                if dac_step > 0.0:
                    v = np.rint(v / dac_step) * dac_step
                q[s, i] = v
    if transpose:
        for s in range(batch):
            for i in range(outs):
                total = np.float32(0.0)
                for j in range(w.shape[1]):
                    total += q[s, j] * w[i, j]
                ys[s, i] = total
    elif batch < 4:
        # Input vectors are mostly zeros after quantisation: skip their rows.
        for s in range(batch):
            for i in range(w.shape[0]):
                v = q[s, i]
                if v != 0.0:
                    for j in range(outs):
                        ys[s, j] += v * w[i, j]
    else:
        ys = np.dot(q, w)
    for s in range(batch):
        factor = tops[s] * scale
        for j in range(outs):
            v = ys[s, j]
            if sigma > 0.0:
                v += sigma * next_gauss(rng, GAUSS)
            if adc_step > 0.0:
                v = np.rint(v / adc_step) * adc_step
            if v > adc_bound:
                v = adc_bound
            elif v < -adc_bound:
                v = -adc_bound
            ys[s, j] = v * factor
    return ys
