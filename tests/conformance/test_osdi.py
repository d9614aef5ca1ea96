"""Compiled devices against behavioural ones, in one ngspice, and the compiler's cache.

Reads agree to 1e-6 and states to 1e-3 at the tolerances stated in the testbench.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosim as cs
from cosim.errors import ModelError
from cosim.simulators.osdi import compile_module, compiler_works
from netlists.testbench import DcSweep, Options, Testbench, Transient
from netlists.waveform import Waveform


@pytest.fixture
def engine(compiled_ngspice):
    """An ngspice with ``osdi``."""
    return compiled_ngspice


def _array(rows, cols, **arguments):
    cell = cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3"))
    wires = cs.Parasitics(r_row=0.35, r_col=0.35)
    return cs.Array(cell, rows=rows, cols=cols, parasitics=wires, **arguments)


def _drives(array, bit, gate):
    levels = {"b": bit, "s": 0.0, "w": gate}
    return {name: levels[name[0]] for name in array.drivers}


def _both(engine, testbench):
    compiled = engine.run(testbench)
    behavioural = replace(engine, devices="subcircuit").run(testbench)
    assert compiled.provenance.devices == "osdi"
    assert behavioural.provenance.devices == "subcircuit"
    return compiled, behavioural


@pytest.mark.ngspice
def test_read_to_one_in_a_million(engine, proves):
    array = _array(3, 4, parameters={"R_s": np.linspace(150, 300, 12).reshape(3, 4)})
    testbench = Testbench(
        array=array,
        drives=_drives(array, 0.2, 3.3),
        probes=("cell_current", "bit_line_current", "state:dT"),
        initial_states={"c": np.linspace(0.7, 4.0, 12).reshape(3, 4)},
    )
    compiled, behavioural = _both(engine, testbench)
    for probe in testbench.probes:
        np.testing.assert_allclose(compiled[probe], behavioural[probe], rtol=1e-6)
    proves.run(testbench, compiled, behavioural)


@pytest.mark.ngspice
def test_pulses_to_one_in_a_thousand(engine, proves):
    array = _array(2, 2)
    wave = Waveform.pulse(1.35, width=1e-6).then(Waveform.pulse(-1.3, width=1e-6))
    testbench = Testbench(
        array=array,
        drives=_drives(array, wave, 3.3),
        analysis=Transient(stop=wave.duration, step=1e-8),
        probes=("cell_current", "state:c", "state:dT"),
        initial_states={"c": [[0.8, 1.64], [2.5, 3.5]]},
    )
    compiled, behavioural = _both(engine, testbench)
    start, end = (compiled["state:c"][k] for k in (0, -1))
    assert np.abs(end / start - 1).max() > 0.02, "the pulses must do something"
    np.testing.assert_allclose(end, behavioural["state:c"][-1], rtol=1e-3)
    proves.run(testbench, compiled, behavioural)


@pytest.mark.ngspice
def test_a_sweep_holds_the_state(engine, proves):
    """In `.dc` some simulators let time run with the sweep, which would free the state."""
    array = _array(1, 2)
    sweep = Waveform(times=(0.0, 1.0), values=(-1.0, 1.0))
    testbench = Testbench(
        array=array,
        drives=_drives(array, sweep, 3.3),
        analysis=DcSweep(start=0.0, stop=1.0, step=0.125),
        probes=("cell_current", "state:c"),
        initial_states={"c": [[0.9, 3.1]]},
        options=Options(reltol=1e-6),
    )
    compiled, behavioural = _both(engine, testbench)
    assert compiled["state:c"] == pytest.approx(
        np.broadcast_to([[[0.9, 3.1]]], compiled["state:c"].shape), rel=1e-6
    )
    np.testing.assert_allclose(
        compiled["cell_current"], behavioural["cell_current"], rtol=1e-6, atol=1e-11
    )
    proves.run(testbench, compiled, behavioural)


@pytest.mark.ngspice
def test_forming_and_cycles_of_the_same_devices(engine):
    cell = cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3"))
    array = cs.Array(cell, rows=1, cols=2)
    forms = (engine, replace(engine, devices="subcircuit"))
    one, other = (cs.Forming(array).run(simulator=s, seed=3, progress=False) for s in forms)
    assert one.attrs["devices"] == "osdi"
    assert one["formed"].all()
    for name in ("forming_voltage", "forming_current", "final_c", "final_phi"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-3)
    update = cs.PulseUpdate(array, pulses=4)
    one, other = (update.run(simulator=s, seed=3, progress=False) for s in forms)
    np.testing.assert_allclose(one["conductance"], other["conductance"], rtol=1e-3)


def test_a_module_is_compiled_once_and_errors_name_the_line(tmp_path, monkeypatch):
    if not compiler_works():
        pytest.skip("openvaf-r is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = (
        '`include "disciplines.vams"\nmodule r2(a, b);\n  inout a, b;\n  electrical a, b;\n'
        "  parameter real r = 1.0 from (0:inf);\n  analog I(a, b) <+ V(a, b)/r;\nendmodule\n"
    )
    first = compile_module(text)
    stamp = first.stat().st_mtime_ns
    assert tmp_path in first.parents
    assert compile_module(text) == first
    assert first.stat().st_mtime_ns == stamp
    assert [p.suffix for p in first.parent.iterdir()] == [".osdi"]
    with pytest.raises(ModelError, match=r"nothing_here"):
        compile_module(text.replace("V(a, b)/r", "nothing_here"))
