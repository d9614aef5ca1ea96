"""The rungs against each other while a network learns; bounds are those stated for each rung."""

import numpy as np
import pytest
import xarray as xr

from cosim.network.circuit_report import plot, table
from cosim.network.circuit_study import run_circuit_study

SMALL = {"side": 4, "classes": [0, 1], "samples": 60, "rate": 0.5, "evaluate_every": 2}


@pytest.mark.slow
def test_behaviour_follows_the_array_rung_within_two_percent_of_the_window():
    found = run_circuit_study(SMALL, progress=False)
    assert int(found.pulses.sum()) > 10
    drift = found["drift_max"].sel(rung="behaviour").values
    assert drift[-1] < 0.02
    assert found["drift_product"].sel(rung="behaviour").values.max() < 0.02
    assert np.isnan(found["drift_max"].sel(rung="ngspice").values).all()
    array, same, _ = found["accuracy"].values[-1]
    assert same == pytest.approx(array, abs=0.05)
    assert "behaviour rms" in table(found)
    assert plot(found) is not None


@pytest.mark.slow
def test_an_interrupted_study_goes_on_bit_for_bit():
    short = SMALL | {"samples": 30, "rate": 2.0}
    kept: dict[str, dict[str, np.ndarray]] = {}

    def stopped(name, make):
        if len(kept) == 2:
            raise KeyboardInterrupt
        kept[name] = {k: np.copy(v) for k, v in make().items()}
        return kept[name]

    with pytest.raises(KeyboardInterrupt):
        run_circuit_study(short, progress=False, keep=stopped)
    assert list(kept) == ["step 1", "step 2"]
    made = []

    def going_on(name, make):
        if name not in kept:
            made.append(name)
        return kept.get(name) or make()

    resumed = run_circuit_study(short, progress=False, keep=going_on)
    whole = run_circuit_study(short, progress=False)
    assert made == ["step 3"]
    assert int(whole.pulses.sum()) > 0
    xr.testing.assert_identical(resumed.drop_attrs(deep=False), whole.drop_attrs(deep=False))


@pytest.mark.ngspice
@pytest.mark.slow
def test_ngspice_follows_the_same_pulses(ngspice):
    found = run_circuit_study(
        SMALL | {"side": 2, "samples": 10, "rate": 2.0, "ngspice_steps": 1}, progress=False
    )
    assert int(found.pulses.sum()) > 0
    for name in ("drift_max", "drift_product"):
        assert np.nanmax(found[name].sel(rung="ngspice").values) < 1e-3


@pytest.mark.slow
def test_errors_pass_backward_through_the_circuit():
    """Two tiles learn on the array rung as they do on laws; a wrong way back would show."""
    two = SMALL | {"hidden": 4, "samples": 150, "rate": 0.15, "weight_range": 3.0}
    found = run_circuit_study(two | {"seed": 1, "evaluate_every": 15}, progress=False)
    array, same, alone = found["accuracy"].values[-1]
    assert array > 0.8
    assert same == pytest.approx(array, abs=0.05)
    assert alone > 0.8
    assert found["drift_max"].sel(rung="behaviour").values[-1] < 0.02
    assert found["conductance_1"].shape == (2, 5, 3)
