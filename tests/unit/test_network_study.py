import csv
import json

import pytest
from threadpoolctl import threadpool_limits

from compact_models.errors import ConfigError
from cosim.behavioural import soft_bounds
from cosim.config import load_training
from cosim.network.pages import write_training_page
from cosim.network.runs import StudyData
from cosim.network.settings import InferenceConfig, TrainConfig, arms_of
from cosim.network.study import train_study

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
        ({"network": "lenet", "hidden": [20, 10]}, "hidden of a lenet"),
        ({"network": "lstm", "data": "war_and_peace", "hidden": [8, 9]}, "same size"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [1, 1]}, "seeds.*once"),
        ({"algorithms": []}, "algorithms"),
        ({"hidden": [0]}, "hidden"),
        ({"rate": float("inf")}, "rate"),
        ({"adc_bits": 1}, "adc_bits"),
        ({"device": {"path": "device.json", "nsr": 0.1}}, "device.*not both: nsr"),
    ],
)
def test_wrong_studies_are_refused_by_name(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        train_study({**SMALL, **change}, tmp_path, progress=False)


def test_fingerprint_ignores_where_the_data_lies_but_not_the_rate():
    plain = TrainConfig.read(SMALL)
    assert TrainConfig.read({**SMALL, "data_folder": "/x"}).fingerprint == plain.fingerprint
    assert TrainConfig.read({**SMALL, "rate": 0.5}).fingerprint != plain.fingerprint


def test_a_device_calibrated_anew_under_its_name_is_another_study(tmp_path):
    path, copy = tmp_path / "device.json", tmp_path / "copy.json"

    def fingerprint(file, states):
        soft_bounds(states=states).save(file)
        return TrainConfig.read({**SMALL, "device": {"path": str(file)}}).fingerprint

    first = fingerprint(path, 30.0)
    assert fingerprint(path, 60.0) != first
    assert fingerprint(copy, 30.0) == first


def test_paths_in_a_study_start_at_its_file(tmp_path):
    soft_bounds(states=40.0).save(tmp_path / "device.json")
    study = tmp_path / "study.toml"
    study.write_text(
        'experiment = "train"\n[train]\ndata_folder = "sets"\n'
        '[[train.arms]]\nname = "mine"\ndevice = { path = "device.json" }\n'
    )
    settings, _ = load_training(study)
    arm = arms_of(settings)["mine"]
    assert arm.device.build().figures["states"] == pytest.approx(40.0)
    assert arm.data_folder == str(tmp_path / "sets")


def test_younger_fields_leave_old_fingerprints_and_count_when_they_are_used():
    plain = TrainConfig.read(SMALL)
    for change in ({"adc_bound": 8.0}, {"bound_management": 2}, {"gains": {"sgd": 6.0}}):
        assert TrainConfig.read({**SMALL, **change}).fingerprint != plain.fingerprint
    same = TrainConfig.read({**SMALL, "adc_bound": 12.0, "bound_management": 0})
    assert same.fingerprint == plain.fingerprint


@pytest.mark.parametrize("network", ["mlp", "lenet"])
def test_networks_of_a_study_lie_on_tiles_no_larger_than_asked_for(network):
    study = TrainConfig.read(
        {**SMALL, "network": network, "tile": 20, "adc_bound": 5.0, "bound_management": 1}
    )
    net = StudyData(study).network("agad", 0)
    matrices = [getattr(n, "matrix", n) for n in net.layers]
    matrices = [m for m in matrices if hasattr(m, "tiles")]
    shapes = [t.weights().shape for m in matrices for line in m.tiles for t in line]
    assert max(max(s) for s in shapes) <= 20
    assert sum(a * b for a, b in shapes) == sum(m.inputs * m.outputs for m in matrices)
    assert {(m.io.adc_bound, m.io.bound_management) for m in matrices} == {(5.0, 1)}


def test_gains_of_single_algorithms_set_their_weight_range():
    data = StudyData(TrainConfig.read({**SMALL, "gain": 8.0, "gains": {"sgd": 6.0}}))
    agad, sgd = (data.network(a, 0).layers[0] for a in ("agad", "sgd"))
    assert sgd.weight_range == pytest.approx(0.75 * agad.weight_range)
    with pytest.raises(ConfigError, match="gains"):
        TrainConfig.read({**SMALL, "gains": {"sdg": 6.0}})


def test_results_hang_on_the_seed_and_not_on_threads(tmp_path):
    states = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            study = {**SMALL, "hidden": [784, 64], "algorithms": ["fp"], "batch": 50, "epochs": 1}
            result = train_study(study, tmp_path / str(threads), progress=False)
            states.append(result["rows"][0]["state"])
    assert states[0] == states[1]


ARMS = [
    {"name": "clean", "device": {"nsr": 0.0}},
    {"name": "slow", "algorithms": ["fp"], "rate": 0.005},
]


def test_arms_differ_in_what_they_name_and_share_the_rest():
    arms = arms_of({**SMALL, "device": {"states": 50.0}, "arms": ARMS})
    assert list(arms) == ["clean", "slow"]
    assert (arms["clean"].device.nsr, arms["clean"].device.states) == (0.0, 50.0)
    assert arms["slow"].algorithms == ("fp",)
    assert arms["slow"].epochs == arms["clean"].epochs == 2
    assert arms["slow"].fingerprint != arms["clean"].fingerprint
    # An arm that changes nothing is the study itself: its checkpoints are taken over.
    same = arms_of({**SMALL, "arms": [{"name": "as it is"}]})["as it is"]
    assert same.fingerprint == TrainConfig.read(SMALL).fingerprint


def test_arms_are_measured_alike():
    text = {"name": "b", "network": "lstm", "data": "war_and_peace", "hidden": [8]}
    with pytest.raises(ConfigError, match=r"mlp.*lstm"):
        arms_of({**SMALL, "arms": [{"name": "a"}, text]})


@pytest.mark.parametrize(
    "arms", [[], "x", [{"rate": 1.0}], [{"name": "a"}, {"name": "a"}], [{"name": "a", "rte": 1}]]
)
def test_wrong_arms_are_refused(arms):
    with pytest.raises(ConfigError, match=r"arm|rate"):
        arms_of({**SMALL, "arms": arms})


def test_study_of_arms_writes_tables_curves_and_a_page(tmp_path):
    result = train_study({**SMALL, "epochs": 1, "arms": ARMS}, tmp_path, progress=False)
    assert list(result["summary"]) == ["clean: fp", "clean: agad", "slow: fp"]
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["arm"], r["algorithm"], r["split"]) for r in rows] == [
        ("clean", "fp", "test"), ("clean", "agad", "test"), ("slow", "fp", "test"),
    ]  # fmt: skip
    assert {r["measured_samples"] for r in rows} == {"100"}
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 4
    page = write_training_page(result, tmp_path, "Arms <of> a study").read_text()
    assert "Arms &lt;of&gt; a study" in page
    # AGAD is of Rasch et al. 2024, the device of Falcone et al. 2025.
    assert "Nat. Commun. 15, 7133 (2024)" in page
    assert "arXiv:2502.04524" in page
    assert (tmp_path / "arms.png").stat().st_size > 5000


