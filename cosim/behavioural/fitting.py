"""Smooth positive response curves from noisy steps.

A penalised cubic B-spline of the logarithm of the step, fitted by quasi-likelihood
with variance ``phi mu^2 + tau^2`` (Eilers and Marx, Stat. Sci. 11, 89 (1996);
Wedderburn, Biometrika 61, 439 (1974)). The logarithm keeps the curve positive where
single steps are negative, the variance gives small steps near the ends of the window
the same relative weight as large ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

FloatArray = NDArray[np.floating[Any]]

INTERVALS = 24
PENALTIES = tuple(10.0**p for p in range(-6, 5))


@dataclass(frozen=True, kw_only=True)
class StepFit:
    """A fitted response curve.

    Parameters
    ----------
    steps : ndarray, shape (knots,)
        Mean step at equally spaced u in 0..1.
    noise : float
        Relative standard deviation around the curve.
    noise_floor : float
        Standard deviation that does not scale with the step.
    used : tuple of float
        Range of u that held data; outside it the curve is held flat at its end.
    """

    steps: FloatArray
    noise: float
    noise_floor: float
    used: tuple[float, float]


def _basis(u: FloatArray, low: float, high: float) -> FloatArray:
    knots = np.linspace(low, high, INTERVALS + 1)
    pad = knots[1] - knots[0]
    full = np.concatenate([low - pad * np.arange(3, 0, -1), knots, high + pad * np.arange(1, 4)])
    inside = np.clip(u, low, high - 1e-12 * (high - low))
    return np.asarray(BSpline.design_matrix(inside, full, 3).toarray(), float)


def fit_steps(u: FloatArray, steps: FloatArray, knots: int = 65) -> StepFit:
    """Fit mean step magnitude against normalised conductance.

    Parameters
    ----------
    u : ndarray, shape (n,)
        Normalised conductance before each pulse.
    steps : ndarray, shape (n,)
        Step in the pulse's own direction, single values may be negative.
    knots : int
        Points of the returned table.
    """
    order = np.argsort(u)
    u, steps = np.asarray(u, float)[order], np.asarray(steps, float)[order]
    low, high = float(u[0]), float(u[-1])
    # A device held at a hard end of its range tells nothing about the slope beside it.
    pinned = ((u == low) | (u == high)) & (steps == 0.0)
    if u.size - pinned.sum() >= 20:
        u, steps = u[~pinned], steps[~pinned]
        low, high = float(u[0]), float(u[-1])
    high = max(high, low + 1e-6)
    bins = np.array_split(np.arange(u.size), max(min(u.size // 6, 60), 4))
    means = np.array([steps[b].mean() for b in bins])
    floor = max(float(np.abs(means).max()) * 1e-5, 1e-12)
    # Noise that stays where the mean step has nearly vanished cannot be multiplicative.
    small = np.argsort(means)[: max(len(bins) // 8, 1)]
    local = [_detrended_spread(u[bins[k]], steps[bins[k]]) for k in small]
    tau = float(np.median(local))

    basis = _basis(u, low, high)
    penalty = np.diff(np.eye(basis.shape[1]), n=2, axis=0)
    penalty = penalty.T @ penalty
    centres = np.array([u[b].mean() for b in bins])
    eta = np.interp(u, centres, np.log(np.maximum(means, floor)))
    best: tuple[float, FloatArray] | None = None
    for weight in PENALTIES:
        coefficients, trace, loss = _solve(basis, penalty, steps, eta, tau, weight, floor)
        score = loss / max(1.0 - trace / u.size, 1e-3) ** 2
        if best is None or score < best[0] * (1.0 - 1e-9):
            best = (score, coefficients)
    assert best is not None
    coefficients = best[1]
    mean = np.exp(basis @ coefficients)
    residual = steps - mean
    # The floor is capped by the total spread, so that the two parts add up to it.
    strong = mean >= 0.25 * mean.max()
    total = float(np.sqrt(np.mean((residual[strong] / mean[strong]) ** 2)))
    part = float(np.sqrt(np.mean((tau / mean[strong]) ** 2)))
    noise = np.sqrt(max(total**2 - part**2, 0.0))
    grid = np.linspace(0.0, 1.0, knots)
    curve = np.exp(_basis(np.clip(grid, low, high), low, high) @ coefficients)
    return StepFit(steps=curve, noise=float(noise), noise_floor=tau, used=(low, high))


def _detrended_spread(u: FloatArray, steps: FloatArray) -> float:
    if steps.size < 4 or np.ptp(u) == 0.0:
        return float(np.std(steps))
    slope, offset = np.polyfit(u - u.mean(), steps, 1)
    return float(np.std(steps - offset - slope * (u - u.mean())))


def _solve(
    basis: FloatArray,
    penalty: FloatArray,
    steps: FloatArray,
    eta: FloatArray,
    tau: float,
    weight: float,
    floor: float,
) -> tuple[FloatArray, float, float]:
    coefficients = np.zeros(basis.shape[1])
    lowest = np.log(floor)
    highest = np.log(max(float(np.abs(steps).max()), floor) * 10.0)
    for _ in range(25):
        mean = np.exp(np.clip(eta, lowest, highest))
        w = mean**2 / (mean**2 + tau**2)
        target = np.log(mean) + np.clip((steps - mean) / mean, -3.0, 3.0)
        gram = basis.T @ (basis * w[:, None])
        system = gram + weight * penalty + 1e-10 * np.eye(len(gram))
        updated = np.linalg.solve(system, basis.T @ (w * target))
        eta = basis @ updated
        change = float(np.abs(updated - coefficients).max())
        coefficients = updated
        if change < 1e-8:
            break
    mean = np.exp(np.clip(eta, lowest, highest))
    loss = float(np.sum((steps - mean) ** 2 / (mean**2 + tau**2)))
    trace = float(np.trace(np.linalg.solve(system, gram)))
    return coefficients, trace, loss
