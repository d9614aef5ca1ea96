"""The array rung: a native solver for whole arrays, from 1 x 1 to 1024 x 1024 and beyond.

- :class:`NativeSimulator` runs any :class:`netlists.testbench.Testbench` like ngspice does.
- :class:`LinearCrossbar` is the linear crossbar with wires, and the matrix that it computes.
- :func:`effective_matrix` linearises an array and gives the matrix that it computes.
- :func:`run_train` takes trains of up to millions of pulses.
- :func:`build_system` gives the nonlinear system of an array for repeated solves.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.simulators.native.build import build_system
    from cosim.simulators.native.direct import Lines
    from cosim.simulators.native.linear import LinearCrossbar, LinearSolution
    from cosim.simulators.native.newton import ArraySystem
    from cosim.simulators.native.simulator import NativeSimulator
    from cosim.simulators.native.tile import TileMatrix, effective_matrix
    from cosim.simulators.native.train import TrainResult, run_train

_HOME = {
    "ArraySystem": "newton",
    "LinearCrossbar": "linear",
    "LinearSolution": "linear",
    "Lines": "direct",
    "NativeSimulator": "simulator",
    "TileMatrix": "tile",
    "TrainResult": "train",
    "build_system": "build",
    "effective_matrix": "tile",
    "run_train": "train",
}

__all__ = [
    "ArraySystem",
    "LinearCrossbar",
    "LinearSolution",
    "Lines",
    "NativeSimulator",
    "TileMatrix",
    "TrainResult",
    "build_system",
    "effective_matrix",
    "run_train",
]


def __getattr__(name: str) -> Any:
    # numba is loaded only by who solves something.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