def test_validation_leaves_the_test_set_alone_and_does_not_train_on_what_it_measures():
    plain = StudyData(TrainConfig.read({**SMALL, "train_samples": None}))
    held = StudyData(TrainConfig.read({**SMALL, "train_samples": None, "validation_samples": 200}))
    images, labels = plain.train_set
    assert (held.test_set[0] == images[-200:]).all()
    assert (held.test_set[1] == labels[-200:]).all()
    assert (held.train_set[0] == images[:-200]).all()
    assert (plain.measured, held.measured) == (100, 200)
    assert (TrainConfig.read(SMALL).split, held.study.split) == ("test", "validation")
    with pytest.raises(ConfigError, match="held out"):
        StudyData(TrainConfig.read({**SMALL, "train_samples": 1300, "validation_samples": 200}))


@pytest.mark.parametrize("scheme", ["differential", "reference", "offset"])
def test_pairs_reference_column_and_offset_all_carry_a_network(tmp_path, scheme):
    study = {**SMALL, "epochs": 4, "tile": 20}
    study["inference"] = {"times": [1.0], "program_seeds": [0], "scheme": scheme}
    result = train_study(study, tmp_path, progress=False)
    assert result["floating_point"] > 0.6
    assert result["config"]["inference"]["scheme"] == scheme
    tight = result["rows"][0]
    assert tight["accuracy"] == pytest.approx(result["floating_point"], abs=0.05)


def test_inference_study_reads_at_every_time_and_names_wrong_keys(tmp_path):
    study = {**SMALL, "inference": {"times": [1.0, 3600.0], "program_seeds": [0]}}
    result = train_study(study, tmp_path, progress=False)
    assert [(r["acceptance_range"], r["time"]) for r in result["rows"]] == [
        (0.002, 1.0), (0.002, 3600.0), (0.02, 1.0), (0.02, 3600.0),
    ]  # fmt: skip
    assert all(abs(r["accuracy"] - result["floating_point"]) < 0.1 for r in result["rows"])
    write_training_page(result, tmp_path, "Time")
    assert (tmp_path / "inference.png").exists()
    with pytest.raises(ConfigError, match="times"):
        InferenceConfig.read({"time": [1.0]})
