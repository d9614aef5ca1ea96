"""Netlists with compiled devices, and the choice of the form, without a simulator."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cosim as cs
from cosim.errors import ConfigError, NetlistError, SimulatorNotFound
from cosim.simulators import osdi
from cosim.simulators.ngspice import NgspiceSimulator
from netlists.osdi import compiled_netlist, vector_name
from netlists.testbench import Attachment, Testbench


def _testbench(rows=2, cols=2, attachments=(), states=None, **arguments):
    cell = cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3"))
    array = cs.Array(cell, rows=rows, cols=cols, **arguments)
    levels = {"b": 0.2, "s": 0.0, "w": 3.3}
    return Testbench(
        array=array,
        drives={name: levels[name[0]] for name in array.drivers},
        probes=("cell_current", "state:c"),
        initial_states=states or {},
        attachments=attachments,
    )


def test_devices_are_instances_of_one_card_each():
    made = compiled_netlist(_testbench(states={"c": [[1.0, 2.0], [1.64, 3.0]]}))
    instances = re.findall(r"(?m)^n(\S+) (.*)$", made.text)
    assert [name for name, _ in instances] == [
        f"{d}_{i}_{j}" for i in range(2) for j in range(2) for d in "rm"
    ]
    assert instances[0][1] == "bl_0 mid_0_0 cmo_hfox_card c_0=1.0"
    # The shipped value stays on the card.
    assert instances[4][1] == "bl_1 mid_1_0 cmo_hfox_card"
    assert len(re.findall(r"(?m)^\.model ", made.text)) == 2
    assert "subckt" not in made.text
    assert len(made.modules) == 2
    for stem in made.modules:
        assert f"pre_osdi {stem}.osdi" in made.text


def test_numbers_shared_by_all_cells_change_the_card_and_not_the_module():
    plain = compiled_netlist(_testbench())
    hot = compiled_netlist(_testbench(parameters={"R_th": np.full((2, 2), 2e6)}))
    assert plain.modules == hot.modules
    assert "R_th=1400000.0" in plain.text
    assert "R_th=2000000.0" in hot.text
    each = compiled_netlist(_testbench(parameters={"R_s": np.array([[200.0, 210], [220, 230]])}))
    assert "cmo_hfox_card R_s=210.0" in each.text
    assert each.modules != plain.modules


def test_vectors_have_the_names_of_compiled_devices():
    made = compiled_netlist(_testbench())
    assert made.vectors["v(xr_1_0.c)"] == "v(nr_1_0#c)"
    assert "v(bl_0)" not in made.vectors
    assert vector_name("v(xm_0_1.dT)") == "v(nm_0_1#dt)"
    assert vector_name("i(vbl0)") == "i(vbl0)"


def test_nodes_that_attachments_reach_become_terminals():
    text = ".subckt probe a\nr1 a 0 1e9\n.ends probe"
    at = Attachment(name="p", subcircuit="probe", definition=text, nodes=("xr_0_0.m",))
    made = compiled_netlist(_testbench(rows=1, cols=1, attachments=(at,)))
    assert "nr_0_0 bl_0 mid_0_0 xr_0_0.m cmo_hfox_card" in made.text
    assert "v(xr_0_0.m)" not in made.vectors
    assert any("module cmo_hfox(top, bottom, m);" in text for text in made.modules.values())
    state = Attachment(name="p", subcircuit="probe", definition=text, nodes=("xr_0_0.c",))
    with pytest.raises(NetlistError, match="devices='subcircuit'"):
        compiled_netlist(_testbench(rows=1, cols=1, attachments=(state,)))


def test_klu_for_large_arrays_only():
    assert " klu" not in compiled_netlist(_testbench(8, 8)).text
    assert " klu" in compiled_netlist(_testbench(16, 16)).text


@pytest.mark.parametrize(
    ("devices", "loads", "compiles", "expected"),
    [
        ("auto", True, True, "osdi"),
        ("auto", True, False, "subcircuit"),
        ("auto", False, True, "subcircuit"),
        ("subcircuit", True, True, "subcircuit"),
        ("osdi", True, True, "osdi"),
        ("osdi", False, True, "does not load compiled"),
        ("osdi", True, False, "openvaf-r"),
    ],
)
def test_choice(monkeypatch, devices, loads, compiles, expected):
    monkeypatch.setattr(osdi, "loads_compiled_models", lambda program: loads)
    monkeypatch.setattr(osdi, "compiler_works", lambda: compiles)
    simulator = NgspiceSimulator(executable="true", devices=devices)
    if " " in expected or "-" in expected:
        with pytest.raises(SimulatorNotFound, match=expected):
            osdi.chosen_devices(simulator)
    else:
        assert osdi.chosen_devices(simulator) == expected


def test_unknown_form_is_refused():
    with pytest.raises(ConfigError, match="subcircuit"):
        NgspiceSimulator(devices="compiled")


@pytest.mark.parametrize("answer", ["osdi: no such command available in ngspice", ""])
def test_a_program_without_the_command_is_seen(tmp_path, answer):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    assert osdi.loads_compiled_models(str(program)) is False
    assert osdi.loads_compiled_models(str(tmp_path / "nothing")) is False
