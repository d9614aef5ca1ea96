"""The array rung: a native solver for whole arrays, from 1 x 1 to 1024 x 1024 and beyond.

- :class:`NativeSimulator` runs any :class:`netlists.testbench.Testbench` like ngspice does.
- :class:`LinearCrossbar` is the linear crossbar with wires, and the matrix that it computes.
- :func:`effective_matrix` linearises an array and gives the matrix that it computes.
- :func:`run_train` takes trains of up to millions of pulses.
- :func:`monte_carlo` runs a testbench on many arrays with devices of their own.
- :func:`build_system` gives the nonlinear system of an array for repeated solves.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.simulators.native.build import build_system
    from cosim.simulators.native.direct import Lines
    from cosim.simulators.native.linear import LinearCrossbar
    from cosim.simulators.native.newton import ArraySystem
    from cosim.simulators.native.samples import draw_array, monte_carlo
    from cosim.simulators.native.simulator import NativeSimulator, ParameterChange
    from cosim.simulators.native.solution import LinearSolution
    from cosim.simulators.native.tile import TileMatrix, effective_matrix
    from cosim.simulators.native.train import TrainResult, run_train

_HOME = {
    "ArraySystem": "newton",
    "LinearCrossbar": "linear",
    "LinearSolution": "solution",
    "Lines": "direct",
    "NativeSimulator": "simulator",
    "ParameterChange": "simulator",
    "TileMatrix": "tile",
    "TrainResult": "train",
    "build_system": "build",
    "draw_array": "samples",
    "effective_matrix": "tile",
    "monte_carlo": "samples",
    "run_train": "train",
}

__all__ = [
    "ArraySystem",
    "LinearCrossbar",
    "LinearSolution",
    "Lines",
    "NativeSimulator",
    "ParameterChange",
    "TileMatrix",
    "TrainResult",
    "build_system",
    "draw_array",
    "effective_matrix",
    "monte_carlo",
    "run_train",
]


def __getattr__(name: str) -> Any:
    # numba is loaded only by who solves something.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
