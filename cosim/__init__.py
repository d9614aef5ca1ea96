"""Circuit-to-network co-simulation of CMO/HfOx ReRAM 1T1R arrays.

Everything a script needs, under one name::

    import cosim as cs

    reram = cs.load_model("cmo_hfox")
    array = cs.Array(cs.Cell(reram, cs.load_model("nmos_3v3")), rows=8, cols=4)
    formed = cs.Forming(array, gate=1.2).run(simulator="ngspice", seed=1)

Names are imported on first use, so that ``import cosim`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compact_models import ParameterSet, load_model, model_names
    from cosim import network
    from cosim.behavioural import BehaviouralDevice, OutsideCalibration, Tile
    from cosim.calibration import calibrate
    from cosim.dataset import load, save
    from cosim.errors import CosimError
    from cosim.experiments import Cycling, Forming, PulseUpdate, Read, with_spread
    from cosim.simulators import get_simulator
    from cosim.study import Study
    from netlists import Array, Cell, Drive, Layout, Parasitics, Testbench, Waveform

_HOMES = {
    "compact_models": ("ParameterSet", "load_model", "model_names"),
    "cosim.behavioural": ("BehaviouralDevice", "OutsideCalibration", "Tile"),
    "cosim.calibration": ("calibrate",),
    "cosim.dataset": ("load", "save"),
    "cosim.errors": ("CosimError",),
    "cosim.experiments": ("Cycling", "Forming", "PulseUpdate", "Read", "with_spread"),
    "cosim.simulators": ("get_simulator",),
    "cosim.study": ("Study",),
    "netlists": ("Array", "Cell", "Drive", "Layout", "Parasitics", "Testbench", "Waveform"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Array",
    "BehaviouralDevice",
    "Cell",
    "CosimError",
    "Cycling",
    "Drive",
    "Forming",
    "Layout",
    "OutsideCalibration",
    "ParameterSet",
    "Parasitics",
    "PulseUpdate",
    "Read",
    "Study",
    "Testbench",
    "Tile",
    "Waveform",
    "calibrate",
    "get_simulator",
    "load",
    "load_model",
    "model_names",
    "network",
    "save",
    "with_spread",
]


def __getattr__(name: str) -> Any:
    if name == "network":
        return importlib.import_module("cosim.network")
    if name in _HOME_OF:
        return getattr(importlib.import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'cosim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
