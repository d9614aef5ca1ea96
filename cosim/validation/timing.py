"""How long products and updates take, and what a pulse costs: wires, drivers, devices in time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
Floats = NDArray[np.float64]
READ, PULSE = 0.2, 1.35


def settling(quick: bool) -> Figures:
    """Settling of products and parallel updates, against the size of the array."""
    from cosim.experiments.settling import Lines, compiled_cells, settle

    times: dict[str, list[float]] = {"read": [], "update": []}
    for n in (16, 64):
        cells = np.full((n, n), 1.64)
        read = settle(compiled_cells(cells, READ), Lines(), "read", steps=300)
        update = settle(compiled_cells(cells, PULSE / 2, -PULSE / 2), Lines(), "update", steps=300)
        times["read"].append(read.time * 1e12)
        times["update"].append(update.time * 1e12)
    return {
        f"{name}_settling": Measured(value=large, note=f"16 x 16: {small:.0f} ps, 16 times fewer")
        for name, (small, large) in (("product", times["read"]), ("update", times["update"]))
    }


def circuit_settling(size: int, drive: str) -> tuple[Floats, Floats]:
    """Return time since the edge [s] and largest relative distance from the end, in ngspice.

    Parameters
    ----------
    size : int
        Rows and columns of 1T1R cells.
    drive : {"read", "update"}
        As in :func:`cosim.experiments.settling.settle`.
    """
    from compact_models import load_model
    from cosim.experiments.settling import Lines
    from cosim.simulators.ngspice import NgspiceSimulator
    from netlists.analysis import Transient
    from netlists.array import Array
    from netlists.bias import read
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    lines = Lines()
    ohms, farads = lines.wire_resistance, lines.wire_capacitance
    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=size,
        cols=size,
        parasitics=Parasitics(
            r_row=ohms,
            r_col=ohms,
            r_word=ohms,
            c_row=farads,
            c_col=farads,
            c_word=farads,
            r_driver=lines.driver_resistance,
        ),
    )
    # An edge of half a picosecond is short beside the settling; time counts from its middle.
    start, stop = 20e-12, 20.5e-12
    high, low = (READ, 0.0) if drive == "read" else (PULSE / 2, -PULSE / 2)
    edges = {"bl": high, "sl": low}
    drives: dict[str, Any] = {
        name: Waveform((0.0, start, stop), (0.0, 0.0, edges[name[:2]]))
        if name[:2] in edges and edges[name[:2]]
        else wave
        for name, wave in read(array, np.full(size, READ)).items()
    }
    probes = (
        ("source_line_current",) if drive == "read" else ("bit_line_voltage", "source_line_voltage")
    )
    result = NgspiceSimulator(executable=os.environ.get("COSIM_NGSPICE_OSDI")).run(
        Testbench(
            array=array,
            drives=drives,
            analysis=Transient(stop=2.5e-10, step=5e-13, max_step=1e-13 if size < 4 else 2e-13),
            probes=probes,
            title=f"settling of a {drive}",
        )
    )
    parts = [np.asarray(result[p]).reshape(result.axis.size, -1) for p in probes]
    values = parts[0] if drive == "read" else parts[0] - parts[1]
    error = np.abs(values / values[-1] - 1.0).max(axis=1)
    return np.asarray(result.axis - 0.5 * (start + stop)), error


def settling_against_circuit(quick: bool) -> Figures:
    """The settling network against ngspice with the whole devices."""
    from cosim.experiments.settling import Lines, compiled_cells, settle

    figures: dict[str, Measured | float] = {}
    cases = [(3, "read", "ladder_settling"), (3, "update", "ladder_settling_update")]
    if not quick:
        cases.append((8, "read", "ladder_settling_8"))
    for size, drive, name in cases:
        axis, error = circuit_settling(size, drive)
        measured = float(axis[np.nonzero(error > 0.01)[0].max()])
        bias = (READ, 0.0) if drive == "read" else (PULSE / 2, -PULSE / 2)
        cells = compiled_cells(np.full((size, size), 1.64), *bias)
        ours = settle(cells, Lines(), "read" if drive == "read" else "update").time
        figures[name] = Measured(
            value=(ours / measured - 1.0) * 100.0, note=f"ngspice {measured * 1e12:.1f} ps"
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
    ours = float(pulse_energy(np.array([1.64]), PULSE, width, 1.4)["total"][0])
    return {
        "ladder_pulse_energy": Measured(
            value=(ours / measured - 1.0) * 100.0, note=f"{measured * 1e12:.0f} pJ in time"
        )
    }
