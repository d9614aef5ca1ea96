"""Networks as stacks of layers: train, test, checkpoint, resume."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import DataError, ParameterError
from cosim.network.algorithms import Analog, State
from cosim.network.crossbar import Matrix
from cosim.network.layers import Activation, InputOutput, Layer, Linear, softmax_errors

Labels = NDArray[np.integer[Any]]


@dataclass(kw_only=True)
class History:
    """What happened, epoch by epoch.

    Parameters
    ----------
    loss, accuracy, seconds : list of float
        Mean training loss, test accuracy (0 to 1), wall time of the epoch.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Network:
    """A stack of layers that ends in a softmax over classes.

    Parameters
    ----------
    layers : sequence of Layer
    seed : int
        Of the order of the samples; the layers carry their own.
    """

    def __init__(self, layers: Sequence[Layer], *, seed: int = 0, name: str = "network") -> None:
        self.layers, self.seed, self.name = list(layers), seed, name
        self.history = History()

    def scores(self, x: Matrix, batch: int = 500) -> Matrix:
        """Outputs of the last layer for inputs of shape (n, ...)."""
        return np.concatenate([self._forward(x[k : k + batch]) for k in range(0, len(x), batch)])

    def _forward(self, x: Matrix) -> Matrix:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def accuracy(self, x: Matrix, labels: Labels) -> float:
        """Share of right answers."""
        return float(np.mean(self.scores(x).argmax(axis=1) == labels))

    def learn(self, x: Matrix, labels: Labels, rate: float) -> float:
        """One batch; `rate` counts per sample. Returns the mean loss."""
        loss, d = softmax_errors(self._forward(x), labels)
        for layer in reversed(self.layers):
            d = layer.backward(d)
        for layer in self.layers:
            layer.update(rate)
        return loss

    def train(
        self,
        train: tuple[Matrix, Labels],
        test: tuple[Matrix, Labels],
        *,
        epochs: int,
        rate: float = 0.01,
        batch: int = 10,
        decay: float = 1.0,
        checkpoint: Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> History:
        """Train up to `epochs` epochs in all, going on from where the network stands.

        Parameters
        ----------
        train, test : (inputs, labels)
            Inputs float32, shape (n, ...).
        rate : float
            Learning rate per sample, times ``decay ** epoch``.
        checkpoint : Path, optional
            Written after every epoch, resumable bit for bit.
        progress : callable, optional
            Gets one line per epoch.
        """
        x, labels = train
        if len(x) != len(labels) or len(x) == 0 or batch < 1 or epochs < 0:
            raise ParameterError(
                thing="training data", value=(len(x), len(labels), batch), limit="equal, not empty"
            )
        while len(self.history.loss) < epochs:
            epoch = len(self.history.loss)
            begun = time.perf_counter()
            order = np.random.default_rng([self.seed, epoch]).permutation(len(x))
            losses = []
            for k in range(0, len(order), batch):
                chosen = order[k : k + batch]
                losses.append(self.learn(x[chosen], labels[chosen], rate * decay**epoch))
            if not np.isfinite(losses).all():
                raise DataError(
                    thing=f"training loss in epoch {epoch}",
                    value="not finite",
                    next_step="Lower the learning rate.",
                )
            self.history.loss.append(float(np.mean(losses)))
            self.history.seconds.append(time.perf_counter() - begun)
            self.history.accuracy.append(self.accuracy(*test))
            if checkpoint is not None:
                self.save(checkpoint)
            if progress is not None:
                progress(
                    f"epoch {epoch + 1}/{epochs}: loss {self.history.loss[-1]:.4f}, "
                    f"accuracy {100 * self.history.accuracy[-1]:.2f} %, "
                    f"{self.history.seconds[-1]:.1f} s"
                )
        return self.history

    def state(self) -> State:
        """All arrays that change while training."""
        return {
            f"layer{n}.{k}": v
            for n, layer in enumerate(self.layers)
            for k, v in layer.state().items()
        }

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        for n, layer in enumerate(self.layers):
            part = f"layer{n}."
            layer.restore({k.removeprefix(part): v for k, v in state.items() if k.startswith(part)})

    def fingerprint(self) -> str:
        """Hash of the whole state: equal for equal runs."""
        digest = hashlib.sha256()
        for key, value in sorted(self.state().items()):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint (npz, no pickle), whole or not at all."""
        path = Path(path)
        meta = {
            "name": self.name,
            "seed": self.seed,
            "loss": self.history.loss,
            "accuracy": self.history.accuracy,
            "seconds": self.history.seconds,
        }
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, __meta__=np.array(json.dumps(meta)), **self.state())
        partial.replace(path)
        return path

    def load(self, path: str | Path) -> None:
        """Take back a checkpoint written by a network of the same build."""
        try:
            with np.load(Path(path), allow_pickle=False) as file:
                meta = json.loads(str(file["__meta__"]))
                state = {k: file[k] for k in file.files if k != "__meta__"}
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                thing="checkpoint", value=str(path), next_step=f"Not readable: {error}"
            ) from error
        mine = {k: v.shape for k, v in self.state().items()}
        theirs = {k: v.shape for k, v in state.items()}
        if mine != theirs or meta["name"] != self.name or meta["seed"] != self.seed:
            raise DataError(
                thing="checkpoint of another network",
                value=(meta["name"], meta["seed"]),
                limit=f"{self.name}, seed {self.seed}, same layers and algorithm",
            )
        self.restore(state)
        self.history = History(
            loss=meta["loss"], accuracy=meta["accuracy"], seconds=meta["seconds"]
        )


def MLP(
    sizes: Sequence[int],
    *,
    analog: Analog,
    io: InputOutput | None = None,
    activation: str = "sigmoid",
    gain: float = 4.0,
    seed: int = 0,
) -> Network:
    """Fully connected network.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden layers, classes; for example ``(784, 256, 128, 10)``.
    analog : Analog
        Algorithm and device.
    io : InputOutput, optional
    activation : str
        Between the layers.
    gain : float
        Weight range of every layer in units of ``1 / sqrt(inputs)``.
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ParameterError(thing="sizes of an MLP", value=tuple(sizes), limit="two or more, > 0")
    seeds = np.random.SeedSequence(seed).spawn(len(sizes) - 1)
    layers: list[Layer] = []
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        if n:
            layers.append(Activation(activation))
        layers.append(Linear(a, b, analog=analog, io=io, gain=gain, seed=seeds[n], first=n == 0))
    return Network(layers, seed=seed, name="mlp-" + "-".join(map(str, sizes)))
