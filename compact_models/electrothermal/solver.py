r"""Coupled potential and temperature on a mesh, by finite elements (scikit-fem).

.. math::
    \nabla \cdot (\sigma \nabla \varphi) = 0, \quad
    \nabla \cdot (k \nabla T) + \sigma |\nabla \varphi|^2 = 0,
    \quad \sigma = \sigma(|\nabla \varphi|, T), \; k = k(T)

Lengths on the mesh are in nanometres: both equations keep their form under a
change of the length unit, and geometry tests with absolute tolerances keep
their meaning. Only the field handed to the conduction law and the integrals
handed back are converted to SI. With `axisymmetric` the coordinates are
(r, z) and every integral carries :math:`2 \pi r`; otherwise (x, y) with a
depth of 1 m.

Both fields are solved together by Newton's method with exact derivatives, and
the voltage is raised in steps when a direct solution does not converge.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compact_models.electrothermal.problem import NANOMETRE, Floats, Problem, Solution, norm
from compact_models.errors import NotConverged, ParameterError

MOST_ITERATIONS = 30


def solve(problem: Problem, voltage: float, start: Solution | None = None) -> Solution:
    """Solve potential and temperature at `voltage` [V].

    Raises
    ------
    NotConverged
        If Newton's method fails even in small voltage steps; that happens where
        conduction that rises with temperature runs away.
    ParameterError
        If the voltage is not finite.
    """
    if not np.isfinite(voltage):
        raise ParameterError(
            thing="voltage of the electro-thermal model [V]", value=voltage, limit="finite"
        )
    n = problem.basis.N
    state = np.concatenate([np.zeros(n), np.full(n, problem.ambient)])
    reached = 0.0
    if start is not None and start.potential.size == n and start.voltage != 0.0:
        state = np.concatenate([start.potential, start.temperature])
        reached = start.voltage
    step = voltage - reached
    total = 0
    while True:
        target = reached + step
        scaled = state.copy()
        if reached != 0.0:
            scaled[:n] *= target / reached
        found, iterations = _newton(problem, target, scaled)
        total += iterations
        if found is not None:
            state, reached = found, target
            if reached == voltage:
                break
            step = voltage - reached
            continue
        step *= 0.5
        if abs(step) < 1e-3 * max(abs(voltage), 1e-3):
            raise NotConverged(
                thing="field and heat have no steady solution beyond this voltage [V]",
                value=reached,
                next_step="Lower the voltage, or check the materials: this is thermal runaway",
            )
    return _finish(problem, voltage, state, total)


def _newton(problem: Problem, voltage: float, state: Floats) -> tuple[Floats | None, int]:
    from scipy.sparse.linalg import splu

    n = problem.basis.N
    contacts = problem.contacts
    state = state.copy()
    state[contacts["live"]] = voltage
    state[contacts["grounded"]] = 0.0
    state[n + contacts["cold"]] = problem.ambient
    fixed = np.concatenate([contacts["live"], contacts["grounded"], n + contacts["cold"]])
    free = np.setdiff1d(np.arange(2 * n), fixed)
    voltage_scale = max(abs(voltage), 1e-12)
    previous = np.inf
    for iteration in range(1, MOST_ITERATIONS + 1):
        jacobian, residual = _assemble(problem, state)
        try:
            change = splu(jacobian[free][:, free].tocsc()).solve(-residual[free])
        except RuntimeError:
            return None, iteration
        full = np.zeros(2 * n)
        full[free] = change
        size = max(
            float(np.abs(full[:n]).max()) / voltage_scale,
            float(np.abs(full[n:]).max()) / problem.ambient,
        )
        if not np.isfinite(size):
            return None, iteration
        damping = min(1.0, 0.7 / size) if size > 0.7 else 1.0
        state += damping * full
        # Below the floor of conduction the laws are evaluated outside their meaning.
        np.maximum(state[n:], 0.5 * problem.ambient, out=state[n:])
        if size < 1e-11 or (size < 1e-8 and size >= previous):
            return state, iteration
        previous = size
    return None, MOST_ITERATIONS


def _assemble(problem: Problem, state: Floats) -> tuple[Any, Floats]:
    from scipy.sparse import bmat
    from skfem import BilinearForm, LinearForm

    basis = problem.basis
    n = basis.N
    potential = basis.interpolate(state[:n])
    temperature = basis.interpolate(state[n:])
    points = np.asarray(basis.global_coordinates())
    weight = problem.weight(points)
    gradient = np.asarray(potential.grad)
    heat_gradient = np.asarray(temperature.grad)
    size = norm(gradient)
    sigma, by_field, by_temperature = problem.sigma(
        points, size / NANOMETRE, np.asarray(temperature)
    )
    k, k_slope = problem.k(points, np.asarray(temperature))
    by_norm = by_field / NANOMETRE
    direction = gradient / np.maximum(size, 1e-300)

    @BilinearForm
    def current_by_potential(u, v, w):  # type: ignore[no-untyped-def]
        along = direction[0] * u.grad[0] + direction[1] * u.grad[1]
        across = gradient[0] * v.grad[0] + gradient[1] * v.grad[1]
        plain = u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1]
        return weight * (sigma * plain + by_norm * along * across)

    @BilinearForm
    def current_by_temperature(u, v, w):  # type: ignore[no-untyped-def]
        across = gradient[0] * v.grad[0] + gradient[1] * v.grad[1]
        return weight * by_temperature * u * across

    @BilinearForm
    def heat_by_potential(u, v, w):  # type: ignore[no-untyped-def]
        along = gradient[0] * u.grad[0] + gradient[1] * u.grad[1]
        return -weight * (2.0 * sigma + by_norm * size) * along * v

    @BilinearForm
    def heat_by_temperature(u, v, w):  # type: ignore[no-untyped-def]
        flow = k * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1])
        across = heat_gradient[0] * v.grad[0] + heat_gradient[1] * v.grad[1]
        made = by_temperature * size**2 * u * v
        return weight * (flow + k_slope * u * across - made)

    @LinearForm
    def current_residual(v, w):  # type: ignore[no-untyped-def]
        return weight * sigma * (gradient[0] * v.grad[0] + gradient[1] * v.grad[1])

    @LinearForm
    def heat_residual(v, w):  # type: ignore[no-untyped-def]
        flow = heat_gradient[0] * v.grad[0] + heat_gradient[1] * v.grad[1]
        return weight * (k * flow - sigma * size**2 * v)

    jacobian = bmat(
        [
            [current_by_potential.assemble(basis), current_by_temperature.assemble(basis)],
            [heat_by_potential.assemble(basis), heat_by_temperature.assemble(basis)],
        ],
        format="csr",
    )
    residual = np.concatenate([current_residual.assemble(basis), heat_residual.assemble(basis)])
    return jacobian, residual


def _finish(problem: Problem, voltage: float, state: Floats, iterations: int) -> Solution:
    n = problem.basis.N
    _, residual = _assemble(problem, state)
    contacts = problem.contacts
    unit = problem.conductance_unit
    # The residual at a contact is its flux, accurate to twice the order of the gradient.
    current = float(residual[contacts["live"]].sum()) * unit
    heat_flow = -float(residual[n + contacts["cold"]].sum()) * unit
    solution = Solution(
        problem=problem,
        voltage=voltage,
        potential=state[:n],
        temperature=state[n:],
        current=current,
        power=0.0,
        heat_flow=heat_flow,
        iterations=iterations,
    )
    points, weights, field, temperature = solution.at_points()
    sigma = problem.sigma(points, field, temperature)[0]
    object.__setattr__(solution, "power", float(np.sum(weights * sigma * field**2)))
    return solution
