import json

import numpy as np
import pytest

from compact_models.errors import ConfigError, DataError, ParameterError
from cosim import cli
from cosim.behavioural import soft_bounds
from cosim.behavioural.noise import NoiseLaws
from cosim.network import checkpoint
from cosim.network.algorithms import Analog
from cosim.network.layers import InputOutput
from cosim.network.model import MLP
from cosim.network.reading import infer_checkpoint, infer_study


def trained(folder, algorithm, **io):
    """A checkpoint of random weights; inference needs no more."""
    analog = Analog(algorithm=algorithm, device=soft_bounds(states=200.0))
    net = MLP((64, 12, 10), analog=analog, io=InputOutput(**io), activation="tanh")
    net.layers[0].bias += 0.1
    return net, net.save(folder / f"{algorithm}.npz")


@pytest.mark.parametrize("algorithm", ["fp", "sgd", "agad"])
def test_weights_come_from_the_checkpoint_of_any_algorithm(tmp_path, algorithm):
    net, path = trained(tmp_path, algorithm, tile_inputs=40, tile_outputs=8)
    found = checkpoint.load_network(path, "tanh")
    for mine, theirs in zip(found.layers[::2], net.layers[::2], strict=True):
        assert np.array_equal(mine.weights(), theirs.weights())
        assert np.array_equal(mine.bias, theirs.bias)


def test_verb_reads_a_checkpoint_over_time(tmp_path, capsys):
    _, path = trained(tmp_path, "fp")
    arguments = ["--time", "1 s", "--time", "1 day", "--acceptance", "0.02", "--programmings", "2"]
    arguments += ["--test-samples", "40", "--wire", "0.1 ohm", "--activation", "tanh", "--json"]
    status = cli.run(["infer", str(path), "-o", str(tmp_path / "out"), *arguments])
    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert len(found["rows"]) == 4
    assert [s["time"] for s in found["summary"]] == [1.0, 86400.0]
    assert all(0.0 <= s["mean"] <= 1.0 for s in found["summary"])
    assert (tmp_path / "out" / "inference.csv").exists()


STUDY = """experiment = "train"
[train]
data = "digits"
hidden = [16]
activation = "relu"
algorithms = ["fp"]
epochs = 3
rate = 0.05
[train.inference]
times = ["1 s", "1 h"]
acceptance_ranges = [0.002]
program_seeds = [0]
"""


def test_study_is_trained_and_read_as_its_table_and_the_options_say(tmp_path, capsys):
    study, out = tmp_path / "small.toml", tmp_path / "out"
    study.write_text(STUDY)
    assert cli.run(["infer", str(study), "-o", str(out), "--time", "1 day", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["floating_point"] > 0.8
    assert [(r["acceptance_range"], r["time"], r["seed"]) for r in found["rows"]] == [
        (0.002, 86400.0, 0)
    ]
    assert found["summary"][0]["mean"] > found["floating_point"] - 0.05
    assert (out / "inference.png").stat().st_size > 5000
    # The checkpoint gives the same network: its activation is that of the study beside it.
    (path,) = out.glob("fp-0-*.npz")
    arguments = ["infer", str(path), "--time", "1 s", "--programmings", "1", "--json"]
    assert cli.run(arguments) == 0
    assert json.loads(capsys.readouterr().out)["floating_point"] == found["floating_point"]


def test_any_algorithm_is_read_with_exact_products_as_the_baseline(tmp_path):
    soft_bounds(states=60.0).save(tmp_path / "device.json")
    settings = {"data": "digits", "hidden": [12], "algorithms": ["agad"], "epochs": 2}
    settings["device"] = {"path": str(tmp_path / "device.json")}
    table = {"times": [1.0], "acceptance_ranges": [0.002], "program_seeds": [0]}
    found = infer_study({**settings, "inference": table}, tmp_path, progress=False)
    assert found["network"] == "agad, seed 0"
    (path,) = tmp_path.glob("agad-0-*.npz")
    again = infer_checkpoint(path, table, progress=False)
    assert again["floating_point"] == found["floating_point"] > 0.5


def test_noise_is_that_of_the_device(tmp_path):
    _, path = trained(tmp_path, "fp")
    quiet = soft_bounds().replace(noise=NoiseLaws.none())
    table = {"times": [1.0, 1e8], "acceptance_ranges": [0.02], "program_seeds": [0, 1]}
    table["read_bits"] = [None, None]
    found = infer_checkpoint(path, table, progress=False, device=quiet, activation="tanh")
    assert {r["accuracy"] for r in found["rows"]} == {found["floating_point"]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("times", []), ("times", [-1.0]), ("times", ["3 apples"]), ("times", [1.0, "1 s"]),
        ("program_seeds", []), ("program_seeds", [-1]), ("read_bits", [1, 8]), ("wire", "1 V"),
        ("acceptance_ranges", []), ("scheme", "pairs"), ("time", [1.0]),
    ],
)  # fmt: skip
def test_wrong_tables_are_refused_before_anything_is_trained(tmp_path, key, value):
    with pytest.raises(ConfigError, match=key[:4]):
        infer_study({"data": "digits", "inference": {key: value}}, tmp_path, progress=False)
    far = {"acceptance_ranges": [0.5]}
    with pytest.raises(ParameterError, match="acceptance range"):
        infer_study({"data": "digits", "inference": far}, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_only_one_network_is_read_at_a_time(tmp_path):
    arms = [{"name": "a"}, {"name": "b"}]
    with pytest.raises(ConfigError, match=r"2 arms.*checkpoint"):
        infer_study({"data": "digits", "arms": arms}, tmp_path, progress=False)


def test_wrong_input_is_named(tmp_path):
    _, path = trained(tmp_path, "fp")
    with pytest.raises(DataError, match=r"activation.*--activation"):
        checkpoint.load_network(path)
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"no")
    with pytest.raises(DataError, match="checkpoint"):
        checkpoint.load_network(broken)
    with pytest.raises(DataError, match="inputs of a checkpoint"):
        checkpoint.data_for(65)
