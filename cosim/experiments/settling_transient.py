"""Settling of an array by a transient of the whole circuit: devices, transistors, charged wires.

:func:`cosim.experiments.settling.settle` linearises the cells where they end, at the voltages of
the drivers; that is quick, and its settling is off by up to a third where the drivers and wires
take a large part (16 x 16 and up, parallel updates above all). Here nothing is linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.settling import Lines

Floats = NDArray[np.float64]
EDGE, RISE = 20e-12, 0.5e-12
"""When the edge comes, and how long it takes: short beside the settling [s]."""


@dataclass(frozen=True, kw_only=True)
class SettledArray:
    """An array after an edge on all its lines.

    Parameters
    ----------
    time : float
        From the middle of the edge until everything stays within the accuracy [s].
    axis, error : ndarray, shape (t,)
        Time since the edge [s], largest relative distance from the end.
    reached : float
        Smallest voltage between the lines at a cell in the end, over that of the drivers [1].
    """

    time: float
    axis: Floats
    error: Floats
    reached: float


def transient_settling(
    density: Floats,
    lines: Lines,
    drive: Literal["read", "update"],
    *,
    amplitude: float,
    stop: float,
    gate: float = 3.3,
    accuracy: float = 0.01,
    simulator: Any = None,
    steps: int = 100,
) -> SettledArray:
    """Return how an array settles after a step on all of its lines.

    Parameters
    ----------
    density : ndarray, shape (rows, cols)
        C / 1e25 of the devices.
    drive : {"read", "update"}
        A step on all bit lines, judged by every source line's current; or half a step up on all
        bit lines and half a step down on all source lines, judged by the voltage at every cell.
    amplitude : float
        Between bit and source lines [V].
    stop : float
        Duration after the edge, long enough for everything to come to rest [s].
    simulator : Simulator, optional
        The native one with charged lines by default; ngspice gives the same within 0.5 %.
    steps : int
        Least number of time steps.

    Raises
    ------
    NotConverged
        If it has not settled in the first half of the duration.
    """
    from compact_models import load_model
    from compact_models.errors import NotConverged
    from cosim.simulators.base import get_simulator
    from netlists.analysis import Transient
    from netlists.array import Array
    from netlists.bias import read
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    ohms, farads = lines.wire_resistance, lines.wire_capacitance
    rows, cols = np.shape(density)
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=rows,
        cols=cols,
        parasitics=Parasitics(
            r_row=ohms, r_col=ohms, r_word=ohms, c_row=farads, c_col=farads, c_word=farads,
            r_driver=lines.driver_resistance,
        ),
        parameters={"c_0": np.asarray(density, dtype=float)},
    )  # fmt: skip
    ends = {"bl": amplitude, "sl": 0.0}
    if drive == "update":
        ends = {"bl": 0.5 * amplitude, "sl": -0.5 * amplitude}
    still = read(array, np.full(rows, amplitude), gate=gate)
    drives = {
        name: Waveform((0.0, EDGE, EDGE + RISE), (0.0, 0.0, ends[name[:2]]))
        if ends.get(name[:2])
        else wave
        for name, wave in still.items()
    }
    chosen = get_simulator("native", line_capacitance=True) if simulator is None else simulator
    end = EDGE + RISE + stop
    result = chosen.run(
        Testbench(
            array=array,
            drives=drives,
            analysis=Transient(stop=end, step=end / steps, max_step=end / steps),
            probes=("source_line_current", "bit_line_voltage", "source_line_voltage"),
            title=f"settling of a {drive}",
        )
    )
    across = np.asarray(result["bit_line_voltage"]) - np.asarray(result["source_line_voltage"])
    watched = np.asarray(result["source_line_current"]) if drive == "read" else across
    flat = watched.reshape(result.axis.size, -1)
    error = np.abs(flat / flat[-1] - 1.0).max(axis=1)
    axis = np.asarray(result.axis - EDGE - 0.5 * RISE, dtype=np.float64)
    late = int(np.nonzero(error > accuracy)[0].max())
    if axis[late] > 0.5 * stop:
        raise NotConverged(
            thing="the array has not settled in the time that it was given [s]", value=stop,
            next_step="Give a longer one",
        )  # fmt: skip
    # Between two points the error falls as an exponential.
    before, after = np.log(error[late]), np.log(max(error[late + 1], 1e-12))
    share = (before - np.log(accuracy)) / (before - after)
    time = float(axis[late] + share * (axis[late + 1] - axis[late]))
    reached = float(across[-1].min() / amplitude)
    return SettledArray(time=time, axis=axis, error=error, reached=reached)
