"""A study says which simulator evaluates which devices, and its dataset says which one did."""

from __future__ import annotations

import pytest

from cosim.config import read_study
from cosim.dataset import load
from cosim.errors import ConfigError
from cosim.pipeline import run_study
from cosim.simulators.native import NativeSimulator
from cosim.simulators.ngspice import NgspiceSimulator

STUDY = {"experiment": "read", "cell": {"reram": "cmo_hfox"}, "read": {"inputs": [0.2]}}


def _study(simulator):
    return read_study({**STUDY, "simulator": simulator})


def test_a_name_or_a_table():
    assert _study("native").engine == "native"
    assert _study({"name": "vacask"}).engine == "vacask"
    assert read_study(STUDY).engine == "ngspice"
    forced = _study({"devices": "subcircuit", "deadline": "5 min"}).engine
    assert forced == NgspiceSimulator(devices="subcircuit", deadline=300.0)
    charged = _study({"name": "native", "stand_in": True, "line_capacitance": True}).engine
    assert charged == NativeSimulator(stand_in=True, line_capacitance=True)


@pytest.mark.parametrize(
    ("simulator", "said"),
    [
        ("hspice", "simulator"),
        ({"name": "hspice"}, "name"),
        ({"name": "native", "devices": "osdi"}, "choice of ngspice"),
        ({"devices": "compiled"}, "devices"),
        ({"deadline": 0}, "deadline"),
        ({"stand_in": True}, "choice of native"),
        ({"name": "vacask", "line_capacitance": True}, "choice of native"),
        ({"device": "osdi"}, "devices"),
    ],
)
def test_what_is_wrong_is_named(simulator, said):
    with pytest.raises(ConfigError, match=said):
        _study(simulator)
    with pytest.raises(ConfigError, match="unknown key"):
        read_study({**STUDY, "devices": "osdi"})


@pytest.mark.ngspice
def test_the_dataset_says_which_devices(compiled_ngspice, monkeypatch, tmp_path):
    monkeypatch.setenv("COSIM_NGSPICE", compiled_ngspice.program)
    for devices in ("subcircuit", "osdi"):
        study = _study({"devices": devices})
        run_study(study, tmp_path / devices, quiet=True)
        data = load(tmp_path / devices / "read.nc")
        assert (data.attrs["simulator"], data.attrs["devices"]) == ("ngspice", devices)
