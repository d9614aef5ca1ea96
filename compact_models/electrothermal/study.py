"""What the finite elements say to the compact model: R_th, field length, time constant.

Definitions, each the counterpart of one number of the compact model:

==================  ==========================================================
``R_th``            mean temperature rise of the dome over the total power
``R_th_peak``       highest temperature rise over the total power
``L_field``         voltage over the mean field in the dome: what V / L means
``L_conductance``   A sigma / G with the compact model's area A and low-field
                    sigma at ambient: means L only at low voltage
``tau``             settling time of the dome's mean temperature
``heat_share``      part of the power made in the half-sphere of the dome
``voltage_share``   part of the voltage between the filament's end and the
                    dome's surface on the axis
==================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compact_models.electrothermal.device import Device, electrothermal_parameters, hopping_law
from compact_models.electrothermal.problem import NANOMETRE, Solution
from compact_models.electrothermal.solver import solve
from compact_models.electrothermal.transient import settling_time
from compact_models.errors import CalibrationError, ParameterError

LRS = 3.77e25
SYMMETRY = 1.64e25
HRS = 7e24


@dataclass(frozen=True, kw_only=True)
class Factors:
    """Lumped quantities of one solution; SI, shares between 0 and 1."""

    voltage: float
    current: float
    conductance: float
    power: float
    temperature_mean: float
    temperature_peak: float
    R_th: float
    R_th_peak: float
    L_field: float
    L_conductance: float
    tau: float
    heat_share: float
    voltage_share: float
    energy_error: float
    degrees_of_freedom: float


UNITS = {
    "voltage": "V", "current": "A", "conductance": "S", "power": "W",
    "temperature_mean": "K", "temperature_peak": "K", "R_th": "K/W", "R_th_peak": "K/W",
    "L_field": "m", "L_conductance": "m", "tau": "s", "heat_share": "1",
    "voltage_share": "1", "energy_error": "1", "degrees_of_freedom": "1",
}  # fmt: skip


def make_device(
    *,
    vacancies: float = LRS,
    fineness: float = 1.0,
    degree: int = 2,
    materials: str = "literature",
    parameters: Mapping[str, float] | None = None,
    **changes: float,
) -> Device:
    """Return the device with the shipped geometry and materials.

    Parameters
    ----------
    vacancies : float
        Mean vacancy density of the dome [1/m^3].
    fineness : float
        Divides every mesh spacing.
    materials : {"literature", "calibrated"}
        "calibrated" takes the CMO's thermal conductivity that gives the
        published R_th; "literature" the measured one of TaOx films.
    parameters : mapping, optional
        In place of the shipped values.
    **changes : float
        Single values to change, by name.

    Raises
    ------
    ParameterError
        For an unknown name, or values outside their limits.
    """
    if not fineness > 0 or not vacancies > 0:
        raise ParameterError(
            thing="fineness and vacancies must be positive", value=(fineness, vacancies)
        )
    if materials not in ("literature", "calibrated"):
        raise ParameterError(
            thing="materials of the electro-thermal model",
            value=materials,
            limit="'literature' or 'calibrated'",
        )
    chosen = electrothermal_parameters()
    if materials == "calibrated":
        chosen = chosen.replace(k_cmo=chosen["k_cmo_effective"])
    if changes:
        chosen = chosen.replace(**changes)
    return Device(
        vacancies=vacancies,
        parameters=dict(chosen) if parameters is None else {**chosen, **parameters},
        law=hopping_law(),
        fineness=fineness,
        degree=degree,
    )


def factors(device: Device, solution: Solution) -> Factors:
    """Reduce a solution to the numbers a compact model can use.

    Raises
    ------
    ParameterError
        If the solution is that of 0 V, where all of them are 0 / 0.
    """
    if solution.voltage == 0.0:
        raise ParameterError(
            thing="nothing flows at this voltage of the electro-thermal model [V]",
            value=solution.voltage,
            limit="not 0",
        )
    points, weights, field, temperature = solution.at_points()
    dome = device.in_dome(points)
    share = weights[dome] / weights[dome].sum()
    q = device.parameters
    ambient = q["T_0"]
    mean = float((share * temperature[dome]).sum())
    # The axis through the dome, from the filament's end to the dome's surface.
    radius = q["dome_radius"] / NANOMETRE
    potential, _ = solution.probe(np.array([[1e-3, 1e-3], [1e-6, radius]]))
    sigma = device.problem_sigma(points, field, temperature)
    heat = weights * sigma * field**2
    time = settling_time(solution, device.heat_capacity)
    rise = np.asarray(solution.problem.basis.interpolate(solution.temperature)) - ambient
    settle = np.asarray(solution.problem.basis.interpolate(time * (solution.temperature - ambient)))
    compact = device.law.model.parameters
    area = compact["area_factor"] * np.pi * compact["r"] ** 2
    one = np.array([device.vacancies])
    low_field = float(device.law(np.zeros(1), np.full(1, ambient), one)[0][0])
    conductance = solution.current / solution.voltage
    return Factors(
        voltage=solution.voltage,
        current=solution.current,
        conductance=conductance,
        power=solution.power,
        temperature_mean=mean,
        temperature_peak=float(solution.temperature.max()),
        R_th=(mean - ambient) / solution.power,
        R_th_peak=(float(solution.temperature.max()) - ambient) / solution.power,
        L_field=solution.voltage / float((share * field[dome]).sum()),
        L_conductance=area * low_field / conductance,
        tau=float((share * settle[dome]).sum() / (share * rise[dome]).sum()),
        heat_share=float(heat[dome].sum() / heat.sum()),
        voltage_share=float((potential[1] - potential[0]) / solution.voltage),
        energy_error=abs(solution.heat_flow / (solution.voltage * solution.current) - 1.0),
        degrees_of_freedom=2.0 * solution.problem.basis.N,
    )


def sweep(device: Device, voltages: Sequence[float]) -> list[tuple[Factors, Solution]]:
    """Solve at each voltage [V] in turn, each from the one before."""
    problem = device.problem()
    found: list[tuple[Factors, Solution]] = []
    last: Solution | None = None
    for voltage in voltages:
        last = solve(problem, float(voltage), last)
        found.append((factors(device, last), last))
    return found


def mesh_convergence(
    device: Device, voltage: float = 0.2, finenesses: Sequence[float] = (0.5, 1.0, 2.0)
) -> list[Factors]:
    """Return the factors on meshes of growing fineness."""
    return [sweep(replace(device, fineness=float(f)), [voltage])[0][0] for f in finenesses]


def discretisation_error(values: Sequence[float]) -> float:
    """Estimate the relative error of the last of three or more mesh results.

    The last change, scaled up as a geometric series when the changes shrink by
    less than half; the whole last change when they do not shrink.
    """
    before, last = values[-2] - values[-3], values[-1] - values[-2]
    ratio = abs(last / before) if before != 0.0 else 0.0
    remaining = abs(last) * (ratio / (1.0 - ratio) if ratio < 0.5 else 1.0)
    return float(max(remaining, abs(last) * 0.1) / abs(values[-1]))


# Ranges of what is not published for this device: literature extremes, or half and double.
RANGES: dict[str, tuple[float, float]] = {
    "k_cmo": (0.7, 4.2),
    "k_filament": (0.9, 23.0),
    "k_hfox": (0.49, 0.95),
    "k_electrode": (11.0, 29.0),
    "cmo_thickness": (15e-9, 40e-9),
    "hfox_thickness": (3e-9, 6e-9),
    "electrode_thickness": (10e-9, 50e-9),
    "sigma_filament": (5e4, 1e6),
    "sigma_electrode": (5e5, 5e6),
    "film_share": (0.0, 1.0),
    "outer_radius": (40e-9, 175e-9),
}


def sensitivity(
    device: Device, voltage: float = 0.2, ranges: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, tuple[Factors, Factors]]:
    """Return the factors with each unpublished number at both ends of its range."""
    chosen = RANGES if ranges is None else ranges
    return {
        name: (_changed(device, voltage, name, low), _changed(device, voltage, name, high))
        for name, (low, high) in chosen.items()
    }


def _changed(device: Device, voltage: float, name: str, value: float) -> Factors:
    changed = replace(device, parameters={**device.parameters, name: value})
    return sweep(changed, [voltage])[0][0]


def calibrate_conductivity(
    device: Device, target: float = 1.4e6, voltage: float = 0.2
) -> tuple[float, Factors]:
    """Find the CMO's thermal conductivity that gives the thermal resistance `target` [K/W].

    Raises
    ------
    CalibrationError
        If no value from 0.2 to 20 W/(m K) does.
    """
    from scipy.optimize import brentq

    def miss(log_k: float) -> float:
        return _changed(device, voltage, "k_cmo", float(np.exp(log_k))).R_th / target - 1.0

    low, high = np.log(0.2), np.log(20.0)
    if miss(low) * miss(high) > 0:
        raise CalibrationError(
            thing="no thermal conductivity of the CMO gives that thermal resistance [K/W]",
            value=target,
            limit="what 0.2 to 20 W/(m K) give",
        )
    k = float(np.exp(brentq(miss, low, high, xtol=1e-4)))
    return k, _changed(device, voltage, "k_cmo", k)


def maps(device: Device, solution: Solution, points: int = 121) -> dict[str, Any]:
    """Sample potential, temperature and field on a regular grid around the filament.

    Returns
    -------
    dict
        ``r`` (n,), ``z`` (m,) [m]; ``potential`` [V], ``temperature`` [K] and
        ``field`` [V/m], shape (m, n).
    """
    q = device.parameters
    reach = min(q["outer_radius"], 3.0 * q["dome_radius"]) / NANOMETRE
    low = -(q["hfox_thickness"] + 0.5 * q["electrode_thickness"]) / NANOMETRE
    high = (q["cmo_thickness"] + 0.5 * q["electrode_thickness"]) / NANOMETRE
    r = np.linspace(1e-3, reach * 0.999, points)
    z = np.linspace(low, high, points)
    grid = np.array([a.ravel() for a in np.meshgrid(r, z)])
    potential, temperature = (a.reshape(points, points) for a in solution.probe(grid))
    slopes = np.gradient(potential, z * NANOMETRE, r * NANOMETRE)
    return {
        "r": r * NANOMETRE,
        "z": z * NANOMETRE,
        "potential": potential,
        "temperature": temperature,
        "field": np.hypot(*slopes),
    }
