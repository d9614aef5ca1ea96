"""Images a second, for training and inference, beside aihwkit in the same run.

Network 784-256-128-10, tanh, on real digits: MNIST where it is found, else those of
scikit-learn on 28 x 28 pixels. Both sides work in turns in one process on one thread, so
that other work on the machine meets both alike; their ratio is the median over the turns
after one batch each to warm up. Times are processor times; the ratio of times on the clock
stands beside. Accuracy is that after the images of the comparison, which are few: it
says whether both do the same work, not what they reach.

Both sides alike: soft-bounds devices, 1200 states over weights -0.6 to 0.6, multiplicative
noise 0.3 per pulse, no spread; 7 bits in, 9 bits out up to 12, noise 0.06 on every output;
trains of at most 31 pulses under update management; the learning rate counts per image.
Plain SGD has the rate at which both reach most in 2000 images (of 0.005, 0.01, 0.02 and
0.05): higher ones give more pulses and less accuracy. Tiki-Taka rows come in two kinds:
``equal pulses`` has the strengths, trains and transfers per image of aihwkit's ReRAM presets
on both sides (the numbers of pulses agree within some per cent), readings of the fast array
without noise; ``own settings`` has this project's defaults against the same presets, which
counts as long as the accuracy is not lower.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from compact_models.errors import DataError
from cosim.behavioural.converters import Converter
from cosim.behavioural.device import soft_bounds
from cosim.behavioural.tile import TileOptions
from cosim.network import speed_peer
from cosim.network.algorithms import Analog, TransferOptions
from cosim.network.crossbar import Matrix, Pulses
from cosim.network.layers import Activation, InputOutput, Layer, Linear
from cosim.network.model import Labels, Network
from cosim.network.race import Pace, Work, race
from netlists import Parasitics

SIZES = (784, 256, 128, 10)
# Per image; see above.
RATES = {"sgd": 0.01, "ttv2": 0.05, "cttv2": 0.05, "agad": 0.05}
WEIGHT_MAX, OUTPUT_MAX, OUTPUT_NOISE = 0.6, 12.0, 0.06
# The goals: aihwkit's time over ours.
GOALS = {"sgd": 2.0, "tiki-taka": 10.0, "inference": 2.0, "inference with IR drop": 5.0}
TIKI_TAKA = ("ttv2", "cttv2", "agad")
# Resistance of a wire segment as aihwkit takes it: 0.35 Ohm beside devices of 5 uS.
WIRE_RATIO = 0.35 * 5e-6

Images = tuple[Matrix, Labels]


@dataclass(frozen=True, kw_only=True)
class SpeedRow:
    """One comparison.

    Parameters
    ----------
    name : str
        What was done.
    batch : int
    ours, peer : float or None
        Images a second; the peer's is None where aihwkit is not installed.
    ratio, wall_ratio : float or None
        Ours over the peer's, of processor time and of time on the clock.
    accuracy, peer_accuracy : float or None
        Share of right answers on images not trained on.
    goal : float or None
        Least ratio wanted.
    note : str
    """

    name: str
    batch: int
    ours: float
    peer: float | None = None
    ratio: float | None = None
    wall_ratio: float | None = None
    accuracy: float | None = None
    peer_accuracy: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Goal reached at no lower accuracy; None where there is nothing to compare."""
        if self.ratio is None or self.goal is None:
            return None
        lower = (
            self.accuracy is not None
            and self.peer_accuracy is not None
            # Two standard errors of the difference of two shares of 1000.
            and self.accuracy < self.peer_accuracy - 0.03
        )
        return self.ratio >= self.goal and not lower


