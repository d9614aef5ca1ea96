"""Levels in a wired array: programmed on devices with spread, and left to relax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.levels import neighbours
from cosim.experiments.population import draw_population
from cosim.experiments.wired_program import WiredProgram

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


def level_map(levels: int, size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the level of every cell of an array: as many of each, in random places."""
    numbers = np.arange(size * size) % levels
    return np.asarray(rng.permutation(numbers).reshape(size, size), dtype=np.intp)


def by_level(values: Floats, level: NDArray[np.intp], levels: int) -> Floats:
    """Return values of cells sorted into levels, shape (levels, cells), as many of each.

    Parameters
    ----------
    values, level : ndarray, shape (size, size)
        Where levels differ by one in their number of cells, the last cell of some is left out.
    """
    least = int(np.bincount(level.ravel(), minlength=levels).min())
    return np.array([values[level == k][:least] for k in range(levels)])


def program_array(
    program: WiredProgram,
    targets: Floats,
    acceptance_ranges: list[float],
    times: list[float],
    seed: int,
    say: Any = None,
    radii: int = 8,
) -> xr.Dataset:
    """Program levels on every cell of an array with spread, and let them relax.

    Parameters
    ----------
    targets : ndarray, shape (levels,)
        [S]
    radii : int
        Distinct filament radii that are tabulated; a device takes the nearest.
    say : callable, optional
        Is told one line an acceptance range.

    Returns
    -------
    xarray.Dataset
        ``level`` (row, col) and ``target`` [S]; over (acceptance_range, row, col)
        ``conductance``, ``device``, ``pulses``, ``reached``, ``voltage``; ``energy``
        (acceptance_range, row) [J]; ``relaxed`` (acceptance_range, time, row, col) [S];
        ``overlap`` (acceptance_range, moment, pair), the first moment being as programmed.
    """
    from dataclasses import replace

    import xarray as xr

    from compact_models import load_model

    model = load_model("cmo_hfox")
    n, levels = program.size, targets.size
    if n * n < 2 * levels:
        raise ConfigError(
            thing="cells for the levels of an array", value=n * n,
            limit=f"two a level or more, {2 * levels}",
        )  # fmt: skip
    level = level_map(levels, n, np.random.default_rng((seed, n)))
    target = targets[level]
    found: list[dict[str, Any]] = []
    relaxed = np.empty((len(acceptance_ranges), len(times), n, n))
    overlap = np.empty((len(acceptance_ranges), 1 + len(times), levels - 1))
    for index, acceptance in enumerate(acceptance_ranges):
        rng = np.random.default_rng((seed, n, index))
        # The same devices for every acceptance range, order and wire.
        devices = draw_population(model, n * n, np.random.default_rng((seed, n, 99)), rows=radii)
        result = replace(program, acceptance_range=acceptance).run(devices, target, rng)
        found.append(result)
        deviate = rng.standard_normal((n, n))
        overlap[index, 0] = neighbours(by_level(result["conductance"], level, levels))
        for k, time in enumerate(times):
            relaxed[index, k] = noise.relaxed(result["conductance"], time, deviate)
            overlap[index, 1 + k] = neighbours(by_level(relaxed[index, k], level, levels))
        if say is not None:
            done = result["reached"]
            say(
                f"{n} x {n}, {program.wires.segment:g} ohm a segment, {program.order} at a time, "
                f"acceptance range {acceptance:.3g}: {result['pulses'][done].mean():.1f} pulses on "
                f"average, {done.mean():.2%} of cells reached their target"
            )
    cells = ("acceptance_range", "row", "col")
    units = {"conductance": "S", "device": "S", "pulses": "1", "reached": "1", "voltage": "1"}
    return xr.Dataset(
        {
            **{k: (cells, np.array([f[k] for f in found]), {"units": u}) for k, u in units.items()},
            "energy": (cells[:2], np.array([f["energy"] for f in found]), {"units": "J"}),
            "target": (cells[1:], target, {"units": "S"}),
            "level": (cells[1:], level, {"units": "1"}),
            "relaxed": (("acceptance_range", "time", "row", "col"), relaxed, {"units": "S"}),
            "overlap": (("acceptance_range", "moment", "pair"), overlap, {"units": "1"}),
        },
        coords={
            "acceptance_range": ("acceptance_range", acceptance_ranges, {"units": "1"}),
            "time": ("time", times, {"units": "s"}),
            "moment": ("moment", [0.0, *times], {"units": "s"}),
        },
        attrs={
            "size": n,
            "order": program.order,
            "wire_resistance": program.wires.segment,
            "driver_resistance": program.wires.driver,
            "seed": seed,
        },
    )
