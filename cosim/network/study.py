"""Training studies: one network, several algorithms and seeds, one table of results."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from compact_models.errors import ConfigError, best_matches
from cosim.behavioural.device import BehaviouralDevice, DeviceSpread, soft_bounds
from cosim.network.algorithms import ALGORITHMS, Analog, TransferOptions
from cosim.network.crossbar import Pulses
from cosim.network.layers import InputOutput
from cosim.network.model import MLP, Network

Algorithm = Literal["fp", "sgd", "ttv1", "ttv2", "cttv2", "agad", "mixed"]
ReferenceName = Literal["middle", "nominal", "shifted"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeviceConfig(_Strict):
    """A soft-bounds device by its figures, or the path of a calibrated one."""

    path: str | None = None
    states: float = Field(default=22.0, gt=1)
    skew: float = Field(default=0.61, gt=0, lt=1)
    nsr: float = Field(default=0.90, ge=0)
    step_spread: float = Field(default=0.0, ge=0, le=2)
    up_down_spread: float = Field(default=0.0, ge=0, le=2)
    half_select: float | None = Field(default=None, ge=0, le=1)

    def build(self) -> BehaviouralDevice:
        """The device."""
        if self.path is not None:
            device = BehaviouralDevice.load(self.path)
        else:
            device = soft_bounds(
                states=self.states,
                skew=self.skew,
                nsr=self.nsr,
                spread=DeviceSpread(step=self.step_spread, up_down=self.up_down_spread),
            )
        if self.half_select is not None:
            device = device.replace(half_select=self.half_select)
        return device


class TransferConfig(_Strict):
    """See `TransferOptions`."""

    fast: float = Field(default=1.0, gt=0)
    every: int = Field(default=1, ge=1)
    sweep: int | None = Field(default=100, ge=1)
    lift: float = Field(default=0.3, gt=0)
    flip: float = Field(default=0.1, ge=0, le=1)
    memory: float = Field(default=0.5, gt=0, le=1)
    read_sigma: float = Field(default=0.0, ge=0)
    pulse_length: int = Field(default=5, ge=1, le=63)

    def build(self) -> TransferOptions:
        """The options."""
        fields = self.model_dump(exclude={"pulse_length"})
        return TransferOptions(pulses=Pulses(length=self.pulse_length), **fields)


class TrainConfig(_Strict):
    """What a training study is made of; unknown keys are errors.

    Rates count per sample; ``rates`` overrides ``rate`` for single algorithms.
    """

    network: Literal["mlp", "lenet", "lstm"] = "mlp"
    data: Literal["mnist", "digits", "war_and_peace"] = "digits"
    data_folder: str | None = None
    hidden: tuple[int, ...] = (256, 128)
    activation: Literal["sigmoid", "tanh", "relu"] = "tanh"
    gain: float = Field(default=8.0, gt=0)
    algorithms: tuple[Algorithm, ...] = ("fp", "sgd", "agad")
    seeds: tuple[int, ...] = (0,)
    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=10, ge=1)
    rate: float = Field(default=0.02, gt=0)
    rates: dict[Algorithm, float] = Field(default_factory=dict)
    decay: float = Field(default=1.0, gt=0, le=1)
    train_samples: int | None = Field(default=None, ge=10)
    test_samples: int | None = Field(default=None, ge=10)
    sequence: int = Field(default=32, ge=2)
    device: DeviceConfig = Field(default_factory=DeviceConfig)
    transfer: TransferConfig = Field(default_factory=TransferConfig)
    reference: ReferenceName = "nominal"
    fast_reference: ReferenceName = "nominal"
    pulse_length: int = Field(default=31, ge=1, le=63)
    dac_bits: int | None = 7
    adc_bits: int | None = 9
    output_noise: float = Field(default=0.0, ge=0)
    tile: int = Field(default=1024, ge=1)

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> TrainConfig:
        """Check a table from a study file."""
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(p) for p in first["loc"])
            hint = ""
            if first["type"] == "extra_forbidden":
                hint = best_matches(str(first["loc"][-1]), cls.model_fields)
            elif first["loc"] and first["loc"][0] == "algorithms":
                hint = best_matches(str(first["input"]), ALGORITHMS)
            raise ConfigError(
                thing=f"training study, {place}",
                value=first.get("input"),
                limit=first["msg"],
                next_step=hint,
            ) from error

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides the results; where the data lies does not."""
        table = self.model_dump(mode="json", exclude={"data_folder", "algorithms", "seeds"})
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:16]


