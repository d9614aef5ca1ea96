"""The SPIRIT job from settings to data, pictures and figures, on the digits that need no file."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cosim.errors import ConfigError, DataError
from cosim.experiments.resume import FINISHED_PARTS
from cosim.experiments.spirit import Spirit

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.ngspice
@pytest.mark.slow
def test_digits_example_runs_to_figures_and_pictures(tmp_path, ngspice):
    from cosim.dataset import load

    study = tomllib.loads((EXAMPLES / "spirit_digits.toml").read_text())
    made = Spirit(**study["spirit"]).run(
        folder=tmp_path, study=SimpleNamespace(seed=study["seed"]), progress=False
    )
    assert made.problems == ()
    found = {f.key: f.value for section in made.sections for f in section.figures}
    assert found["accuracy_ideal"] > 85
    assert found["circuit_same"] == 100
    assert found["circuit_time_error"] < 5e-9
    assert 1e-12 < found["energy_per_event"] < 1e-11
    assert found["energy_per_event_circuit"] == pytest.approx(found["energy_per_event"], rel=0.5)
    assert made.datasets["inference"].attrs["seed"] == 0
    for name in ("inference", "losses", "lead", "energy", "formal", "circuit"):
        data = load(tmp_path / f"{name}.nc")
        assert data.attrs["parameter_fingerprint"]
        assert data.attrs["citations"]
        assert all(v.attrs["units"] for v in data.data_vars.values())
    pictures = {plot.name for section in made.sections for plot in section.plots}
    assert pictures == {"lead", "losses", "energy", "formal", "membrane"}
    again = load(tmp_path / "inference.nc")
    assert np.mean(again.choice == again.label) * 100 == pytest.approx(found["accuracy_ideal"])


@pytest.mark.ngspice
def test_an_interrupted_study_goes_on_where_it_stopped(ngspice, tmp_path, monkeypatch):
    """Chips and neurons that are done are not run again, and the result is that of one go."""
    from cosim.network.spiking import agreement, studies

    job = Spirit(
        data="digits", images=40, chips=3, circuit_images=1, circuit_events=4, further=False
    )
    whole = job.compute()
    calls = []

    def stop(module, name, after):
        """Count the calls of a function, and be stopped by the user before the next one."""
        calls.clear()
        function = getattr(module, name)

        def counted(*arguments, **more):
            if len(calls) == after:
                raise KeyboardInterrupt
            calls.append(name)
            return function(*arguments, **more)

        monkeypatch.setattr(module, name, counted)

    stop(studies, "build_chip", after=20)  # one for the ideal chip, 11 for each: in the second
    with pytest.raises(KeyboardInterrupt):
        job.compute(folder=tmp_path)
    assert len(list((tmp_path / FINISHED_PARTS).glob("*.npz"))) == 1
    monkeypatch.undo()
    stop(agreement, "simulate", after=3)
    with pytest.raises(KeyboardInterrupt):
        job.compute(folder=tmp_path)
    assert len(list((tmp_path / FINISHED_PARTS).glob("*.npz"))) == 3 + 3
    monkeypatch.undo()
    stop(agreement, "simulate", after=None)
    again = job.compute(folder=tmp_path)
    assert len(calls) == 10 - 3
    assert not (tmp_path / FINISHED_PARTS).exists()
    for name, data in whole.items():
        for variable in data.data_vars:
            np.testing.assert_array_equal(again[name][variable], data[variable])
    calls.clear()
    job.compute(folder=tmp_path)
    drawn = job.redraw(folder=tmp_path)
    assert calls == []
    assert set(drawn.datasets) == set(whole)
    (tmp_path / "lead.nc").unlink()
    with pytest.raises(DataError, match="no such result"):
        job.redraw(folder=tmp_path)


def test_both_examples_are_settings_of_the_job():
    for name in ("spirit.toml", "spirit_digits.toml"):
        study = tomllib.loads((EXAMPLES / name).read_text())
        assert study["experiment"] == "spirit"
        Spirit(**study["spirit"])


@pytest.mark.parametrize(
    "settings", [{"data": "cifar"}, {"images": 0}, {"lead": 0.0}, {"circuit_events": 0}]
)
def test_settings_that_show_nothing_are_refused(settings):
    with pytest.raises(ConfigError):
        Spirit(**settings)
