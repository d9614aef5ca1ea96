"""How long an array takes to settle after an edge on its lines.

Products and parallel updates touch every cell at once: their time does not grow with the
number of cells as long as the lines settle quickly beside the read or write pulse. Here the
network of wire resistances and capacitances, drivers and cells is integrated in time, with
every cell as the compact models give it: chords for the state that is reached, and slopes of
currents, charges and heat for the way there, which decide the last percent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from compact_models.errors import ConfigError
from cosim.experiments.settling_cells import Cells, Floats, Lines, compiled_cells, lumped_cells

__all__ = ["Cells", "Lines", "Settling", "compiled_cells", "lumped_cells", "settle",
           "settling_time"]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settling:
    """What an edge leaves in time.

    Parameters
    ----------
    time : float
        After which everything stays within the accuracy [s].
    axis : ndarray, shape (t,)
        [s]
    error : ndarray, shape (t,)
        Largest relative distance from the final value.
    """

    time: float
    axis: Floats
    error: Floats


def settle(
    cells: Cells,
    lines: Lines,
    drive: Literal["read", "update"] = "read",
    accuracy: float = 0.01,
    steps: int = 600,
) -> Settling:
    """Return how an array settles after a step on all of its lines.

    Parameters
    ----------
    drive : {"read", "update"}
        A step on all bit lines, judged by the current of every source line; or half a step
        up on all bit lines and half a step down on all source lines, as in a parallel update,
        judged by the voltage between the lines at every cell. The device then warms with its
        own time constant, whatever the size of the array.
    accuracy : float
        Relative distance from the final value that counts as settled.
    steps : int
        Time steps over which the settling is resolved.

    Raises
    ------
    ConfigError
        If a value makes no sense or nothing settles.

    Notes
    -----
    Cells are linear about the voltages of their drivers. Against a transient of the whole circuit
    (:mod:`cosim.experiments.settling_transient`), with the lines of :class:`Lines`: within 2 % for
    3 x 3; -11, +6 and -1 % for reads, +37, +53 and +31 % for updates of 16, 32 and 64 rows, where
    the drivers take half of the pulse.
    """
    from scipy.sparse.linalg import splu

    if not 0 < accuracy < 1 or min(lines.wire_resistance, lines.driver_resistance) <= 0:
        raise ConfigError(
            thing="settling of an array",
            value=(accuracy, lines.wire_resistance, lines.driver_resistance),
            limit="accuracy between 0 and 1, positive resistances",
        )
    chords, matrix, capacity, load, outputs = _assemble(cells, lines, drive)
    final = splu(chords).solve(load)
    wanted = outputs @ final
    rows, cols = cells.shape
    per_cell = lines.wire_capacitance + float(np.abs(cells.capacitance[0, 0]).max())
    per_line = max(rows, cols) * per_cell
    span = 10.0 * per_line * (lines.driver_resistance + max(rows, cols) * lines.wire_resistance)
    for _ in range(12):
        h = span / steps
        factor = splu((capacity + 0.5 * h * matrix).tocsc())
        half = splu((capacity + 0.25 * h * matrix).tocsc())
        left = -final
        error = np.empty(steps)
        for step in range(steps):
            if step == 0:
                # Four damped steps: the trapezoidal rule alone rings on a jump.
                for _ in range(4):
                    left = half.solve(capacity @ left)
            else:
                left = factor.solve(capacity @ left - 0.5 * h * (matrix @ left))
            error[step] = np.abs(outputs @ left / wanted).max()
        late = int(np.max(np.nonzero(error > accuracy)[0], initial=-1)) + 1
        if late < steps and late > 30:
            axis = np.asarray(h * np.arange(1, steps + 1), dtype=np.float64)
            return Settling(time=float((late + 0.5) * h), axis=axis, error=error)
        span *= 3.0 if late >= steps else 0.2
    raise ConfigError(thing="the array does not settle within a resolvable time", value=span)


def settling_time(conductance: Floats, lines: Lines, accuracy: float = 0.01) -> float:
    """Return when all outputs of a product through lumped cells have settled [s].

    Parameters
    ----------
    conductance : ndarray, shape (rows, cols)
        Of the devices [S].
    """
    return settle(lumped_cells(conductance, lines), lines, "read", accuracy).time


def _assemble(cells: Cells, lines: Lines, drive: str) -> tuple[Any, Any, Any, Floats, Any]:
    """Return matrices of chords, slopes and capacitances, load of a step, and what is watched."""
    from scipy.sparse import coo_array, csc_array, diags_array

    rows, cols = cells.shape
    n, count = cells.conductance.shape[0], rows * cols
    node = np.arange(n * count).reshape(n, rows, cols)
    bit, source = node[0], node[-1]

    def square(blocks: Floats) -> Any:
        row, col = np.broadcast_arrays(node[:, None], node[None, :])
        keep = blocks.ravel() != 0
        entries = (row.ravel()[keep], col.ravel()[keep])
        return csc_array(coo_array((blocks.ravel()[keep], entries), shape=(n * count, n * count)))

    segment = 1.0 / lines.wire_resistance
    feed = 1.0 / (lines.driver_resistance + lines.wire_resistance)
    rowwise = [bit] if cells.gate is None else [bit, node[cells.gate]]
    start = np.concatenate([*(a[:, :-1].ravel() for a in rowwise), source[:-1].ravel()])
    stop = np.concatenate([*(a[:, 1:].ravel() for a in rowwise), source[1:].ravel()])
    ends = np.concatenate([*(a[:, 0] for a in rowwise), source[0]])
    wires = np.full(start.size, segment)
    entries = np.concatenate([-wires, -wires, wires, wires, np.full(ends.size, feed)])
    where = (
        np.concatenate([start, stop, start, stop, ends]),
        np.concatenate([stop, start, start, stop, ends]),
    )
    network = csc_array(coo_array((entries, where), shape=(n * count, n * count)))
    ground = np.zeros(n * count)
    for line in (*rowwise, source):
        ground[line.ravel()] = lines.wire_capacitance
    load = np.zeros(n * count)
    if drive == "read":
        load[bit[:, 0]] = feed
        outputs = csc_array(
            coo_array((np.ones(cols), (np.arange(cols), source[0])), shape=(cols, n * count))
        )
    else:
        load[bit[:, 0]], load[source[0]] = 0.5 * feed, -0.5 * feed
        cell = np.arange(count)
        across = (
            np.concatenate([np.ones(count), -np.ones(count)]),
            (np.concatenate([cell, cell]), np.concatenate([bit.ravel(), source.ravel()])),
        )
        outputs = csc_array(coo_array(across, shape=(count, n * count)))
    chords, matrix = (csc_array(network + square(m)) for m in (cells.conductance, cells.slope))
    capacity = csc_array(square(cells.capacitance) + diags_array(ground))
    return chords, matrix, capacity, load, outputs
