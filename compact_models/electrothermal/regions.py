"""Where heat is made and where the field is: the device part by part, and how fast ions move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from compact_models.constants import BOLTZMANN, ELEMENTARY_CHARGE
from compact_models.electrothermal.device import Device
from compact_models.electrothermal.problem import Solution

REGIONS = ("filament", "dome", "CMO beside the dome", "HfOx", "electrodes")


@dataclass(frozen=True, kw_only=True)
class Region:
    """What one part of the device is at.

    Parameters
    ----------
    potential_low, potential_high : float
        [V]
    field_mean : float
        [V/m]
    temperature_mean, temperature_peak : float
        [K]
    heat_share : float
        Part of all Joule heat that is made here [1].
    """

    potential_low: float
    potential_high: float
    field_mean: float
    temperature_mean: float
    temperature_peak: float
    heat_share: float


REGION_UNITS = {
    "potential_low": "V", "potential_high": "V", "field_mean": "V/m", "temperature_mean": "K",
    "temperature_peak": "K", "heat_share": "1",
}  # fmt: skip


def regions(device: Device, solution: Solution) -> dict[str, Region]:
    """Reduce a solution to its parts, by the names of ``REGIONS``."""
    points, weights, field, temperature = solution.at_points()
    potential = np.asarray(solution.problem.basis.interpolate(solution.potential))
    heat = weights * device.problem_sigma(points, field, temperature) * field**2
    number, dome = device.region(points), device.in_dome(points)
    where: dict[str, Any] = {
        "filament": number == 2,
        "dome": dome,
        "CMO beside the dome": (number == 3) & ~dome,
        "HfOx": number == 1,
        "electrodes": number == 0,
    }
    found = {}
    for name, inside in where.items():
        share = weights[inside] / weights[inside].sum()
        found[name] = Region(
            potential_low=float(potential[inside].min()),
            potential_high=float(potential[inside].max()),
            field_mean=float((share * field[inside]).sum()),
            temperature_mean=float((share * temperature[inside]).sum()),
            temperature_peak=float(temperature[inside].max()),
            heat_share=float(heat[inside].sum() / heat.sum()),
        )
    return found


def drift_rate(model: Any, field: Any, temperature: Any, vacancies: float, *, up: bool) -> Any:
    """Return the relative drift rate of vacancies by the compact model's law [1/s].

    With the field and the temperature that the finite elements find, this is how fast a
    half-selected device moves beside a selected one.

    Parameters
    ----------
    model : CompactModel
        ``cmo_hfox``.
    field, temperature : array_like
        In the dome [V/m], [K].
    vacancies : float
        [1/m^3]
    up : bool
        SET, whose barrier grows with the vacancies; else RESET.
    """
    p = model.parameters
    barrier = p["E_i_set0"] + p["E_i_set1"] * vacancies if up else p["E_i_reset"]
    kelvin = np.asarray(temperature, dtype=float)
    charge = p["z"] * ELEMENTARY_CHARGE
    pull = charge * np.asarray(field, dtype=float) * p["a_i"] / (2 * BOLTZMANN * kelvin)
    ceiling = (1.0 - vacancies / p["C_max"]) ** 10
    hop = p["a_i"] * p["nu_i"] * ceiling / p["L"]
    return hop * np.exp(-barrier / (BOLTZMANN * kelvin)) * 2.0 * np.sinh(pull)
