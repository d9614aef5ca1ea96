"""A matrix of behavioural devices that stands for weights and is updated by pulses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.network import kernels, products
from cosim.network.lanes import SEGMENTS
from cosim.network.random import new_state

Matrix = NDArray[np.float32]
Reference = Literal["middle", "nominal", "shifted"]
KNOTS = SEGMENTS + 1


@dataclass(frozen=True, kw_only=True)
class Pulses:
    """Stochastic pulse trains of the parallel update.

    Parameters
    ----------
    length : int
        Longest train, 1 to 63.
    managed : bool
        Choose length and balance by the largest input and error (update management,
        Gokmen and Vlasov, Front. Neurosci. 10, 333 (2016); Gokmen et al. 2017).
    half_select : float or None
        Overrides the device's half-select ratio k.
    """

    length: int = 31
    managed: bool = True
    half_select: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.length <= kernels.LONGEST_TRAIN:
            raise ParameterError(
                thing="length of the pulse train", value=self.length, limit="1 to 63"
            )
        if self.half_select is not None and not 0.0 <= self.half_select <= 1.0:
            raise ParameterError(
                thing="half-select ratio k", value=self.half_select, limit="0 to 1"
            )


class DeviceArray:
    """Devices of shape (inputs, outputs), in weight units.

    A device's conductance window spans ``2 * weight_range``; its weight is the difference
    to a reference device.

    Parameters
    ----------
    device : BehaviouralDevice
    inputs, outputs : int
    weight_range : float
        Half the weight span of a nominal window.
    reference : str
        ``"middle"``: reference at mid window. ``"nominal"``: at the symmetry point of the
        nominal device. ``"shifted"``: every device has its own, brought to its symmetry
        point by alternating pulses (zero-shifting, Kim et al., arXiv:1907.10228).
    seed : int or SeedSequence
        Draws the devices' spread and the cycle-to-cycle noise.
    """

    def __init__(
        self,
        device: BehaviouralDevice,
        inputs: int,
        outputs: int,
        *,
        weight_range: float = 1.0,
        reference: Reference = "middle",
        pulses: Pulses | None = None,
        seed: int | np.random.SeedSequence = 0,
    ) -> None:
        if inputs < 1 or outputs < 1 or not weight_range > 0.0:
            raise ParameterError(
                thing="size and weight range of a device array",
                value=(inputs, outputs, weight_range),
                limit="at least 1 x 1, range > 0",
            )
        if reference not in ("middle", "nominal", "shifted"):
            raise ParameterError(
                thing="reference of a device array",
                value=reference,
                limit="'middle', 'nominal' or 'shifted'",
            )
        sequence = (
            seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
        )
        spread, noise = sequence.spawn(2)
        self.device = device
        self.weight_range = float(weight_range)
        self.pulses = pulses or Pulses()
        self.rng = new_state(noise)
        shape = (inputs, outputs)
        self.planes = self._draw_devices(np.random.default_rng(spread), shape, reference)
        grid = np.linspace(0.0, 1.0, KNOTS)
        self.law = np.stack([device.up.step(grid), -device.down.step(grid)]).astype(np.float32)
        self.noise = np.array(
            [device.up.noise, device.down.noise, device.up.noise_floor, device.down.noise_floor],
            dtype=np.float32,
        )
        self.bounds = np.array(device.bounds, dtype=np.float32)
        u = device.symmetry_position
        at_symmetry = 0.5 * float(device.up.step(u) - device.down.step(u))
        self._step = max(at_symmetry, 1e-9) * 2.0 * self.weight_range
        self.w: Matrix = np.zeros(shape, np.float32)
        if reference == "shifted":
            self._shift()

    def _draw_devices(
        self, rng: np.random.Generator, shape: tuple[int, int], reference: Reference
    ) -> Matrix:
        device, spread = self.device, self.device.spread
        unit = 2.0 * self.weight_range
        zero = 0.5 if reference == "middle" else device.symmetry_position
        low = spread.conductance_min * rng.standard_normal(shape)
        high = 1.0 + spread.conductance_max * rng.standard_normal(shape)
        common = np.exp(spread.step * rng.standard_normal(shape))
        tilt = np.exp(spread.up_down * rng.standard_normal(shape))
        # A window may be small but not vanish or turn over.
        span = np.maximum(high - low, 0.1) * unit
        return np.stack([(low - zero) * unit, span, common * tilt, common / tilt]).astype(
            np.float32
        )

    def _shift(self, cycles: int = 200, averaged: int = 40) -> None:
        """Alternate up and down pulses and make the mean of the last cycles each zero."""
        total = np.zeros(self.w.shape)
        ones = np.ones(self.w.shape, np.int32)
        for cycle in range(cycles):
            for sign in (1, -1):
                self._pulse_each(sign * ones)
                if cycle >= cycles - averaged:
                    total += self.w
        zero = (total / (2 * averaged)).astype(np.float32)
        self.planes[0] -= zero
        self.w -= zero

    @property
    def step(self) -> float:
        """Weight step of one pulse at the nominal symmetry point."""
        return self._step

    @property
    def half_select(self) -> float:
        """k in use."""
        override = self.pulses.half_select
        return self.device.half_select if override is None else override

    @property
    def symmetry_weights(self) -> Matrix:
        """Weight of every device's own symmetry point."""
        u = np.linspace(0.0, 1.0, 513)
        up, down = self.device.up.step(u), -self.device.down.step(u)
        low, span, rise, fall = self.planes
        ratio = rise.astype(float) / fall
        # Up steps times the ratio equal down steps where down / up reaches the ratio.
        quotient = np.maximum.accumulate(down / np.maximum(up, 1e-12))
        position = np.interp(ratio, quotient, u)
        return (low + position * span).astype(np.float32)

    def program(self, weights: NDArray[Any], *, sigma: float = 0.0) -> None:
        """Set weights, clipped to each device's window; `sigma` is the programming noise."""
        target = np.asarray(weights, np.float32)
        if target.shape != self.w.shape:
            raise ParameterError(
                thing="weights of a device array", value=target.shape, limit=str(self.w.shape)
            )
        if sigma > 0.0:
            target = target.copy()
            products.add_noise(target, np.float32(sigma), self.rng)
        low, span = self.planes[:2]
        low, high = low + self.bounds[0] * span, low + self.bounds[1] * span
        self.w = np.clip(target, low, high)

    def update(self, xs: Matrix, ds: Matrix, rate: float) -> int:
        """Parallel stochastic update ``w += rate * xs.T @ ds``, sample after sample.

        Returns
        -------
        int
            Coincidences, that is full pulses.
        """
        return int(
            kernels.sgd_batch(
                self.w, self.planes, self.law, self.noise, self.bounds, xs, ds,
                rate / self.step, self.pulses.length, self.pulses.managed, self.half_select,
                self.rng,
            )
        )  # fmt: skip

    def _pulse_each(self, counts: NDArray[np.int32]) -> None:
        kernels.pulse_each(self.w, counts, self.planes, self.law, self.noise, self.bounds, self.rng)

    def pulse(self, counts: NDArray[Any]) -> None:
        """Give every device its own signed number of pulses."""
        counts = np.asarray(counts, np.int32)
        if counts.shape != self.w.shape:
            raise ParameterError(
                thing="pulse counts of a device array", value=counts.shape, limit=str(self.w.shape)
            )
        self._pulse_each(counts)

    def state(self) -> dict[str, NDArray[Any]]:
        """All that changes while training, for a checkpoint."""
        fixed = np.ascontiguousarray(np.moveaxis(self.planes, 0, -1))
        return {"w": self.w, "fixed": fixed, "rng": self.rng}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Take back what `state` gave."""
        self.w = np.array(state["w"], np.float32)
        fixed = np.asarray(state["fixed"], np.float32)
        self.planes = np.ascontiguousarray(np.moveaxis(fixed, -1, 0))
        self.rng = np.array(state["rng"], np.uint64)
