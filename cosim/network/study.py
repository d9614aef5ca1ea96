"""Training studies: one network, several arms, algorithms and seeds, one table of results."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compact_models.errors import ConfigError
from cosim.network.algorithms import Analog
from cosim.network.crossbar import Pulses
from cosim.network.layers import InputOutput
from cosim.network.model import MLP, Network
from cosim.network.settings import Algorithm, TrainConfig, arms_of

__all__ = ["TrainConfig", "train_study"]


def train_study(config: Mapping[str, Any], output: Path, progress: bool = True) -> dict[str, Any]:
    """Train every algorithm with every seed in every arm; write results and checkpoints.

    A study that was stopped goes on where it stood: finished epochs are read from the
    checkpoints of the same configuration. The tables are written after every run.

    Parameters
    ----------
    config : mapping
        Fields of `TrainConfig`, and optionally ``arms`` (see `arms_of`). With a table
        ``inference`` the network is trained in floating point, programmed and read over
        time instead (see `cosim.network.inference.infer_study`).
    output : Path
        Folder for ``results.json``, ``results.csv``, ``curves.csv`` and checkpoints.
    progress : bool
        One line per epoch on stderr.

    Returns
    -------
    dict
        ``rows`` (one per arm, algorithm and seed), ``summary``, ``measure`` ("accuracy" or
        "perplexity"), ``config``, ``fingerprint``, ``columns`` (of a short table), ``files``.
    """
    if "inference" in config:
        from cosim.network.inference import infer_study

        return infer_study(config, output, progress)
    arms = arms_of(config)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    first = next(iter(arms.values()))
    measure = "perplexity" if first.network == "lstm" else "accuracy"
    prints = [arm.fingerprint for arm in arms.values()]
    result: dict[str, Any] = {
        "measure": measure,
        "rows": [],
        "summary": {},
        "config": {name: arm.model_dump(mode="json") for name, arm in arms.items()},
        "fingerprint": prints[0] if len(prints) == 1 else _digest(prints),
        "columns": ["arm", "algorithm", "seed", "epochs", measure, "loss", "seconds"],
        "files": [str(output / name) for name in ("results.csv", "curves.csv", "results.json")],
    }
    for name, study in arms.items():
        load = _Data(study)
        for seed in study.seeds:
            for algorithm in study.algorithms:
                row = _run(load, name, algorithm, seed, output, progress)
                result["rows"].append(row)
                result["summary"] = _summary(result["rows"], measure)
                _write(result, output)
    return result


def _run(
    load: _Data, arm: str, algorithm: Algorithm, seed: int, output: Path, progress: bool
) -> dict[str, Any]:
    """Train one network, or take what its checkpoint holds of it."""
    study = load.study
    measure = "perplexity" if study.network == "lstm" else "accuracy"
    title = f"{arm}, {algorithm}" if arm else algorithm
    say = _printer(f"{title}, seed {seed}: ") if progress else None
    net = load.network(algorithm, seed)
    checkpoint = output / f"{algorithm}-{seed}-{study.fingerprint}.npz"
    if checkpoint.exists():
        net.load(checkpoint)
    rate = study.rates.get(algorithm, study.rate)
    load.train(net, rate, checkpoint, say)
    history = net.history
    return {
        "arm": arm,
        "algorithm": algorithm,
        "seed": seed,
        "split": study.split,
        "train_samples": load.samples,
        "measured_samples": load.measured,
        "epochs": len(history.loss),
        "rate": rate,
        measure: round(history.accuracy[-1], 6),
        "loss": round(history.loss[-1], 6),
        "seconds": round(sum(history.seconds), 1),
        "fingerprint": study.fingerprint,
        "state": net.fingerprint()[:16],
        "curve": list(history.accuracy),
        "losses": list(history.loss),
    }


def prepare(
    config: Mapping[str, Any], output: Path, progress: bool
) -> tuple[Network, Any, Any, TrainConfig]:
    """Train (or load) the first algorithm and seed of an image study.

    Returns
    -------
    network, (train inputs, labels), (test inputs, labels), checked configuration
    """
    study = TrainConfig.read(config)
    if study.network != "mlp":
        raise ConfigError(thing="network of an inference study", value=study.network, limit="mlp")
    output.mkdir(parents=True, exist_ok=True)
    algorithm, seed = study.algorithms[0], study.seeds[0]
    data = _Data(study)
    net = data.network(algorithm, seed)
    checkpoint = output / f"{algorithm}-{seed}-{study.fingerprint}.npz"
    if checkpoint.exists():
        net.load(checkpoint)
    say = _printer(f"{algorithm}, seed {seed}: ") if progress else None
    data.train(net, study.rates.get(algorithm, study.rate), checkpoint, say)
    return net, data.train_set, data.test_set, study


class _Data:
    """The data of a study and the networks that fit it."""

    def __init__(self, study: TrainConfig) -> None:
        from cosim.network import datasets

        self.study = study
        text = study.network == "lstm"
        if text != (study.data == "war_and_peace"):
            raise ConfigError(
                thing=f"data of a {study.network} study",
                value=study.data,
                limit="war_and_peace for lstm, mnist or digits for mlp and lenet",
            )
        if text:
            book = datasets.war_and_peace(study.data_folder)
            train, held_out, test = book.split()
            self.tokens = len(book.vocabulary)
            measured = test[: study.test_samples]
            if study.validation_samples is not None:
                measured = held_out[: study.validation_samples]
            self.text = (train[: study.train_samples], measured)
            self.samples, self.measured = len(self.text[0]), len(measured)
            return
        pictures = datasets.mnist(study.data_folder) if study.data == "mnist" else datasets.digits()

        def scaled(images: Any, labels: Any, count: int | None) -> Any:
            x = (images[:count] / np.float32(255)).astype(np.float32)
            x = x.reshape(len(x), -1) if study.network == "mlp" else x[..., None]
            return x, labels[:count]

        images, labels = pictures.train_images, pictures.train_labels
        self.test_set = scaled(pictures.test_images, pictures.test_labels, study.test_samples)
        if study.validation_samples is not None:
            rest = len(images) - study.validation_samples
            if rest < (study.train_samples or 1):
                raise ConfigError(
                    thing="training images left beside those held out for validation",
                    value=rest,
                    limit=f">= {study.train_samples or 1}",
                    next_step="Lower validation_samples or train_samples.",
                )
            self.test_set = scaled(images[rest:], labels[rest:], None)
            images, labels = images[:rest], labels[:rest]
        self.train_set = scaled(images, labels, study.train_samples)
        self.samples, self.measured = len(self.train_set[0]), len(self.test_set[0])

    def network(self, algorithm: Algorithm, seed: int) -> Network:
        """A fresh network."""
        s = self.study
        gain = s.gains.get(algorithm, s.gain)
        analog = Analog(
            algorithm=algorithm,
            device=s.device.build(),
            reference=s.reference,
            fast_reference=s.fast_reference,
            pulses=Pulses(length=s.pulse_length),
            transfer=s.transfer.build(),
        )
        io = InputOutput(
            dac_bits=s.dac_bits, adc_bits=s.adc_bits, adc_bound=s.adc_bound,
            bound_management=s.bound_management, noise=s.output_noise,
            tile_inputs=s.tile, tile_outputs=s.tile,
        )  # fmt: skip
        if s.network == "lstm":
            from cosim.network.recurrent import CharacterLSTM

            return CharacterLSTM(
                self.tokens, hidden=s.hidden[0], depth=len(s.hidden), analog=analog, io=io,
                gain=gain, batch=s.batch, seed=seed,
            )  # fmt: skip
        x, labels = self.train_set
        classes = int(labels.max()) + 1
        if s.network == "lenet":
            from cosim.network.convolution import LeNet

            return LeNet(
                analog=analog, io=io, side=x.shape[1], classes=classes,
                kernel=5 if x.shape[1] >= 16 else 2, activation=s.activation, gain=gain,
                seed=seed,
            )  # fmt: skip
        return MLP(
            (x.shape[1], *s.hidden, classes), analog=analog, io=io, activation=s.activation,
            gain=gain, seed=seed,
        )  # fmt: skip

    def train(
        self, net: Network, rate: float, checkpoint: Path, say: Callable[[str], None] | None
    ) -> None:
        """Train to the study's number of epochs."""
        from cosim.network.recurrent import CharacterLSTM

        s = self.study
        if isinstance(net, CharacterLSTM):
            net.train_text(
                *self.text, epochs=s.epochs, rate=rate, decay=s.decay, steps=s.sequence,
                characters=s.epoch_characters, checkpoint=checkpoint, progress=say,
            )  # fmt: skip
        else:
            net.train(
                self.train_set, self.test_set, epochs=s.epochs, rate=rate, batch=s.batch,
                decay=s.decay, checkpoint=checkpoint, progress=say,
            )  # fmt: skip