def train_study(config: Mapping[str, Any], output: Path, progress: bool = True) -> dict[str, Any]:
    """Train every algorithm with every seed; write results and checkpoints.

    A study that was stopped goes on where it stood: finished epochs are read from the
    checkpoints of the same configuration.

    Parameters
    ----------
    config : mapping
        Fields of `TrainConfig`.
    output : Path
        Folder for ``results.json``, ``results.csv`` and checkpoints.
    progress : bool
        One line per epoch on stderr.

    Returns
    -------
    dict
        ``rows`` (one per algorithm and seed), ``summary``, ``measure`` ("accuracy" or
        "perplexity"), ``config``, ``fingerprint``, ``files``.
    """
    study = TrainConfig.read(config)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    measure = "perplexity" if study.network == "lstm" else "accuracy"
    load = _Data(study)
    rows: list[dict[str, Any]] = []
    for algorithm in study.algorithms:
        for seed in study.seeds:
            name = f"{algorithm}-{seed}-{study.fingerprint}"
            say = _printer(f"{algorithm} seed {seed}: ") if progress else None
            net = load.network(algorithm, seed)
            checkpoint = output / f"{name}.npz"
            if checkpoint.exists():
                net.load(checkpoint)
            load.train(net, study.rates.get(algorithm, study.rate), checkpoint, say)
            history = net.history
            best = (min if measure == "perplexity" else max)(history.accuracy)
            rows.append(
                {
                    "algorithm": algorithm,
                    "seed": seed,
                    "epochs": len(history.loss),
                    "rate": study.rates.get(algorithm, study.rate),
                    measure: history.accuracy[-1],
                    f"best_{measure}": best,
                    "loss": history.loss[-1],
                    "seconds": round(sum(history.seconds), 2),
                    "samples_per_second": round(load.samples / np.mean(history.seconds), 1),
                    "state": net.fingerprint()[:16],
                    "curve": list(history.accuracy),
                }
            )
    result = {
        "measure": measure,
        "rows": rows,
        "summary": _summary(rows, measure),
        "config": study.model_dump(mode="json"),
        "fingerprint": study.fingerprint,
        "files": _write(rows, study, output, measure),
    }
    return result


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
    say = _printer(f"{algorithm} seed {seed}: ") if progress else None
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
            train, _, test = book.split()
            self.tokens = len(book.vocabulary)
            self.text = (train[: study.train_samples], test[: study.test_samples])
            self.samples = len(self.text[0])
            return
        pictures = datasets.mnist(study.data_folder) if study.data == "mnist" else datasets.digits()

        def scaled(images: Any, labels: Any, count: int | None) -> Any:
            x = (images[:count] / np.float32(255)).astype(np.float32)
            x = x.reshape(len(x), -1) if study.network == "mlp" else x[..., None]
            return x, labels[:count]

        self.train_set = scaled(pictures.train_images, pictures.train_labels, study.train_samples)
        self.test_set = scaled(pictures.test_images, pictures.test_labels, study.test_samples)
        self.samples = len(self.train_set[0])

    def network(self, algorithm: Algorithm, seed: int) -> Network:
        """A fresh network."""
        s = self.study
        analog = Analog(
            algorithm=algorithm,
            device=s.device.build(),
            reference=s.reference,
            fast_reference=s.fast_reference,
            pulses=Pulses(length=s.pulse_length),
            transfer=s.transfer.build(),
        )
        io = InputOutput(
            dac_bits=s.dac_bits, adc_bits=s.adc_bits, noise=s.output_noise,
            tile_inputs=s.tile, tile_outputs=s.tile,
        )  # fmt: skip
        if s.network == "lstm":
            from cosim.network.recurrent import CharacterLSTM

            return CharacterLSTM(
                self.tokens, hidden=s.hidden[0], depth=len(s.hidden), analog=analog, io=io,
                gain=s.gain, batch=s.batch, seed=seed,
            )  # fmt: skip
        x, labels = self.train_set
        classes = int(labels.max()) + 1
        if s.network == "lenet":
            from cosim.network.convolution import LeNet

            return LeNet(
                analog=analog, io=io, side=x.shape[1], classes=classes,
                kernel=5 if x.shape[1] >= 16 else 3, activation=s.activation, gain=s.gain,
                seed=seed,
            )  # fmt: skip
        return MLP(
            (x.shape[1], *s.hidden, classes), analog=analog, io=io, activation=s.activation,
            gain=s.gain, seed=seed,
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
                checkpoint=checkpoint, progress=say,
            )  # fmt: skip
        else:
            net.train(
                self.train_set, self.test_set, epochs=s.epochs, rate=rate, batch=s.batch,
                decay=s.decay, checkpoint=checkpoint, progress=say,
            )  # fmt: skip


def _printer(prefix: str) -> Callable[[str], None]:
    return lambda line: print(prefix + line, file=sys.stderr, flush=True)


def _summary(rows: list[dict[str, Any]], measure: str) -> dict[str, dict[str, float]]:
    out: dict[str, dict[str, float]] = {}
    for algorithm in dict.fromkeys(str(r["algorithm"]) for r in rows):
        values = np.array([r[measure] for r in rows if r["algorithm"] == algorithm])
        out[algorithm] = {"mean": float(values.mean()), "std": float(values.std())}
    return out


def _write(rows: list[dict[str, Any]], study: TrainConfig, output: Path, measure: str) -> list[str]:
    table = output / "results.csv"
    columns = [k for k in rows[0] if k != "curve"]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    details = output / "results.json"
    device = dataclasses.asdict(study.device.build())
    content = {
        "config": study.model_dump(mode="json"),
        "fingerprint": study.fingerprint,
        "measure": measure,
        "rows": rows,
        "device": device,
    }
    details.write_text(json.dumps(content, indent=1) + "\n")
    return [str(table), str(details)]
