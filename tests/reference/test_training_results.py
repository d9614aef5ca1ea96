"""The committed training results belong to the committed studies and say what is claimed.

Published: AGAD on CMO/HfOx close to floating point, about 97 to 98 % on MNIST after 80 epochs,
plain analog SGD clearly worse (Falcone et al., Adv. Funct. Mater. 2025); update disturbance
(Choi et al., Adv. Sci. 2026): plain SGD 89.08 % at k = 0.005, 90.6 % without, Tiki-Taka
version 4 95.2 %.
"""

import csv
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from cosim.config import load_training
from cosim.network.settings import InferenceConfig, TrainConfig, arms_of
from cosim.network.study import train_study

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = sorted(p.name.removesuffix("_results.csv") for p in EXAMPLES.glob("train_*_results.csv"))
CHOICES = [n.removesuffix("_validation") for n in TABLES if n.endswith("_validation")]


def table(name):
    with (EXAMPLES / f"{name}_results.csv").open() as file:
        return list(csv.DictReader(file))


def study(name):
    return load_training(EXAMPLES / f"{name}.toml")[0]


def means(name, measure="accuracy"):
    found = {}
    for r in table(name):
        found.setdefault((r["arm"], r["algorithm"]), []).append(float(r[measure]))
    return {key: np.mean(values) for key, values in found.items()}


@pytest.mark.parametrize("name", [n for n in TABLES if "inference" not in study(n)])
def test_every_row_comes_from_the_study_as_it_stands(name):
    arms = arms_of(study(name))
    wanted = {
        (arm, a, s) for arm, found in arms.items() for a in found.algorithms for s in found.seeds
    }
    rows = table(name)
    assert {(r["arm"], r["algorithm"], int(r["seed"])) for r in rows} == wanted
    assert len(rows) == len(wanted)
    for r in rows:
        arm = arms[r["arm"]]
        assert r["fingerprint"] == arm.fingerprint
        assert (r["split"], int(r["epochs"])) == (arm.split, arm.epochs)
        assert float(r["rate"]) == arm.rates.get(r["algorithm"], arm.rate)


@pytest.mark.parametrize("name", CHOICES)
def test_hyperparameters_are_the_best_on_held_out_data(name):
    """The test set plays no part in the choice; what is chosen is what the study uses."""
    candidates = arms_of(study(f"{name}_validation"))
    assert {r["split"] for r in table(f"{name}_validation")} == {"validation"}
    measure, best = ("perplexity", min) if "lstm" in name else ("accuracy", max)
    found = means(f"{name}_validation", measure)
    for final in arms_of(study(name)).values():
        assert final.split == "test"
        for algorithm in final.algorithms:
            # A batch is shared by all algorithms, the rest is each one's own best.
            mine = {
                arm: value
                for (arm, a), value in found.items()
                if a == algorithm and candidates[arm].batch == final.batch
            }
            # Where the amount of data was varied too, the study says which it is about.
            if any(candidates[arm].train_samples == final.train_samples for arm in mine):
                mine = {
                    arm: value
                    for arm, value in mine.items()
                    if candidates[arm].train_samples == final.train_samples
                }
            arm = candidates[best(mine, key=mine.__getitem__)]
            assert final.rates.get(algorithm, final.rate) == arm.rates.get(algorithm, arm.rate)
            fields = ["hidden", "activation", "pulse_length", "sequence"]
            if algorithm != "fp":
                assert final.gains.get(algorithm, final.gain) == arm.gain
            if algorithm == "agad":
                fields.append("transfer")
            for field in fields:
                assert getattr(final, field) == getattr(arm, field), (algorithm, field)


def test_mnist_agad_within_half_a_point_of_floating_point_and_sgd_clearly_worse():
    accuracy = means("train_mnist")
    fp, agad, sgd = (accuracy["", a] for a in ("fp", "agad", "sgd"))
    assert len(study("train_mnist")["seeds"]) >= 3
    assert fp > 0.975
    assert fp - agad <= 0.005
    assert fp - sgd > 0.05


def test_the_device_calibrated_from_the_circuit_trains_as_the_printed_figures_do():
    accuracy = means("train_calibrated")
    fp, agad, sgd = (accuracy["", a] for a in ("fp", "agad", "sgd"))
    assert len(study("train_calibrated")["seeds"]) >= 3
    assert fp - agad <= 0.005
    assert fp - sgd > 0.05
    # The same seeds and hyperparameters: floating point knows no devices.
    assert fp == pytest.approx(means("train_mnist")["", "fp"])


