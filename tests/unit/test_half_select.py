import numpy as np
import pytest
import xarray as xr

from compact_models.errors import CalibrationError
from cosim.behavioural import OutsideCalibration, soft_bounds
from cosim.behavioural.half_select import HalfSelectLaw


def data(exponent=0.5, first=1e-3):
    counts = np.array([1, 100, 10000])
    k = first * counts**exponent * np.ones((2, 2, 1))
    k = np.repeat(k[..., None], 4, axis=-1)
    k[0, 0] *= 2.0
    dims = ("bound", "polarity", "count", "device")
    return xr.Dataset(
        {"k_total": (dims, k)}, coords={"count": counts}, attrs={"experiment": "disturb"}
    )


def test_law_keeps_the_course_of_the_data():
    law = HalfSelectLaw.from_dataset(data())
    assert law.exponent == pytest.approx(0.5)
    assert law.residual < 1e-9
    # One of four cases moves twice as far.
    assert law.change(1) == pytest.approx(1.25e-3)
    assert law.change(100, worst=True) == pytest.approx(2e-2)
    assert law.change(1000) == pytest.approx(1.25e-3 * 1000**0.5)
    assert law.ratio(10000) == pytest.approx(1.25e-5)
    assert law.apply(soft_bounds(), 100).half_select == pytest.approx(1.25e-4)


def test_outside_the_counts_it_warns():
    law = HalfSelectLaw.from_dataset(data())
    with pytest.warns(OutsideCalibration, match="outside the measured"):
        assert law.change(1e6) == pytest.approx(law.ratio(10000) * 1e6)


def test_other_data_is_refused():
    with pytest.raises(CalibrationError, match="disturb data"):
        HalfSelectLaw.from_dataset(xr.Dataset({"x": ("count", [1.0, 2.0])}))
    with pytest.raises(CalibrationError, match="above 0"):
        HalfSelectLaw.from_dataset(data(first=0.0))


@pytest.mark.slow
def test_disturb_study_gives_a_ratio_below_the_published_bound():
    """Choi et al. 2025: mean k below 0.005 after 1e5 half pulses."""
    from cosim.experiments.physics_jobs import HalfSelectDisturb

    found = HalfSelectDisturb(devices=4, counts=(1, 1000, 100000)).compute()["disturb"]
    law = HalfSelectLaw.from_dataset(found)
    assert 0.0 < law.exponent <= 1.05
    assert law.ratio(100000) < 0.005
