"""Fit of a `RateLaw` to single steps.

Penalised least squares of the steps themselves, by Gauss and Newton's method with damping
(Levenberg and Marquardt). The derivative of a step by a coefficient c of ln r is exact:
``d(step)/dc = r(u1) * integral of basis / r from u0 to u1``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.rate_law import CELLS, GRID, RateLaw, times
from cosim.behavioural.splines import Axis, bends

FloatArray = NDArray[np.floating[Any]]

# From smooth to rough: each fit starts from the one before.
PENALTIES = (1.0, 1e-2, 1e-4, 1e-6)
# Of the window: smaller steps are fitted to this precision only.
FINEST = 1e-4
# Robust standard deviations from which a step counts less.
OUTLIER = 3.0
# Room beyond the data, of its range, in which the law is held.
MARGIN = 0.02


def fit_rates(
    u: FloatArray,
    steps: FloatArray,
    amplitude: FloatArray,
    width: FloatArray,
    polarity: int,
) -> RateLaw:
    """Fit rates to single steps.

    Parameters
    ----------
    u : ndarray, shape (n,)
        Normalised conductance before each pulse.
    steps : ndarray, shape (n,)
        In the pulse's own direction; single values may be negative.
    amplitude, width : ndarray, shape (n,)
        [V, s].
    """
    volts, spans = np.abs(amplitude), np.log(width)
    ends = np.concatenate([u, u + polarity * steps])
    room = MARGIN * float(np.ptp(ends))
    ends = np.append(ends, [ends.min() - room, ends.max() + room])
    # No more pieces along the conductance than there are steps to fill them.
    position, across = Axis.of(ends, int(np.clip(steps.size // 20, 4, 16))), Axis.of(volts, 6)
    widths = Axis.of(spans, 3)
    law = RateLaw(
        polarity=polarity,
        position=position,
        amplitude=across,
        width=widths,
        rates=(0.0,) * (position.size * across.size),
        widths=(0.0,) * widths.size,
        measured=_measured(position, across, u, u + polarity * steps, volts),
    )
    tau = max(_floor(u, steps, volts, spans), FINEST)
    fit = _Fit.of(law, u, steps, volts, np.asarray(width, float), tau)
    start = fit.guess()
    fold = np.random.default_rng(0).permutation(steps.size) % 4
    kept, losses, found = fold != 0, [], []
    for weight in PENALTIES:
        start = fit.solve(start, weight, kept)
        found.append(start)
        losses.append(fit.loss(start)[~kept])
    loss = np.minimum(np.array(losses), 9.0)
    excess = loss - loss[int(loss.mean(axis=1).argmin())]
    doubt = excess.std(axis=1) / math.sqrt(max(int((~kept).sum()), 1))
    chosen = int(np.flatnonzero(excess.mean(axis=1) <= doubt)[0])
    best = fit.solve(found[chosen], PENALTIES[chosen], np.ones(steps.size, bool))
    mean = fit.predict(best)
    strong = mean > max(0.05 * float(mean.max()), FINEST)
    scatter = (steps[strong] - mean[strong]) / mean[strong]
    total = float(np.mean(scatter**2)) if strong.any() else 0.0
    part = float(np.mean((tau / mean[strong]) ** 2)) if strong.any() else 0.0
    return replace(
        fit.law_of(best),
        noise=math.sqrt(max(total - part, 0.0)),
        noise_floor=tau if tau > FINEST else 0.0,
    )


def _floor(u: FloatArray, steps: FloatArray, volts: FloatArray, spans: FloatArray) -> float:
    """Scatter of the smallest steps, whose mean has nearly vanished."""
    if steps.size < 16:
        return FINEST
    order = np.lexsort((u, np.round(volts, 2), np.round(spans, 3)))
    blocks = np.array_split(steps[order], steps.size // 8)
    means = np.array([b.mean() for b in blocks])
    spreads = np.array([np.abs(np.diff(b)).mean() for b in blocks])
    small = np.argsort(np.abs(means))[: max(len(blocks) // 8, 1)]
    # The mean of |difference| of two normal values is 2 / sqrt(pi) times their deviation.
    return float(np.median(spreads[small]) * math.sqrt(math.pi) / 2.0)


def _measured(
    position: Axis, across: Axis, start: FloatArray, end: FloatArray, volts: FloatArray
) -> tuple[int, ...]:
    """Parts of the plane that pulses went through, and their neighbours."""
    from scipy.ndimage import binary_dilation

    grid = np.zeros(CELLS, bool)
    column = across.cell(volts, CELLS[1])
    for share in np.linspace(0.0, 1.0, 9):
        grid[position.cell(start + share * (end - start), CELLS[0]), column] = True
    if not across.intervals:
        grid |= grid.any(axis=1, keepdims=True)
    return tuple(int(g) for g in binary_dilation(grid).ravel())


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fit:
    """Steps as functions of the coefficients; different amplitudes share their integrals."""

    law: RateLaw
    begin: FloatArray
    steps: FloatArray
    width: FloatArray
    volts: FloatArray
    which: NDArray[np.int_]
    across: FloatArray
    along: FloatArray
    spans: FloatArray
    tau: float

    @classmethod
    def of(
        cls,
        law: RateLaw,
        u: FloatArray,
        steps: FloatArray,
        volts: FloatArray,
        width: FloatArray,
        tau: float,
    ) -> _Fit:
        different, which = np.unique(volts, return_inverse=True)
        low, high = law.position.low, law.position.high
        return cls(
            law=law,
            begin=(u - low if law.polarity > 0 else high - u) / (high - low) * (GRID - 1),
            steps=steps,
            width=width,
            volts=different,
            which=which.ravel(),
            across=law.amplitude.basis(different),
            along=law.position.basis(law.positions),
            spans=law.width.basis(np.log(width)),
            tau=tau,
        )

    @property
    def spacing(self) -> float:
        return (self.law.position.high - self.law.position.low) / (GRID - 1)

    def law_of(self, c: FloatArray) -> RateLaw:
        cut = self.along.shape[1] * self.across.shape[1]
        return replace(
            self.law,
            rates=tuple(float(x) for x in c[:cut]),
            widths=tuple(float(x) for x in c[cut:]),
        )

    def penalty(self, weight: float) -> FloatArray:
        """Of the bends of ln r, and a little of everything else."""
        nu, nv, size = self.along.shape[1], self.across.shape[1], self.spans.shape[1]
        out = 1e-9 * np.eye(nu * nv + size)
        out[: nu * nv, : nu * nv] += weight * (
            np.kron(bends(nu), np.eye(nv)) + np.kron(np.eye(nu), bends(nv))
        )
        # Rates carry the level; without this the curve over widths could share it.
        out[nu * nv :, nu * nv :] += 1e-3 * np.eye(size)
        return out

    def guess(self) -> FloatArray:
        """Mean rates of the pulses, as if each held in the middle of its step."""
        nu, nv = self.along.shape[1], self.across.shape[1]
        moved = np.maximum(self.steps, 0.3 * self.tau)
        middle = np.clip(self.begin + 0.5 * self.steps / self.spacing, 0, GRID - 1)
        design = (
            self.along[middle.astype(int)][:, :, None] * self.across[self.which][:, None, :]
        ).reshape(-1, nu * nv)
        w = moved**2 / (moved**2 + self.tau**2)
        # The smoothest law that follows them; directions without data stay near it.
        system = design.T @ (design * w[:, None]) + self.penalty(1.0)[: nu * nv, : nu * nv]
        rates = np.linalg.solve(system, design.T @ (w * np.log(moved / self.width)))
        return np.concatenate([rates, np.zeros(self.spans.shape[1])])

    def _clocks(self, c: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Times and ln r on the grid by amplitude, and effective widths of all pulses."""
        cut = self.along.shape[1] * self.across.shape[1]
        table = c[:cut].reshape(self.along.shape[1], self.across.shape[1])
        logs = np.clip(self.across @ table.T @ self.along.T, -80.0, 80.0)
        return times(logs, self.spacing), logs, self.width * np.exp(self.spans @ c[cut:])

    def _ends(self, clock: FloatArray, width: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Places on the grid where pulses end, and the times there."""
        low = np.minimum(self.begin.astype(int), GRID - 2)
        rows = clock[self.which]
        every = np.arange(rows.shape[0])
        first = rows[every, low] + (self.begin - low) * (rows[every, low + 1] - rows[every, low])
        stop = np.minimum(first + width, rows[:, -1])
        cell = np.clip((rows <= stop[:, None]).sum(axis=1) - 1, 0, GRID - 2)
        gap = np.maximum(rows[every, cell + 1] - rows[every, cell], 1e-300)
        return cell + (stop - rows[every, cell]) / gap, stop

    def predict(self, c: FloatArray) -> FloatArray:
        clock, _, width = self._clocks(c)
        return (self._ends(clock, width)[0] - self.begin) * self.spacing

    def loss(self, c: FloatArray) -> FloatArray:
        mean = self.predict(c)
        return self.trust(mean) * (self.steps - mean) ** 2

    def trust(self, mean: FloatArray) -> FloatArray:
        """Weights of the steps: relative to their means, and less for what does not belong.

        Steps that depend on more than conductance and pulse (at the ends of the window, say)
        must not bend the law for all others (Huber, Ann. Math. Stat. 35, 73 (1964)).
        """
        scale = np.sqrt(mean**2 + self.tau**2)
        strange = np.abs(self.steps - mean) / scale
        usual = OUTLIER * max(1.4826 * float(np.median(strange)), 0.01)
        return np.asarray(np.minimum(1.0, usual / np.maximum(strange, 1e-300)) / scale**2)

    def _slopes(self, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Steps, and their derivatives by the coefficients, shape (n, coefficients)."""
        clock, logs, width = self._clocks(c)
        end, _ = self._ends(clock, width)
        speed = np.exp(self._at(logs, end)) * (end < GRID - 1 - 1e-9)
        slow = np.exp(-logs)
        parts = []
        for k in range(self.along.shape[1]):
            weighted = slow * self.along[:, k]
            sums = np.zeros_like(weighted)
            np.cumsum(
                0.5 * self.spacing * (weighted[:, 1:] + weighted[:, :-1]), axis=1, out=sums[:, 1:]
            )
            share = self._at(sums, end) - self._at(sums, self.begin)
            parts.append((speed * share)[:, None] * self.across[self.which])
        by_width = (speed * width)[:, None] * self.spans
        jacobian = np.concatenate([np.concatenate(parts, axis=1), by_width], axis=1)
        return (end - self.begin) * self.spacing, jacobian

    def _at(self, table: FloatArray, place: FloatArray) -> FloatArray:
        low = np.clip(place.astype(int), 0, GRID - 2)
        left, right = table[self.which, low], table[self.which, low + 1]
        return np.asarray(left + (place - low) * (right - left))

    def solve(self, start: FloatArray, weight: float, kept: NDArray[np.bool_]) -> FloatArray:
        """Coefficients of least penalised loss."""
        penalty = self.penalty(weight)
        c, damping, before = start.copy(), 1e-3, math.inf
        for _ in range(40):
            mean, jacobian = self._slopes(c)
            # Held while a step is looked for: a loss that is relative to the prediction would
            # reward large ones.
            w = kept * self.trust(mean)

            def total(found: FloatArray, at: FloatArray, w: FloatArray = w) -> float:
                return float(np.sum(w * (self.steps - found) ** 2) + at @ penalty @ at)

            now = total(mean, c)
            normal = jacobian.T @ (jacobian * w[:, None]) + penalty
            gradient = jacobian.T @ (w * (self.steps - mean)) - penalty @ c
            diagonal = np.diag(normal) + 1e-6
            for _ in range(8):
                move = np.linalg.solve(normal + damping * np.diag(diagonal), gradient)
                tried = c + np.clip(move, -3.0, 3.0)
                after = total(self.predict(tried), tried)
                if after < now:
                    break
                damping *= 4.0
            else:
                return c
            c, damping = tried, max(damping / 5.0, 1e-9)
            # Weights change with the mean, so that the sum may also rise a little.
            if abs(before - after) < 1e-4 * after + 1e-8 * self.steps.size:
                break
            before = after
        return c
