"""neospice: what it is given instead of ngspice's text, and when its answer does not count.

That it agrees with the others is in ``test_agreement.py``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosim as cs
from cosim.errors import (
    IncompleteResult,
    ModelError,
    NetlistError,
    NetlistRejected,
    NotConverged,
    SimulationTimeout,
    SimulatorKilled,
    SimulatorNotFound,
)
from cosim.simulators import neospice as module
from cosim.simulators.neospice import NeospiceSimulator
from netlists.neospice import convert, neospice_netlist
from netlists.periphery import ReadClamp
from netlists.testbench import Attachment, Testbench, Transient
from netlists.waveform import Waveform


@pytest.fixture
def neospice():
    """neospice, where it is installed."""
    simulator = NeospiceSimulator(deadline=60.0)
    try:
        assert simulator.version
    except SimulatorNotFound as error:
        pytest.skip(str(error))
    return simulator


def _cell(selector="nmos_3v3"):
    model = cs.load_model(selector) if selector == "nmos_3v3" else selector
    return cs.Cell(cs.load_model("cmo_hfox"), model)


def _pulse(rows=1, cols=1, **arguments):
    array = cs.Array(_cell(), rows=rows, cols=cols)
    # Corners that fall between two floats.
    wave = Waveform.pulse(1.35, width=1e-7, rise=1e-8, fall=1e-8)
    return Testbench(
        array=array,
        drives={d: {"b": wave, "s": 0.0, "w": 3.3}[d[0]] for d in array.drivers},
        analysis=Transient(stop=wave.duration, step=1e-9),
        probes=("cell_current", "state:c"),
        **arguments,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bx 0 c i=time*v(tran)==0 ? {c_0} - v(c) : 2*v(c)",
         "bx 0 c i=if(time*v(tran)==0,(c_0) - v(c),2*v(c))"),
        ("b1 a 0 v=3*(abs(v(a))<25 ? min(v(a),1) : sgn(v(a)))",
         "b1 a 0 v=3*(if(abs(v(a))<25,min(v(a),1),sgn(v(a))))"),
        ("b1 a 0 v=v(a)>1 ? 2 : v(a)>0 ? 1 : 0", "b1 a 0 v=if(v(a)>1,2,if(v(a)>0,1,0))"),
        ("b1 a 0 v=v(a)>1 ? v(a)>2 ? 3 : 2 : 0", "b1 a 0 v=if(v(a)>1,if(v(a)>2,3,2),0)"),
        ("b1 a 0 v=max(v(a)>1 ? 2 : 3,4)", "b1 a 0 v=max(if(v(a)>1,2,3),4)"),
        ("r1 a 0 1e3", "r1 a 0 1e3"),
        ("c1 a 0 1e-15", "c1 a 0 1e-15"),
    ],
)  # fmt: skip
def test_elements(line, expected):
    assert convert(f"title\n{line}\n.end\n").splitlines()[1] == expected


def test_charges_waves_and_commands():
    text = (
        "title\n.title t\nCg a b q='1e-15*v(a)*v(a)'\nVbl0 bl0 0 PULSE(0 1 0 1 1 1 1)\n"
        ".options reltol=1e-4\n+ noacct klu\n.save v(a)\n.control\nset num_threads=1\n"
        "tran 1 2 0 1\nwrite r.raw\nquit 0\n.endc\n.end\n"
    )
    lines = convert(text, {"vbl0": "PWL( 0 0 1 1 )"}).splitlines()
    assert lines == [
        "title",
        "bq_g q_g 0 v=(1e-15*v(a)*v(a))*999999999999999.9",
        "cq_g q_g s_g 1e-15",
        "vq_g s_g 0 0",
        "fq_g a b vq_g 1",
        "Vbl0 bl0 0 PWL( 0 0 1 1 )",
        ".options reltol=1e-4",
        ".tran 1 2 0 1",
        ".end",
    ]


def test_what_it_does_not_read_is_refused():
    with pytest.raises(NetlistError, match=r"not known to mean the same.*ngspice"):
        convert("title\nq1 c b e npn\n.end\n")
    with pytest.raises(NetlistError, match=r"second value"):
        convert("title\nb1 a 0 v=v(a)>1 ? 2\n.end\n")
    try:
        cell = _cell("gf180mcu_nfet_03v3")
    except ModelError as error:
        pytest.skip(str(error))
    array = cs.Array(cell, rows=1, cols=1)
    testbench = Testbench(
        array=array, drives=dict.fromkeys(array.drivers, 0.1), probes=("cell_current",)
    )
    with pytest.raises(NetlistError, match=r"names itself.*VACASK"):
        neospice_netlist(testbench)


@pytest.mark.ngspice
def test_a_short_pulse(neospice, ngspice):
    one, other = (s.run(_pulse(2, 2)) for s in (neospice, ngspice))
    assert (one.provenance.simulator, one.provenance.devices) == ("neospice", "subcircuit")
    np.testing.assert_allclose(one["state:c"][-1], other["state:c"][-1], rtol=1e-4)


@pytest.mark.ngspice
def test_attachments(neospice, ngspice):
    clamp = ReadClamp(read_voltage=0.2, clamp_resistance=25.0, bit_line_capacitance=3e-13)
    ends = ("bl_0", "copied", "vdd")
    array = cs.Array(_cell(), rows=1, cols=1)
    testbench = Testbench(
        array=array,
        drives={"bl0": None, "sl0": 0.0, "wl0": 3.3},
        probes=("cell_current", "v(copied)"),
        attachments=(
            Attachment(
                name="clamp", subcircuit="read_clamp", definition=clamp.subcircuit(), nodes=ends
            ),
            Attachment(
                name="supply",
                subcircuit="supply",
                definition=".subckt supply vdd\nvs vdd 0 1.2\n.ends\n",
                nodes=("vdd",),
            ),
        ),
    )
    one, other = (s.run(testbench) for s in (neospice, replace(ngspice, devices="subcircuit")))
    for probe in testbench.probes:
        np.testing.assert_allclose(one[probe], other[probe], rtol=1e-6)


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Make a Python text take the place of the process that runs neospice."""
    monkeypatch.setattr(module, "version", lambda name: "0.2.0")

    def made(text, **options):
        path = tmp_path / "worker.py"
        path.write_text(text)
        monkeypatch.setattr(module, "_WORKER", path)
        return NeospiceSimulator(work_directory=str(tmp_path / "runs"), **options)

    return made


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("print('analysis failed: DC operating point failed to converge'); exit(1)", NotConverged),
        ("raise RuntimeError('Q card requires at least a name')", NetlistRejected),
        ("import os; os.kill(os.getpid(), 11)", SimulatorKilled),
        # A result, and a line of the netlist left out: the answer to another question.
        ("import sys; open(sys.argv[3], 'w'); print('Warning: Line 7: B element - skipping')",
         NetlistRejected),
        ("import sys; open(sys.argv[3], 'w')", IncompleteResult),
    ],
)  # fmt: skip
def test_failures(worker, text, kind):
    with pytest.raises(kind) as caught:
        worker(text).run(_pulse())
    assert type(caught.value) is kind
    assert caught.value.run_directory


def test_deadline_and_absence(worker, monkeypatch):
    with pytest.raises(SimulationTimeout):
        worker("import time; time.sleep(30)", deadline=0.5).run(_pulse())
    monkeypatch.undo()
    monkeypatch.setattr(module, "version", _absent)
    with pytest.raises(SimulatorNotFound, match=r"reram-cosim\[neospice\]"):
        NeospiceSimulator().run(_pulse())
    assert cs.get_simulator("neospice").name == "neospice"


def _absent(name):
    raise module.PackageNotFoundError(name)
