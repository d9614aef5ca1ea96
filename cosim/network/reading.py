"""A trained network read over time: of a study, which trains it first, or of a checkpoint."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compact_models.errors import ConfigError
from cosim.behavioural.converters import Converter
from cosim.behavioural.device import BehaviouralDevice, soft_bounds
from cosim.behavioural.tile import TileOptions
from cosim.network.checkpoint import data_for, load_network
from cosim.network.crossbar import Matrix
from cosim.network.inference import accuracy_over_time, programmed_within, summarise
from cosim.network.model import Labels, Network
from cosim.network.runs import StudyData, write_table
from cosim.network.settings import InferenceConfig, arms_of
from netlists import Parasitics

# Inputs that set the ranges of the converters.
SAMPLE = 500


def infer_study(
    config: Mapping[str, Any],
    output: Path,
    progress: bool = True,
    *,
    device: BehaviouralDevice | None = None,
    name: str = "results",
) -> dict[str, Any]:
    """Train a network (or take its checkpoint), program its weights, read at several times.

    Parameters
    ----------
    config : mapping
        Fields of `cosim.network.settings.TrainConfig`, of which the first algorithm and seed
        count. Its table ``inference`` has the fields of
        `cosim.network.settings.InferenceConfig`.
    output : Path
        Folder for tables and checkpoint.
    device : BehaviouralDevice, optional
        That is programmed; by default that of the training.
    name : str
        Of the tables: ``results.csv`` and ``results.json``.

    Returns
    -------
    dict
        ``rows``, ``floating_point`` (accuracy with exact products), ``summary``, ``columns``,
        ``files``.

    Raises
    ------
    ConfigError
        Not one fully connected network.
    """
    settings = dict(config)
    reading = InferenceConfig.read(settings.pop("inference", {}))
    arms = arms_of(settings)
    study = next(iter(arms.values()))
    if len(arms) > 1 or study.network != "mlp":
        raise ConfigError(
            thing="networks of a study that is read over time",
            value=f"{len(arms)} arms" if len(arms) > 1 else study.network,
            limit="one, fully connected (mlp)",
            next_step="Train the study, and give the checkpoint (.npz) of one of its networks",
        )
    device = device or study.device.build()
    for width in reading.acceptance_ranges:
        programmed_within(device, width)
    data = StudyData(study)
    algorithm, seed = study.algorithms[0], study.seeds[0]
    trained, checkpoint = data.run(algorithm, seed, output, title=algorithm, progress=progress)
    result = _read(
        load_network(checkpoint, study.activation), device, data.train_set[0], data.test_set,
        reading, study.tile, progress,
    )  # fmt: skip
    for row in result["rows"]:
        row |= {"fingerprint": study.fingerprint, "state": trained.fingerprint()[:16]}
    result["config"] = {
        **study.model_dump(mode="json"),
        "inference": reading.model_dump(mode="json"),
    }
    result |= {"fingerprint": study.fingerprint, "network": f"{algorithm}, seed {seed}"}
    return _written(result, output, name)


def infer_checkpoint(
    checkpoint: Path,
    config: Mapping[str, Any],
    output: Path | None = None,
    progress: bool = True,
    *,
    device: BehaviouralDevice | None = None,
    activation: str | None = None,
) -> dict[str, Any]:
    """Program the weights of a checkpoint and read them over time.

    Parameters
    ----------
    checkpoint : Path
        Of a fully connected network of MNIST or of scikit-learn's digits.
    config : mapping
        Fields of `cosim.network.settings.InferenceConfig`.
    output : Path, optional
        Folder for ``inference.csv`` and ``inference.json``.
    device : BehaviouralDevice, optional
        That is programmed; by default soft bounds with the published figures.
    activation : str, optional
        Between the layers; by default what the results beside the checkpoint say.

    Returns
    -------
    dict
        As of `infer_study`.
    """
    reading = InferenceConfig.read(config)
    network = load_network(checkpoint, activation)
    first: Any = network.layers[0]
    sample, x, labels = data_for(first.inputs)
    result = _read(network, device or soft_bounds(), sample, (x, labels), reading, 1024, progress)
    result |= {"config": reading.model_dump(mode="json"), "network": checkpoint.name, "files": []}
    return result if output is None else _written(result, output, "inference")


def _read(
    network: Network,
    device: BehaviouralDevice,
    train: Matrix,
    test: tuple[Matrix, Labels],
    reading: InferenceConfig,
    tile: int,
    progress: bool,
) -> dict[str, Any]:
    options = TileOptions(
        scheme=reading.scheme,
        dac=Converter(bits=reading.read_bits[0], bound=1.0),
        adc=Converter(bits=reading.read_bits[1], bound=1.0),
        parasitics=Parasitics(r_row=reading.wire, r_col=reading.wire),
    )
    x, labels = test[0][: reading.test_samples], test[1][: reading.test_samples]
    if progress:
        print("programming and reading", file=sys.stderr, flush=True)
    rows = accuracy_over_time(
        network, device, train[:SAMPLE], (x, labels), times=reading.times,
        acceptance_ranges=reading.acceptance_ranges, seeds=reading.program_seeds,
        options=options, tile_size=reading.tile or (min(tile, 128) if reading.wire else tile),
    )  # fmt: skip
    floating = network.accuracy(x, labels)
    for row in rows:
        row |= {"floating_point": round(floating, 6), "measured_samples": len(labels)}
    return {
        "floating_point": floating,
        "measured_samples": len(labels),
        "rows": rows,
        "summary": summarise(rows),
        "columns": ["acceptance_range", "seed", "time", "accuracy", "floating_point"],
    }


def _written(result: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    table, details = folder / f"{name}.csv", folder / f"{name}.json"
    write_table(table, list(result["rows"][0]), result["rows"])
    result["files"] = [str(table), str(details)]
    details.write_text(json.dumps(result, indent=1) + "\n")
    return result
