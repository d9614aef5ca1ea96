"""The array rung: a native solver for whole arrays, from 1 x 1 to 1024 x 1024 and beyond.

- :class:`NativeSimulator` runs any :class:`netlists.testbench.Testbench` like ngspice does.
- :class:`LinearCrossbar` is the linear crossbar with wires, and the matrix that it computes.
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

_HOME = {
    "ArraySystem": "newton",
    "LinearCrossbar": "linear",
    "LinearSolution": "linear",
    "Lines": "direct",
    "NativeSimulator": "simulator",
    "build_system": "build",
}

__all__ = [
    "ArraySystem",
    "LinearCrossbar",
    "LinearSolution",
    "Lines",
    "NativeSimulator",
    "build_system",
]


def __getattr__(name: str) -> Any:
    # numba is loaded only by who solves something.
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
