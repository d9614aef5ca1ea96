"""Dataset of programming a whole array, and its comparison with ngspice."""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from cosim.dataset import Variable
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import device_conductance
from cosim.experiments.array_studies.program_rows import program_rows
from cosim.experiments.array_studies.program_setup import TARGETS, ProgramSetup
from cosim.experiments.array_studies.row_drives import read_drives, write_drives
from cosim.experiments.array_studies.session import Session, States, precise
from cosim.experiments.base import cell_dataset, generator, provenance, state_variables
from cosim.simulators.base import Simulator
from netlists import Array

if TYPE_CHECKING:
    import xarray as xr


Floats = NDArray[np.float64]


def beside(
    study: ProgramSetup, simulator: Simulator, seed: int, progress: bool
) -> dict[str, float]:
    """The pulses of a closed loop on a few cells without noise, here and in ngspice."""
    names = "ngspice_conductance_difference", "ngspice_energy_difference", "compared_pulses"
    found = dict.fromkeys(names, float("nan"))
    for other in common.beside(simulator, study.compare_size, progress):
        n = study.compare_size
        quiet = replaced(
            study, array=_plain(study.array, n), targets=None, read_noise=False,
            cycle_spread=False, device_spread=False, passes=1, compare_size=0, limit=8,
        )  # fmt: skip
        array = quiet.built(seed)
        # Targets just outside the band about the start: a few pulses say as much as many.
        rng = generator(seed, TARGETS, n)
        away = study.acceptance_range + rng.uniform(0.05, 0.15, array.shape)
        share = 1.0 + np.where(np.indices(array.shape).sum(axis=0) % 2 == 0, away, -away)
        script: list[tuple[int, Floats]] = []
        program_rows(quiet, array, quiet.start * share, simulator, seed, False, script=script)
        ends = []
        for chosen in (precise(simulator), other):
            session, joules = Session(array=array, simulator=chosen), 0.0
            states = session.start()
            for row, amplitudes in script:
                drives = write_drives(quiet, array, row, amplitudes)
                states, spent = session.pulse(drives, states)
                joules += spent
            ends.append((device_conductance(array.with_states(states)), joules))
        (ours, spent), (theirs, reference) = ends
        differences = (common.relative_difference(ours, theirs), abs(spent / reference - 1.0))
        found = dict(zip(names, (*differences, float(len(script))), strict=True))
    return found


def assemble(
    study: ProgramSetup,
    array: Array,
    wanted: Floats,
    simulator: Simulator,
    seed: int,
    done: dict[str, Any],
    compared: dict[str, float],
) -> xr.Dataset:
    """Dataset of a programmed array, read once more in the end without noise.

    Parameters
    ----------
    wanted : ndarray, shape (rows, cols)
        Targets [S].
    done : dict
        From :func:`program_rows`.
    compared : mapping of str to float
        Differences to ngspice.
    """
    states: States = done["states"]
    cells = ("row", "col")
    final = array.with_states(states)
    bare = common.bare_read(final, simulator, study.read_gate, study.read_voltage)
    alone = bare["cell_current"][0] / study.read_voltage
    session = Session(array=final, simulator=simulator)
    seen = np.array(
        [session.read(read_drives(study, array, i), states)[0] for i in range(array.rows)]
    ) / study.read_voltage  # fmt: skip
    g = {
        name: device_conductance(final.with_states({"c": c}))
        for name, c in (("accepted", done["accepted_c"]), ("done", done["done_c"]),
                        ("end", states["c"]))
    }  # fmt: skip
    pulses = done["set_pulses"] + done["reset_pulses"]
    write_time = done["write_slots"] * (study.width + 2 * study.rise)
    read_time = done["reads"] * study.read_width
    energy = done["write_energy"] + done["read_energy"]
    given: dict[str, Variable] = {
        "target": (cells, wanted, "S", "conductance that a read should show"),
        "reading": (cells, done["reading"], "S", "last reading of the loop"),
        "conductance": (cells, alone, "S", "of the cell alone in the end, without wires"),
        "error": (cells, seen - wanted, "S", "last read of the array minus target, no noise"),
        "reached": (cells, done["reached"].astype(np.int8), "1", "1 where accepted"),
        "row_disturbance": (
            cells, g["done"] - g["accepted"], "S",
            "change of the device from its acceptance to the end of its row",
        ),
        "array_disturbance": (
            cells, g["end"] - g["done"], "S",
            "change of the device while other rows were programmed",
        ),
        "pulses": (cells, pulses.astype(int), "1", "pulses used"),
        "set_pulses": (cells, done["set_pulses"].astype(int), "1", "SET pulses used"),
        "reset_pulses": (cells, done["reset_pulses"].astype(int), "1", "RESET pulses used"),
        "energy": (("row",), energy, "J", "from the drivers of bit and source lines"),
        "write_energy": (("row",), done["write_energy"], "J", "of pulses"),
        "read_energy": (("row",), done["read_energy"], "J", "of verify reads"),
        "time": (("row",), write_time + read_time, "s", "pulses and verify reads in order"),
        "write_time": (("row",), write_time, "s", "of pulses"),
        "read_time": (("row",), read_time, "s", "of verify reads"),
        **dict(state_variables(array, {f"final_{n}": v for n, v in states.items()})),
    }  # fmt: skip
    records = [*done["records"], bare]
    attributes = provenance(study, array, simulator, seed, records)
    attributes |= {
        "total_energy": float(energy.sum()),
        "total_time": float((write_time + read_time).sum()),
        "total_pulses": int(pulses.sum()),
        "acceptance_range": study.acceptance_range,
        "limit": study.limit,
        "step_after": study.step_after,
        "amplitude_step": study.amplitude_step,
        "order": study.order,
        "passes": study.passes,
        "width": study.width,
        "read_width": study.read_width,
        "read_voltage": study.read_voltage,
        "layout": array.layout.value,
        "rows_in_whole_array": int(done["whole_array"].sum()),
        "r_row": array.parasitics.r_row,
        "r_col": array.parasitics.r_col,
        "spreads": f"device {study.device_spread}, cycle {study.cycle_spread}, read noise "
        f"{study.read_noise}",
        "compare_size": study.compare_size,
        **compared,
    }
    attributes["citations"] += "; " + noise.noise_parameters().citation
    return cell_dataset(
        given, status=None, coordinates={}, attributes=attributes, shape=array.shape
    )


def _plain(array: Array, size: int) -> Array:
    """A small array of the nominal cell in the same wires."""
    return array.replace(rows=size, cols=size, parameters={}, selector_parameters={})
