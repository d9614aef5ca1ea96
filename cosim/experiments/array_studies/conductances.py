"""Memory devices at a given conductance, and the conductance of given devices."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError
from netlists import Array

Floats = NDArray[np.float64]
_DENSITIES = (0.01, 10.0)
_EXACT = 1e-4  # relative error of a conductance that is asked for


def check_conductances(array: Array, values: ArrayLike, read_voltage: float = 0.2) -> None:
    """Raise unless the array's device can have these conductances [S] at the read voltage."""
    given = np.asarray(values, dtype=float)
    if given.size == 0 or not np.isfinite(given).all() or given.min() <= 0:
        raise ConfigError(
            thing="conductances of an array study", value=given.tolist(), limit="above 0 S"
        )
    reram = array.cell.reram
    if hasattr(reram, "vacancies_at"):
        _, low, high = _log_density(reram, read_voltage)
        if np.log(given.min()) < low or np.log(given.max()) > high:
            raise ConfigError(
                thing="no state of the device has such a conductance [S]",
                value=(float(given.min()), float(given.max())),
                limit=f"{np.exp(low):.4g} to {np.exp(high):.4g} S",
                next_step="Choose conductances inside the window of the device",
            )
    elif not _is_resistor(reram):
        raise ConfigError(
            thing="array studies cannot set the conductance of this device",
            value=reram.name,
            limit="cmo_hfox, resistor",
        )


def _is_resistor(reram: Any) -> bool:
    return "resistance" in tuple(reram.parameters)


def with_conductance(array: Array, conductance: ArrayLike, read_voltage: float = 0.2) -> Array:
    """The array with every memory device at a conductance [S], scalar or (rows, cols).

    It is that of the device alone, formed, at the read voltage.
    """
    wanted = np.broadcast_to(np.asarray(conductance, dtype=float), array.shape)
    reram = array.cell.reram
    if _is_resistor(reram):
        return array.with_parameters(resistance=1.0 / wanted)
    density = np.exp(_log_density(reram, read_voltage)[0](np.log(wanted)))
    return _adjusted(array.with_states({"c": density}), wanted, read_voltage)


@lru_cache(maxsize=8)
def _log_density(reram: Any, read_voltage: float) -> tuple[Any, float, float]:
    """ln(C / 1e25) as a smooth function of ln(conductance), and the ends of the latter.

    Only the branch that rises from low density: where the hopping distance reaches its floor,
    conductance has a maximum, and what lies beyond is outside the window of the device.
    """
    from scipy.interpolate import CubicSpline

    grid = np.linspace(float(np.log(_DENSITIES[0])), float(np.log(_DENSITIES[1])), 600)
    values = np.log(reram.conductance(vacancies=np.exp(grid) * 1e25, read_voltage=read_voltage))
    falling = np.flatnonzero(np.diff(values) <= 0)
    stop = int(falling[0]) if falling.size else grid.size
    spline = CubicSpline(values[:stop], grid[:stop])
    return spline, float(values[0]), float(values[stop - 1])


def _adjusted(array: Array, wanted: Floats, read_voltage: float) -> Array:
    """Newton steps on the states where devices have parameters of their own."""
    reram = array.cell.reram
    initial = {s.initial for s in reram.states}
    own = {n: v for n, v in array.parameters.items() if n not in initial}
    if not any(np.ptp(v) > 0 or v.flat[0] != reram.parameters[n] for n, v in own.items()):
        return array
    log_c = np.log(array.initial_state("c"))
    for _ in range(4):
        step = 1e-4
        now, beyond = (
            np.log(device_conductance(array.with_states({"c": np.exp(x)}), read_voltage))
            for x in (log_c, log_c + step)
        )
        log_c = log_c - (now - np.log(wanted)) * step / (beyond - now)
        # Beyond the window conductance has a maximum, at which a Newton step has no length.
        log_c = np.clip(log_c, *np.log(_DENSITIES))
    found = array.with_states({"c": np.exp(log_c)})
    off = np.abs(device_conductance(found, read_voltage) / wanted - 1.0)
    if not off.max() < _EXACT:
        worst = int(np.nanargmax(np.where(np.isfinite(off), off, np.inf)))
        raise ConfigError(
            thing="a device of the array has no state of this conductance [S]",
            value=float(wanted.flat[worst]),
            limit="inside the window of every device",
            next_step="Choose a conductance further from the ends of the window, or leave out "
            "`spread` of [array]",
        )
    return found


def device_conductance(array: Array, read_voltage: float = 0.2) -> Floats:
    """Conductance of every memory device alone, formed, at its present state [S]."""
    from compact_models.steady import solve_steady

    reram = array.cell.reram
    if _is_resistor(reram):
        return 1.0 / array.parameter_array("resistance")
    initial = {s.initial for s in reram.states}
    settled = solve_steady(
        reram,
        voltages={"top": np.full(array.shape, read_voltage), "bottom": 0.0},
        held={s.name: array.initial_state(s.name) for s in reram.states if s.held},
        parameters={n: v for n, v in array.parameters.items() if n not in initial},
    )
    return np.asarray(settled.current("top") / read_voltage)
