"""The binary cell on the device equations: writing, reading 8e8 times, temperature.

SPIRIT's own cell is not published as a model; the equations here are those of the CMO/HfOx
device (``cmo_hfox``), whose end states stand in for LRS and HRS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models import load_model
from cosim.errors import ModelError

if TYPE_CHECKING:
    import xarray as xr

READS = 8e8  # read spikes without disturb, Valentian2019


def vacancies_of(conductance: ArrayLike, reram: Any, voltage: float) -> NDArray[np.float64]:
    """Vacancy density [1/m^3] at which the device has that conductance at `voltage`."""
    return np.asarray(reram.vacancies_at(conductance=conductance, voltage=voltage))


def read_stability(
    parameters: Mapping[str, float],
    *,
    reads: float = READS,
    voltages: ArrayLike = (0.1, 0.2, 0.3, 0.4),
    points: int = 40,
) -> xr.Dataset:
    """Integrate the vacancy density over `reads` read pulses, LRS and HRS, in SET direction.

    The device warms and cools in 28 ps, a pulse lasts nanoseconds: the density sees the
    steady rate during pulses and none between them, so the pulses join into one.

    Returns
    -------
    xarray.Dataset
        conductance(voltage, state, reads) [S] at the parameter set's read voltage,
        change(voltage, state, reads) relative to the start.

    Raises
    ------
    ModelError
        If the integration did not reach the end.
    """
    import xarray as xr
    from scipy.integrate import solve_ivp

    p = dict(parameters)
    reram = load_model("cmo_hfox")
    read = p["read_voltage"]
    start = vacancies_of([p["g_lrs"], p["g_hrs"]], reram, read)
    volts = np.atleast_1d(np.asarray(voltages, dtype=float))
    counts = np.concatenate([[0.0], np.geomspace(1.0, reads, points - 1)])
    conductance = np.empty((len(volts), 2, points))
    for a, volt in enumerate(volts):
        for b, density in enumerate(start):

            def rate(_: float, y: NDArray[np.float64], volt: float = volt) -> NDArray[np.float64]:
                # ln C as the state: it moves over decades without losing digits.
                c = np.exp(y)
                return np.asarray(reram.rate(voltage=volt, vacancies=c) / c)

            solution = solve_ivp(
                rate, (0.0, reads * p["pulse"]), [np.log(density)], method="LSODA",
                t_eval=counts * p["pulse"], rtol=1e-8, atol=1e-12,
            )  # fmt: skip
            if not solution.success or solution.y.shape[1] != points:
                raise ModelError(
                    thing=f"drift under reads was not integrated to the end: {solution.message}",
                    value=volt,
                    next_step="Lower the read voltage",
                )
            conductance[a, b] = reram.conductance(
                vacancies=np.exp(solution.y[0]), read_voltage=read
            )
    return xr.Dataset(
        {
            "conductance": (("voltage", "state", "reads"), conductance, {"units": "S"}),
            "change": (
                ("voltage", "state", "reads"),
                conductance / conductance[:, :, :1] - 1.0,
                {"units": "dimensionless"},
            ),
        },
        coords={
            "voltage": ("voltage", volts, {"units": "V"}),
            "state": ["lrs", "hrs"],
            "reads": ("reads", counts, {"units": "dimensionless"}),
        },
        attrs={"pulse": p["pulse"], "citation": reram.parameters.citation},
    )


def at_temperature(parameters: Mapping[str, float], temperatures: ArrayLike) -> NDArray[np.float64]:
    """LRS and HRS conductance at other ambient temperatures [S], shape (temperatures, 2).

    The states are those that have the nominal conductances at the model's own ambient.
    """
    p = dict(parameters)
    reram = load_model("cmo_hfox")
    read = p["read_voltage"]
    states = vacancies_of([p["g_lrs"], p["g_hrs"]], reram, read)
    rows = []
    for temperature in np.atleast_1d(np.asarray(temperatures, dtype=float)):
        warm = load_model("cmo_hfox", reram.parameters.replace(T_0=float(temperature)))
        rows.append(warm.conductance(vacancies=states, read_voltage=read))
    return np.asarray(rows)


def write_cells(
    parameters: Mapping[str, float],
    *,
    set_voltage: float = 1.5,
    reset_voltage: float = -1.55,
    width: float = 1e-4,
    cycles: int = 3,
    simulator: str = "ngspice",
    progress: bool = False,
) -> xr.Dataset:
    """SET and RESET a single-level cell through its 1T1R in the circuit, open loop.

    One pulse a direction, no verify. Amplitudes and width are assumptions: SPIRIT's are not
    published, and a gradual device needs longer pulses than an abrupt one.

    Returns
    -------
    xarray.Dataset
        Of :class:`cosim.experiments.PulseUpdate`; conductance(pulse, row, col) [S].
    """
    from cosim.experiments import PulseUpdate
    from netlists import Array, Cell

    cell = Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))
    update = PulseUpdate(
        Array(cell, rows=1, cols=1), set=set_voltage, reset=reset_voltage, width=width,
        sequence=(1, -1) * cycles, set_gate=parameters["word_line_voltage"],
        reset_gate=parameters["word_line_voltage"], read_voltage=parameters["read_voltage"],
        rise=width / 100, cycle_spread=False,
    )  # fmt: skip
    return update.run(simulator=simulator, seed=0, progress=progress)
