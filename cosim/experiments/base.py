"""What experiments share: streams of randomness, devices, datasets with provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.dataset import Variable, build_dataset, package_version
from cosim.errors import ConfigError
from cosim.experiments.cells import Outputs
from cosim.simulators.base import Result, Simulator
from netlists import Array

if TYPE_CHECKING:
    import xarray as xr

FloatArray = NDArray[np.float64]
DEVICES, CYCLES = 0, 1
"""Streams of random numbers: what a device is, and what changes from cycle to cycle."""


def generator(seed: int, stream: int, *position: int) -> np.random.Generator:
    """Random numbers of one stream and cell: the same whatever else is simulated."""
    check_seed(seed)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, *position)))


def with_spread(array: Array, seed: int) -> Array:
    """Give every cell its own device: draw each device-to-device spread that is not yet given.

    Parameters
    ----------
    array : Array
    seed : int
        The same seed gives the same devices, cell by cell.

    Returns
    -------
    Array
        With ``parameters`` and ``selector_parameters`` of shape (rows, cols), SI.

    Raises
    ------
    ConfigError
        The seed is no whole number >= 0.
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


def provenance(
    experiment: Any, array: Array, simulator: Simulator, seed: int, results: Sequence[Result]
) -> dict[str, Any]:
    """Attributes that say where a dataset comes from."""
    records = [result.provenance for result in results]
    devices = [array.cell.reram, array.cell.selector]
    citations = [str(getattr(getattr(d, "parameters", None), "citation", "")) for d in devices if d]
    warnings = dict.fromkeys(w for record in records for w in record.warnings)
    hashes = sorted({record.netlist_sha256 for record in records if record.netlist_sha256})
    residuals = [r.residual for r in records if np.isfinite(r.residual)]
    return {
        "experiment": type(experiment).__name__,
        "version": package_version(),
        "seed": int(seed),
        "simulator": simulator.name,
        "simulator_version": records[0].version if records else "",
        "devices": ", ".join(sorted({r.devices for r in records if r.devices})),
        "reram": _named(array.cell.reram),
        "selector": _named(array.cell.selector),
        "parameter_fingerprint": array.fingerprint,
        "netlist_sha256": hashes[0] if len(hashes) == 1 else _join_hashes(hashes),
        "netlists": len(hashes),
        "wall_time": float(sum(record.wall_time for record in records)),
        "residual": max(residuals) if residuals else None,
        "warnings": "; ".join(list(warnings)[:10]),
        "citations": "; ".join(dict.fromkeys(c for c in citations if c)),
        **ambient(array),
    }


def _named(device: Any) -> str:
    """Name of a device's parameters, or of the device where they have none."""
    own = getattr(getattr(device, "parameters", None), "name", "")
    return own or str(getattr(device, "name", "none"))


def ambient(array: Array) -> dict[str, float | list[float]]:
    """``temperature`` [K] around the memory devices, two where cells differ; none if unknown."""
    if "T_0" not in getattr(array.cell.reram, "parameters", {}):
        return {}
    values = array.parameter_array("T_0")
    low, high = float(np.min(values)), float(np.max(values))
    return {"temperature": low if low == high else [low, high]}


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
    """Raise ConfigError unless `value` is one number with low <= value <= high."""
    single = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not single or not low <= value <= high:
        raise ConfigError(
            thing=f"{name} of an experiment",
            value=value,
            limit=f"{'' if single else 'one number, '}{low:g} to {high:g} {unit}",
        )


def check_count(name: str, value: int, low: int, high: int = 10_000_000) -> None:
    """Raise ConfigError unless `value` is a whole number with low <= value <= high."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise ConfigError(
            thing=f"{name} of an experiment",
            value=value,
            limit=f"a whole number, {low} to {high}",
        )


def check_seed(seed: int) -> None:
    """Raise ConfigError unless `seed` is a whole number that random numbers can start from."""
    check_count("seed", seed, 0, 2**63 - 1)


def check_array(array: Any) -> None:
    """Raise ConfigError unless an experiment was given an array."""
    if not isinstance(array, Array):
        raise ConfigError(
            thing="an experiment runs on an Array",
            value=type(array).__name__,
            next_step="Make one: Array(Cell(reram, selector), rows=8, cols=4)",
        )
