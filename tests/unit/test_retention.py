"""Levels through time: overlap of neighbours, and what a study refuses."""

import numpy as np
import pytest

from compact_models.errors import ConfigError
from cosim.experiments.physics_jobs import Retention
from cosim.experiments.retention import overlaps


def test_overlap_of_drawn_levels_is_that_of_their_normal_fits() -> None:
    rng = np.random.default_rng(0)
    levels = np.array([10e-6, 12e-6])[:, None] + 1e-6 * rng.standard_normal((2, 200_000))
    # Two unit normals two sigmas apart share 2 Phi(-1).
    assert overlaps(levels)[0] == pytest.approx(0.3173, abs=3e-3)


def test_ten_minutes_give_the_published_overlap() -> None:
    dataset = Retention(devices=400, times=(1.0, 600.0)).compute()["retention"]
    overlap = dataset.overlap.mean("pair").values * 100.0
    # Falcone2025: 9.6 % after 10 minutes.
    assert overlap[1] == pytest.approx(9.6, abs=2.0)
    assert overlap[0] < 1.0
    assert dataset.conductance.attrs["units"] == "S"


@pytest.mark.parametrize("wrong", [{"levels": 1}, {"times": ()}, {"devices": 1}])
def test_wrong_studies_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        Retention(**wrong).compute()


def test_a_job_takes_what_its_folder_holds_and_draws_it_again(tmp_path, monkeypatch) -> None:
    from types import SimpleNamespace

    job = Retention(levels=4, devices=20, times=(1.0, 600.0))
    study = SimpleNamespace(seed=3)
    made = job.run(folder=tmp_path, study=study, progress=False)

    def stop(**_):
        raise AssertionError("made again")

    monkeypatch.setattr("cosim.experiments.physics_jobs.relaxed_levels", stop)
    again = job.run(folder=tmp_path, study=study, progress=False)
    drawn = job.redraw(folder=tmp_path)
    for other in (again, drawn):
        assert [f.value for f in other.sections[0].figures] == [
            f.value for f in made.sections[0].figures
        ]
    with pytest.raises(AssertionError, match="made again"):
        job.run(folder=tmp_path, study=SimpleNamespace(seed=4), progress=False)
    # Four levels overlap by something else than the published 35.
    assert not any(f.required or f.published for f in made.sections[0].figures)
    assert [f.required for f in Retention(times=(600.0,)).section(made.datasets).figures] == [
        False,
        True,
    ]
