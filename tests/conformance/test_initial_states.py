"""Memory in every simulator: kept in operating point and sweep, free in a transient.

A bare device under full bias from the first instant: its state must start exactly where it was
put, at a temperature that has settled, and move by what the equations say.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cosim as cs
from compact_models.steady import solve_steady
from cosim.validation.agreement import available_simulators
from netlists.testbench import DcSweep, OperatingPoint, Options, Testbench, Transient
from netlists.waveform import Waveform

# Bias [V], initial c, initial phi, time [s] in which a state moves by some percent.
CASES = {
    "set": (1.3, 1.64, 1.0, 1e-7),
    "reset": (-1.5, 3.0, 1.0, 1e-7),
    "form": (3.3, 1.2, 0.0, 0.1),
}


@pytest.fixture(scope="module")
def simulators(ngspice):
    """Those of this machine."""
    return available_simulators()


def _testbench(case, analysis, bit=None):
    voltage, c, phi, _ = CASES[case]
    array = cs.Array(cs.Cell(cs.load_model("cmo_hfox")), rows=1, cols=1)
    return Testbench(
        array=array,
        drives={"bl0": voltage if bit is None else bit, "sl0": 0.0},
        analysis=analysis,
        probes=("cell_current", "state:c", "state:phi", "state:dT"),
        initial_states={"c": [[c]], "phi": [[phi]]},
        options=Options(reltol=1e-6, method="gear"),
    )


def _settled(case, **held):
    return solve_steady(
        cs.load_model("cmo_hfox"),
        voltages={"top": CASES[case][0], "bottom": 0.0},
        held=held,
        ramp=8,
    )


@pytest.mark.ngspice
@pytest.mark.parametrize("case", CASES)
def test_kept_at_rest_and_free_in_time(case, simulators, proves):
    voltage, c, phi, stop = CASES[case]
    start = _settled(case, c=c, phi=phi)
    solved = solve_ivp(
        lambda _t, y: [float(_settled(case, c=y[0], phi=y[1]).rate(n)) for n in ("c", "phi")],
        (0.0, stop),
        [c, phi],
        method="LSODA",
        rtol=1e-7,
        atol=1e-10,
    )
    moved = solved.y[:, -1] - [c, phi]
    assert np.abs(moved).max() > 5e-3, "a state must move"
    sweep = Waveform(times=(0.0, 1.0), values=(0.0, voltage))
    benches = (
        _testbench(case, OperatingPoint()),
        _testbench(case, DcSweep(stop=1.0, step=0.25), bit=sweep),
        _testbench(case, Transient(stop=stop, step=stop / 100)),
    )
    for name, simulator in simulators.items():
        point, swept, run = (simulator.run(bench) for bench in benches)
        for result in (point, swept):
            np.testing.assert_allclose(result["state:c"], c, rtol=1e-6, err_msg=name)
            np.testing.assert_allclose(result["state:phi"], phi, atol=1e-6, err_msg=name)
        for result, index in ((point, 0), (swept, -1), (run, 0)):
            np.testing.assert_allclose(
                result["state:dT"][index], start.state("dT"), rtol=1e-5, err_msg=name
            )
            np.testing.assert_allclose(
                result["cell_current"][index], start.current("top"), rtol=1e-5, err_msg=name
            )
        for k, state in enumerate(("c", "phi")):
            trace = run[f"state:{state}"][:, 0, 0]
            assert trace[0] == pytest.approx((c, phi)[k], abs=1e-6), name
            assert trace[-1] - trace[0] == pytest.approx(
                moved[k], rel=1e-2, abs=2e-3 * np.abs(moved).max()
            ), f"{state} in {name}"
        for bench, result in zip(benches, (point, swept, run), strict=True):
            proves.run(bench, result)
