"""The CMO/HfOx device as an axisymmetric field-and-heat problem.

Half of the cross-section, in nanometres, z upwards; the filament reaches from
the bottom electrode through the HfOx to z = 0, the CMO lies above it::

    z ^   top electrode       V, T_0 at its upper face
      |   CMO                 dome: half-sphere around the filament's end
    0 +-- filament | HfOx
      |   bottom electrode    0 V, T_0 at its lower face
      +-----------------> r

Conduction in the CMO is the compact model's own hopping law, taken from its
equations as a current density of the local field, temperature and vacancy
density, so that the finite elements and the circuit share one definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.electrothermal.problem import NANOMETRE, Floats, Problem
from compact_models.errors import ModelError
from compact_models.model import CompactModel, p
from compact_models.parameters import ParameterSet


@lru_cache(maxsize=1)
def electrothermal_parameters() -> ParameterSet:
    """Return geometry and materials (``electrothermal_cmo_hfox``)."""
    return ParameterSet.load("electrothermal_cmo_hfox")


@dataclass(frozen=True, kw_only=True, eq=False)
class HoppingLaw:
    """Local conductivity of the CMO, from the equations of a compact model.

    Parameters
    ----------
    model : CompactModel
        With definitions ``I_dome`` and ``A`` in terms of ``F``, ``T`` and ``C``.
    """

    model: CompactModel

    def __post_init__(self) -> None:
        import sympy as sp

        names = {d.name: d.expression for d in self.model.definitions}
        if not {"I_dome", "A", "F", "T", "C"} <= set(names):
            raise ModelError(
                thing="the compact model gives no hopping current to take a conductivity from",
                value=self.model.name,
                limit="definitions I_dome, A, F, T and C",
            )
        density = names["I_dome"] / p("A")
        for name in ("a_e", "E_e"):
            density = density.subs(p(name), names[name])
        values = {p(n): sp.Float(repr(value), 20) for n, value in self.model.parameters.items()}
        density = density.subs(values)
        F, T, C = p("F"), p("T"), p("C")
        functions = [
            sp.lambdify((F, T, C), e, "numpy", cse=True)
            for e in (density, sp.diff(density, F), sp.diff(density, T))
        ]
        object.__setattr__(self, "_functions", functions)

    def __call__(
        self, field: Floats, temperature: Floats, vacancies: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Return sigma = j / F [S/m] and its derivatives by field and temperature.

        Parameters
        ----------
        field, temperature, vacancies : ndarray
            [V/m], [K], [1/m^3]
        """
        functions: Any = self._functions  # type: ignore[attr-defined]
        # j / F is even and smooth at zero field; 1 V/m is far below thermal scales (1e7 V/m).
        F = np.maximum(field, 1.0)
        j, by_field, by_temperature = (f(F, temperature, vacancies) for f in functions)
        sigma = j / F
        return sigma, (by_field - sigma) / F, by_temperature / F


@lru_cache(maxsize=4)
def hopping_law(name: str = "cmo_hfox") -> HoppingLaw:
    """Return the conduction law of the compact model called `name`."""
    from compact_models import load_model

    return HoppingLaw(model=load_model(name))


def graded(start: float, stop: float, fine: float, coarse: float, ends: str) -> Floats:
    """Return points from `start` to `stop`, spaced `fine` at the named ends.

    Parameters
    ----------
    fine, coarse : float
        Smallest and largest spacing.
    ends : {"start", "stop", "both", "none"}
    """
    length = stop - start
    position = np.linspace(0.0, 1.0, 2001)
    distance = {
        "start": position,
        "stop": 1.0 - position,
        "both": np.minimum(position, 1.0 - position),
        "none": np.full_like(position, np.inf),
    }[ends]
    spacing = np.minimum(coarse, fine + 0.25 * distance * length)
    density = 1.0 / spacing
    count = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))]) * length / 2000
    cells = max(2, int(np.ceil(count[-1])))
    return start + length * np.interp(np.linspace(0.0, count[-1], cells + 1), count, position)


