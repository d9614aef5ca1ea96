"""Programming of a whole array: every pass over every row."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.array_studies.program_setup import ProgramSetup
from cosim.experiments.array_studies.row_loop import close_loop
from cosim.experiments.array_studies.session import Session, States
from cosim.experiments.groups import Group, Measured, origin
from cosim.experiments.resume import FinishedCells, measured_once
from cosim.simulators.base import Result, Simulator
from netlists import Array

Floats = NDArray[np.float64]
_PER_CELL = ("set_pulses", "reset_pulses", "reading", "reached", "accepted_c", "done_c")
_PER_ROW = ("write_energy", "read_energy", "write_slots", "reads", "whole_array")


def program_rows(
    study: ProgramSetup,
    array: Array,
    wanted: Floats,
    simulator: Simulator,
    seed: int,
    progress: bool,
    finished: FinishedCells | None = None,
    script: list[tuple[int, Floats]] | None = None,
) -> dict[str, Any]:
    """Close the loop on every row, as often as there are passes.

    Parameters
    ----------
    wanted : ndarray, shape (rows, cols)
        Targets [S].
    finished : FinishedCells, optional
        Rows that are done, and where new ones are kept.
    script : list, optional
        Pulses are noted in it: row and amplitudes.

    Returns
    -------
    dict
        What the loops give by cell and row, ``states`` in the end, and ``records``: where the
        rows come from.
    """
    from tqdm import tqdm

    def measure(turn: int, row: int, states: States) -> Measured:
        # A session of its own, whose first solution is no other row's: resumed runs are the same.
        session = Session(array=array, simulator=simulator)
        part, after = close_loop(
            study, array, row, wanted[row], session, states, (seed, turn), script
        )
        kept = {f"state_{n}": v for n, v in after.items()}
        return Measured(outputs={**part, **kept}, results=(origin(session.provenance()),))

    states = Session(array=array, simulator=simulator).start()
    total: dict[str, Any] = {n: np.zeros(array.shape) for n in _PER_CELL}
    total |= {n: np.zeros(array.rows) for n in _PER_ROW}
    work = [(p, r) for p in range(study.passes) for r in range(array.rows)]
    bar = tqdm(work, desc="programming", unit="row", disable=not progress, leave=False)
    records: list[Result] = []
    for turn, row in bar:
        group = Group(array=array, cells=((turn, row),))
        measured = measured_once(finished, group, partial(measure, turn, row, states))
        states = {n: measured.outputs[f"state_{n}"] for n in states}
        for name in _PER_CELL:
            summed = name.endswith("_pulses")
            total[name][row] = measured.outputs[name] + (total[name][row] if summed else 0)
        for name in _PER_ROW:
            total[name][row] += measured.outputs[name]
        records += measured.results
        bar.set_postfix_str(f"{total['set_pulses'].sum() + total['reset_pulses'].sum():.0f} "
                            "pulses", refresh=False)  # fmt: skip
    return total | {"states": states, "records": records}
