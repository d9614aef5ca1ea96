"""Studies: order, seeds, cache, resume and failures, with an experiment that costs nothing."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cosim.content import content_hash
from cosim.dataset import build_dataset, load, save
from cosim.errors import ConfigError, DataError, Interrupted, NotConverged, SimulatorNotFound
from cosim.study import Study, sample_seeds

CALLS: Counter[float] = Counter()


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Noise on a voltage; fails or stops where told."""

    voltage: float
    fail_at: float = np.nan
    stop_at: float = np.nan
    shape: int = 2

    def run(self, *, simulator: object = "", seed: int = 0, progress: bool = True) -> xr.Dataset:
        CALLS[self.voltage] += 1
        if self.voltage == self.fail_at:
            raise NotConverged(thing="no solution", value=self.voltage, log_tail="last\nlines")
        if self.voltage == self.stop_at:
            raise KeyboardInterrupt
        noise = np.random.default_rng(seed).normal(size=self.shape)
        return build_dataset(
            {
                "noisy": (("cell",), self.voltage + noise, "V", "noisy voltage"),
                "kind": (("cell",), np.array(["a", "b"] * (self.shape // 2)), "1", ""),
            },
            attributes={
                "experiment": "Draw",
                "version": "0",
                "seed": seed,
                "simulator": "none",
                "parameter_fingerprint": "",
            },
        )


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


def study(voltages: tuple[float, ...] = (1.0, 2.0, 3.0), **options: object) -> Study:
    return Study(
        build=partial(Draw, **options),
        axes={"voltage": voltages},
        samples=2,
        seed=7,
        simulator=Nothing(),
        units={"voltage": "V"},
    )


@dataclass(frozen=True)
class Nothing:
    """A simulator that is never asked."""

    name: str = "nothing"

    def run(self, testbench: object) -> object:
        raise AssertionError


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_same_result_with_any_executor() -> None:
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(2) as processes:
        results = [
            study().run(executor=executor, progress=False)
            for executor in (None, threads, processes)
        ]
    results.append(study().run(workers=1, progress=False))
    for result in results[1:]:
        xr.testing.assert_identical(result, results[0])
    first = results[0]
    assert dict(first.sizes) == {"voltage": 3, "sample": 2, "cell": 2}
    assert first["voltage"].attrs["units"] == "V"
    assert (first["status"] == "ok").all()
    # The same sample is the same device at every point.
    np.testing.assert_allclose(
        np.ptp((first["noisy"] - first["voltage"]).to_numpy(), axis=0), 0, atol=1e-12
    )
    assert not np.allclose(first["noisy"].isel(sample=0), first["noisy"].isel(sample=1))


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A line measured at places of its own: on an axis that they label, or beside one."""

    stop: float
    labelled: bool = False

    def run(self, *, simulator: object = "", seed: int = 0, progress: bool = True) -> xr.Dataset:
        dim = "place" if self.labelled else "point"
        return build_dataset(
            {
                "current": ((dim,), np.arange(3.0), "A", ""),
                "status": ((dim,), np.array(["ok", "ok", "weak"]), "1", ""),
            },
            coordinates={"place": ((dim,), np.linspace(0.0, self.stop, 3), "V", "")},
            attributes={"experiment": "Sweep"},
        )


def test_coordinates_of_its_own_stay_with_every_point() -> None:
    def swept(stops: tuple[float, ...], **options: object) -> xr.Dataset:
        made = Study(build=partial(Sweep, **options), axes={"stop": stops}, simulator=Nothing())
        return made.run(progress=False)

    found = swept((1.0, 2.0))
    assert found["place"].dims == ("stop", "sample", "point")
    np.testing.assert_array_equal(found["place"].sel(stop=2.0)[0], [0.0, 1.0, 2.0])
    assert swept((1.0,), labelled=True)["place"].dims == ("place",)
    with pytest.raises(DataError, match="do not have the same 'place'"):
        swept((1.0, 2.0), labelled=True)


def test_what_runs_name_like_the_study_keeps_its_values() -> None:
    def build(stop: float, place: float = 0.0) -> Sweep:
        return Sweep(stop=stop)

    found = Study(build=build, axes={"stop": (1.0,)}, simulator=Nothing()).run(progress=False)
    assert found["run_status"].to_numpy().tolist() == [[["ok", "ok", "weak"]]]
    assert found["status"].to_numpy().tolist() == [["ok"]]
    both = Study(build=build, axes={"stop": (1.0,), "place": (3.0,)}, simulator=Nothing())
    named = both.run(progress=False)
    assert named["run_place"].to_numpy().tolist() == [0.0, 0.5, 1.0]
    assert named["place"].to_numpy().tolist() == [3.0]
    clash = Study(build=lambda point: Sweep(stop=point), axes={"point": (1.0,)},
                  simulator=Nothing())  # fmt: skip
    with pytest.raises(DataError, match="name of a dimension"):
        clash.run(progress=False)


def test_failed_point_is_nan_and_the_others_stay(tmp_path: Path) -> None:
    result = study(fail_at=2.0).run(progress=False)
    assert result["noisy"].isnull().sum() == 4
    assert result["noisy"].sel(voltage=2.0).isnull().all()
    assert result["status"].sel(voltage=2.0, sample=0).item() == "NotConverged: no solution: 2.0"
    assert result.attrs["failed_points"] == 2
    xr.testing.assert_equal(load(save(result, tmp_path / "s.nc")), result)


def test_all_points_failed() -> None:
    result = study((2.0,), fail_at=2.0).run(progress=False)
    assert set(result.data_vars) == {"status"}


def test_cache_answers_only_the_same_question(tmp_path: Path) -> None:
    first = study().run(cache=tmp_path, progress=False)
    assert CALLS.total() == 6
    again = study().run(cache=tmp_path, progress=False)
    assert CALLS.total() == 6
    xr.testing.assert_identical(first, again)
    study((1.0, 4.0)).run(cache=tmp_path, progress=False)
    assert CALLS == {1.0: 2, 2.0: 2, 3.0: 2, 4.0: 2}
    study((1.0,), shape=4).run(cache=tmp_path, progress=False)
    assert CALLS[1.0] == 4


def test_damaged_cache_entry_is_run_again(tmp_path: Path) -> None:
    study((1.0,)).run(cache=tmp_path, progress=False)
    for path in tmp_path.glob("*.nc"):
        path.write_bytes(b"rubbish")
    assert (study((1.0,)).run(cache=tmp_path, progress=False)["status"] == "ok").all()
    assert CALLS[1.0] == 4


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="of 6 done"):
        study(stop_at=3.0).run(cache=tmp_path, workers=1, progress=False)
    before = CALLS.copy()
    assert before[1.0] == before[2.0] == 2
    # The experiment is part of the content: resume with the same one.
    with pytest.raises(Interrupted):
        study(stop_at=3.0).run(cache=tmp_path, workers=1, progress=False)
    assert CALLS[1.0] == CALLS[2.0] == 2
    assert threading.active_count() < 20


def test_missing_simulator_stops_the_study() -> None:
    whole = Study(build=partial(Draw, voltage=1.0), simulator=Nothing())

    def build() -> Draw:
        raise SimulatorNotFound(thing="no simulator")

    assert whole.run(progress=False)["status"].item() == "ok"
    with pytest.raises(SimulatorNotFound):
        Study(build=build, simulator=Nothing()).run(progress=False)


def test_refused() -> None:
    with pytest.raises(ConfigError, match="no values"):
        study(())
    with pytest.raises(ConfigError, match="samples"):
        Study(build=Draw, samples=0)
    with pytest.raises(ConfigError, match="no content"):
        content_hash({"f": print})
    unequal = Study(
        build=lambda shape: Draw(voltage=1.0, shape=shape),
        axes={"shape": (2, 4)},
        simulator=Nothing(),
    )
    with pytest.raises(DataError, match="different shape"):
        unequal.run(progress=False)


def test_wanted_variables_only() -> None:
    kept = Study(build=partial(Draw, voltage=1.0), variables=("noisy",), simulator=Nothing())
    assert set(kept.run(progress=False).data_vars) == {"noisy", "status"}
    wrong = Study(build=partial(Draw, voltage=1.0), variables=("noise",), simulator=Nothing())
    assert "no such variables" in wrong.run(progress=False)["status"].item()


def test_content_hash() -> None:
    assert content_hash([1.0, "a"]) == content_hash([1.0, "a"])
    different = [1, 1.0, True, "1", None, [1], (1,), np.array([1.0]), np.array([1]), {"a": 1}]
    assert len({content_hash(thing) for thing in different}) == len(different)
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})


def test_sample_seeds_do_not_depend_on_their_number() -> None:
    assert sample_seeds(3, 5)[:2] == sample_seeds(3, 2)
    assert len(set(sample_seeds(3, 100))) == 100


def _nothing_there() -> Draw:
    raise SimulatorNotFound(thing="no simulator", next_step="Install it")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_missing_simulator_is_told_by_processes_too() -> None:
    with (
        ProcessPoolExecutor(1) as processes,
        pytest.raises(SimulatorNotFound, match="Install it"),
    ):
        Study(build=_nothing_there, simulator=Nothing()).run(executor=processes, progress=False)
