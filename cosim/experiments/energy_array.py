"""Energy of products, pulses and closed-loop programming in an array of one size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.settling_cells import Lines

Floats = NDArray[np.float64]
LEVELS = 35
LEAST_PROGRAMMED = int(np.ceil(np.sqrt(2 * LEVELS)))
"""Rows and columns from which there are two cells a level."""


def product_energy(
    size: int, lines: Lines, density: Floats, read_voltage: float, width: float, seed: int
) -> tuple[float, float]:
    """Return the energy of one product from its drivers, and the part left in the wires [J].

    Parameters
    ----------
    size : int
        Rows and columns.
    density : ndarray, shape (size, size)
        C / 1e25 of the devices.
    read_voltage : float
        Of an input of 1 [V]; the inputs of 16 products are uniform in [-1, 1].
    width : float
        For which the inputs are held [s].
    """
    from compact_models import load_model
    from cosim.experiments.read import Read
    from cosim.simulators.base import get_simulator
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=size,
        cols=size,
        parasitics=Parasitics(
            r_row=lines.wire_resistance,
            r_col=lines.wire_resistance,
            r_driver=lines.driver_resistance,
        ),
        parameters={"c_0": density},
    )
    volts = read_voltage * np.random.default_rng(seed).uniform(-1.0, 1.0, (16, size))
    reading = Read(array, inputs=volts)
    wanted = (
        "bit_line_current",
        "bit_line_voltage",
        "source_line_voltage",
        "cell_current",
    )
    bench = reading.testbench(array, volts, seed).replace(probes=wanted)
    result = get_simulator("native").run(bench)
    power = (volts * np.asarray(result["bit_line_current"])).sum(axis=1)
    across = np.asarray(result["bit_line_voltage"]) - np.asarray(result["source_line_voltage"])
    cells = (across * np.asarray(result["cell_current"])).sum(axis=(1, 2))
    return float(power.mean() * width), float((power - cells).mean() * width)


def pulse_in_array(
    size: int, lines: Lines, *, density: float, amplitude: float, width: float, gate: float
) -> tuple[float, float]:
    """Return energy [J] of a SET pulse at the cell farthest from the drivers, and its voltage.

    Parameters
    ----------
    density : float
        C / 1e25 of the device.
    amplitude, gate : float
        [V]
    width : float
        [s]

    Returns
    -------
    energy : float
        From the drivers, the charge of the selected bit line included [J].
    voltage : float
        Lowest share of the amplitude at the cell [1].
    """
    from compact_models import load_model
    from cosim.experiments.wired_cells import Bias, Wires, build_table, pulse

    reram = load_model("cmo_hfox")
    bias = Bias(bit_line=amplitude, source_line=0.0, gate=gate)
    table = build_table(
        reram, load_model("nmos_3v3"), bias, np.array([float(reram.parameters["r"])])
    )
    wires = Wires(segment=lines.wire_resistance, driver=lines.driver_resistance)
    kind = np.full((1, size), -1, dtype=np.intp)
    kind[0, -1] = 0
    zero, radius = np.zeros((1, size)), np.zeros((1, size), dtype=np.intp)
    _, charge, least = pulse(
        (table,), kind, radius, np.full((1, size), np.log(density)), zero, zero, wires,
        wires.source_path(size)[-1:], width, shared=False,
    )  # fmt: skip
    farads = size * (lines.wire_capacitance + lines.device_capacitance)
    energy = float(charge[0, -1]) * amplitude + farads * amplitude**2
    return energy, float(least[0, -1]) / amplitude


def program_in_array(size: int, lines: Lines, acceptance_range: float, seed: int) -> dict[str, Any]:
    """Return what it takes to bring all cells to 35 levels, a row at a time, a cell on average.

    Returns
    -------
    dict
        ``pulses`` and ``energy`` [J] of a cell, ``reached`` [1].
    """
    from cosim.experiments.wired_cells import Wires
    from cosim.experiments.wired_levels import program_array
    from cosim.experiments.wired_program import WiredProgram

    # Drivers of programming are as stiff as the pulse maps assume; the wires are what grows.
    program = WiredProgram(size=size, wires=Wires(segment=lines.wire_resistance))
    targets = np.linspace(10e-6, 90e-6, LEVELS)
    found = program_array(program, targets, [acceptance_range], [], seed, radii=3)
    return {
        "pulses": float(found.pulses.mean()),
        "energy": float(found.energy.sum()) / size**2,
        "reached": float(found.reached.mean()),
    }
