"""Many arrays of the same design, each with devices of its own, in one call."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError, SimulatorError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import xarray as xr

    from cosim.simulators.base import Result, Simulator
    from netlists.array import Array
    from netlists.testbench import Testbench

Floats = NDArray[np.float64]

_UNITS = {"i": "A", "v": "V", "state": "1", "residual": "1"}
# Cells from which on threads gain; draws that go to a worker together.
_SHARED, _LARGEST_PART = 32 * 32, 64
_CELLS = ("cell_current", "cell_voltage", *(f"{k}_line_voltage" for k in ("bit", "source", "word")))


def draw_array(array: Array, seed: int, draw: int) -> Array:
    """One array of a sample: every device spread that the array does not give is drawn.

    Parameters
    ----------
    array : Array
    seed, draw : int
        The same pair gives the same devices, whatever else is drawn.
    """
    streams = np.random.SeedSequence(seed, spawn_key=(draw,)).spawn(2)
    fields: dict[str, Any] = {}
    for model, field, stream in (
        (array.cell.reram, "parameters", streams[0]),
        (array.cell.selector, "selector_parameters", streams[1]),
    ):
        given = getattr(array, field)
        if hasattr(getattr(model, "parameters", None), "sample"):
            rng = np.random.default_rng(stream)
            drawn = model.parameters.sample(rng, array.shape, kind="dtod")  # type: ignore[union-attr]
            fields[field] = {**{n: v for n, v in drawn.items() if n not in given}, **given}
    return array.replace(**fields)


_Draw = tuple[dict[str, Floats], str, tuple[str, ...], str]


@dataclass(frozen=True)
class _Job:
    """A few draws, in a form that other processes take."""

    testbench: Testbench
    simulator: Simulator
    seed: int
    at: tuple[float, ...] | None

    def __call__(self, draws: Sequence[int]) -> list[_Draw]:
        return [self._one(draw) for draw in draws]

    def _one(self, draw: int) -> _Draw:
        array = draw_array(self.testbench.array, self.seed, draw)
        try:
            result = self.simulator.run(self.testbench.replace(array=array, seed=self.seed))
        except SimulatorError as error:
            return {}, f"{type(error).__name__}: {str(error).splitlines()[0]}", (), ""
        kept = result.provenance
        return self._points(result), "ok", kept.warnings, kept.netlist_sha256

    def _points(self, result: Result) -> dict[str, Floats]:
        probes = list(self.testbench.probes)
        if self.at is not None:
            found = {p: result.at(p, np.array(self.at)) for p in probes}
        elif self._changing:
            found = {p: result[p][-1:] for p in probes}
        else:
            found = {p: result[p] for p in probes}
        worst = float(np.max(result["residual"])) if "residual" in result.data else np.nan
        return {**found, "residual": np.asarray(worst)}

    @property
    def _changing(self) -> bool:
        from netlists.testbench import Transient

        return isinstance(self.testbench.analysis, Transient)


def monte_carlo(
    testbench: Testbench,
    draws: int,
    *,
    seed: int = 0,
    at: ArrayLike | None = None,
    simulator: str | Simulator = "native",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Run a testbench on many arrays whose devices are drawn from their spreads.

    Parameters
    ----------
    testbench : Testbench
        Of the nominal array; per-cell parameters that it gives are the same in every draw.
    draws : int
    seed : int
        Draw k depends on the seed and on k alone, not on the number of workers.
    at : array_like, shape (points,), optional
        Times of a transient at which probes come back [s]; default: its end. The points of a
        sweep all come back.
    simulator : str or Simulator
    workers : int, optional
        Threads; default: the number of cores for arrays from 32 x 32 up, which use them well,
        and one below, where the interpreter is most of the work.
    executor : concurrent.futures.Executor, optional
        Instead, e.g. a process pool: for thousands of small arrays.
    progress : bool

    Returns
    -------
    xarray.Dataset
        Each probe (draw, point, ...), ``residual`` (draw): the worst imbalance of currents over
        the largest branch current, and ``status`` (draw); a failed draw is NaN.

    Raises
    ------
    ConfigError
        No draws, or nothing in the array has a spread.
    SimulatorError
        Every draw failed.
    """
    from cosim.dataset import build_dataset, package_version
    from cosim.parallel import parallel_map, worker_count
    from cosim.simulators.base import get_simulator

    begin = time.perf_counter()
    chosen = get_simulator(simulator)
    array = testbench.array
    if draws < 1:
        raise ConfigError(thing="number of draws", value=draws, limit=">= 1")
    if draw_array(array, seed, 0).fingerprint == array.fingerprint:
        raise ConfigError(
            thing="nothing in this array varies from device to device",
            value=array.cell.reram.name,
            limit="a parameter with a device-to-device spread that the array does not give",
        )
    times = None if at is None else tuple(np.atleast_1d(np.asarray(at, dtype=float)).tolist())
    job = _Job(testbench, chosen, seed, times)
    if workers is None and array.rows * array.cols < _SHARED:
        workers = 1
    # Sent to another process, a testbench costs more than the solution of a small array.
    size = max(1, min(_LARGEST_PART, draws // (4 * max(workers or worker_count(), 2))))
    parts = [range(k, min(k + size, draws)) for k in range(0, draws, size)]
    finished = parallel_map(
        job, parts, executor=executor, workers=workers, progress=progress, label="draws"
    )
    done = [draw for part in finished for draw in part]
    status = [s for _, s, _, _ in done]
    if all(s != "ok" for s in status):
        raise SimulatorError(
            thing="every draw failed",
            value=status[0],
            limit=f"{draws} draws",
            next_step="Run the nominal testbench alone",
        )
    sample = next(found for found, s, _, _ in done if s == "ok")
    variables: dict[str, Any] = {}
    for name, first in sample.items():
        values = np.full((draws, *first.shape), np.nan)
        for k, (found, _, _, _) in enumerate(done):
            if found:
                values[k] = found[name]
        dims = ("draw", *_dimensions(name, first.ndim))
        variables[_plain(name)] = (dims, values, _unit(name), name)
    variables["status"] = (("draw",), np.array(status), "1", "ok, or why the draw is NaN")
    hashes = [h for _, _, _, h in done]
    notes = dict.fromkeys(w for _, _, warnings, _ in done for w in warnings)
    return build_dataset(
        variables,
        coordinates={"draw": (("draw",), np.arange(draws), "1", "number of the array")},
        attributes={
            "experiment": "monte_carlo",
            "version": package_version(),
            "seed": int(seed),
            "simulator": chosen.name,
            "simulator_version": getattr(chosen, "version", ""),
            "parameter_fingerprint": array.fingerprint,
            "netlist_sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(),
            "wall_time": time.perf_counter() - begin,
            "warnings": "; ".join(list(notes)[:10]),
            "times": times,
        },
    )


def _plain(probe: str) -> str:
    """A probe as the name of a variable: ``i(bl0)`` is ``i_bl0``, ``state:c`` is ``state_c``."""
    return probe.replace("(", "_").replace(")", "").replace(":", "_").replace(".", "_")


def _dimensions(probe: str, count: int) -> Sequence[str]:
    if probe.startswith("state:") or probe in _CELLS:
        return ("point", "row", "col")
    if count == 2:
        return ("point", probe.removesuffix("_current"))
    return ("point",)[:count]


def _unit(probe: str) -> str:
    for key, unit in _UNITS.items():
        if probe == key or probe.startswith((f"{key}(", f"{key}:")):
            return unit
    return "V" if probe.endswith("voltage") else "A"
