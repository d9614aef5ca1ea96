"""Linear crossbars against the exact solution of their network, in every simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosim as cs
from cosim.errors import SimulatorNotFound
from netlists.testbench import DcSweep, OperatingPoint, Options, Testbench, Transient
from netlists.waveform import Waveform


def _simulator(name, request):
    if name == "native":
        return cs.get_simulator("native")
    if name == "vacask":
        return request.getfixturevalue("vacask")
    if name == "neospice":
        try:
            assert cs.get_simulator("neospice").version
        except SimulatorNotFound as error:
            pytest.skip(str(error))
        return cs.get_simulator("neospice", deadline=120.0)
    if name == "compiled":
        return request.getfixturevalue("compiled_ngspice")
    return replace(request.getfixturevalue("ngspice"), devices="subcircuit")


def _exact(array, voltages):
    """Currents that the source-line drivers take [A], by nodal analysis of every resistor."""
    branches = []
    for e in array.elements():
        if e.kind == "resistor":
            branches.append((*e.nodes, 1 / e.value))
        elif e.kind == "device":
            _, row, column = e.name.split("_")
            ohm = array.parameter_array("resistance")[int(row), int(column)]
            branches.append((*e.nodes, 1 / ohm))
    nodes = sorted({n for a, b, _ in branches for n in (a, b)})
    index = {n: k for k, n in enumerate(nodes)}
    matrix = np.zeros((len(nodes),) * 2)
    for a, b, g in branches:
        i, j = index[a], index[b]
        matrix[[i, j], [i, j]] += g
        matrix[[i, j], [j, i]] -= g
    known = {n: voltages[n] for n in nodes if n in voltages}
    fixed = np.array([index[n] for n in known])
    free = np.setdiff1d(np.arange(len(nodes)), fixed)
    v = np.zeros(len(nodes))
    v[fixed] = list(known.values())
    v[free] = np.linalg.solve(matrix[np.ix_(free, free)], -matrix[np.ix_(free, fixed)] @ v[fixed])
    into = matrix @ v
    return {n: into[index[n]] for n in known}


@pytest.mark.ngspice
@pytest.mark.parametrize("name", ["ngspice", "compiled", "native", "vacask", "neospice"])
@pytest.mark.parametrize("analysis", [OperatingPoint(), DcSweep(stop=2.0), Transient(
    stop=1e-6, step=1e-8)], ids=["operating_point", "dc_sweep", "transient"])  # fmt: skip
def test_crossbar_with_wires_to_ten_digits(name, analysis, request, proves):
    simulator = _simulator(name, request)
    rows, cols = 3, 4
    resistance = np.random.default_rng(1).uniform(1e3, 1e5, (rows, cols))
    array = cs.Array(
        cs.Cell(cs.load_model("resistor")),
        rows=rows,
        cols=cols,
        parasitics=cs.Parasitics(r_row=2.0, r_col=3.0, r_driver=50.0),
        parameters={"resistance": resistance},
    )
    steady = isinstance(analysis, OperatingPoint)
    times = (0.0, 2.0) if isinstance(analysis, DcSweep) else (0.0, 1e-6)
    waves = {f"bl{i}": Waveform(times, (0.1 * (i + 1), 0.3 - 0.1 * i)) for i in range(rows)}
    drives = {n: float(w.at(0.0)) if steady else w for n, w in waves.items()}
    drives |= {f"sl{j}": 0.0 for j in range(cols)}
    testbench = Testbench(
        array=array,
        drives=drives,
        analysis=analysis,
        probes=tuple(f"i({n})" for n in drives),
        options=Options(reltol=1e-6),
    )
    result = simulator.run(testbench)
    for k in (0, len(result.axis) // 2, len(result.axis) - 1):
        at = {n: float(w.at(result.axis[k])) for n, w in waves.items()}
        exact = _exact(array, at | {f"sl{j}": 0.0 for j in range(cols)})
        got = np.array([result[f"i({n})"][k] for n in exact])
        np.testing.assert_allclose(got, list(exact.values()), rtol=1e-10, atol=1e-14)
    proves.run(testbench, result)
