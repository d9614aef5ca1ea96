"""Levels through time: overlap of neighbours, and what a study refuses."""

import numpy as np
import pytest

from compact_models.errors import ConfigError
from cosim.experiments.retention import overlaps, run_study


def test_overlap_of_drawn_levels_is_that_of_their_normal_fits() -> None:
    rng = np.random.default_rng(0)
    levels = np.array([10e-6, 12e-6])[:, None] + 1e-6 * rng.standard_normal((2, 200_000))
    # Two unit normals two sigmas apart share 2 Phi(-1).
    assert overlaps(levels)[0] == pytest.approx(0.3173, abs=3e-3)


def test_ten_minutes_give_the_published_overlap() -> None:
    dataset = run_study({"devices": 400, "times": [1.0, 600.0]}, progress=False)
    overlap = dataset.overlap.mean("pair").values * 100.0
    # Falcone2025: 9.6 % after 10 minutes.
    assert overlap[1] == pytest.approx(9.6, abs=2.0)
    assert overlap[0] < 1.0
    assert dataset.conductance.attrs["units"] == "S"


@pytest.mark.parametrize("wrong", [{"level": 3}, {"levels": 1}, {"times": []}, {"devices": 1}])
def test_wrong_studies_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        run_study(wrong, progress=False)
