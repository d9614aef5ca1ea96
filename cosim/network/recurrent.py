"""A character LSTM on analog tiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import DataError, ParameterError
from cosim.network.algorithms import Analog, State
from cosim.network.crossbar import Matrix
from cosim.network.layers import InputOutput, Linear, sigmoid, softmax_errors
from cosim.network.model import Network

Tokens = NDArray[np.integer[Any]]


class LSTM:
    """One LSTM layer; its four gates are one matrix of (inputs + hidden) x 4 hidden.

    Works on sequences of shape (steps, batch, inputs); the state carries over from one
    call to the next, gradients are cut at the start of the sequence.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        *,
        analog: Analog,
        io: InputOutput | None,
        gain: float,
        seed: np.random.SeedSequence,
    ) -> None:
        self.inputs, self.hidden = inputs, hidden
        self.gates = Linear(inputs + hidden, 4 * hidden, analog=analog, io=io, gain=gain, seed=seed)
        # An open forget gate at the start, usual since Gers et al. 2000.
        self.gates.bias[hidden : 2 * hidden] = 1.0
        self.h: Matrix = np.zeros((0, hidden), np.float32)
        self.c: Matrix = np.zeros((0, hidden), np.float32)
        self._tape: list[tuple[Matrix, ...]] = []
        self._learn: tuple[Matrix, Matrix] | None = None

    def reset(self, batch: int) -> None:
        """Forget everything; `batch` parallel sequences follow."""
        self.h = np.zeros((batch, self.hidden), np.float32)
        self.c = np.zeros((batch, self.hidden), np.float32)

    def forward(self, xs: Matrix) -> Matrix:
        """Hidden states, shape (steps, batch, hidden)."""
        if self.h.shape[0] != xs.shape[1]:
            self.reset(xs.shape[1])
        n = self.hidden
        self._tape = []
        out = np.empty((*xs.shape[:2], n), np.float32)
        for t, x in enumerate(xs):
            joined = np.concatenate([x, self.h], axis=1)
            z = self.gates.forward(joined)
            i, f, o = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n]), sigmoid(z[:, 3 * n :])
            g = np.tanh(z[:, 2 * n : 3 * n])
            before, self.c = self.c, f * self.c + i * g
            squashed = np.tanh(self.c)
            self.h = o * squashed
            self._tape.append((joined, i, f, g, o, before, squashed))
            out[t] = self.h
        return out

    def backward(self, ds: Matrix) -> Matrix:
        """Error signals of the inputs, shape (steps, batch, inputs)."""
        dh, dc = np.zeros_like(self.h), np.zeros_like(self.c)
        out = np.empty((*ds.shape[:2], self.inputs), np.float32)
        errors = np.empty((*ds.shape[:2], 4 * self.hidden), np.float32)
        for t in range(len(ds) - 1, -1, -1):
            _, i, f, g, o, before, squashed = self._tape[t]
            dh = dh + ds[t]
            dc = dc + dh * o * (1 - squashed * squashed)
            dz = np.concatenate(
                [
                    dc * g * i * (1 - i),
                    dc * before * f * (1 - f),
                    dc * i * (1 - g * g),
                    dh * squashed * o * (1 - o),
                ],
                axis=1,
            )
            errors[t] = dz
            back = self.gates.backward(dz)
            out[t], dh = back[:, : self.inputs], back[:, self.inputs :]
            dc = dc * f
        joined = np.concatenate([step[0] for step in self._tape])
        self._learn = (joined, errors.reshape(-1, 4 * self.hidden))
        return out

    def update(self, rate: float) -> None:
        """Learn from every step of the last sequence."""
        if self._learn is not None:
            self.gates.learn_from(*self._learn, rate)

    def state(self) -> State:
        """Matrix and running state."""
        return {**self.gates.state(), "h": self.h, "c": self.c}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.gates.restore(state)
        self.h, self.c = np.array(state["h"], np.float32), np.array(state["c"], np.float32)


