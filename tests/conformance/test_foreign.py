"""Somebody's own Verilog-A in place of a compact model, and transistors out of libraries.

Our own equations, printed to a file and read back as a stranger's, must give what the model gives;
a device with a known law must follow it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosim as cs
from compact_models.emit.veriloga import module
from compact_models.errors import ModelError
from compact_models.foreign_va import load_veriloga
from compact_models.foundry import load_transistor
from cosim.errors import ConfigError, InconsistentResult, NetlistError
from netlists.testbench import Options, Testbench, Transient
from netlists.waveform import Waveform

OWN = "a Verilog-A file of one's own"

MEMRISTOR = """`include "disciplines.vams"
`include "law.inc"
module mem(p, n);
  inout p, n;
  electrical p, n, x;
  (* desc = "conductance on", units = "S" *) parameter real g_on = 50u from (0:1];
  (* desc = "conductance off", units = "S" *) parameter real g_off = g_on/50 from (0:1];
  parameter real v_x = 0.15 from (0:inf);
  parameter real k = 4e3 from [0:inf);
  parameter real x0 = 0.2 from [0:1];
  analog begin
    I(p, n) <+ (V(x)*g_on + (1 - V(x))*g_off)*V(p, n);
    I(x) <+ ddt(1n*V(x));
    I(x) <+ ($abstime == 0.0) ? V(x) - x0 : -1n*`RATE;
  end
endmodule
"""
LAW = "`define RATE (k*sinh(V(p, n)/v_x)*(V(p, n) > 0 ? 1 - V(x) : V(x)))\n"


@pytest.fixture(scope="module")
def engine(compiled_ngspice):
    """The same program, which then says itself that a device exists as compiled only."""
    return replace(compiled_ngspice, devices="auto")


@pytest.fixture(scope="module")
def memristor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "law.inc").write_text(LAW)
    (folder / "mem.va").write_text(MEMRISTOR)
    return folder / "mem.va"


@pytest.mark.ngspice
def test_our_own_equations_as_a_strangers_file(engine, tmp_path, proves):
    """Reads after every pulse agree to 2e-4 with the same device run as ours."""
    ours = cs.load_model("cmo_hfox")
    path = tmp_path / "printed.va"
    path.write_text(module(ours))
    stranger = load_veriloga(path, states={"c": "c_0", "phi": "phi_0"})
    assert stranger.with_parameters(c_0=2.0).parameters["c_0"] == 2.0
    given = {"c_0": np.array([[1.2, 2.0]])}
    results = []
    for device in (ours, stranger):
        cell = cs.Cell(device, cs.load_model("nmos_3v3"))
        array = cs.Array(cell, rows=1, cols=2, parameters=given)
        pulses = cs.PulseUpdate(array, pulses=3, cycle_spread=False)
        results.append(pulses.run(simulator=engine, progress=False))
    one, other = results
    assert set(other.status.values.ravel()) == {"ok"}
    np.testing.assert_allclose(other.conductance, one.conductance, rtol=2e-4)
    np.testing.assert_allclose(other.final_c, one.final_c, rtol=2e-4)
    assert "printed.va" in other.attrs["citations"]
    proves(OWN, "ngspice", "osdi", "transient")


