"""All pulses of a group of cells, segment by segment, the state carried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.base import final_states
from cosim.experiments.cells import Group, Outputs, run_patiently
from cosim.experiments.cycles import Varied, draw_cycles, in_one_run, vary
from cosim.experiments.pulse_timing import PulseTiming
from cosim.simulators.base import Result, Simulator
from netlists.testbench import Testbench

if TYPE_CHECKING:
    from compact_models.parameters import Spread

FloatArray = NDArray[np.float64]

_SEGMENT = 200  # pulses of one ngspice run: its piecewise-linear sources are searched linearly
_TRAIN = 1000  # equal pulses from which the native solver skips some: tested to 0.1 %


def measure_pulses(
    group: Group,
    amplitude: FloatArray,
    timing: PulseTiming,
    bench: Callable[[Varied, FloatArray], Testbench],
    *,
    read_voltage: float,
    spreads: Mapping[str, Spread],
    simulator: Simulator,
    seed: int,
    progress: bool,
) -> tuple[Outputs, list[Result]]:
    """Pulse and read the cells of a group.

    Parameters
    ----------
    amplitude : ndarray, shape (pulses,)
        [V]
    bench : callable
        Makes the testbench of some of the amplitudes on a given array.
    spreads : mapping of str to Spread
        Parameters that are drawn anew for every pulse.

    Returns
    -------
    outputs : dict
        ``conductance`` (pulses + 1, rows, cols) [S], the first one before the pulses;
        ``pulse_current`` (pulses, rows, cols) [A] at the end of the flat top, NaN where pulses
        were skipped; final states.
    results : list of Result
        Provenance of every segment.
    """
    from tqdm import tqdm

    names = tuple(spreads)
    z = draw_cycles(group, names, amplitude.size, seed)
    length = _SEGMENT if in_one_run(simulator) or not names else 1
    long = not names and amplitude.size >= _TRAIN
    with_trains = getattr(simulator, "with_trains", None) if long else None
    if with_trains is not None:
        simulator, length = with_trains(_TRAIN), amplitude.size
    conductance: list[FloatArray] = []
    current: list[FloatArray] = []
    results: list[Result] = []
    array = group.array
    segments = range(0, amplitude.size, length)
    for first in tqdm(segments, desc="pulses", disable=not progress, leave=False):
        part = slice(first, first + length)
        size = amplitude[part].size
        run = vary(array, spreads, simulator, timing.starts(size), timing.rise, z[part])
        result = run_patiently(run.simulator, bench(run, amplitude[part]))
        reads = result.at("cell_current", timing.reads(size))
        conductance.append(reads[0 if first == 0 else 1 :] / read_voltage)
        tops = result.at("cell_current", timing.tops(size))
        # Of skipped pulses only reads come back.
        current.append(tops if with_trains is None else np.full_like(tops, np.nan))
        # Only the last result's waveforms are still needed.
        results.append(Result(axis=result.axis[-1:], data={}, provenance=result.provenance))
        array = array.with_states(final_states(array, result))
    outputs = {
        "conductance": np.concatenate(conductance),
        "pulse_current": np.concatenate(current),
        **final_states(array, result),
    }
    return outputs, results
