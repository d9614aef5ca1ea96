"""What experiments share: cells addressed one at a time, streams of randomness, provenance.

Addressing
----------
A cell is formed and pulsed alone: its word line is on, all others are at 0 V, lines that cross it
are inhibited. What the other cells then take is the leakage of transistors which are off, and it
is left out: the cell is simulated as a 1 x 1 array behind the resistance and capacitance of its
own lines. That makes the cost proportional to the number of cells, lets cells run in parallel, and
lets each have its own time steps. Simulators that solve many cells at once for the price of one
get all cells in one testbench of the same content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable, build_dataset, package_version
from cosim.errors import ConfigError, CosimError, SimulatorError, SimulatorNotFound
from cosim.parallel import parallel_map, worker_count
from cosim.simulators.base import Result, Simulator
from netlists import Array, Drive, Layout, Parasitics

if TYPE_CHECKING:
    import xarray as xr

FloatArray = NDArray[np.float64]
DEVICES, CYCLES = 0, 1
"""Streams of random numbers: what a device is, and what changes from cycle to cycle."""


def generator(seed: int, stream: int, *position: int) -> np.random.Generator:
    """Random numbers of one stream and cell: the same whatever else is simulated."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, *position)))


def with_spread(array: Array, seed: int) -> Array:
    """Give every cell its own device: draw each device-to-device spread that is not yet given.

    Parameters
    ----------
    array : Array
    seed : int
        The same seed gives the same devices, cell by cell.
    """

    def draw(model: Any, given: Mapping[str, Any], offset: int) -> dict[str, FloatArray]:
        if not hasattr(getattr(model, "parameters", None), "sample"):
            return {}
        drawn: dict[str, FloatArray] = {}
        for row in range(array.rows):
            for column in range(array.cols):
                rng = generator(seed, DEVICES, offset, row, column)
                for name, value in model.parameters.sample(rng, (), kind="dtod").items():
                    if name not in given:
                        drawn.setdefault(name, np.empty(array.shape))[row, column] = value
        return drawn

    reram = draw(array.cell.reram, array.parameters, 0)
    selector = draw(array.cell.selector, array.selector_parameters, 1)
    return array.replace(
        parameters={**array.parameters, **reram},
        selector_parameters={**array.selector_parameters, **selector},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Cells that are simulated in one run.

    Parameters
    ----------
    array : Array
        What is simulated.
    cells : tuple of (row, column)
        Where its cells lie in the array of the experiment, in C order.
    """

    array: Array
    cells: tuple[tuple[int, int], ...]


def _path(array: Array, kind: Any, row: int, column: int) -> tuple[float, float]:
    """Resistance from the driver to a cell [Ohm], and capacitance of the whole line [F]."""
    lines = array.line_set(kind)
    position = column if lines.along == "row" else row
    feed = array.parasitics.r_feed
    start = feed + lines.resistance * (position + 1)
    end = feed + lines.resistance * (lines.length - position)
    if lines.ends == "floating":
        raise ConfigError(
            thing=f"the {kind} lines have no driver",
            limit="driven at start, end or both",
            next_step="Give the array a drive",
        )
    if lines.ends == "both":
        resistance = start * end / (start + end) if start + end > 0 else 0.0
    else:
        resistance = start if lines.ends == "start" else end
    return resistance, lines.capacitance * lines.length


def single_cell(array: Array, row: int, column: int) -> Array:
    """1 x 1 array of one cell behind the wires of its own lines."""
    paths = {kind: _path(array, kind, row, column) for kind in array.line_sets}
    word = paths.get("wl", (0.0, 0.0))

    def pick(values: Mapping[str, Any]) -> dict[str, FloatArray]:
        return {n: np.asarray(v)[row : row + 1, column : column + 1] for n, v in values.items()}

    return array.replace(
        rows=1,
        cols=1,
        layout=Layout.CROSSING,
        word_lines="row",
        drive=Drive(),
        parameters=pick(array.parameters),
        selector_parameters=pick(array.selector_parameters),
        parasitics=Parasitics(
            r_row=paths["bl"][0],
            c_row=paths["bl"][1],
            r_col=paths["sl"][0],
            c_col=paths["sl"][1],
            r_word=word[0],
            c_word=word[1],
        ),
    )


def _all_cells(array: Array) -> tuple[tuple[int, int], ...]:
    return tuple((i, j) for i in range(array.rows) for j in range(array.cols))


def cell_groups(array: Array, simulator: Simulator) -> list[Group]:
    """How the cells are split into runs.

    ngspice gets one run per cell. Another simulator gets one run for all of them; the resistance
    of each cell's own lines then stands in the device's ``R_line``, if it has one.
    """
    cells = _all_cells(array)
    single = [Group(array=single_cell(array, i, j), cells=((i, j),)) for i, j in cells]
    if simulator.name == "ngspice" or len(cells) == 1:
        return single
    wires = np.array(
        [_path(array, "bl", i, j)[0] + _path(array, "sl", i, j)[0] for i, j in cells]
    ).reshape(array.shape)
    if wires.any() and "R_line" not in array.cell.reram.parameters:
        return single
    together = array.replace(parasitics=Parasitics(), drive=Drive())
    if wires.any():
        together = together.with_parameters(R_line=together.parameter_array("R_line") + wires)
    return [Group(array=together, cells=cells)]


Outputs = dict[str, NDArray[Any]]
"""Per-cell results of a group: name -> array with the group's cells (rows, cols) last."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a group gave: outputs and where they came from, or why it failed."""

    outputs: Outputs
    results: tuple[Result, ...] = ()
    status: str = "ok"


def workers_for(simulator: Simulator) -> int:
    """How many runs go on at a time: ngspice is a process of its own, others use our threads."""
    return worker_count() if simulator.name == "ngspice" else 1


def measure_groups(
    groups: Sequence[Group],
    measure: Callable[[Group], tuple[Outputs, Sequence[Result]]],
    *,
    simulator: Simulator,
    progress: bool,
    label: str,
) -> list[Measured]:
    """Measure every group, in parallel; a failed one keeps its reason, the others stay.

    Raises
    ------
    SimulatorError
        Every group failed: the error of the first.
    """
    failures: list[CosimError] = []

    def attempt(group: Group) -> Measured:
        try:
            outputs, results = measure(group)
        except SimulatorNotFound:
            raise
        except SimulatorError as error:
            failures.append(error)
            text = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            return Measured(outputs={}, status=text)
        return Measured(outputs=outputs, results=tuple(results))

    done = parallel_map(
        attempt, groups, workers=workers_for(simulator), progress=progress, label=label
    )
    if failures and all(m.status != "ok" for m in done):
        raise failures[0]
    return done


def assemble(
    shape: tuple[int, int], groups: Sequence[Group], measured: Sequence[Measured]
) -> tuple[Outputs, NDArray[np.str_]]:
    """Put the cells of all groups together: outputs with (rows, cols) last, and statuses."""
    outputs: Outputs = {}
    status = np.full(shape, "", dtype=object)
    for group, found in zip(groups, measured, strict=True):
        rows, columns = (np.array(k) for k in zip(*group.cells, strict=True))
        status[rows, columns] = found.status
        for name, values in found.outputs.items():
            lead = values.shape[:-2]
            if name not in outputs:
                outputs[name] = np.full((*lead, *shape), np.nan)
            outputs[name][..., rows, columns] = values.reshape((*lead, -1))
    return outputs, status.astype(str)


def provenance(
    experiment: Any, array: Array, simulator: Simulator, seed: int, results: Sequence[Result]
) -> dict[str, Any]:
    """Attributes that say where a dataset comes from."""
    records = [result.provenance for result in results]
    devices = [array.cell.reram, array.cell.selector]
    citations = [str(getattr(getattr(d, "parameters", None), "citation", "")) for d in devices if d]
    warnings = dict.fromkeys(w for record in records for w in record.warnings)
    hashes = sorted({record.netlist_sha256 for record in records if record.netlist_sha256})
    return {
        "experiment": type(experiment).__name__,
        "version": package_version(),
        "seed": int(seed),
        "simulator": simulator.name,
        "simulator_version": records[0].version if records else "",
        "parameter_fingerprint": array.fingerprint,
        "netlist_sha256": hashes[0] if len(hashes) == 1 else _join_hashes(hashes),
        "netlists": len(hashes),
        "wall_time": float(sum(record.wall_time for record in records)),
        "warnings": "; ".join(list(warnings)[:10]),
        "citations": "; ".join(dict.fromkeys(c for c in citations if c)),
    }


def _join_hashes(hashes: Sequence[str]) -> str:
    """One hash for many netlists: of their hashes in order."""
    import hashlib

    return hashlib.sha256("".join(hashes).encode()).hexdigest() if hashes else ""


def cell_dataset(
    variables: Mapping[str, Variable],
    *,
    status: NDArray[np.str_] | None,
    coordinates: Mapping[str, Variable],
    attributes: Mapping[str, Any],
    shape: tuple[int, int],
) -> xr.Dataset:
    """Dataset of an experiment on cells: row and column coordinates, and a status each."""
    given = dict(variables)
    if status is not None:
        given["status"] = (("row", "col"), status, "1", "ok, or why the cell is NaN")
    return build_dataset(
        given,
        coordinates={
            **coordinates,
            "row": (("row",), np.arange(shape[0]), "1", "row"),
            "col": (("col",), np.arange(shape[1]), "1", "column"),
        },
        attributes=attributes,
    )


def final_states(array: Array, result: Result) -> Outputs:
    """``final_<state>`` of every held state at the end of a run."""
    # The simulator's rounding may leave a state a hair outside the bounds it was checked against.
    return {
        f"final_{state.name}": np.clip(result[f"state:{state.name}"][-1], state.lower, state.upper)
        for state in array.cell.reram.states
        if state.held
    }


def state_variables(array: Array, outputs: Outputs) -> Iterator[tuple[str, Variable]]:
    """Dataset variables of the final states."""
    for state in array.cell.reram.states:
        name = f"final_{state.name}"
        if name in outputs:
            text = f"{state.description} after the experiment"
            if state.scale != 1.0:
                text += f", in {state.scale:g} {state.unit}"
            yield name, (("row", "col"), outputs[name], "1", text)


def state_probes(array: Array) -> tuple[str, ...]:
    """Probes of the held states."""
    return tuple(f"state:{s.name}" for s in array.cell.reram.states if s.held)


def check_range(name: str, value: float, low: float, high: float, unit: str) -> None:
    """Raise ConfigError unless low <= value <= high."""
    if not low <= value <= high:
        raise ConfigError(
            thing=f"{name} of an experiment",
            value=value,
            limit=f"{low:g} to {high:g} {unit}",
        )


__all__ = [
    "Group",
    "Measured",
    "assemble",
    "cell_dataset",
    "cell_groups",
    "check_range",
    "final_states",
    "generator",
    "measure_groups",
    "provenance",
    "single_cell",
    "state_probes",
    "state_variables",
    "with_spread",
    "workers_for",
]