@pytest.mark.ngspice
def test_a_known_law(engine, memristor, proves):
    """dx/dt = k sinh(V/v_x)(1 - x) at constant V has a closed solution; no selector."""
    device = load_veriloga(memristor, states={"x": "x0"})
    assert device.parameters["g_off"] == 1e-6
    start = np.array([[0.0, 0.1, 0.3]])
    array = cs.Array(cs.Cell(device), rows=1, cols=3, parameters={"x0": start, "k": 2e3})
    stop = 4e-6
    testbench = Testbench(
        array=array,
        drives={"bl0": 0.5, "sl0": 0.0, "sl1": 0.0, "sl2": 0.0},
        analysis=Transient(stop=stop, step=stop / 200),
        probes=("state:x", "cell_current", "v(xr_0_1.x)", "i(bl0)"),
        options=Options(reltol=1e-5),
    )
    result = engine.run(testbench)
    decay = np.exp(-2e3 * np.sinh(0.5 / 0.15) * result.axis)[:, None, None]
    x = 1 - (1 - start) * decay
    np.testing.assert_allclose(result["state:x"], x, atol=2e-4)
    np.testing.assert_array_equal(result["v(xr_0_1.x)"], result["state:x"][:, 0, 1])
    current = 0.5 * (x * 50e-6 + (1 - x) * 1e-6)
    np.testing.assert_allclose(result["cell_current"], current, rtol=1e-3)
    np.testing.assert_allclose(result["i(bl0)"], result["cell_current"].sum(axis=(1, 2)), rtol=1e-6)
    carried = array.with_states({"x": result["state:x"][-1]})
    read = cs.Read(carried, read_voltage=0.01).run(simulator=engine, progress=False)
    np.testing.assert_allclose(read.conductance, current[-1] / 0.5, rtol=1e-3)
    proves(OWN, "ngspice", "osdi", "transient")
    proves(OWN, "ngspice", "osdi", "operating_point")


@pytest.mark.ngspice
def test_a_lost_initial_state_is_no_result(engine, memristor, tmp_path):
    """What the linter would have refused, run in spite of it."""
    text = MEMRISTOR.replace('`include "law.inc"\n', LAW)
    head = text.partition("    I(x) <+ ddt")[0]
    (tmp_path / "idt.va").write_text(head + "    V(x) <+ idt(`RATE, x0);\n  end\nendmodule\n")
    with pytest.raises(ModelError, match="idt with an initial condition gives wrong answers"):
        load_veriloga(tmp_path / "idt.va")
    device = load_veriloga(tmp_path / "idt.va", states={"x": "x0"}, accept=True)
    array = cs.Array(cs.Cell(device), rows=1, cols=1)
    bench = Testbench(
        array=array,
        drives={"bl0": Waveform.sweep((0.0, 0.5, 0.0), 1e6), "sl0": 0.0},
        analysis=Transient(stop=1e-6, step=1e-8),
        probes=("state:x",),
    )
    with pytest.raises(InconsistentResult, match="does not go on from where it was put"):
        engine.run(bench)


@pytest.mark.ngspice
def test_what_cannot_run_it_says_so(engine, memristor):
    array = cs.Array(cs.Cell(str(memristor)), rows=1, cols=1)
    assert cs.Read(array).run(simulator=engine, progress=False).conductance.shape == (1, 1)
    with pytest.raises(ModelError, match="which of its nodes hold"):
        cs.PulseUpdate(array, pulses=1).run(simulator=engine, progress=False)
    with pytest.raises(ConfigError, match="foreign memory device"):
        cs.Read(array).run(simulator="native", progress=False)
    with pytest.raises(NetlistError, match="ngspice"):
        cs.Read(array).run(simulator="vacask", progress=False)
    with pytest.raises(NetlistError, match="compiled Verilog-A only"):
        array.netlist()


@pytest.mark.ngspice
def test_psp_card_of_a_foundry(engine, proves):
    """6.0 um of sg13_hv_nmos: 798 Ohm at V_G = 1.2 V, as read through a cell."""
    try:
        card = load_transistor("sg13_hv_nmos")
    except ModelError as error:
        pytest.skip(str(error))
    array = cs.Array(cs.Cell(cs.load_model("resistor"), card), rows=1, cols=1)
    array = array.with_parameters(resistance=1.0)
    read = cs.Read(array, gate=1.2, read_voltage=0.05).run(simulator=engine, progress=False)
    assert 1 / float(read.conductance[0, 0]) - 1.0 == pytest.approx(798, rel=3e-3)
    assert read.attrs["devices"] == "osdi"
    proves("sg13_hv_nmos", "ngspice", "osdi", "operating_point")