def test_disturbance_costs_plain_sgd_points_and_leaves_version_four_its_published_accuracy():
    accuracy = means("train_disturb")
    none, small = accuracy["k = 0", "sgd"], accuracy["k = 0.005", "sgd"]
    # Published 90.6 % and 89.08 %; network, epochs and pulse noise are not printed.
    assert none == pytest.approx(0.906, abs=0.03)
    assert small == pytest.approx(0.8908, abs=0.04)
    # Published: 1.5 points.
    assert 0.01 < none - small < 0.03
    assert accuracy["k = 0.005", "agad"] == pytest.approx(0.952, abs=0.005)
    assert accuracy["k = 0.03", "sgd"] < small - 0.2


def test_programmed_networks_keep_floating_point_accuracy_for_ten_years():
    settings = study("train_inference")
    reading = InferenceConfig.read(settings.pop("inference"))
    rows = table("train_inference")
    assert {r["fingerprint"] for r in rows} == {TrainConfig.read(settings).fingerprint}
    assert len({r["state"] for r in rows}) == 1
    wanted = itertools.product(reading.acceptance_ranges, reading.program_seeds, reading.times)
    found = [(float(r["acceptance_range"]), int(r["seed"]), float(r["time"])) for r in rows]
    assert sorted(found) == sorted(wanted)
    assert {1.0, 3600.0, 86400.0} < set(reading.times)
    assert max(reading.times) > 3.15e8
    for r in rows:
        assert float(r["accuracy"]) == pytest.approx(float(r["floating_point"]), abs=0.003)


def test_lstm_learns_with_agad_behind_floating_point_and_not_with_plain_sgd():
    perplexity = {a: value for (_, a), value in means("train_lstm", "perplexity").items()}
    assert perplexity["fp"] < 5
    assert perplexity["fp"] < perplexity["agad"] < 2 * perplexity["fp"]
    assert perplexity["sgd"] > 2 * perplexity["agad"]
    with (EXAMPLES / "train_lstm_curves.csv").open() as file:
        points = list(csv.DictReader(file))
    epochs, seeds = (study("train_lstm")[k] for k in ("epochs", "seeds"))
    assert len(seeds) >= 3
    assert len(points) == 3 * epochs * len(seeds)
    last = {
        (p["algorithm"], p["seed"]): p["perplexity"] for p in points if int(p["epoch"]) == epochs
    }
    assert last == {(r["algorithm"], r["seed"]): r["perplexity"] for r in table("train_lstm")}


def test_figures_of_the_device_matter_to_plain_sgd_and_little_to_agad():
    accuracy = means("train_ablation")
    mean_device = "22 states, skew 0.61, NSR 0.9"
    states = ["states 10", "states 16", mean_device, "states 33", "states 100"]
    noise = ["NSR 1.8", mean_device, "NSR 0.3"]
    for order in (states, noise):
        sgd = [accuracy[arm, "sgd"] for arm in order]
        assert sgd == sorted(sgd)
    assert accuracy["states 100", "sgd"] - accuracy["states 10", "sgd"] > 0.2
    agad = [value for (_, algorithm), value in accuracy.items() if algorithm == "agad"]
    assert max(agad) - min(agad) < 0.03
    assert min(agad) > max(v for (_, algorithm), v in accuracy.items() if algorithm == "sgd")
    assert accuracy[mean_device, "agad"] > accuracy[mean_device, "fp"] - 0.01


def test_convolutions_on_tiles_learn_with_agad_and_not_well_with_plain_sgd():
    accuracy = {a: value for (_, a), value in means("train_lenet").items()}
    assert len(study("train_lenet")["seeds"]) >= 3
    assert accuracy["fp"] > 0.97
    assert accuracy["agad"] > accuracy["fp"] - 0.03
    assert accuracy["sgd"] < accuracy["agad"] - 0.1


@pytest.mark.data
@pytest.mark.slow
def test_a_short_mnist_run_points_the_same_way(tmp_path):
    if not os.environ.get("COSIM_DATA"):
        pytest.skip("COSIM_DATA does not name the folder of MNIST")
    short = study("train_mnist") | {
        "seeds": [0], "epochs": 1, "train_samples": 6000, "test_samples": 2000,
    }  # fmt: skip
    summary = train_study(short, tmp_path, progress=False)["summary"]
    assert summary["fp"]["mean"] > 0.85
    assert summary["agad"]["mean"] > summary["sgd"]["mean"] + 0.05
