"""One layer of a network on any rung: circuit, array or behaviour.

A `CircuitLayer` learns with a `Rung` in the same training loop as every other layer. The
pulses of an update are drawn once, as `Slot`s, so that several rungs can be given the same
ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.device import BehaviouralDevice
from cosim.network.algorithms import State
from cosim.network.circuit_rungs import Rung, Slot
from cosim.network.crossbar import Matrix, Pulses
from cosim.network.random import new_state
from cosim.network.trains import bit_train, train_length

FloatArray = NDArray[np.float64]


def draw_slots(
    xs: Matrix, ds: Matrix, strength: float, pulses: Pulses, rng: NDArray[np.uint64]
) -> Iterator[Slot]:
    """Stochastic trains of a batch, slot after slot; empty ones are left out.

    Parameters
    ----------
    xs, ds : ndarray, shapes (batch, rows), (batch, columns)
    strength : float
        Learning rate over the weight step of one pulse.
    rng : ndarray
        Generator state, advanced.
    """
    bits_x, bits_d = np.zeros(xs.shape[1], np.uint64), np.zeros(ds.shape[1], np.uint64)
    for x, d in zip(xs, ds, strict=True):
        length, by_x, by_d = train_length(x, d, strength, pulses.length, pulses.managed)
        if length == 0:
            continue
        bit_train(x, by_x, length, bits_x, rng)
        bit_train(d, by_d, length, bits_d, rng)
        for b in range(length):
            row = (bits_x >> np.uint64(b) & np.uint64(1)).astype(bool)
            column = (bits_d >> np.uint64(b) & np.uint64(1)).astype(bool)
            for polarity in (1, -1):
                for sign in (1, -1):
                    rows, columns = row & (sign * x > 0), column & (sign * polarity * d > 0)
                    if rows.any() and columns.any():
                        yield Slot(polarity=polarity, rows=rows, columns=columns)


def count_slots(counts: NDArray[np.int_]) -> Iterator[Slot]:
    """Row by row, the slots that give every cell its own signed number of pulses."""
    for row in np.flatnonzero(np.any(counts, axis=1)):
        rows = np.arange(len(counts)) == row
        for polarity in (1, -1):
            left = polarity * counts[row]
            while (left > 0).any():
                yield Slot(polarity=polarity, rows=rows, columns=left > 0)
                left = left - 1


class CircuitLayer:
    """A linear layer on a rung: ``scores = x @ weights``, no bias.

    The last row and the last column of the array are its references: cells at the symmetry
    point that are read with the others, never pulsed, and whose current is subtracted. They
    bend with the voltage as the others do, which a number could not.

    Parameters
    ----------
    rung : Rung
        One row and one column larger than the weights.
    device : BehaviouralDevice
        Its window and symmetry point turn conductances into weights.
    weight_range : float
        Half the weight span of the device's window.
    algorithm : str
        ``"mixed"``: gradients in a digital matrix, pulses for its whole steps, row by row
        [Nandakumar et al., Front. Neurosci. 14, 406 (2020)]. ``"sgd"``: stochastic pulse
        trains on all rows and columns [Gokmen and Vlasov, Front. Neurosci. 10, 333 (2016)].
    pulses : Pulses
        Trains of ``sgd``.
    read_voltage : float
        Of an input of 1 [V].
    seed : int
        Of the pulse trains: equal seeds give equal random numbers on every rung.
    first : bool
        The layer of the inputs, which passes no errors on.
    """

    def __init__(
        self,
        rung: Rung,
        device: BehaviouralDevice,
        *,
        weight_range: float,
        algorithm: Literal["mixed", "sgd"] = "mixed",
        pulses: Pulses | None = None,
        read_voltage: float = 0.2,
        seed: int = 0,
        first: bool = True,
    ) -> None:
        self.rung, self.read_voltage, self.algorithm = rung, read_voltage, algorithm
        self.first = first
        self.pulses = pulses or Pulses()
        self.unit = device.window / (2.0 * weight_range)
        self.reference = device.symmetry_point
        u = device.symmetry_position
        # Weight step of one pulse at the symmetry point.
        step = 0.5 * float(device.up.step(u) - device.down.step(u))
        self.step = 2.0 * weight_range * max(step, 1e-9)
        self.rng = new_state(seed)
        rows, columns = rung.conductances().shape
        self.chi: FloatArray = np.zeros((rows - 1, columns - 1))
        self.last: list[Slot] = []
        self._x: Matrix = np.zeros((0, 0), np.float32)
        self._d: Matrix = np.zeros((0, 0), np.float32)

    def weights(self) -> FloatArray:
        """Weights without wires, shape (rows, columns)."""
        return (self.rung.conductances()[:-1, :-1] - self.reference) / self.unit

    def forward(self, x: Matrix) -> Matrix:
        """Column currents less that of the reference column, as weights times inputs."""
        self._x = np.ascontiguousarray(x, np.float32)
        return self._read(self.rung.multiply, np.asarray(x, float)).astype(np.float32)

    def _read(
        self, multiply: Callable[[FloatArray], FloatArray], signals: FloatArray
    ) -> FloatArray:
        """Signals of at most 1 and 0 for the reference line, as products with the weights."""
        current = multiply(self._voltages(signals))
        return (current[:, :-1] - current[:, -1:]) / (self.unit * self.read_voltage)

    def _voltages(self, signals: FloatArray) -> FloatArray:
        return np.pad(self.read_voltage * signals, ((0, 0), (0, 1)))

    def product_on(self, rung: Rung) -> FloatArray:
        """Currents of the columns [A], for the last inputs, of this or another rung."""
        return rung.multiply(self._voltages(np.asarray(self._x, float)))

    def backward(self, d: Matrix) -> Matrix:
        """Errors of the inputs: the array driven from its columns, the largest at full scale."""
        self._d = np.ascontiguousarray(d, np.float32)
        if self.first:
            return self._d[:, :0]
        tops = np.abs(d).max(axis=1, keepdims=True).astype(float)
        signals = np.asarray(d, float) / np.where(tops > 0.0, tops, 1.0)
        return (tops * self._read(self.rung.multiply_back, signals)).astype(np.float32)

    def update(self, rate: float) -> None:
        """Pulses of the last batch; kept in `last`."""
        if self.algorithm == "sgd":
            slots = draw_slots(self._x, self._d, rate / self.step, self.pulses, self.rng)
        else:
            self.chi += rate * (self._x.T @ self._d)
            counts = np.trunc(self.chi / self.step).astype(int)
            self.chi -= counts * self.step
            slots = count_slots(counts)
        # The reference lines never fire.
        self.last = [
            Slot(
                polarity=s.polarity,
                rows=np.append(s.rows, False),
                columns=np.append(s.columns, False),
            )
            for s in slots
        ]
        self.rung.pulse(self.last)

    def state(self) -> State:
        """Rung and generator."""
        return {"rng": self.rng, "chi": self.chi, **self.rung.state()}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.rng = np.array(state["rng"], np.uint64)
        self.chi = np.array(state["chi"], float)
        self.rung.restore({k: v for k, v in state.items() if k not in ("rng", "chi")})
