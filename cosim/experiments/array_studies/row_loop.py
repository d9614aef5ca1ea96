"""The closed loop on one row of an array, and what it does to the other rows.

The switched-off rows carry picoamperes beside the microamperes of the row that is written, so on
the native solver the loop runs on that row alone, behind the wires of its lines; whether this is
so is looked at for every row. What its pulses do to the other rows is integrated on the whole
array for one pulse each way and multiplied by their number.  Where either is not small, the whole
array is solved for every pulse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.one_row import RowSession
from cosim.experiments.array_studies.program_setup import ProgramSetup
from cosim.experiments.array_studies.row_drives import read_drives, write_drives
from cosim.experiments.array_studies.session import Session, States
from cosim.experiments.base import CYCLES, generator
from cosim.experiments.cycles import cycle_spreads
from cosim.experiments.program_verify import amplitudes_of
from netlists import Array
from netlists.waveform import as_waveform

Floats = NDArray[np.float64]
SAME = 1e-5
"""Relative difference of the source lines' currents up to which a row stands for the array."""
HIGHEST = 2.0
"""Amplitude up to which steps raise it [V]."""
SMALL = 1e-3
"""Change of other rows' states, relative to their size, up to which it is multiplied."""


def raised(study: ProgramSetup, base: Floats, count: Floats) -> Floats:
    """Amplitudes after so many pulses of that sign on every cell [V]."""
    if not study.step_after:
        return base
    size = np.abs(base) + study.amplitude_step * (count // study.step_after)
    return np.sign(base) * np.minimum(size, np.maximum(HIGHEST, np.abs(base)))


def close_loop(
    study: ProgramSetup,
    array: Array,
    row: int,
    wanted: Floats,
    session: Session,
    states: States,
    stream: tuple[int, int],
    script: list[tuple[int, Floats]] | None = None,
) -> tuple[dict[str, Any], States]:
    """Close the loop on one row; results of its cells, and the states of all cells.

    Parameters
    ----------
    wanted : ndarray, shape (cols,)
        Targets [S].
    stream : (int, int)
        Seed, and the number of this row's turn.
    script : list, optional
        Pulses are noted in it: row and amplitudes.
    """
    alone = _alone(study, array, row, wanted, session, states)
    if alone is not None:
        noted: list[tuple[int, Floats]] = []
        outputs, after = _loop(study, array, row, wanted, alone, states, stream, noted)
        outputs["whole_array"] = np.array(0.0)
        others = _others(study, array, row, wanted, session, after, outputs)
        if others is not None:
            if script is not None:
                script += noted
            session.absorb(alone.small)
            return outputs, others
    outputs, after = _loop(study, array, row, wanted, session, states, stream, script)
    outputs["whole_array"] = np.array(1.0)
    return outputs, after


def _alone(
    study: ProgramSetup,
    array: Array,
    row: int,
    wanted: Floats,
    session: Session,
    states: States,
) -> RowSession | None:
    """The row alone, where its currents are those in the whole array."""
    if session.simulator.name != "native" or array.rows == 1:
        return None
    alone = RowSession.of(session, row)
    if alone is None:
        return None
    tops = [read_drives(study, array, row)]
    for heights in amplitudes_of(wanted):
        drives = write_drives(study, array, row, heights)
        middle = study.rise + study.width / 2
        tops.append(
            {n: as_waveform(float(as_waveform(w).at(middle))) for n, w in drives.items()
             if w is not None}
        )  # fmt: skip
    for drives in tops:
        currents = (s.read(drives, states)[0] for s in (alone, session))
        if common.relative_difference(*currents) > SAME:
            return None
    return alone


def _others(
    study: ProgramSetup,
    array: Array,
    row: int,
    wanted: Floats,
    session: Session,
    states: States,
    outputs: dict[str, Any],
) -> States | None:
    """States with the change of all other rows; None where it is not small."""
    moved = {n: np.zeros(array.shape) for n in states}
    for name, heights in zip(("set_pulses", "reset_pulses"), amplitudes_of(wanted), strict=True):
        count = outputs[name]
        if not count.any():
            continue
        # All pulses as high as the last one: never less disturb than there was.
        last = raised(study, heights, np.maximum(count - 1, 0))
        after, _ = session.pulse(write_drives(study, array, row, last), states)
        for n, change in moved.items():
            change += count * (after[n] - states[n])
    for n, change in moved.items():
        change[row] = 0.0
        if (np.abs(change) > SMALL * (np.abs(states[n]) + 0.01)).any():
            return None
    return {n: s + moved[n] for n, s in states.items()}


def _loop(
    study: ProgramSetup,
    array: Array,
    row: int,
    wanted: Floats,
    session: Session | RowSession,
    states: States,
    stream: tuple[int, int],
    script: list[tuple[int, Floats]] | None = None,
) -> tuple[dict[str, Any], States]:
    """Close the loop on one row; results of its cells, and the states of all cells.

    `stream` is the seed and the number of this row's turn; pulses are noted in `script`.
    """
    rng = generator(stream[0], CYCLES, row, stream[1])
    spreads = cycle_spreads(array) if study.cycle_spread else {}
    bases = {n: array.parameter_array(n) for n in spreads}
    cols = array.cols
    count = {"set_pulses": np.zeros(cols), "reset_pulses": np.zeros(cols)}
    energy = {"write_energy": 0.0, "read_energy": 0.0}
    slots = reads = 0
    accepted, reading = np.zeros(cols), np.zeros(cols)
    heights = dict(zip(("set_pulses", "reset_pulses"), amplitudes_of(wanted), strict=True))
    verify = read_drives(study, array, row)
    groups = [np.arange(cols)] if study.order == "row" else [np.array([j]) for j in range(cols)]
    reached = np.zeros(cols, dtype=bool)
    for members in groups:
        active = np.isin(np.arange(cols), members)
        while True:
            current, power = session.read(verify, states)
            energy["read_energy"] += power * study.read_width
            reads += 1
            seen = current / study.read_voltage
            if study.read_noise:
                seen = noise.read(seen, study.read_delay, rng)
            reading = np.where(active, seen, reading)
            good = active & (np.abs(seen - wanted) <= study.acceptance_range * wanted)
            reached |= good
            accepted = np.where(good, states["c"][row], accepted)
            active &= ~good
            tired = count["set_pulses"] + count["reset_pulses"] >= study.limit
            active &= ~tired
            if not active.any():
                break
            for name, side in (("set_pulses", seen < wanted), ("reset_pulses", seen > wanted)):
                who = active & side
                if not who.any():
                    continue
                z = rng.standard_normal((len(spreads), cols))
                values = {}
                for k, (n, base) in enumerate(bases.items()):
                    values[n] = base.copy()
                    values[n][row] = spreads[n].deviate(base[row], z[k])
                amplitudes = np.where(who, raised(study, heights[name], count[name]), 0.0)
                if script is not None:
                    script.append((row, amplitudes))
                drives = write_drives(study, array, row, amplitudes)
                states, joules = session.pulse(drives, states, values)
                energy["write_energy"] += joules
                count[name][who] += 1
                slots += 1
    outputs = {
        **count, **energy, "reading": reading, "reached": reached, "write_slots": slots,
        "reads": reads, "accepted_c": np.where(reached, accepted, states["c"][row]),
        "done_c": states["c"][row].copy(),
    }  # fmt: skip
    return {n: np.asarray(v, dtype=float) for n, v in outputs.items()}, states
