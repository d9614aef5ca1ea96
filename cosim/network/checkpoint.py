"""Inference over time of a trained network: programming noise, drift, read noise, wires."""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compact_models.errors import ConfigError, DataError
from cosim.behavioural.converters import Converter
from cosim.behavioural.device import BehaviouralDevice, soft_bounds
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.tile import TileOptions
from cosim.network.algorithms import Analog
from cosim.network.crossbar import Matrix
from cosim.network.inference import TIMES, accuracy_over_time
from cosim.network.model import MLP, Labels, Network
from netlists import Parasitics


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a network is programmed and read.

    Parameters
    ----------
    times : tuple of float
        After programming [s].
    acceptance_ranges : tuple of float
        Of the closed loop that programs; 0.002 to 0.02.
    seeds : tuple of int
        One programming each.
    bits : tuple of int or None
        Of inputs and outputs.
    wire : float
        Resistance of a line segment [Ohm].
    tile : int, optional
        Largest rows and outputs of a tile; 1024, or 128 with wires.
    device : BehaviouralDevice, optional
        Window and read law; the published window by default.
    test_samples : int, optional
        Of the test set, from its beginning.
    """

    times: tuple[float, ...] = TIMES
    acceptance_ranges: tuple[float, ...] = (0.002, 0.02)
    seeds: tuple[int, ...] = (0, 1, 2)
    bits: tuple[int | None, int | None] = (6, 8)
    wire: float = 0.0
    tile: int | None = None
    device: BehaviouralDevice | None = field(default=None, repr=False)
    test_samples: int | None = None

    def __post_init__(self) -> None:
        good = self.times and self.seeds and self.acceptance_ranges
        if not good or min(self.times) < 0 or not 0 <= self.wire < 1e6:
            raise ConfigError(
                thing="inference over time",
                value=(self.times, self.seeds, self.wire),
                limit="at least one time >= 0, seed and range; wires of 0 to 1e6 Ohm",
            )


def load_network(path: Path, activation: str = "tanh") -> Network:
    """A fully connected network in floating point from any algorithm's checkpoint.

    Parameters
    ----------
    path : Path
        ``.npz`` as written by training.
    activation : str
        Between the layers; a checkpoint does not hold it.

    Raises
    ------
    DataError
        Not a checkpoint, or not of a fully connected network.
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
    net = MLP(sizes, analog=Analog(algorithm="fp"), activation=activation)
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        layer: Any = net.layers[2 * n]
        weights = _weights(state, f"layer{2 * n}.")
        if weights.shape != (a, b):
            raise DataError(thing="weights of a checkpoint", value=weights.shape, limit=f"{a, b}")
        layer.tiles[0][0].program(weights)
        layer.bias = np.array(state[f"layer{2 * n}.bias"], np.float32)
    return net


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


def data_for(inputs: int, folder: str | None = None) -> tuple[Matrix, Matrix, Labels]:
    """Sample of training inputs, test inputs and labels that fit a number of inputs."""
    from cosim.network import datasets

    if inputs not in (64, 784):
        raise DataError(
            thing="inputs of a checkpoint's network",
            value=inputs,
            limit="784 (MNIST) or 64 (digits of scikit-learn)",
            next_step="Give the study it was trained by instead",
        )
    found = datasets.mnist(folder) if inputs == 784 else datasets.digits()

    def flat(images: Any) -> Matrix:
        return np.asarray(images.reshape(len(images), -1) / np.float32(255), np.float32)

    return flat(found.train_images[:500]), flat(found.test_images), found.test_labels


def infer(
    source: Path,
    reading: Reading | None = None,
    *,
    output: Path | None = None,
    activation: str = "tanh",
    progress: bool = True,
) -> dict[str, Any]:
    """Program the network of a study or checkpoint, and read it over time.

    Parameters
    ----------
    source : Path
        A training study (trained first where `output` holds no checkpoint of it; its first
        arm, algorithm and seed), or a checkpoint.
    reading : Reading, optional
    output : Path, optional
        Folder for ``inference.csv`` and ``inference.json``; needed by a study.
    activation : str
        Of a checkpoint's network.

    Returns
    -------
    dict
        ``floating_point`` (accuracy with exact products), ``rows`` (acceptance_range, seed,
        time, accuracy), ``summary`` (mean and std over the seeds), ``files``.
    """
    r = reading or Reading()
    device = r.device
    if source.suffix == ".npz":
        net = load_network(source, activation)
        first: Any = net.layers[0]
        sample, x, labels = data_for(first.inputs)
    else:
        from cosim.config import load_table
        from cosim.network.settings import arms_of
        from cosim.network.study import prepare

        settings = dict(load_table(source).get("train", {}))
        settings.pop("inference", None)
        study = next(iter(arms_of(settings).values()))
        folder = output or Path("results") / source.stem
        trained, train, (x, labels), study = prepare(
            study.model_dump(mode="python"), folder, progress
        )
        net, sample = trained, train[0][:500]
        device = device or study.device.build()
        output = folder
    x, labels = x[: r.test_samples], labels[: r.test_samples]
    device = (device or soft_bounds()).replace(noise=NoiseLaws())
    options = TileOptions(
        dac=Converter(bits=r.bits[0], bound=1.0),
        adc=Converter(bits=r.bits[1], bound=1.0),
        parasitics=Parasitics(r_row=r.wire, r_col=r.wire),
    )
    if progress:
        print("programming and reading", file=sys.stderr, flush=True)
    rows = accuracy_over_time(
        net, device, sample, (x, labels), times=r.times, acceptance_ranges=r.acceptance_ranges,
        seeds=r.seeds, options=options, tile_size=r.tile or (128 if r.wire else 1024),
    )  # fmt: skip
    result: dict[str, Any] = {
        "floating_point": net.accuracy(x, labels),
        "test_samples": len(labels),
        "wire": r.wire,
        "rows": rows,
        "summary": summarise(rows),
        "files": [],
    }
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        table, details = output / "inference.csv", output / "inference.json"
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        result["files"] = [str(table), str(details)]
        details.write_text(json.dumps(result, indent=1) + "\n")
    return result


def summarise(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation over the seeds for every range and time."""
    keys = dict.fromkeys((r["acceptance_range"], r["time"]) for r in rows)
    out = []
    for a, t in keys:
        found = [r["accuracy"] for r in rows if (r["acceptance_range"], r["time"]) == (a, t)]
        out.append(
            {
                "acceptance_range": a,
                "time": t,
                "mean": float(np.mean(found)),
                "std": float(np.std(found, ddof=1)) if len(found) > 1 else 0.0,
            }
        )
    return out
