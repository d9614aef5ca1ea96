"""What the studies of whole arrays share: arrays of any size, drives, comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError, SimulatorNotFound
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array, Options, Parasitics
from netlists.analysis import OperatingPoint
from netlists.bias import read
from netlists.testbench import Testbench
from netlists.waveform import Waveform, as_waveform

if TYPE_CHECKING:
    from netlists.bias import Drives

Floats = NDArray[np.float64]

OPTIONS = Options(reltol=1e-6, gmin=1e-18, abstol=1e-16)
"""Of the small cases in ngspice: its own gmin would be a tenth of what switched-off cells leak."""
LARGEST_BESIDE = 32
"""Rows and columns that ngspice is given at most: beyond, it takes minutes."""


def resized(array: Array, rows: int, cols: int) -> Array:
    """The same cells, lines and drivers in another size.

    Raises
    ------
    ConfigError
        Cells have values of their own, which another size has no place for.
    """
    if array.shape == (rows, cols):
        return array
    uniform: dict[str, dict[str, float]] = {"parameters": {}, "selector_parameters": {}}
    for where, kept in uniform.items():
        for name, values in getattr(array, where).items():
            if np.ptp(values) > 0:
                raise ConfigError(
                    thing="an array whose cells differ cannot be made larger or smaller",
                    value=f"{name} of {array.rows} x {array.cols} cells",
                    next_step="Leave out `spread` of [array]; studies over sizes set the states",
                )
            kept[name] = float(values.flat[0])
    return array.replace(rows=rows, cols=cols, **uniform)


def check_sizes(name: str, sizes: Sequence[int], low: int, high: int) -> None:
    """Raise ConfigError unless sizes rise, each between `low` and `high`."""
    if not sizes or list(sizes) != sorted(set(sizes)) or not low <= sizes[0] <= sizes[-1] <= high:
        raise ConfigError(
            thing=f"{name} of an array study",
            value=tuple(sizes),
            limit=f"rising numbers of rows and columns, {low} to {high}",
        )


def lifted(drives: Drives) -> Drives:
    """The same cell voltages with every bit and source line at 0 V or above.

    A line below the bulk would bias the transistors' junctions forward, so the scheme's voltages
    are counted from its lowest one.
    """
    lines = [w for n, w in drives.items() if not n.startswith("wl") and w is not None]
    times = np.unique(np.concatenate([w.times for w in lines]))
    lowest = np.minimum(np.min([w.at(times) for w in set(lines)], axis=0), 0.0)
    if not lowest.any():
        return drives
    rise = Waveform(tuple(times.tolist()), tuple((-lowest).tolist()))
    return {
        n: w if n.startswith("wl") or w is None else as_waveform(w) + rise
        for n, w in drives.items()
    }


def bare_read(array: Array, simulator: Simulator, gate: float, read_voltage: float) -> Result:
    """Currents of all cells at the read voltage without wires."""
    bare = array.replace(parasitics=Parasitics())
    return simulator.run(
        Testbench(
            array=bare,
            drives=read(bare, read_voltage, gate=gate),
            analysis=OperatingPoint(),
            probes=("cell_current",),
            options=OPTIONS,
            title="cells without wires",
        )
    )


def beside(simulator: Simulator, size: int, progress: bool) -> Iterator[Simulator]:
    """Yield ngspice for the small case.

    Nothing where `size` is 0, ngspice is not there, or `simulator` is ngspice itself.
    """
    if size == 0 or simulator.name == "ngspice":
        return
    other = get_simulator("ngspice")
    try:
        getattr(other, "version", "")
    except SimulatorNotFound as error:
        say(progress, f"no comparison with ngspice: {str(error).splitlines()[0]}")
        return
    yield other


def check_beside(size: int) -> None:
    """Raise ConfigError for a size that ngspice is not given."""
    if not 0 <= size <= LARGEST_BESIDE:
        raise ConfigError(
            thing="size of the case that ngspice repeats",
            value=size,
            limit=f"0 (none) to {LARGEST_BESIDE} rows and columns",
        )


def crossing(
    at: Sequence[float], values: Sequence[float] | Floats, limit: float, *, power: bool = True
) -> tuple[float, str]:
    """Where rising values pass a limit: (place, text); NaN where they do not in between.

    Parameters
    ----------
    power : bool
        Between neighbours the values are a power of the place; else an exponential of it.
    """
    x, y = np.asarray(at, dtype=float), np.asarray(values, dtype=float)
    above = np.flatnonzero(y > limit)
    if not above.size:
        return float("nan"), f"not reached up to {x[-1]:g}"
    k = int(above[0])
    if k == 0:
        return float("nan"), f"passed already at {x[0]:g}"
    low = max(float(y[k - 1]), 1e-300)
    share = float(np.log(limit / low) / np.log(y[k] / low))
    if power:
        found = float(x[k - 1] * (x[k] / x[k - 1]) ** share)
    else:
        found = float(x[k - 1] + share * (x[k] - x[k - 1]))
    return found, f"{found:.3g}"


def check_simulator(simulator: Simulator, size: int) -> None:
    """Raise ConfigError where a simulator would take hours."""
    if simulator.name != "native" and size > LARGEST_BESIDE:
        raise ConfigError(
            thing=f"an array of {size} rows or columns in {simulator.name}",
            value=size,
            limit=f"{LARGEST_BESIDE}",
            next_step='Write simulator = "native"; compare_size repeats a small case in ngspice',
        )


def relative_difference(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Largest difference over the largest value of the second."""
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    largest = float(np.abs(b).max())
    return float(np.abs(a - b).max() / largest) if largest > 0 else float(np.abs(a).max())


def say(progress: bool, text: str) -> None:
    """One line on standard error."""
    import sys

    if progress:
        print(f"      {text}", file=sys.stderr, flush=True)


def line_currents(drives: Mapping[str, Waveform | float | None]) -> tuple[str, ...]:
    """Probes of the currents of all connected drivers of bit and source lines."""
    return tuple(f"i({n})" for n, w in drives.items() if w is not None and not n.startswith("wl"))


def driver_power(drives: Mapping[str, Waveform | float | None], result: Result) -> Floats:
    """Power that all drivers of bit and source lines deliver, at every point of a result [W].

    The result needs the probes of :func:`line_currents`.
    """
    power = np.zeros(result.axis.size)
    for probe in line_currents(drives):
        wave = drives[probe[2:-1]]
        assert wave is not None
        power += as_waveform(wave).at(result.axis) * result[probe]
    return power
