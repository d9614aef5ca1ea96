"""Other solvers on the same problems, for benchmarks: run only where they are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIRE = 0.35
"""Ohm a segment, the published MVM study's value."""


def splu(g: Floats, v: Floats, columns: int = 1) -> Floats:
    """Source currents by one sparse LU of the whole crossbar, for `columns` inputs."""
    from cosim.simulators.native import LinearCrossbar, Lines

    n = len(v)
    lines = Lines.driven(n, WIRE)
    array = LinearCrossbar(g, lines, lines, method="direct")
    for _ in range(columns):
        found = array.solve(v, np.zeros(n)).column_current
    return -found


def badcrossbar_currents(g: Floats, v: Floats) -> Floats:
    import badcrossbar  # type: ignore[import-not-found,unused-ignore]

    found = badcrossbar.compute(
        np.tile(v, (1, 1)).T, 1.0 / g, r_i_word_line=WIRE, r_i_bit_line=WIRE
    )
    return np.asarray(found.currents.output).ravel()


def linear_peers(size: int) -> Iterator[tuple[str, Callable[[Floats, Floats], Floats]]]:
    from importlib.util import find_spec

    if size <= 512:
        yield "scipy splu", splu
    if find_spec("badcrossbar") and size <= 512:
        yield "badcrossbar", badcrossbar_currents


def ngspice(deadline: float) -> Any:
    from cosim.errors import SimulatorNotFound
    from cosim.simulators.ngspice import NgspiceSimulator

    simulator = NgspiceSimulator(deadline=deadline, check=False, keep="never")
    try:
        _ = simulator.program
    except SimulatorNotFound:
        return None
    return simulator
