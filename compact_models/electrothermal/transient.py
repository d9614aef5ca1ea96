"""How fast the device warms: the settling time of a linear heat problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compact_models.electrothermal.problem import NANOMETRE, Floats, Solution


def settling_time(solution: Solution, heat_capacity: Callable[[Floats], Floats]) -> Floats:
    r"""Return the thermal settling time at every degree of freedom [s].

    With the heat sources of `solution` switched on at once and kept, the
    temperature rise :math:`\theta(t)` approaches :math:`\theta_\infty`; the time
    is :math:`\int (1 - \theta / \theta_\infty) dt`, the time constant of the one
    exponential with the same area. It takes one more linear solve, because the
    integral obeys :math:`-\nabla \cdot (k \nabla u) = \rho c\, \theta_\infty`.

    Parameters
    ----------
    heat_capacity : callable
        Of points (2, ...) [nm], in J/(m^3 K).
    """
    from scipy.sparse.linalg import splu
    from skfem import BilinearForm, LinearForm

    problem = solution.problem
    basis = problem.basis
    points = np.asarray(basis.global_coordinates())
    weight = problem.weight(points)
    temperature = basis.interpolate(solution.temperature)
    k = problem.k(points, np.asarray(temperature))[0]
    rise = np.asarray(temperature) - problem.ambient
    capacity = heat_capacity(points) * NANOMETRE**2

    @BilinearForm
    def flow(u, v, w):  # type: ignore[no-untyped-def]
        return weight * k * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1])

    @LinearForm
    def stored(v, w):  # type: ignore[no-untyped-def]
        return weight * capacity * rise * v

    matrix, load = flow.assemble(basis), stored.assemble(basis)
    free = np.setdiff1d(np.arange(basis.N), problem.contacts["cold"])
    integral = np.zeros(basis.N)
    integral[free] = splu(matrix[free][:, free].tocsc()).solve(load[free])
    final = solution.temperature - problem.ambient
    return np.asarray(
        np.where(final > 1e-12 * final.max(), integral / np.maximum(final, 1e-300), 0)
    )
