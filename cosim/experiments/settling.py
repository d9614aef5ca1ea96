"""How long an array takes to settle after an edge on its lines.

Products and parallel updates touch every cell at once: their time does not grow with the
number of cells as long as the lines settle quickly beside the read or write pulse. Here the
network of wire resistances and capacitances, drivers and cells is integrated in time, with
every cell as the compact models give it at the operating point: conductances, and the
capacitances of memory device and transistor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What the lines of an array are made of.

    Parameters
    ----------
    wire_resistance, wire_capacitance : float
        Per segment [Ohm], [F]; word lines are made like the others.
    driver_resistance : float
        Of every bit-line and word-line driver and every sensing input [Ohm].
    selector_resistance, device_capacitance, gate_capacitance : float
        Of the lumped cells of :func:`lumped_cells` alone: transistor in series [Ohm];
        between the electrodes [F]; from the transistor's gate to drain and to source, each [F].
    """

    wire_resistance: float = 0.35
    wire_capacitance: float = 0.5e-15
    driver_resistance: float = 100.0
    selector_resistance: float = 305.0
    device_capacitance: float = 2e-15
    gate_capacitance: float = 4.06e-15


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Cells as linear networks between their bit line and their source line.

    Parameters
    ----------
    conductance, capacitance : ndarray, shape (n, n, rows, cols)
        ``C dv/dt + G v`` are the currents into the n nodes; node 0 lies on the bit line, the
        last on the source line.
    gate : int, optional
        Node on the word line.
    """

    conductance: Floats
    capacitance: Floats
    gate: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.conductance.shape[2]), int(self.conductance.shape[3])


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


def lumped_cells(conductance: Floats, lines: Lines) -> Cells:
    """Return cells of one resistor in series with a transistor's resistance.

    Parameters
    ----------
    conductance : ndarray, shape (rows, cols)
        Of the devices [S].
    """
    g = _checked(conductance)
    s = np.full_like(g, 1.0 / lines.selector_resistance)
    zero = np.zeros_like(g)
    d, c = np.full_like(g, lines.device_capacitance), np.full_like(g, lines.gate_capacitance)
    return Cells(
        conductance=np.array([[g, -g, zero], [-g, g + s, -s], [zero, -s, s]]),
        capacitance=np.array([[d, -d, zero], [-d, d + c, zero], [zero, zero, c]]),
    )


def compiled_cells(
    density: Floats, bit: float, source: float = 0.0, gate: float = 3.3, heat: bool = False
) -> Cells:
    """Return 1T1R cells as a network that has their currents at an operating point.

    Conductances are chords, current over voltage, so that the settled state is exact;
    capacitances are the derivatives of the charges. With `heat` the device starts cold: its
    chord is the one of the cold dome, and the rest of its current comes with the temperature,
    which follows the power. Without it the device is at its final temperature from the start:
    at read voltage that is 3 K, which the charging current brings within picoseconds.

    Parameters
    ----------
    density : ndarray, shape (rows, cols)
        C / 1e25 of the devices.
    bit, source, gate : float
        Of the lines [V]; the bit line must lie above the source line.
    heat : bool
        Whether the device warms during the edge, as it does under pulses.
    """
    from compact_models import load_model
    from compact_models.emit.functions import compile_model
    from compact_models.steady import solve_steady
    from cosim.experiments.pulse_map import Access, access_drop

    reram, nmos = load_model("cmo_hfox"), load_model("nmos_3v3")
    distinct, index = np.unique(_checked(density), return_inverse=True)
    applied = bit - source
    drop = access_drop(reram, applied, Access(transistor=nmos, gate=gate - source), distinct)
    settled = solve_steady(
        reram, voltages={"top": applied, "bottom": drop}, held={"c": distinct, "phi": 1.0}
    )
    current, dome = settled.current("top"), settled.node("m")
    k = settled.kernels
    cold = settled.states.copy()
    cold[k.states.index("dT")] = 0.0
    parameters = k.parameter_vector(reram.parameters)[:, None]
    begun = -k.call(settled.nodes, cold, parameters).currents[k.nodes.index("bottom")]
    started = begun if heat else current
    rise = settled.state("dT")
    # Nodes of a cell: bit line, dome, middle, word line, temperature, source line.
    n = distinct.size
    g, c = np.zeros((6, 6, n)), np.zeros((6, 6, n))
    parts = (
        (0, 1, applied - dome, current),
        (1, 2, dome - drop, started),
        (2, 5, drop, current),
    )
    for one, other, fall, flow in parts:
        chord = flow / fall
        g[one, one] += chord
        g[other, other] += chord
        g[one, other] -= chord
        g[other, one] -= chord
    heated = (current - started) / rise
    g[1, 4], g[2, 4] = heated, -heated
    power = (applied - drop) * current / (applied - dome)
    g[4, 0], g[4, 1] = -power, power
    g[4, 4] = 1.0 / reram.parameters["R_th"]
    c[4, 4] = reram.parameters["C_th"]
    order = [k.nodes.index(name) for name in ("top", "m", "bottom")]
    charges = _capacitances(k, settled.nodes, settled.states, reram.parameters)
    c[np.ix_([0, 1, 2], [0, 1, 2])] += charges[np.ix_(order, order)]
    t = compile_model(nmos, "numpy")
    nodes: dict[str, Any] = {
        "drain": drop,
        "gate": gate - source,
        "source": 0.0,
        "bulk": -source,
    }
    terminals = np.array(
        [np.broadcast_to(nodes[name], drop.shape) for name in t.nodes], dtype=np.float64
    )
    charges = _capacitances(t, terminals, np.zeros((0, n)), nmos.parameters)
    order = [t.nodes.index(name) for name in ("drain", "gate", "source")]
    c[np.ix_([2, 3, 5], [2, 3, 5])] += charges[np.ix_(order, order)]
    shape = np.shape(density)
    return Cells(
        conductance=g[:, :, index.ravel()].reshape(6, 6, *shape),
        capacitance=c[:, :, index.ravel()].reshape(6, 6, *shape),
        gate=3,
    )


def _capacitances(kernels: Any, nodes: Floats, states: Floats, parameters: Any) -> Floats:
    """Return the derivatives of the charges by the potentials [F]."""
    n, s, shape = len(kernels.nodes), len(kernels.states), nodes.shape[1:]
    shapes = ((n,), (n,), (s,), (n, n), (n, s), (n, n), (s, n), (s, s))
    arrays = [np.zeros((*head, *shape)) for head in shapes]
    kernels.evaluate(nodes, states, kernels.parameter_vector(parameters)[:, None], *arrays)
    return np.asarray(arrays[5])


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
    """
    from scipy.sparse.linalg import splu

    if not 0 < accuracy < 1 or min(lines.wire_resistance, lines.driver_resistance) <= 0:
        raise ConfigError(
            thing="settling of an array",
            value=(accuracy, lines.wire_resistance, lines.driver_resistance),
            limit="accuracy between 0 and 1, positive resistances",
        )
    matrix, capacity, load, outputs = _assemble(cells, lines, drive)
    final = splu(matrix).solve(load)
    wanted = outputs @ final
    rows, cols = cells.shape
    per_cell = lines.wire_capacitance + float(np.abs(cells.capacitance[0, 0]).max())
    per_line = max(rows, cols) * per_cell
    span = 10.0 * per_line * (lines.driver_resistance + max(rows, cols) * lines.wire_resistance)
    for _ in range(12):
        h = span / steps
        factor = splu((capacity + 0.5 * h * matrix).tocsc())
        half = splu((capacity + 0.25 * h * matrix).tocsc())
        voltage = np.zeros(load.size)
        error = np.empty(steps)
        for step in range(steps):
            if step == 0:
                # Four damped steps: the trapezoidal rule alone rings on a jump.
                for _ in range(4):
                    voltage = half.solve(capacity @ voltage + 0.25 * h * load)
            else:
                right = capacity @ voltage - 0.5 * h * (matrix @ voltage) + h * load
                voltage = factor.solve(right)
            error[step] = np.abs(outputs @ voltage / wanted - 1.0).max()
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


def _checked(values: Floats) -> Floats:
    given = np.asarray(values, dtype=float)
    if given.ndim != 2 or not np.all(np.isfinite(given) & (given > 0)):
        raise ConfigError(
            thing="cells of an array that settles",
            value=given.shape,
            limit="a matrix of positive numbers",
        )
    return given


def _assemble(cells: Cells, lines: Lines, drive: str) -> tuple[Any, Any, Floats, Any]:
    """Return conductance and capacitance matrices, load of a step, and what is watched."""
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
    matrix = csc_array(network + square(cells.conductance))
    capacity = csc_array(square(cells.capacitance) + diags_array(ground))
    return matrix, capacity, load, outputs