def _joined(*parts: NDArray[np.float64]) -> Floats:
    return np.concatenate([parts[0], *[part[1:] for part in parts[1:]]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Device:
    """One device in one resistance state.

    Parameters
    ----------
    vacancies : float
        Mean vacancy density of the dome [1/m^3].
    parameters : mapping
        Geometry and materials; ``electrothermal_cmo_hfox`` by default.
    law : HoppingLaw
    fineness : float
        Divides every mesh spacing; 1 has 0.5 nm at the filament's edge.
    degree : {1, 2}
    """

    vacancies: float
    parameters: Mapping[str, float]
    law: HoppingLaw
    fineness: float = 1.0
    degree: int = 2

    def _nm(self, name: str) -> float:
        return self.parameters[name] / NANOMETRE

    def density(self, points: Floats) -> Floats:
        """Return the vacancy density at `points` in the CMO [1/m^3]."""
        distance = np.sqrt(points[0] ** 2 + points[1] ** 2)
        edge = (distance - self._nm("dome_radius")) / self._nm("dome_edge")
        share = self.parameters["film_share"]
        film = share * self.vacancies + (1.0 - share) * self.parameters["film_vacancies"]
        return np.asarray(film + (self.vacancies - film) * 0.5 * (1.0 - np.tanh(2.0 * edge)))

    def region(self, points: Floats) -> NDArray[np.int64]:
        """Return 0 electrode, 1 HfOx, 2 filament, 3 CMO at `points` [nm]."""
        r, z = points
        inside = (z > -self._nm("hfox_thickness")) & (z < self._nm("cmo_thickness"))
        oxide = np.where(r < self._nm("filament_radius"), 2, 1)
        return np.where(inside, np.where(z > 0.0, 3, oxide), 0)

    def in_dome(self, points: Floats) -> NDArray[np.bool_]:
        """Tell which `points` [nm] lie in the dome."""
        return np.asarray(
            (points[1] > 0.0) & (points[0] ** 2 + points[1] ** 2 < self._nm("dome_radius") ** 2)
        )

    def mesh(self) -> Any:
        """Return the mesh of quadrilaterals [nm]."""
        from skfem import MeshQuad

        h = 1.0 / self.fineness
        fil, outer = self._nm("filament_radius"), self._nm("outer_radius")
        hfox, cmo, electrode = (self._nm(f"{n}_thickness") for n in ("hfox", "cmo", "electrode"))
        r = _joined(
            graded(0, fil, 0.5 * h, 2.0 * h, "stop"), graded(fil, outer, 0.5 * h, 6 * h, "start")
        )
        z = _joined(
            graded(-hfox - electrode, -hfox, 1.0 * h, 5.0 * h, "stop"),
            graded(-hfox, 0.0, 0.5 * h, 1.0 * h, "both"),
            graded(0.0, cmo, 0.5 * h, 1.5 * h, "start"),
            graded(cmo, cmo + electrode, 1.0 * h, 5.0 * h, "start"),
        )  # fmt: skip
        return MeshQuad.init_tensor(r, z)

    def problem(self) -> Problem:
        """Return the field-and-heat problem of this device."""
        top = self._nm("cmo_thickness") + self._nm("electrode_thickness")
        bottom = -self._nm("hfox_thickness") - self._nm("electrode_thickness")
        return Problem(
            mesh=self.mesh(),
            sigma=self._sigma,
            k=self._k,
            live=lambda x: x[1] > top - 1e-6,
            grounded=lambda x: x[1] < bottom + 1e-6,
            cold=lambda x: (x[1] > top - 1e-6) | (x[1] < bottom + 1e-6),
            ambient=self.parameters["T_0"],
            degree=self.degree,
        )

    def problem_sigma(self, points: Floats, field: Floats, temperature: Floats) -> Floats:
        """Return the electrical conductivity [S/m] at `points` [nm]."""
        return np.asarray(self._sigma(points, field, temperature)[0])

    def _sigma(self, points: Floats, field: Floats, temperature: Floats) -> Any:
        q = self.parameters
        region = self.region(points)
        plain = np.choose(region, [q["sigma_electrode"], q["sigma_hfox"], q["sigma_filament"], 0.0])
        cmo = region == 3
        value, by_field, by_temperature = plain, np.zeros_like(plain), np.zeros_like(plain)
        law = self.law(field[cmo], temperature[cmo], self.density(points)[cmo])
        value[cmo], by_field[cmo], by_temperature[cmo] = law
        return value, by_field, by_temperature

    def _k(self, points: Floats, temperature: Floats) -> tuple[Floats, Floats]:
        q = self.parameters
        region = self.region(points)
        plain = np.choose(region, [q["k_electrode"], q["k_hfox"], q["k_filament"], q["k_cmo"]])
        # Conduction electrons of the CMO carry heat too (Wiedemann-Franz); weak at these sigma.
        slope = np.zeros_like(plain)
        cmo = region == 3
        zero_field = np.zeros(int(cmo.sum()))
        ambient = np.full(zero_field.shape, q["T_0"])
        sigma = self.law(zero_field, ambient, self.density(points)[cmo])[0]
        slope[cmo] = q["lorenz_number"] * sigma
        return plain + slope * temperature, slope

    def heat_capacity(self, points: Floats) -> Floats:
        """Return the volumetric heat capacity at `points` [J/(m^3 K)]."""
        metal = self.region(points) == 0
        q = self.parameters
        return np.where(metal, q["heat_capacity_electrode"], q["heat_capacity_cmo"])