@lru_cache(maxsize=1)
def pictures() -> tuple[Images, Images, str]:
    """Real digits of 28 x 28 pixels for training and test, and where they come from."""
    from cosim.network import datasets

    try:
        found, name = datasets.mnist(), "MNIST"
    except DataError:
        found, name = datasets.digits(), "scikit-learn digits, enlarged"

    def flat(images: Any, labels: Any) -> Images:
        if images.shape[1] == 8:
            images = np.pad(images.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
        return (images.reshape(len(images), -1) / np.float32(255)).astype(np.float32), labels

    train = flat(found.train_images[:20000], found.train_labels[:20000])
    return train, flat(found.test_images[:1000], found.test_labels[:1000]), name


def _network(analog: Analog, seed: int = 0) -> Network:
    """Weights and converters as aihwkit has them by default: equal weight steps and noise."""
    io = InputOutput(adc_bound=OUTPUT_MAX / WEIGHT_MAX, noise=OUTPUT_NOISE / WEIGHT_MAX)
    layers: list[Layer] = []
    seeds = np.random.SeedSequence(seed).spawn(len(SIZES))
    for n, (a, b) in enumerate(itertools.pairwise(SIZES)):
        if n:
            layers.append(Activation("tanh"))
        gain = WEIGHT_MAX * a**0.5
        layers.append(Linear(a, b, analog=analog, io=io, gain=gain, first=n == 0, seed=seeds[n]))
    return Network(layers)


def _settings(algorithm: str) -> list[tuple[str, TransferOptions]]:
    if algorithm == "sgd":
        return [("sgd", TransferOptions())]
    preset = TransferOptions(
        fast=speed_peer.FAST_RATE * speed_peer.LENGTH,
        lift=1.0,
        sweep=None,
        flip=speed_peer.CHOPS[algorithm],
        pulses=Pulses(length=speed_peer.LENGTH),
    )
    return [
        (f"{algorithm}, own settings", TransferOptions()),
        (f"{algorithm}, equal pulses", preset),
    ]


def _beside(pace: Pace, accuracy: float, peer: float | None) -> str:
    """End of a note: accuracy of both, and the ratio on the clock."""
    if peer is None:
        return f"; accuracy {accuracy:.3f}"
    return f"; accuracy {accuracy:.3f}, aihwkit {peer:.3f}; on the clock {pace.wall_ratio:.1f} x"


def training_rows(
    *,
    images: int = 3000,
    algorithms: Sequence[str] = ("sgd", *TIKI_TAKA),
    batches: Sequence[int] = (1, 10),
    peer: bool = True,
) -> Iterator[SpeedRow]:
    """Training against aihwkit (where it is installed and `peer` is true).

    Parameters
    ----------
    images : int
        Trained on by each side.
    algorithms, batches : sequence

    Yields
    ------
    SpeedRow
    """
    (x, labels), test, source = pictures()
    images = min(images, len(x))
    device = soft_bounds(states=1200.0, skew=0.5, nsr=0.3)

    def learn(net: Network, batch: int, rate: float) -> Work:
        def work(k: int) -> None:
            net.learn(x[k : k + batch], labels[k : k + batch], rate)

        return work

    for algorithm in algorithms:
        named, rate = _settings(algorithm), RATES[algorithm]
        for batch in batches:
            nets = [
                _network(Analog(algorithm=algorithm, device=device, transfer=options))
                for _, options in named
            ]
            rival = (
                speed_peer.Trainer(algorithm, SIZES, x[:images], labels[:images], rate, batch)
                if peer and speed_peer.available()
                else None
            )
            works: list[Work | None] = [learn(net, batch, rate) for net in nets]
            works.append(rival.learn if rival else None)
            *mine, theirs = race(works, images, batch)
            rival_accuracy = rival.accuracy(*test) if rival else None
            for (name, _), net, found in zip(named, nets, mine, strict=True):
                assert found is not None
                accuracy = net.accuracy(*test)
                yield SpeedRow(
                    name=f"training, {name}", batch=batch, ours=found.rate,
                    peer=theirs.rate if theirs else None, ratio=found.ratio if theirs else None,
                    wall_ratio=found.wall_ratio if theirs else None,
                    accuracy=accuracy, peer_accuracy=rival_accuracy,
                    goal=GOALS["sgd" if algorithm == "sgd" else "tiki-taka"],
                    note=f"{images} images of {source}" + _beside(found, accuracy, rival_accuracy),
                )  # fmt: skip


def inference_rows(
    *,
    images: int = 2000,
    batches: Sequence[int] = (1, 100),
    wires: Sequence[bool] = (False, True),
    epochs: int = 1,
    peer: bool = True,
) -> Iterator[SpeedRow]:
    """Inference of one trained network on programmed tiles against aihwkit's.

    7 bits in, 9 bits out, no output noise, tiles of at most 512 inputs, programming noise.
    With wires, every segment has the same resistance relative to the devices on both sides;
    ours are solved exactly once a tile, which the note times.

    Yields
    ------
    SpeedRow
    """
    from cosim.network.inference import ProgrammedNetwork

    (x, labels), (xt, yt), source = pictures()
    net = _network(Analog(algorithm="fp"))
    for k in range(0, epochs * len(x) - 10, 10):
        chosen = np.arange(k, k + 10) % len(x)
        net.learn(x[chosen], labels[chosen], 0.02)
    device = soft_bounds()
    images = min(images, len(x))
    for wired in wires:
        r = WIRE_RATIO / device.conductance_max if wired else 0.0
        options = TileOptions(
            dac=Converter(bits=7), adc=Converter(bits=9), parasitics=Parasitics(r_row=r, r_col=r)
        )
        mine = ProgrammedNetwork(net, device, x[:500], options=options, tile_size=512)
        begun = time.process_time()
        mine.scores(x[:1])
        note = f"{source}; first product {time.process_time() - begun:.1f} s" if wired else source
        for batch in batches:
            rival = (
                speed_peer.Reader(SIZES, [w for w in net.layers if isinstance(w, Linear)], wired)
                if peer and speed_peer.available()
                else None
            )
            count = images if batch > 1 else images // 4

            def ours(k: int, batch: int = batch, mine: Any = mine) -> None:
                mine.scores(x[k : k + batch])

            def theirs(k: int, batch: int = batch, rival: Any = rival) -> None:
                rival.scores(x[k : k + batch])

            found, other = race([ours, theirs if rival else None], count, batch)
            assert found is not None
            accuracy = mine.accuracy(xt, yt)
            rival_accuracy = rival.accuracy(xt, yt) if rival else None
            yield SpeedRow(
                name="inference with IR drop" if wired else "inference", batch=batch,
                ours=found.rate, peer=other.rate if other else None,
                ratio=found.ratio if other else None,
                wall_ratio=found.wall_ratio if other else None, accuracy=accuracy,
                peer_accuracy=rival_accuracy,
                goal=GOALS["inference with IR drop" if wired else "inference"],
                note=note + _beside(found, accuracy, rival_accuracy),
            )  # fmt: skip


def text(rows: Sequence[SpeedRow]) -> str:
    """Aligned table of rows."""

    def show(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    lines = [
        f"{'work':34}{'batch':>6}{'images/s':>10}{'aihwkit':>9}{'ratio':>7}{'clock':>7}{'goal':>6}"
        f"{'accuracy':>10}{'aihwkit':>9}  met"
    ]
    for r in rows:
        met = {True: "yes", False: "no", None: "-"}[r.met]
        lines.append(
            f"{r.name:34}{r.batch:6d}{r.ours:10.0f}{show(r.peer, '.0f'):>9}"
            f"{show(r.ratio, '.1f'):>7}{show(r.wall_ratio, '.1f'):>7}{show(r.goal, '.0f'):>6}"
            f"{show(r.accuracy, '.3f'):>10}"
            f"{show(r.peer_accuracy, '.3f'):>9}  {met}"
        )
    return "\n".join(lines)
