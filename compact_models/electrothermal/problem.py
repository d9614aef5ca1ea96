"""A field-and-heat problem on a mesh, and its solution; :mod:`.solver` finds one from the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError

NANOMETRE = 1e-9
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
        field = norm(np.asarray(basis.interpolate(self.potential).grad)) / NANOMETRE
        temperature = np.asarray(basis.interpolate(self.temperature))
        weights = np.asarray(basis.dx) * self.problem.weight(points) * self.problem.volume_unit
        return points, weights, field, temperature

    def probe(self, points: Floats) -> tuple[Floats, Floats]:
        """Return potential [V] and temperature [K] at `points`, shape (2, n) [nm]."""
        matrix = self.problem.basis.probes(np.asarray(points, dtype=float))
        return np.asarray(matrix @ self.potential), np.asarray(matrix @ self.temperature)


def norm(gradient: Floats) -> Floats:
    """Return the lengths of vectors of two components, which come first."""
    return np.asarray(np.sqrt(gradient[0] ** 2 + gradient[1] ** 2))
