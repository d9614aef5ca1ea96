"""Voltages of all drivers while one row is written or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.array_studies.program_setup import ProgramSetup
from netlists import Array, Layout
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.bias import Drives

Floats = NDArray[np.float64]
_GROUND = Waveform.constant(0.0)


def write_drives(study: ProgramSetup, array: Array, row: int, amplitudes: Floats) -> Drives:
    """One pulse on cells of a row.

    Parameters
    ----------
    amplitudes : ndarray, shape (cols,)
        [V]; all of one sign, 0 where a cell is to be left alone.
    """
    up = bool(amplitudes.max() > 0)
    size = np.abs(amplitudes)
    zero = np.zeros(array.cols)
    if array.layout is Layout.PARALLEL:
        bit, source = (size, zero) if up else (zero, size)
    else:
        # All cells share the bit line; a source line that follows it inhibits its cell.
        top = float(size.max()) if up else 0.0
        bit, source = np.zeros(array.rows), (top - size if up else size)
        bit[row] = top
    gate = study.set_gate if up else study.reset_gate
    return _drives(study, array, row, gate, bit, source)


def _drives(
    study: ProgramSetup, array: Array, row: int, gate: float, bit: Floats, source: Floats
) -> Drives:
    shapes: dict[float, Waveform] = {0.0: _GROUND}
    drives: Drives = {}
    for kind, values in (("bl", bit), ("sl", source)):
        for k, volts in enumerate(values.tolist()):
            if volts not in shapes:
                shapes[volts] = Waveform.pulse(volts, study.width, rise=study.rise, fall=study.rise)
            drives[f"{kind}{k}"] = shapes[volts]
    return drives | _gates(study, array, row, gate)


def _gates(study: ProgramSetup, array: Array, row: int, gate: float) -> Drives:
    on, off = Waveform.constant(gate), Waveform.constant(study.gate_off)
    return {f"wl{k}": on if k == row else off for k in range(array.rows)}


def read_drives(study: ProgramSetup, array: Array, row: int) -> Drives:
    """Read of all cells of a row."""
    volts = Waveform.constant(study.read_voltage)
    parallel = array.layout is Layout.PARALLEL
    drives: Drives = {
        f"bl{k}": volts if parallel or k == row else _GROUND
        for k in range(array.line_set("bl").count)
    }
    drives |= {f"sl{k}": _GROUND for k in range(array.cols)}
    return drives | _gates(study, array, row, study.read_gate)
