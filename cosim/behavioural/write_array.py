"""Pulses on cells of an array that share lines: what the wires leave, and what the cells then do.

The network of lines is linear and is solved as such; the cells enter by the conductance that their
current law gives at the voltage they see, until both agree. What the lines take from a cell, over
its own current, is its `WritePath`. During the pulse all currents change: the path is that of the
middle of it, from a first step with the path at its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.ir_drop import ideal
from cosim.behavioural.pulse_train import walk
from cosim.behavioural.wired_pulse import WiredPulse
from cosim.behavioural.write_path import WritePath
from netlists import Drive, Parasitics

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Together = Literal["cell", "row", "array"]
Select = Literal["gate", "half"]

# Of the amplitude; and iterations between network and cells.
_PRECISE, _ITERATIONS = 1e-7, 200


@dataclass(frozen=True, kw_only=True)
class Writing:
    """How the cells of an array are pulsed.

    Parameters
    ----------
    together : str
        ``"cell"``: each alone, one after the other. ``"row"``: all of a row, row after row.
        ``"array"``: all at once.
    select : str
        ``"gate"``: transistors of rows that do not fire are off; source lines that do not fire
        stand at the voltage of the bit lines, as the array's parallel update has it. ``"half"``:
        lines that fire get half of the amplitude each, the others 0 V, every cell conducts, and
        those of which one line fires move by the device's half-select ratio.
    parasitics : Parasitics
        Bit line i runs along row i, source line j along column j.
    drive : Drive
        Driven ends.
    """

    together: Together = "cell"
    select: Select = "gate"
    parasitics: Parasitics = field(default_factory=Parasitics)
    drive: Drive = field(default_factory=Drive)

    def __post_init__(self) -> None:
        for name, known in (("together", ("cell", "row", "array")), ("select", ("gate", "half"))):
            if getattr(self, name) not in known:
                raise ParameterError(
                    thing=f"{name} of writing", value=getattr(self, name), limit=" or ".join(known)
                )


def pulse_cells(
    device: BehaviouralDevice,
    conductance: FloatArray,
    polarity: int,
    cells: Mask,
    writing: Writing,
    *,
    amplitude: float | None = None,
    width: float | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[FloatArray, Mask]:
    """One pulse on `cells`, with what their wires take of it.

    Parameters
    ----------
    conductance : ndarray, shape (rows, columns)
        Of the cells, selector included [S].
    cells : ndarray of bool, shape (rows, columns)
        Of those pulsed together, the rows and columns that fire are taken as those that have any.
    amplitude, width : float, optional
        At the drivers [V, s]; by default the calibrated pulse.

    Returns
    -------
    conductance, outside : ndarray, shape (rows, columns)
        After the pulse [S], and where the step was not covered by the calibration; an
        `OutsideCalibration` warning says so too.
    """
    out, flags = np.array(conductance, float), np.zeros(conductance.shape, bool)
    whole = ideal(writing.parasitics)
    groups = [cells]
    if writing.together == "row":
        rows = np.arange(len(cells))[:, None]
        groups = [cells & (rows == i) for i in np.flatnonzero(cells.any(axis=1))]
    for group in groups:
        wires = None
        if not whole and writing.together == "cell":
            wires = WritePath.alone(out.shape, writing.parasitics, writing.drive).of(group)
        elif not whole:
            wires = _shared(device, out, polarity, group, writing, amplitude, width)
        found, strange = walk(
            device, out[group], [polarity], amplitude, width, rng, wires=wires, level=4
        )
        out[group], flags[group] = found[0], strange[0]
    if writing.select == "half" and device.half_select > 0.0:
        counts = half_pulses(cells, writing.together)
        half, scale = counts > 0, device.half_select * counts[counts > 0]
        found, strange = walk(
            device, out[half], [polarity], amplitude, width, rng, scale=scale, level=4
        )
        out[half] = found[0]
        flags[half] |= strange[0]
    return out, flags


def firing(shape: tuple[int, ...], rows: Mask | None, columns: Mask | None) -> Mask:
    """Cells where a firing row meets a firing column; None for all lines."""
    lines = [np.ones(n, bool) if mask is None else np.asarray(mask, bool)
             for n, mask in zip(shape, (rows, columns), strict=True)]  # fmt: skip
    if tuple(line.shape for line in lines) != tuple((n,) for n in shape):
        raise ParameterError(
            thing="firing lines of an array",
            value=tuple(line.shape for line in lines),
            limit=f"({shape[0]},) rows and ({shape[1]},) columns",
        )
    return np.asarray(np.logical_and.outer(*lines))


def half_pulses(cells: Mask, together: Together) -> NDArray[np.int_]:
    """How often every cell gets half of a pulse while `cells` get a whole one."""
    fired = cells.astype(int)
    along, down = fired.sum(axis=1, keepdims=True), fired.sum(axis=0, keepdims=True)
    if together == "cell":
        return np.asarray(along + down - 2 * fired)
    if together == "row":
        # Its own row's pulse reaches a cell by the bit line, those of others by its column.
        return np.asarray(np.minimum(along, 1) + down - 2 * fired)
    return np.asarray(((along > 0) ^ (down > 0)).astype(int))


def _shared(
    device: BehaviouralDevice,
    conductance: FloatArray,
    polarity: int,
    group: Mask,
    writing: Writing,
    amplitude: float | None,
    width: float | None,
) -> WritePath:
    """Paths in the middle of the pulse, of the cells of the group."""
    none = WritePath(bit_line=np.zeros(1), source_line=np.zeros(1))
    law = device.wired_pulse(polarity, amplitude, width, none)
    first = array_path(law, device.normalise(conductance), group, writing).of(group)
    after = conductance.copy()
    after[group] = walk(
        device, conductance[group], [polarity], amplitude, width, wires=first, quiet=True
    )[0][0]
    last = array_path(law, device.normalise(after), group, writing).of(group)
    return WritePath(
        bit_line=0.5 * (first.bit_line + last.bit_line),
        source_line=0.5 * (first.source_line + last.source_line),
    )


def array_path(law: WiredPulse, u: FloatArray, cells: Mask, writing: Writing) -> WritePath:
    """Paths of cells that are pulsed at once, at their present conductances.

    Parameters
    ----------
    law : WiredPulse
        The pulse, with the currents that it drives.
    u : ndarray, shape (rows, columns)
        Normalised conductances.
    cells : ndarray of bool, shape (rows, columns)

    Returns
    -------
    WritePath
        Shape (rows, columns); 0 Ohm for cells that do not fire.
    """
    from cosim.simulators.native import LinearCrossbar, Lines

    top, wires = abs(law.amplitude), writing.parasitics
    bit, source = (
        Lines.driven(count, r, driver=wires.r_feed + r, ends=ends)
        for count, r, ends in (
            (u.shape[0], wires.r_row, writing.drive.bit_line),
            (u.shape[1], wires.r_col, writing.drive.source_line),
        )
    )
    rows, columns = np.asarray(cells.any(axis=1)), np.asarray(cells.any(axis=0))
    gated = writing.select == "gate"
    if gated:
        on = np.broadcast_to(rows[:, None], u.shape)
        highs, lows = np.full(rows.size, top), np.where(columns, 0.0, top)
    else:
        on = np.ones(u.shape, bool)
        highs, lows = np.where(rows, 0.5 * top, 0.0), np.where(columns, -0.5 * top, 0.0)
    across = np.where(on, np.abs(highs[:, None] - lows), 0.0)
    above = below = np.zeros(u.shape)
    for _ in range(_ITERATIONS):
        lost = law.gate_loss(u, across, below if law.rates.polarity > 0 else above)
        current = np.where(on, law.currents(u, np.maximum(across - lost, 0.0)), 0.0)
        # A cell without voltage conducts as at the read voltage.
        idle = law.currents(u, np.full(u.shape, 1e-3)) / 1e-3
        secant = np.where(
            across > 1e-3, current / np.maximum(across, 1e-3), np.where(on, idle, 0.0)
        )
        solved = LinearCrossbar(secant, bit, source).solve(highs, lows)
        above = highs[:, None] - solved.row_voltage
        below = solved.column_voltage - lows
        found = np.where(on, np.abs(solved.row_voltage - solved.column_voltage), 0.0)
        moved, across = float(np.abs(found - across).max()), found
        if moved < _PRECISE * top:
            break
    else:
        raise ParameterError(
            thing="voltages of an array behind its wires [V]",
            value=moved,
            limit="settled",
            next_step="Lower the resistances of the lines, or pulse fewer cells at once.",
        )
    flowing = np.where(cells, np.maximum(np.abs(solved.cell_current), 1e-15), np.inf)
    return WritePath(
        bit_line=np.maximum(above, 0.0) / flowing, source_line=np.maximum(below, 0.0) / flowing
    )
