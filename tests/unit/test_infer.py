import json

import numpy as np
import pytest

from compact_models.errors import ConfigError, DataError
from cosim import cli
from cosim.behavioural import soft_bounds
from cosim.network import checkpoint
from cosim.network.algorithms import Analog
from cosim.network.layers import InputOutput
from cosim.network.model import MLP


def trained(folder, algorithm, **io):
    """A checkpoint of random weights; inference needs no more."""
    analog = Analog(algorithm=algorithm, device=soft_bounds(states=200.0))
    net = MLP((64, 12, 10), analog=analog, io=InputOutput(**io), activation="tanh")
    net.layers[0].bias += 0.1
    return net, net.save(folder / f"{algorithm}.npz")


@pytest.mark.parametrize("algorithm", ["fp", "sgd", "agad"])
def test_weights_come_from_the_checkpoint_of_any_algorithm(tmp_path, algorithm):
    net, path = trained(tmp_path, algorithm, tile_inputs=40, tile_outputs=8)
    found = checkpoint.load_network(path)
    for mine, theirs in zip(found.layers[::2], net.layers[::2], strict=True):
        assert np.array_equal(mine.weights(), theirs.weights())
        assert np.array_equal(mine.bias, theirs.bias)


def test_verb_reads_a_checkpoint_over_time(tmp_path, capsys):
    _, path = trained(tmp_path, "fp")
    arguments = ["--time", "1 s", "--time", "1 day", "--acceptance", "0.02", "--programmings", "2"]
    arguments += ["--test-samples", "40", "--wire", "0.1 ohm", "--json"]
    status = cli.run(["infer", str(path), "-o", str(tmp_path / "out"), *arguments])
    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert len(found["rows"]) == 4
    assert [s["time"] for s in found["summary"]] == [1.0, 86400.0]
    assert all(0.0 <= s["mean"] <= 1.0 for s in found["summary"])
    assert (tmp_path / "out" / "inference.csv").exists()


def test_study_is_trained_and_then_read(tmp_path):
    study = tmp_path / "small.toml"
    study.write_text(
        'experiment = "train"\n[train]\ndata = "digits"\nhidden = [16]\nalgorithms = ["fp"]\n'
        "epochs = 3\nrate = 0.05\n"
    )
    reading = checkpoint.Reading(times=(1.0,), acceptance_ranges=(0.002,), seeds=(0,))
    found = checkpoint.infer(study, reading, output=tmp_path / "out", progress=False)
    assert found["floating_point"] > 0.8
    assert found["summary"][0]["mean"] > found["floating_point"] - 0.05


def test_wrong_input_is_named(tmp_path):
    with pytest.raises(ConfigError, match="inference over time"):
        checkpoint.Reading(times=())
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"no")
    with pytest.raises(DataError, match="checkpoint"):
        checkpoint.load_network(broken)
    with pytest.raises(DataError, match="inputs of a checkpoint"):
        checkpoint.data_for(65)