class CharacterLSTM(Network):
    """Stacked LSTM layers and a linear output over characters.

    Parameters
    ----------
    tokens : int
        Size of the vocabulary; inputs are one-hot.
    hidden : int
        Of every layer; 64 in Falcone et al. 2025.
    depth : int
        Number of LSTM layers; 2 there.
    """

    def __init__(
        self,
        tokens: int,
        *,
        hidden: int = 64,
        depth: int = 2,
        analog: Analog,
        io: InputOutput | None = None,
        gain: float = 4.0,
        batch: int = 16,
        seed: int = 0,
    ) -> None:
        if min(tokens, hidden, depth, batch) < 1:
            raise ParameterError(
                thing="size of a character LSTM", value=(tokens, hidden, depth, batch), limit="> 0"
            )
        seeds = np.random.SeedSequence(seed).spawn(depth + 1)
        sizes = [tokens] + [hidden] * depth
        self.recurrent = [
            LSTM(a, b, analog=analog, io=io, gain=gain, seed=s)
            for (a, b), s in zip(itertools.pairwise(sizes), seeds[:-1], strict=True)
        ]
        for layer in self.recurrent:
            layer.reset(batch)
        self.output = Linear(hidden, tokens, analog=analog, io=io, gain=gain, seed=seeds[-1])
        self.batch = batch
        self.one_hot = np.eye(tokens, dtype=np.float32)
        super().__init__([*self.recurrent, self.output], seed=seed, name="character-lstm")

    def sequence_loss(self, tokens: Tokens, rate: float | None = None) -> float:
        """Mean cross entropy of predicting each next token; learns when `rate` is given.

        `tokens` has shape (steps + 1, batch).
        """
        xs = self.one_hot[tokens[:-1]]
        for layer in self.recurrent:
            xs = layer.forward(xs)
        steps, batch, _ = xs.shape
        flat = self.output.forward(xs.reshape(steps * batch, -1))
        loss, d = softmax_errors(flat, tokens[1:].reshape(-1))
        if rate is not None:
            ds = self.output.backward(d).reshape(xs.shape)
            for layer in reversed(self.recurrent):
                ds = layer.backward(ds)
            self.output.update(rate)
            for layer in self.recurrent:
                layer.update(rate)
        return loss

    def perplexity(self, tokens: Tokens, *, steps: int = 64) -> float:
        """exp of the mean cross entropy over a text, read as `batch` parallel pieces."""
        kept = [(layer.h.copy(), layer.c.copy()) for layer in self.recurrent]
        for layer in self.recurrent:
            layer.reset(self.batch)
        grid = self._pieces(tokens)
        losses, weights = [], []
        for k in range(0, len(grid) - 1, steps):
            piece = grid[k : k + steps + 1]
            losses.append(self.sequence_loss(piece))
            weights.append(len(piece) - 1)
        for layer, (h, c) in zip(self.recurrent, kept, strict=True):
            layer.h, layer.c = h, c
        # A network that diverged may be too bad for a number.
        with np.errstate(over="ignore"):
            return float(np.exp(np.average(losses, weights=weights)))

    def _pieces(self, tokens: Tokens) -> Tokens:
        length = len(tokens) // self.batch
        if length < 2:
            raise ParameterError(
                thing="length of the text", value=len(tokens), limit=f">= {2 * self.batch}"
            )
        return tokens[: length * self.batch].reshape(self.batch, length).T

    def train_text(
        self,
        train: Tokens,
        test: Tokens,
        *,
        epochs: int,
        rate: float,
        decay: float = 1.0,
        steps: int = 32,
        characters: int | None = None,
        checkpoint: Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> list[float]:
        """Train on a text up to `epochs` in all; test perplexity after every epoch.

        With `characters` an epoch is that much of the text, and the next one goes on behind
        it; after the last whole part the text begins again.
        """
        import time

        grid = self._pieces(train)
        whole = len(grid) - 1
        part = whole if characters is None else min(whole, max(1, characters // self.batch))
        while len(self.history.loss) < epochs:
            epoch = len(self.history.loss)
            begun = time.perf_counter()
            first = epoch % (whole // part) * part
            if first == 0:
                for layer in self.recurrent:
                    layer.reset(self.batch)
            losses = [
                self.sequence_loss(grid[k : min(k + steps, first + part) + 1], rate * decay**epoch)
                for k in range(first, first + part, steps)
            ]
            if not np.isfinite(losses).all():
                raise DataError(
                    thing=f"training loss in epoch {epoch}",
                    value="not finite",
                    next_step="Lower the learning rate.",
                )
            self.history.loss.append(float(np.mean(losses)))
            self.history.seconds.append(time.perf_counter() - begun)
            self.history.accuracy.append(self.perplexity(test))
            if checkpoint is not None:
                self.save(checkpoint)
            if progress is not None:
                progress(
                    f"epoch {epoch + 1}/{epochs}: loss {self.history.loss[-1]:.4f}, "
                    f"perplexity {self.history.accuracy[-1]:.3f}, "
                    f"{self.history.seconds[-1]:.1f} s"
                )
        return self.history.accuracy
