"""How long products take: wires, drivers and devices in time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]


def settling(quick: bool) -> Figures:
    """Settling of a product on the linear network, against the size of the array."""
    from cosim.experiments.energy import Lines, settling_time

    small, large = (settling_time(np.full((n, n), 50e-6), Lines()) for n in (16, 64))
    return {
        "product_settling": Measured(
            value=large * 1e12, note=f"16 x 16: {small * 1e12:.0f} ps, one 16th of the cells"
        )
    }


def settling_against_circuit(quick: bool) -> Figures:
    """The same network against ngspice with the whole devices."""
    from compact_models import load_model
    from cosim.experiments.energy import Lines, settling_time
    from cosim.simulators.base import get_simulator
    from netlists.analysis import Transient
    from netlists.array import Array
    from netlists.bias import read
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    size, lines = 3, Lines()
    reram, nmos = load_model("cmo_hfox"), load_model("nmos_3v3")
    array = Array(
        Cell(reram, nmos),
        rows=size,
        cols=size,
        parasitics=Parasitics(
            r_row=lines.wire_resistance,
            r_col=lines.wire_resistance,
            c_row=lines.wire_capacitance,
            c_col=lines.wire_capacitance,
            r_driver=lines.driver_resistance,
        ),
    )
    # An edge of 2 ps is short beside the settling; time counts from its middle.
    edge = Waveform((0.0, 99e-12, 101e-12), (0.0, 0.0, 0.2))
    drives = {
        name: edge if name.startswith("bl") else wave
        for name, wave in read(array, np.full(size, 0.2)).items()
    }
    result = get_simulator("ngspice").run(
        Testbench(
            array=array,
            drives=drives,
            analysis=Transient(stop=1e-9, step=1e-12, max_step=1e-12),
            probes=("source_line_current",),
            title="settling of a product",
        )
    )
    current = result["source_line_current"]
    error = np.abs(current / current[-1] - 1.0).max(axis=1)
    measured = float(result.axis[np.nonzero(error > 0.01)[0].max()]) - 100e-12
    g = float(reram.conductance(vacancies=reram.parameters["c_0"] * 1e25))
    ours = settling_time(np.full((size, size), g), lines)
    return {
        "ladder_settling": Measured(
            value=(ours / measured - 1.0) * 100.0, note=f"ngspice {measured * 1e12:.0f} ps"
        )
    }
