"""How long products and updates take, and what a pulse costs: wires, drivers, devices in time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
Drive = Literal["read", "update"]
READ, PULSE = 0.2, 1.35
"""Voltages of a product and of an update [V]."""
STATE = 1.64
"""Of all devices: the symmetry point, C / 1e25."""


def linear_settling(size: int, drive: Drive, steps: int = 600) -> float:
    """Return the settling [s] of products or updates with cells as linear networks."""
    from cosim.experiments.settling import Lines, compiled_cells, settle

    bias = (READ, 0.0) if drive == "read" else (PULSE / 2, -PULSE / 2)
    cells = compiled_cells(np.full((size, size), STATE), *bias)
    return settle(cells, Lines(), drive, steps=steps).time


def array_settling(size: int, drive: Drive, stop: float) -> float:
    """Return the same by the native solver with everything in time, over `stop` seconds."""
    return _transient(size, drive, stop)


def circuit_settling(size: int, drive: Drive) -> float:
    """Return the same in ngspice, for arrays of up to 8 rows."""
    from cosim.simulators.ngspice import NgspiceSimulator

    simulator = NgspiceSimulator(executable=os.environ.get("COSIM_NGSPICE_OSDI"))
    # ngspice does not shorten its steps for the last percent: with 100 of them it is 5 % off.
    return _transient(size, drive, 2.3e-10, simulator=simulator, steps=1250)


def _transient(size: int, drive: Drive, stop: float, **how: Any) -> float:
    from cosim.experiments.settling import Lines
    from cosim.experiments.settling_transient import transient_settling

    amplitude = READ if drive == "read" else PULSE
    density = np.full((size, size), STATE)
    return transient_settling(density, Lines(), drive, amplitude=amplitude, stop=stop, **how).time


def settling(quick: bool) -> Figures:
    """Settling of products and parallel updates, against the size of the array."""
    found: dict[str, Measured | float] = {}
    cases: tuple[tuple[str, Drive], ...] = (("product", "read"), ("update", "update"))
    for name, drive in cases:
        small, large = (linear_settling(n, drive, steps=300) for n in (16, 64))
        how = "linear network"
        if not quick:
            small, large = (
                array_settling(16, drive, 3 * small),
                array_settling(64, drive, 3 * large),
            )
            how = "native solver in time"
        found[f"{name}_settling"] = Measured(
            value=large * 1e12, note=f"{how}; 16 x 16, 16 times fewer cells: {small * 1e12:.0f} ps"
        )
    return found


def settling_against_circuit(quick: bool) -> Figures:
    """The settling network against ngspice with the whole devices."""
    figures: dict[str, Measured | float] = {}
    cases: list[tuple[int, Drive, str]] = [
        (3, "read", "ladder_settling"),
        (3, "update", "ladder_settling_update"),
    ]
    if not quick:
        cases.append((8, "read", "ladder_settling_8"))
    for size, drive, name in cases:
        measured = circuit_settling(size, drive)
        figures[name] = Measured(
            value=(linear_settling(size, drive) / measured - 1.0) * 100.0,
            note=f"ngspice {measured * 1e12:.1f} ps",
        )
    return figures


def energy_against_array(quick: bool) -> Figures:
    """Energy of a SET pulse from the pulse map against current times voltage in time."""
    from compact_models import load_model
    from cosim.experiments.energy import pulse_energy
    from cosim.simulators.base import get_simulator
    from netlists.analysis import Transient
    from netlists.array import Array
    from netlists.bias import every_cell
    from netlists.cell import Cell
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    width, edge = 2.5e-6, 5e-9
    array = Array(Cell(load_model("cmo_hfox"), load_model("nmos_3v3")), rows=1, cols=1)
    pulse = Waveform((0.0, edge, width, width + edge), (0.0, PULSE, PULSE, 0.0))
    result = get_simulator("native").run(
        Testbench(
            array=array,
            drives=every_cell(array, pulse, gate=1.4),
            analysis=Transient(stop=width + edge, step=edge / 5, max_step=width / 100),
            probes=("bit_line_current",),
            title="energy of a pulse",
        )
    )
    power = pulse.at(result.axis) * np.asarray(result["bit_line_current"])[:, 0]
    measured = float(np.trapezoid(power, result.axis))
    ours = float(pulse_energy(np.array([STATE]), PULSE, width, 1.4)["total"][0])
    return {
        "ladder_pulse_energy": Measured(
            value=(ours / measured - 1.0) * 100.0, note=f"{measured * 1e12:.0f} pJ in time"
        )
    }
