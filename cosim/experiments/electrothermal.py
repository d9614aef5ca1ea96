"""Electro-thermal study of the device: factors for the compact model, and maps.

The finite elements answer three questions about the compact model: is its
thermal resistance what geometry and materials give; is its effective length
the field in the dome; and how hot is the dome at half voltage, where a
half-selected cell sits, against full voltage.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from compact_models.errors import ConfigError
from cosim.experiments.job_parts import stamped
from cosim.style import styled

if TYPE_CHECKING:
    import xarray as xr


def solved_device(
    *,
    amplitude: float,
    fractions: Sequence[float],
    states: Sequence[float],
    fineness: float,
    materials: str,
    convergence: bool,
    sensitivity: bool,
    read_voltage: float = 0.2,
    map_points: int = 121,
    progress: bool = False,
) -> xr.Dataset:
    """Solve the device over states and voltages and reduce it to lumped factors.

    Parameters
    ----------
    amplitude : float
        [V]
    fractions : sequence of float
        Of the amplitude, at which the device is solved.
    states : sequence of float
        Vacancy densities [1/m^3].
    fineness : float
        Divides every mesh spacing [1].
    materials : {"literature", "calibrated"}
    convergence, sensitivity : bool
        Also refine the mesh; also vary every number that is not published.
    read_voltage : float
        At which the device is solved too [V].
    map_points : int
        Points of a map along each axis.
    progress : bool
        Print one line a state.

    Returns
    -------
    xarray.Dataset
        Factors over (state, voltage) and the compact model's own values beside
        them; ``drift`` of the vacancies over (polarity, state, voltage) with the
        field and temperature found, and ``drift_cold`` without heat [1/s];
        ``region_*`` over (state, region) and maps over (state, z, r) at the
        highest voltage; over (mesh) the convergence; over (parameter, bound) the
        sensitivity, at the state ``range_state``; with literature materials the
        dome's temperature at the first state with the calibrated one beside.

    Raises
    ------
    ConfigError
        For a value that makes no sense.
    """
    import xarray as xr

    from compact_models import electrothermal as et
    from compact_models import load_model

    numbers = np.array([amplitude, read_voltage, fineness, *fractions, *states], dtype=float)
    if not len(states) or not (np.isfinite(numbers) & (numbers > 0)).all():
        raise ConfigError(
            thing="an electro-thermal study needs positive voltages, states and fineness",
            value=(amplitude, tuple(fractions), tuple(states), fineness),
        )
    voltages = np.array(sorted({read_voltage, *(amplitude * f for f in fractions)}), dtype=float)
    densities = np.asarray(states, dtype=float)
    reram = load_model("cmo_hfox")
    results: list[list[et.Factors]] = []
    pictures: list[dict[str, Any]] = []
    parts: list[dict[str, et.Region]] = []
    for vacancies in densities:
        device = et.make_device(vacancies=float(vacancies), fineness=fineness, materials=materials)
        solved = et.sweep(device, voltages.tolist())
        results.append([found for found, _ in solved])
        pictures.append(et.maps(device, solved[-1][1], map_points))
        parts.append(et.regions(device, solved[-1][1]))
        if progress:
            last = solved[-1][0]
            print(
                f"vacancies {vacancies:.3g} 1/m^3: R_th {solved[0][0].R_th:.3g} K/W, "
                f"dome {last.temperature_mean:.0f} K at {last.voltage:g} V",
                file=sys.stderr,
            )
    variables: dict[str, Any] = {
        name: (
            ("state", "voltage"),
            [[getattr(f, name) for f in row] for row in results],
            {"units": unit},
        )
        for name, unit in et.UNITS.items()
        if name != "voltage"
    }
    grid = {"voltage": voltages[None, :], "vacancies": densities[:, None]}
    variables["compact_current"] = (("state", "voltage"), reram.current(**grid), {"units": "A"})
    variables["compact_temperature"] = (
        ("state", "voltage"),
        reram.temperature(**grid),
        {"units": "K"},
    )
    for name, unit in et.REGION_UNITS.items():
        values = [[getattr(found[r], name) for r in et.REGIONS] for found in parts]
        variables[f"region_{name}"] = (("state", "region"), values, {"units": unit})
    variables |= _drift(reram, densities, voltages, results)
    for name, unit in (("potential", "V"), ("temperature", "K"), ("field", "V/m")):
        stack = np.array([picture[name] for picture in pictures])
        variables[f"map_{name}"] = (("state", "z", "r"), stack, {"units": unit})
    base = et.make_device(vacancies=float(densities[0]), fineness=fineness, materials=materials)
    if materials == "literature":
        fitted = et.make_device(
            vacancies=float(densities[0]), fineness=fineness, materials="calibrated"
        )
        kelvin = [f.temperature_mean for f, _ in et.sweep(fitted, voltages.tolist())]
        variables["calibrated_temperature"] = (("voltage",), kelvin, {"units": "K"})
    if convergence:
        variables |= _convergence(base, read_voltage, fineness)
    if sensitivity:
        variables |= _sensitivity(base, read_voltage, float(min(states)))
    dataset = xr.Dataset(
        variables,
        coords={
            "voltage": ("voltage", voltages, {"units": "V"}),
            "state": ("state", densities, {"units": "1/m**3"}),
            "region": ("region", list(et.REGIONS)),
            "polarity": ("polarity", ["set", "reset"]),
            "r": ("r", pictures[0]["r"], {"units": "m"}),
            "z": ("z", pictures[0]["z"], {"units": "m"}),
        },
        attrs={"materials": materials, "amplitude": amplitude},
    )
    constants = et.electrothermal_parameters()
    return stamped(
        dataset,
        "electrothermal",
        seed=0,
        fingerprint=constants.fingerprint,
        citations=constants.citation,
        simulator="finite elements",
    )


def _convergence(base: Any, read_voltage: float, fineness: float) -> dict[str, Any]:
    from compact_models import electrothermal as et

    steps = [0.5 * fineness, fineness, 2.0 * fineness]
    found = et.mesh_convergence(base, read_voltage, steps)
    variables: dict[str, Any] = {
        f"mesh_{name}": (
            ("mesh",),
            [getattr(f, name) for f in found],
            {
                "units": et.UNITS[name],
                "relative_error_of_last": et.discretisation_error(
                    [getattr(f, name) for f in found]
                ),
            },
        )
        for name in ("R_th", "L_field", "conductance", "tau")
    }
    return variables | {"mesh_fineness": (("mesh",), steps, {"units": "1"})}


def _drift(reram: Any, states: Any, voltages: Any, results: Any) -> dict[str, Any]:
    """How fast vacancies move, with the heat that is found and at ambient temperature."""
    from compact_models import electrothermal as et

    rates: dict[str, list[Any]] = {"drift": [], "drift_cold": []}
    for up in (True, False):
        for name, kept in rates.items():
            rows = []
            for vacancies, row in zip(states, results, strict=True):
                field = voltages / np.array([f.L_field for f in row])
                warm = np.array([f.temperature_mean for f in row])
                kelvin = warm if name == "drift" else reram.parameters["T_0"]
                rows.append(et.drift_rate(reram, field, kelvin, float(vacancies), up=up))
            kept.append(rows)
    over = ("polarity", "state", "voltage")
    return {name: (over, kept, {"units": "1/s"}) for name, kept in rates.items()}


def _sensitivity(base: Any, read_voltage: float, lowest: float) -> dict[str, Any]:
    from dataclasses import replace

    from compact_models import electrothermal as et

    # At the low-resistance state the film has the dome's density whatever its share.
    low = replace(base, vacancies=lowest)
    apart = {"film_share": et.RANGES["film_share"]}
    rest = {n: r for n, r in et.RANGES.items() if n not in apart}
    found = et.sensitivity(base, read_voltage, rest)
    found |= et.sensitivity(low, read_voltage, apart)
    names = list(found)
    variables: dict[str, Any] = {
        f"range_{name}": (
            ("parameter", "bound"),
            [[getattr(f, name) for f in found[n]] for n in names],
            {"units": et.UNITS[name]},
        )
        for name in ("R_th", "L_field", "conductance", "tau")
    }
    values = [et.RANGES[n] for n in names]
    variables["range_value"] = (("parameter", "bound"), values, {"units": "SI of the parameter"})
    at = [low.vacancies if n in apart else base.vacancies for n in names]
    variables["range_state"] = (("parameter",), at, {"units": "1/m**3"})
    variables["parameter"] = (("parameter",), names)
    variables["bound"] = (("bound",), ["low", "high"])
    return variables


@styled
def figures_of(dataset: xr.Dataset, geometry: Any) -> list[tuple[str, Any]]:
    """Return the pictures of a study: maps of every state, dome temperature, sensitivity.

    Parameters
    ----------
    geometry : mapping
        Of the device, see :mod:`compact_models.electrothermal`.
    """
    from compact_models import load_model
    from compact_models.electrothermal.plot import plot_maps, plot_sensitivity, plot_temperature

    pictures: list[tuple[str, Any]] = []
    names = ("potential", "temperature", "field")
    curves: dict[str, Any] = {}
    for index, vacancies in enumerate(dataset.state.values):
        picture = {n: dataset[f"map_{n}"].values[index] for n in names}
        picture |= {"r": dataset.r.values, "z": dataset.z.values}
        title = f"{vacancies:.3g} vacancies/m$^3$ at {float(dataset.voltage[-1]):g} V"
        pictures.append((f"maps_{index}", plot_maps(picture, geometry, title)))
        label = f"C = {vacancies:.3g} 1/m$^3$"
        curves[f"finite elements, {label}"] = dataset.temperature_mean.values[index]
        curves[f"compact model, {label}"] = dataset.compact_temperature.values[index]
    materials = str(dataset.attrs["materials"])
    if "calibrated_temperature" in dataset:
        name = f"finite elements, R_th fitted, C = {float(dataset.state[0]):.3g} 1/m$^3$"
        curves[name] = dataset.calibrated_temperature.values
    figure = plot_temperature(
        dataset.voltage.values, curves, geometry["T_0"], f"{materials} materials"
    )
    pictures.append(("dome_temperature", figure))
    if "range_R_th" in dataset:
        low = dataset.isel(state=0, voltage=0)
        figure = plot_sensitivity(
            dataset.parameter.values, dataset.range_R_th.values, float(low.R_th),
            float(load_model("cmo_hfox").parameters["R_th"]), "thermal resistance [MK/W]", 1e6,
        )  # fmt: skip
        pictures.append(("sensitivity", figure))
    return pictures
