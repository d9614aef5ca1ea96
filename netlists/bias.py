"""Who gets which voltage: one cell, all cells, a parallel update, a read.

Every function returns the ``drives`` of a testbench: driver name -> Waveform or None
(floating). Cell voltage is counted from bit line to source line, SET positive. Its negative
part is put on the source line as a positive voltage, because a negative bit line would bias
the transistor's junction to the bulk forward; without a selector, and under the V/2 and V/3
schemes, it goes where the scheme says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from compact_models.errors import NetlistError
from netlists.lines import Layout, LineKind
from netlists.waveform import Waveform, as_waveform

if TYPE_CHECKING:
    from netlists.array import Array

Drives = dict[str, Waveform | None]
Scheme = Literal["gate", "half", "third", "floating"]
_GROUND = Waveform.constant(0.0)


def _line_of(array: Array, kind: LineKind, row: int, column: int) -> int:
    return row if array.line_set(kind).along == "row" else column


def _fill(
    array: Array,
    kind: LineKind,
    chosen: dict[int, Waveform],
    other: Waveform | None,
) -> Drives:
    lines = array.line_set(kind)
    if not lines.drivers:
        return {}
    return {f"{kind}{k}": chosen.get(k, other) for k in range(lines.count)}


def _cell(array: Array, cell: tuple[int, int]) -> tuple[int, int]:
    row, column = cell
    if not (0 <= row < array.rows and 0 <= column < array.cols):
        raise NetlistError(
            thing="no such cell",
            value=(row, column),
            limit=f"rows 0..{array.rows - 1}, columns 0..{array.cols - 1}",
        )
    return row, column


def every_cell(array: Array, voltage: Waveform | float, *, gate: Waveform | float = 3.3) -> Drives:
    """The same voltage over every cell at once (lines permitting).

    Parameters
    ----------
    array : Array
    voltage : Waveform or float
        Bit line minus source line [V].
    gate : Waveform or float
        Of all word lines [V].
    """
    plus, minus = as_waveform(voltage).split()
    drives = _fill(array, "bl", {}, plus) | _fill(array, "sl", {}, minus)
    if array.cell.selector is not None:
        drives |= _fill(array, "wl", {}, as_waveform(gate))
    return drives


def one_cell(
    array: Array,
    cell: tuple[int, int],
    voltage: Waveform | float,
    *,
    gate: Waveform | float = 3.3,
    gate_off: Waveform | float = 0.0,
    scheme: Scheme | None = None,
) -> Drives:
    """A voltage over one cell, and as little as the scheme allows over the others.

    Parameters
    ----------
    array : Array
    cell : tuple of int
        (row, column)
    voltage : Waveform or float
        Bit line minus source line at the cell [V].
    gate, gate_off : Waveform or float
        Word line of the cell, and of the others [V].
    scheme : {"gate", "half", "third", "floating"}, optional
        ``gate``: the transistors select. Cells that share the word line are inhibited by
        holding the two lines of each at the same potential. ``half``: unselected lines at
        V/2, so that half-selected cells see V/2 and the others 0. ``third``: unselected bit
        lines at V/3, unselected source lines at 2V/3, so that all others see V/3.
        ``floating``: unselected bit and source lines float. Default: ``gate`` with a
        selector, ``half`` without.

    Raises
    ------
    NetlistError
        No such cell; gate without selector; V/2 or V/3 on parallel lines.
    """
    row, column = _cell(array, cell)
    if scheme is None:
        scheme = "half" if array.cell.selector is None else "gate"
    wave = as_waveform(voltage)
    bit, source = _line_of(array, "bl", row, column), _line_of(array, "sl", row, column)
    plus, minus = wave.split()
    if scheme == "gate":
        if array.cell.selector is None:
            raise NetlistError(
                thing="gate selection of a cell without selector",
                value=scheme,
                limit="half, third or floating",
            )
        other_bit, other_source = _GROUND, _GROUND
        if array.layout is Layout.CROSSING:
            # The gates are on all along the word line: there the crossing lines follow the
            # selected one, and those cells see nothing.
            if array.word_lines == "row":
                other_source = plus
            else:
                other_bit = minus
        elif array.word_lines == "column" and array.rows > 1:
            raise NetlistError(
                thing="gate selection where word, bit and source lines are all parallel",
                value=array.word_lines,
                limit="word lines along rows",
            )
        drives = _fill(array, "bl", {bit: plus}, other_bit)
        drives |= _fill(array, "sl", {source: minus}, other_source)
    elif scheme == "floating":
        drives = _fill(array, "bl", {bit: plus}, None) | _fill(array, "sl", {source: minus}, None)
    elif scheme in ("half", "third"):
        if array.layout is Layout.PARALLEL:
            raise NetlistError(
                thing=f"scheme '{scheme}' on parallel bit and source lines",
                value=array.layout.value,
                limit="crossing",
                next_step="Select by the gate",
            )
        unselected = (0.5, 0.5) if scheme == "half" else (1 / 3, 2 / 3)
        drives = _fill(array, "bl", {bit: wave}, wave * unselected[0])
        drives |= _fill(array, "sl", {source: _GROUND}, wave * unselected[1])
    else:
        raise NetlistError(
            thing="unknown bias scheme", value=scheme, limit="gate, half, third, floating"
        )
    if array.cell.selector is not None:
        word = _line_of(array, "wl", row, column)
        off = as_waveform(gate_off)
        # Without gate selection the transistors are only in series: all are on.
        drives |= _fill(
            array, "wl", {word: as_waveform(gate)}, off if scheme == "gate" else as_waveform(gate)
        )
    return drives


def parallel_update(
    array: Array,
    rows: Sequence[Waveform | float],
    columns: Sequence[Waveform | float],
    *,
    gate: Waveform | float = 3.3,
) -> Drives:
    """Rank-one update of a crossing array: cell (i, j) sees ``rows[i] + columns[j]``.

    With pulses of V/2 on both, only coincident pulses give V.

    Parameters
    ----------
    array : Array
        Crossing lines.
    rows, columns : sequence of Waveform or float
        One per bit line, and per source line (written there with the sign changed) [V].
    gate : Waveform or float
        Of all word lines [V].
    """
    if array.layout is not Layout.CROSSING:
        raise NetlistError(
            thing="parallel update on parallel lines",
            value=array.layout.value,
            limit="crossing",
            next_step="Use gate_coincidence",
        )
    _need(len(rows), array.rows, "row pulses")
    _need(len(columns), array.cols, "column pulses")
    drives = _fill(array, "bl", {i: as_waveform(w) for i, w in enumerate(rows)}, None)
    drives |= _fill(array, "sl", {j: -as_waveform(w) for j, w in enumerate(columns)}, None)
    if array.cell.selector is not None:
        drives |= _fill(array, "wl", {}, as_waveform(gate))
    return drives


def gate_coincidence(
    array: Array, gates: Sequence[Waveform | float], voltages: Sequence[Waveform | float]
) -> Drives:
    """Parallel update through the transistors: a cell changes where its gate and voltage meet.

    Parameters
    ----------
    array : Array
        With selectors, and word lines that cross the bit lines.
    gates : sequence of Waveform or float
        One per word line [V].
    voltages : sequence of Waveform or float
        One per bit line, from bit line to source line [V]. On parallel lines the negative
        part goes to that bit line's source line. Crossing source lines are shared by all bit
        lines and stay at 0 V, so there no voltage may be negative.
    """
    word, bit = array.line_set("wl"), array.line_set("bl")
    if array.cell.selector is None or word.along == bit.along:
        raise NetlistError(
            thing="gate coincidence needs selectors, and word lines that cross the bit lines",
            value=f"{array.layout.value}, word lines along the {array.word_lines}",
        )
    _need(len(gates), word.count, "gate pulses")
    _need(len(voltages), bit.count, "voltage pulses")
    parts = [as_waveform(w).split() for w in voltages]
    drives = _fill(array, "bl", {k: plus for k, (plus, _) in enumerate(parts)}, None)
    if array.layout is Layout.PARALLEL:
        drives |= _fill(array, "sl", {k: minus for k, (_, minus) in enumerate(parts)}, None)
    else:
        lowest = min(as_waveform(w).extremes[0] for w in voltages)
        if lowest < 0:
            raise NetlistError(
                thing="negative cell voltage under gate coincidence on crossing lines",
                value=lowest,
                limit=">= 0 V",
                next_step="Use Layout.PARALLEL",
            )
        drives |= _fill(array, "sl", {}, _GROUND)
    return drives | _fill(array, "wl", {k: as_waveform(w) for k, w in enumerate(gates)}, None)


def read(array: Array, voltages: ArrayLike, *, gate: Waveform | float = 3.3) -> Drives:
    """Bit lines at their input voltages, source lines at 0 V, gates on.

    Parameters
    ----------
    array : Array
    voltages : array_like, scalar, (bit lines,) or (inputs, bit lines)
        [V]. Two dimensions are for ``DcSweep(stop=inputs - 1)``: input k at sweep value k.
    gate : Waveform or float
        Of all word lines [V].
    """
    lines = array.line_set("bl").count
    values = np.asarray(voltages, dtype=float)
    if values.ndim > 2 or (values.ndim and values.shape[-1] != lines):
        raise NetlistError(
            thing="read voltages have the wrong shape",
            value=values.shape,
            limit=f"a scalar, ({lines},) or (inputs, {lines})",
        )
    values = np.broadcast_to(values, (*values.shape[:-1], lines))
    waves = {k: Waveform.steps(values[..., k]) for k in range(lines)}
    drives = _fill(array, "bl", waves, None) | _fill(array, "sl", {}, _GROUND)
    if array.cell.selector is not None:
        drives |= _fill(array, "wl", {}, as_waveform(gate))
    return drives


def _need(count: int, wanted: int, what: str) -> None:
    if count != wanted:
        raise NetlistError(thing=f"number of {what}", value=count, limit=f"{wanted}")
