"""The network of a checkpoint, and data that fit it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from compact_models.errors import DataError
from cosim.network.algorithms import Analog
from cosim.network.crossbar import Matrix
from cosim.network.model import MLP, Labels, Network
from cosim.network.settings import TrainConfig


def load_network(path: Path, activation: str | None = None) -> Network:
    """A fully connected network in floating point from any algorithm's checkpoint.

    Parameters
    ----------
    path : Path
        ``.npz`` as written by training.
    activation : str, optional
        Between the layers. A checkpoint does not hold it: by default that of the study whose
        results lie beside it.

    Raises
    ------
    DataError
        Not a checkpoint, not of a fully connected network, or of an unknown activation.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            name = str(json.loads(str(file["__meta__"]))["name"])
            state = {k: file[k] for k in file.files if k != "__meta__"}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            thing="checkpoint", value=str(path), next_step=f"Not readable: {error}"
        ) from error
    if not name.startswith("mlp-"):
        raise DataError(thing="network of a checkpoint", value=name, limit="fully connected (mlp)")
    sizes = [int(n) for n in name.split("-")[1:]]
    if activation is None:
        activation = _activation_beside(path) if len(sizes) > 2 else "tanh"
    net = MLP(sizes, analog=Analog(algorithm="fp"), activation=activation)
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        layer: Any = net.layers[2 * n]
        weights = _weights(state, f"layer{2 * n}.")
        if weights.shape != (a, b):
            raise DataError(thing="weights of a checkpoint", value=weights.shape, limit=f"{a, b}")
        layer.tiles[0][0].program(weights)
        layer.bias = np.array(state[f"layer{2 * n}.bias"], np.float32)
    return net


def _activation_beside(path: Path) -> str:
    """Activation of the study that wrote a checkpoint, from the results in its folder."""
    wanted = path.stem.rpartition("-")[2]
    files = [path.with_name(name) for name in ("results.json", "inference.json")]
    for file in files:
        if not file.is_file():
            continue
        config = _document(file).get("config", {})
        for table in [config] if "network" in config else config.values():
            study = TrainConfig.read({k: v for k, v in table.items() if k != "inference"})
            if study.fingerprint == wanted:
                return study.activation
    raise DataError(
        thing="activation of a checkpoint's network is not known",
        value=str(path),
        limit=f"a study in {' or '.join(map(str, files))} that wrote it",
        next_step="Name the activation (cosim infer --activation)",
    )


def _document(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            thing=f"results in {file} cannot be read: {error}", next_step="Train the study again"
        ) from error


def _weights(state: dict[str, Any], layer: str) -> Matrix:
    """Weights of a layer, its tiles put together; of two arrays those of the slow one."""
    parts: dict[tuple[int, int], Any] = {}
    for key, value in state.items():
        place, _, what = key.removeprefix(layer).partition(".")
        if key.startswith(layer + "tile") and what in ("w", "slow.w"):
            i, j = place.removeprefix("tile").split("_")
            parts[int(i), int(j)] = value
    if not parts:
        raise DataError(thing="checkpoint", value=layer, limit="weights of every layer")
    rows, columns = (1 + max(k[axis] for k in parts) for axis in (0, 1))
    return np.block([[parts[i, j] for j in range(columns)] for i in range(rows)])


def data_for(inputs: int) -> tuple[Matrix, Matrix, Labels]:
    """Sample of training inputs, test inputs and labels that fit a number of inputs."""
    from cosim.network import datasets

    if inputs not in (64, 784):
        raise DataError(
            thing="inputs of a checkpoint's network",
            value=inputs,
            limit="784 (MNIST) or 64 (digits of scikit-learn)",
            next_step="Give the study it was trained by instead",
        )
    found = datasets.mnist() if inputs == 784 else datasets.digits()

    def flat(images: Any) -> Matrix:
        return np.asarray(images.reshape(len(images), -1) / np.float32(255), np.float32)

    return flat(found.train_images[:500]), flat(found.test_images), found.test_labels
