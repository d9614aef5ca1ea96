"""Smooth positive response curves from noisy steps.

A penalised cubic B-spline of the logarithm of the step, fitted by quasi-likelihood
with variance ``phi mu^2 + tau^2`` (Eilers and Marx, Stat. Sci. 11, 89 (1996);
Wedderburn, Biometrika 61, 439 (1974)). The logarithm keeps the curve positive where
single steps are negative, the variance gives small steps near the ends of the window
the same relative weight as large ones.

Saturation towards the end that a pulse drives to is what the physics leads one to expect:
curves are also fitted under that constraint, by an asymmetric penalty (Eilers, Comput.
Stat. Data Anal. 49, 61 (2005)). Smoothness, and whether the constraint holds, are chosen
by cross-validation with weights that do not depend on the candidate (weights of its own
would reward a curve that rises to its outliers), by the rule of one standard error (Hastie,
Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 7.10).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

FloatArray = NDArray[np.floating[Any]]

INTERVALS = 24
PENALTIES = tuple(10.0**p for p in (-6, -4, -3, -2, -1, 0, 1, 2, 3, 4))
FOLDS = 5
LARGEST = 600
# Of the asymmetric penalty, relative to the weight of the data.
STIFF = 1e4
Form = Literal["free", "monotone"]


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
    form : str
        ``"monotone"`` or ``"free"``, whichever predicts better.
    cross_validated : dict of str to float
        Root mean square error of steps that were left out, relative to the curve, for the
        best curve of either form.
    """

    steps: FloatArray
    noise: float
    noise_floor: float
    used: tuple[float, float]
    form: Form = "free"
    cross_validated: dict[str, float] = field(default_factory=dict)


def _basis(u: FloatArray, low: float, high: float) -> FloatArray:
    knots = np.linspace(low, high, INTERVALS + 1)
    pad = knots[1] - knots[0]
    full = np.concatenate([low - pad * np.arange(3, 0, -1), knots, high + pad * np.arange(1, 4)])
    inside = np.clip(u, low, high - 1e-12 * (high - low))
    return np.asarray(BSpline.design_matrix(inside, full, 3).toarray(), float)


