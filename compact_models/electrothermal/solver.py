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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import NotConverged, ParameterError

NANOMETRE = 1e-9
MOST_ITERATIONS = 30
Floats = NDArray[np.float64]

# (points (2, ...) [nm], field [V/m], temperature [K]) -> value, d/dfield, d/dtemperature
Conductivity = Callable[[Floats, Floats, Floats], tuple[Floats, Floats, Floats]]
# (points, temperature) -> value, d/dtemperature
ThermalConductivity = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """A field-and-heat problem on one mesh.

    Parameters
    ----------
    mesh : skfem.MeshQuad
        Coordinates in nm.
    sigma : callable
        Electrical conductivity [S/m] with its derivatives by field and temperature.
    k : callable
        Thermal conductivity [W/(m K)] with its derivative by temperature.
    live, grounded : callable
        Tell from facet midpoints (2, n) [nm] which lie on the two contacts.
    cold : callable
        The same for the faces held at `ambient`.
    ambient : float
        [K]
    axisymmetric : bool
    degree : {1, 2}
        Of the elements.
    """

    mesh: Any
    sigma: Conductivity
    k: ThermalConductivity
    live: Callable[[Floats], NDArray[np.bool_]]
    grounded: Callable[[Floats], NDArray[np.bool_]]
    cold: Callable[[Floats], NDArray[np.bool_]]
    ambient: float
    axisymmetric: bool = True
    degree: int = 2

    def __post_init__(self) -> None:
        from skfem import Basis, ElementQuad1, ElementQuad2

        if self.degree not in (1, 2):
            raise ParameterError(thing="degree of the elements", value=self.degree, limit="1 or 2")
        element = ElementQuad2() if self.degree == 2 else ElementQuad1()
        basis = Basis(self.mesh, element, intorder=2 * self.degree + 2)
        contacts = {}
        for name in ("live", "grounded", "cold"):
            facets = self.mesh.facets_satisfying(getattr(self, name), boundaries_only=True)
            if not facets.size:
                raise ParameterError(
                    thing=f"no face of the mesh belongs to the contact '{name}'",
                    next_step="Test facet midpoints in nanometres",
                )
            contacts[name] = basis.get_dofs(facets).flatten()
        object.__setattr__(self, "basis", basis)
        object.__setattr__(self, "contacts", contacts)

    basis: Any = None
    contacts: Any = None

    def weight(self, points: Floats) -> Floats:
        """Return the weight of the volume integral at `points`."""
        return 2.0 * np.pi * points[0] if self.axisymmetric else np.ones_like(points[0])

    @property
    def volume_unit(self) -> float:
        """SI volume of one unit of the mesh integral."""
        return NANOMETRE**3 if self.axisymmetric else NANOMETRE**2

    @property
    def conductance_unit(self) -> float:
        """SI value of a unit integral of sigma grad . grad (length, or depth of 1 m)."""
        return NANOMETRE if self.axisymmetric else 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """Potential and temperature at the degrees of freedom of `problem`.

    Parameters
    ----------
    voltage : float
        Between the contacts [V].
    potential, temperature : ndarray, shape (n,)
        [V], [K]
    current : float
        From the live to the grounded contact [A].
    power : float
        Joule heat in the whole volume [W].
    heat_flow : float
        Heat that leaves through the cold faces [W]; equals `power` when converged.
    iterations : int
    """

    problem: Problem
    voltage: float
    potential: Floats
    temperature: Floats
    current: float
    power: float
    heat_flow: float
    iterations: int

    def at_points(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return quadrature points [nm], weights [m^3], field [V/m] and temperature [K]."""
        basis = self.problem.basis
        points = np.asarray(basis.global_coordinates())
        field = _norm(np.asarray(basis.interpolate(self.potential).grad)) / NANOMETRE
        temperature = np.asarray(basis.interpolate(self.temperature))
        weights = np.asarray(basis.dx) * self.problem.weight(points) * self.problem.volume_unit
        return points, weights, field, temperature

    def probe(self, points: Floats) -> tuple[Floats, Floats]:
        """Return potential [V] and temperature [K] at `points`, shape (2, n) [nm]."""
        matrix = self.problem.basis.probes(np.asarray(points, dtype=float))
        return np.asarray(matrix @ self.potential), np.asarray(matrix @ self.temperature)


def solve(problem: Problem, voltage: float, start: Solution | None = None) -> Solution:
    """Solve potential and temperature at `voltage` [V].

    Raises
    ------
    NotConverged
        If Newton's method fails even in small voltage steps; that happens where
        conduction that rises with temperature runs away.
    """
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


def _norm(gradient: Floats) -> Floats:
    return np.asarray(np.sqrt(gradient[0] ** 2 + gradient[1] ** 2))


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
    norm = _norm(gradient)
    sigma, by_field, by_temperature = problem.sigma(
        points, norm / NANOMETRE, np.asarray(temperature)
    )
    k, k_slope = problem.k(points, np.asarray(temperature))
    by_norm = by_field / NANOMETRE
    direction = gradient / np.maximum(norm, 1e-300)

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
        return -weight * (2.0 * sigma + by_norm * norm) * along * v

    @BilinearForm
    def heat_by_temperature(u, v, w):  # type: ignore[no-untyped-def]
        flow = k * (u.grad[0] * v.grad[0] + u.grad[1] * v.grad[1])
        across = heat_gradient[0] * v.grad[0] + heat_gradient[1] * v.grad[1]
        made = by_temperature * norm**2 * u * v
        return weight * (flow + k_slope * u * across - made)

    @LinearForm
    def current_residual(v, w):  # type: ignore[no-untyped-def]
        return weight * sigma * (gradient[0] * v.grad[0] + gradient[1] * v.grad[1])

    @LinearForm
    def heat_residual(v, w):  # type: ignore[no-untyped-def]
        flow = heat_gradient[0] * v.grad[0] + heat_gradient[1] * v.grad[1]
        return weight * (k * flow - sigma * norm**2 * v)

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
