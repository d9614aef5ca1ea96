"""Cells of an array and its lines as linear networks about an operating point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """Cells as networks between their bit line and their source line.

    Parameters
    ----------
    conductance : ndarray, shape (n, n, rows, cols)
        Chords: times the potentials of the operating point they give the currents into the n
        nodes. Node 0 lies on the bit line, the last on the source line.
    slope, capacitance : ndarray, shape (n, n, rows, cols)
        Derivatives of currents and charges there.
    gate : int, optional
        Node on the word line.
    """

    conductance: Floats
    slope: Floats
    capacitance: Floats
    gate: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.conductance.shape[2]), int(self.conductance.shape[3])


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
    matrix = np.array([[g, -g, zero], [-g, g + s, -s], [zero, -s, s]])
    return Cells(
        conductance=matrix,
        slope=matrix,
        capacitance=np.array([[d, -d, zero], [-d, d + c, zero], [zero, zero, c]]),
    )


def compiled_cells(density: Floats, bit: float, source: float = 0.0, gate: float = 3.3) -> Cells:
    """Return 1T1R cells at an operating point, from the equations of the compact models.

    Chords, slopes and capacitances of memory device and transistor; the temperature of the
    dome is a node of its own, in kelvin above ambient.

    Parameters
    ----------
    density : ndarray, shape (rows, cols)
        C / 1e25 of the devices.
    bit, source, gate : float
        Of the lines [V]; the bit line must lie above the source line.
    """
    from compact_models import load_model
    from compact_models.emit.functions import compile_model
    from compact_models.steady import solve_steady
    from cosim.experiments.access import Access, access_drop

    reram, nmos = load_model("cmo_hfox"), load_model("nmos_3v3")
    distinct, index = np.unique(_checked(density), return_inverse=True)
    applied = bit - source
    drop = access_drop(reram, applied, Access(transistor=nmos, gate=gate - source), distinct)
    settled = solve_steady(
        reram, voltages={"top": applied, "bottom": drop}, held={"c": distinct, "phi": 1.0}
    )
    current, dome, k = settled.current("top"), settled.node("m"), settled.kernels
    # Nodes of a cell: bit line, dome, middle, word line, temperature, source line.
    n = distinct.size
    chord, slope, c = (np.zeros((6, 6, n)) for _ in range(3))
    for one, other, fall in ((0, 1, applied - dome), (1, 2, dome - drop), (2, 5, drop)):
        for here, there in ((one, other), (other, one)):
            chord[here, here] += current / fall
            chord[here, there] -= current / fall
    power = (applied - drop) * current / (applied - dome)
    chord[4, 0], chord[4, 1] = -power, power
    chord[4, 4] = 1.0 / reram.parameters["R_th"]
    found = _derivatives(k, settled.nodes, settled.states, reram.parameters)
    ends, inner = [0, 1, 2], [k.nodes.index(name) for name in ("top", "m", "bottom")]
    heat, watts = k.states.index("dT"), float(reram.parameters["C_th"])
    slope[np.ix_(ends, ends)] += found["di_dv"][np.ix_(inner, inner)]
    slope[ends, 4] = found["di_dx"][inner, heat]
    # In watts, so that the row is of the size of the others.
    slope[4, ends] = -watts * found["dr_dv"][heat, inner]
    slope[4, 4] = -watts * found["dr_dx"][heat, heat]
    c[np.ix_(ends, ends)] += found["dq_dv"][np.ix_(inner, inner)]
    c[4, 4] = watts
    t = compile_model(nmos, "numpy")
    nodes: dict[str, Any] = {"drain": drop, "gate": gate - source, "source": 0.0, "bulk": -source}
    terminals = np.array(
        [np.broadcast_to(nodes[name], drop.shape) for name in t.nodes], dtype=np.float64
    )
    found = _derivatives(t, terminals, np.zeros((0, n)), nmos.parameters)
    ends, inner = [2, 3, 5], [t.nodes.index(name) for name in ("drain", "gate", "source")]
    slope[np.ix_(ends, ends)] += found["di_dv"][np.ix_(inner, inner)]
    c[np.ix_(ends, ends)] += found["dq_dv"][np.ix_(inner, inner)]
    chord, slope, c = (
        m[:, :, index.ravel()].reshape(6, 6, *np.shape(density)) for m in (chord, slope, c)
    )
    return Cells(conductance=chord, slope=slope, capacitance=c, gate=3)


def _derivatives(kernels: Any, nodes: Floats, states: Floats, parameters: Any) -> dict[str, Floats]:
    """Return the derivatives of currents, charges and rates by potentials and states."""
    n, s, shape = len(kernels.nodes), len(kernels.states), nodes.shape[1:]
    shapes = {
        "currents": (n,), "charges": (n,), "rates": (s,), "di_dv": (n, n), "di_dx": (n, s),
        "dq_dv": (n, n), "dr_dv": (s, n), "dr_dx": (s, s),
    }  # fmt: skip
    arrays = {name: np.zeros((*head, *shape)) for name, head in shapes.items()}
    vector = kernels.parameter_vector(parameters)[:, None]
    kernels.evaluate(nodes, states, vector, *arrays.values())
    return arrays


def _checked(values: Floats) -> Floats:
    given = np.asarray(values, dtype=float)
    if given.ndim != 2 or not np.all(np.isfinite(given) & (given > 0)):
        raise ConfigError(
            thing="cells of an array that settles",
            value=given.shape,
            limit="a matrix of positive numbers",
        )
    return given