def _printer(prefix: str) -> Callable[[str], None]:
    return lambda line: print(prefix + line, file=sys.stderr, flush=True)


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def _summary(rows: list[dict[str, Any]], measure: str) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the seeds (n - 1), by arm and algorithm."""
    found: dict[str, list[float]] = {}
    for r in rows:
        key = f"{r['arm']}: {r['algorithm']}" if r["arm"] else str(r["algorithm"])
        found.setdefault(key, []).append(r[measure])
    return {
        key: {
            "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
            "seeds": len(values),
        }
        for key, values in found.items()
    }


def _write(result: dict[str, Any], output: Path) -> None:
    """Tables and the whole result, each renamed into place."""
    rows, measure = result["rows"], result["measure"]
    curves = [
        {
            "arm": r["arm"], "algorithm": r["algorithm"], "seed": r["seed"], "epoch": n + 1,
            "loss": round(loss, 6), measure: round(value, 6),
        }
        for r in rows
        for n, (loss, value) in enumerate(zip(r["losses"], r["curve"], strict=True))
    ]  # fmt: skip
    long = ("curve", "losses")
    write_table(output / "results.csv", [k for k in rows[0] if k not in long], rows)
    write_table(output / "curves.csv", list(curves[0]), curves)
    partial = output / "results.part"
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(output / "results.json")


def write_table(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all; keys outside `columns` are left out."""
    partial = path.with_suffix(".part")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)
