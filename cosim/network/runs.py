"""One run of a training study: its data, its network, its checkpoint."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from compact_models.errors import ConfigError
from cosim.network.algorithms import Analog
from cosim.network.crossbar import Pulses
from cosim.network.layers import InputOutput
from cosim.network.model import MLP, Network
from cosim.network.settings import Algorithm, TrainConfig


class StudyData:
    """The data of a study and the networks that fit it."""

    def __init__(self, study: TrainConfig) -> None:
        from cosim.network import datasets

        self.study = study
        text = study.network == "lstm"
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
                analog=analog, io=io, side=x.shape[1], hidden=s.hidden[-1], classes=classes,
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

    def run(
        self, algorithm: Algorithm, seed: int, folder: Path, *, title: str, progress: bool
    ) -> tuple[Network, Path]:
        """Train one network, or take what its checkpoint holds of it.

        Returns
        -------
        network, its checkpoint
        """
        s = self.study
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint = folder / f"{algorithm}-{seed}-{s.fingerprint}.npz"
        net = self.network(algorithm, seed)
        if checkpoint.exists():
            net.load(checkpoint)
        say = None
        if progress:
            say = _printer(f"{title}, seed {seed}: ")
            if net.history.loss:
                say(f"{len(net.history.loss)} of {s.epochs} epochs are in {checkpoint}")
        # Sums of several threads round otherwise: results hang on the seed alone.
        with threadpool_limits(1, "blas"):
            self.train(net, s.rates.get(algorithm, s.rate), checkpoint, say)
        return net, checkpoint


def _printer(prefix: str) -> Callable[[str], None]:
    return lambda line: print(prefix + line, file=sys.stderr, flush=True)


def write_table(path: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all; keys outside `columns` are left out."""
    partial = path.with_suffix(".part")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)
