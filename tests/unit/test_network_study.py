import json

import pytest

from compact_models.errors import ConfigError
from cosim.network.study import TrainConfig, train_study

SMALL = {
    "data": "digits",
    "hidden": [16],
    "algorithms": ["fp", "agad"],
    "epochs": 2,
    "train_samples": 300,
    "test_samples": 100,
}


def test_study_writes_a_table_and_goes_on_where_it_stood(tmp_path):
    first = train_study({**SMALL, "epochs": 1}, tmp_path / "one", progress=False)
    assert {r["algorithm"] for r in first["rows"]} == {"fp", "agad"}
    whole = train_study(SMALL, tmp_path / "two", progress=False)
    again = train_study(SMALL, tmp_path / "two", progress=False)
    assert [r["state"] for r in whole["rows"]] == [r["state"] for r in again["rows"]]
    assert again["rows"][0]["seconds"] == whole["rows"][0]["seconds"]
    stored = json.loads((tmp_path / "two" / "results.json").read_text())
    assert stored["fingerprint"] == whole["fingerprint"]
    assert (tmp_path / "two" / "results.csv").read_text().startswith("arm,algorithm,seed")
    assert whole["summary"]["fp"]["mean"] > 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 3}, "epochs"),
        ({"algorithms": ["agd"]}, "agad"),
        ({"epochs": 0}, "epochs"),
        ({"device": {"nsrr": 1}}, "device.nsrr"),
        ({"network": "lstm"}, "war_and_peace"),
    ],
)
def test_wrong_studies_are_refused_by_name(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        train_study({**SMALL, **change}, tmp_path, progress=False)


def test_fingerprint_ignores_where_the_data_lies_but_not_the_rate():
    plain = TrainConfig.read(SMALL)
    assert TrainConfig.read({**SMALL, "data_folder": "/x"}).fingerprint == plain.fingerprint
    assert TrainConfig.read({**SMALL, "rate": 0.5}).fingerprint != plain.fingerprint