def fit_steps(u: FloatArray, steps: FloatArray, knots: int = 65, *, saturates: int = 0) -> StepFit:
    """Fit mean step magnitude against normalised conductance.

    Parameters
    ----------
    u : ndarray, shape (n,)
        Normalised conductance before each pulse.
    steps : ndarray, shape (n,)
        Step in the pulse's own direction, single values may be negative.
    knots : int
        Points of the returned table.
    saturates : int
        +1 where steps should not grow with u (SET), -1 where they should not fall (RESET),
        0 to try no constraint.
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
    centres = np.array([u[b].mean() for b in bins])
    # Neighbours of large data sets are averaged: their mean says all about the curve.
    groups = np.array_split(np.arange(u.size), min(u.size, LARGEST))
    middle = np.array([u[g].mean() for g in groups])
    curve = _Curve(
        basis=_basis(middle, low, high),
        steps=np.array([steps[g].mean() for g in groups]),
        start=np.interp(middle, centres, np.log(np.maximum(means, floor))),
        tau=float(np.median(local)),
        floor=floor,
    )
    form, weight, errors = _choose(curve, saturates)
    coefficients = curve.fit(weight, saturates if form == "monotone" else 0)
    mean = np.exp(_basis(u, low, high) @ coefficients)
    residual = steps - mean
    # The floor is capped by the total spread, so that the two parts add up to it.
    strong = mean >= 0.25 * mean.max()
    total = float(np.sqrt(np.mean((residual[strong] / mean[strong]) ** 2)))
    part = float(np.sqrt(np.mean((curve.tau / mean[strong]) ** 2)))
    noise = np.sqrt(max(total**2 - part**2, 0.0))
    grid = np.linspace(0.0, 1.0, knots)
    return StepFit(
        steps=np.exp(_basis(np.clip(grid, low, high), low, high) @ coefficients),
        noise=float(noise),
        noise_floor=curve.tau,
        used=(low, high),
        form=form,
        cross_validated=errors,
    )


def _choose(curve: _Curve, saturates: int) -> tuple[Form, float, dict[str, float]]:
    """Form, penalty and cross-validated errors of the best curve of each form."""
    # The smoothest constrained curve knows how large steps are, and nothing of outliers.
    pilot = np.exp(curve.basis @ curve.fit(PENALTIES[-4], saturates))
    trust = 1.0 / (pilot**2 + curve.tau**2)
    fold = np.random.default_rng(0).permutation(curve.steps.size) % FOLDS
    forms: tuple[Form, ...] = ("monotone", "free") if saturates else ("free",)
    # From smooth to rough; the first that is good enough is taken.
    candidates = [(form, weight) for form in forms for weight in reversed(PENALTIES)]
    loss = np.zeros((len(candidates), curve.steps.size))
    for k in range(FOLDS):
        out = fold == k
        kept = curve.part(~out)
        for n, (form, weight) in enumerate(candidates):
            found = kept.fit(weight, saturates if form == "monotone" else 0)
            kept = replace(kept, start=kept.basis @ found)
            mean = np.exp(np.clip(curve.basis[out] @ found, *curve.limits))
            loss[n, out] = trust[out] * (curve.steps[out] - mean) ** 2
    error = np.sqrt(loss.mean(axis=1))
    # Smoothest and constrained, unless the best is better by more than a standard error.
    excess = loss - loss[error.argmin()]
    doubt = excess.std(axis=1) / np.sqrt(curve.steps.size)
    form, weight = candidates[int(np.flatnonzero(excess.mean(axis=1) <= doubt)[0])]
    best = {
        str(f): float(min(e for e, c in zip(error, candidates, strict=True) if c[0] == f))
        for f in forms
    }
    return form, weight, best


def _detrended_spread(u: FloatArray, steps: FloatArray) -> float:
    if steps.size < 4 or np.ptp(u) == 0.0:
        return float(np.std(steps))
    slope, offset = np.polyfit(u - u.mean(), steps, 1)
    return float(np.std(steps - offset - slope * (u - u.mean())))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Curve:
    """Data of a fit: B-spline basis (n, m), steps (n,), first guess of the logarithm (n,)."""

    basis: FloatArray
    steps: FloatArray
    start: FloatArray
    tau: float
    floor: float

    @property
    def limits(self) -> tuple[float, float]:
        """Of the logarithm of the step."""
        highest = max(float(np.abs(self.steps).max()), self.floor) * 10.0
        return float(np.log(self.floor)), float(np.log(highest))

    def part(self, kept: NDArray[np.bool_]) -> _Curve:
        """Some of the data."""
        return replace(self, basis=self.basis[kept], steps=self.steps[kept], start=self.start[kept])

    def fit(self, weight: float, saturates: int) -> FloatArray:
        """Coefficients, shape (m,), by iteratively reweighted least squares."""
        basis, size = self.basis, self.basis.shape[1]
        curvature = np.diff(np.eye(size), n=2, axis=0)
        slope = np.diff(np.eye(size), axis=0)
        smooth = weight * curvature.T @ curvature + 1e-10 * np.eye(size)
        coefficients, eta = np.zeros(size), self.start
        broken = np.zeros(size - 1)
        for _ in range(40):
            mean = np.exp(np.clip(eta, *self.limits))
            w = mean**2 / (mean**2 + self.tau**2)
            target = np.log(mean) + np.clip((self.steps - mean) / mean, -3.0, 3.0)
            system = basis.T @ (basis * w[:, None]) + smooth
            if saturates:
                system = system + STIFF * self.steps.size / size * (slope.T * broken) @ slope
            updated = np.linalg.solve(system, basis.T @ (w * target))
            eta = basis @ updated
            change = float(np.abs(updated - coefficients).max())
            coefficients = updated
            before, broken = broken, (saturates * np.diff(coefficients) > 0.0).astype(float)
            if change < 1e-5 and (not saturates or np.array_equal(before, broken)):
                break
        return coefficients
