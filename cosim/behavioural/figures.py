"""Figures of merit of a pair of pulse responses, as Falcone et al. 2025 define them."""

from __future__ import annotations

import math

import numpy as np

from cosim.behavioural.response import PulseResponse


def symmetry_position(up: PulseResponse, down: PulseResponse) -> float:
    """Normalised conductance at which alternating up and down pulses settle.

    Where the mean of an up and a down step changes sign from up to down; of several
    such places the one that attracts from the widest range.
    """
    u = np.linspace(0.0, 1.0, 4001)
    difference = up.step(u) + down.step(u)
    i = int(np.argmax(np.cumsum(difference)))
    if i == u.size - 1 or not difference[i] > 0.0:
        return float(u[i])
    return float(u[i] + (u[1] - u[0]) * difference[i] / (difference[i] - difference[i + 1]))


def figures_of_merit(up: PulseResponse, down: PulseResponse) -> dict[str, float]:
    """Number of states, skew and noise-to-signal ratio at the symmetry point.

    ``states = (G_max - G_min) / dG_sp``, ``skew = (G_max - G_sp) / (G_max - G_min)``,
    ``nsr = sigma(dG_sp) / dG_sp`` [Falcone2025].
    """
    u = symmetry_position(up, down)
    step = 0.5 * float(up.step(u) - down.step(u))
    variances = [(r.noise * abs(float(r.step(u)))) ** 2 + r.noise_floor**2 for r in (up, down)]
    sigma = math.sqrt(0.5 * sum(variances))
    return {
        "states": 1.0 / step if step > 0 else math.inf,
        "skew": 1.0 - u,
        "nsr": sigma / step if step > 0 else math.inf,
    }
