"""Inference on programmed tiles: accuracy against time since programming."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.tile import Tile, TileOptions
from cosim.network.crossbar import Matrix
from cosim.network.layers import Activation, Linear, cuts
from cosim.network.model import Labels, Network


class _Mapped:
    """One matrix on tiles; inputs scaled to the DAC, outputs back to numbers."""

    def __init__(
        self,
        layer: Linear,
        device: BehaviouralDevice,
        options: TileOptions,
        tile_size: int,
        sample: Matrix,
        seed: np.random.SeedSequence,
    ) -> None:
        weights = layer.weights()
        self.bias = layer.bias
        # The largest of the samples sets the input range; rare larger ones are clipped.
        self.scale = float(np.abs(sample).max()) or 1.0
        self.rows, self.cols = cuts(layer.inputs, tile_size), cuts(layer.outputs, tile_size)
        seeds = iter(seed.generate_state(len(self.rows) * len(self.cols)))
        top = float(np.abs(weights).max()) or 1.0
        self.tiles = []
        for r in self.rows:
            line = []
            for c in self.cols:
                part = sample[:, r] @ weights[r, c] / (self.scale * top)
                bound = 1.1 * float(np.abs(part).max()) or 1.0
                adc = dataclasses.replace(options.adc, bound=bound)
                chosen = dataclasses.replace(options, adc=adc)
                line.append(
                    Tile.program(
                        weights[r, c], device, weight_max=top, options=chosen, seed=int(next(seeds))
                    )
                )
            self.tiles.append(line)

    def forward(self, x: Matrix, time: float | None) -> Matrix:
        """Product and bias at a time after programming."""
        scaled = x / np.float32(self.scale)
        out = np.zeros((len(x), sum(c.stop - c.start for c in self.cols)), np.float32)
        for r, line in zip(self.rows, self.tiles, strict=True):
            for c, tile in zip(self.cols, line, strict=True):
                out[:, c] += tile.multiply(scaled[:, r], time=time)
        return out * np.float32(self.scale) + self.bias


class ProgrammedNetwork:
    """A trained fully connected network, its weights programmed on tiles.

    Parameters
    ----------
    network : Network
        Of `Linear` and `Activation` layers, as made by `MLP`.
    device : BehaviouralDevice
        With its noise laws.
    sample : ndarray, shape (n, inputs)
        Inputs that set the ranges of the converters.
    options : TileOptions, optional
        6 bits in, 8 bits out by default; the bound of its ADC is set layer by layer.
    tile_size : int
        Largest number of rows and of outputs of a tile.
    seed : int
    """

    def __init__(
        self,
        network: Network,
        device: BehaviouralDevice,
        sample: Matrix,
        *,
        options: TileOptions | None = None,
        tile_size: int = 1024,
        seed: int = 0,
    ) -> None:
        options = options or TileOptions()
        self.layers: list[_Mapped | Activation] = []
        x = sample
        seeds = np.random.SeedSequence(seed).spawn(len(network.layers))
        for layer, own in zip(network.layers, seeds, strict=True):
            if isinstance(layer, Linear):
                self.layers.append(_Mapped(layer, device, options, tile_size, x, own))
                x = x @ layer.weights() + layer.bias
            elif isinstance(layer, Activation):
                self.layers.append(layer)
                x = layer.forward(x)
            else:
                raise ParameterError(
                    thing="layer of a programmed network",
                    value=type(layer).__name__,
                    limit="Linear or Activation",
                )

    def scores(self, x: Matrix, time: float | None = None) -> Matrix:
        """Outputs at `time` seconds after programming (None: just programmed, no read noise)."""
        for layer in self.layers:
            x = layer.forward(x, time) if isinstance(layer, _Mapped) else layer.forward(x)
        return x

    def accuracy(self, x: Matrix, labels: Labels, time: float | None = None) -> float:
        """Share of right answers at `time`."""
        return float(np.mean(self.scores(x, time).argmax(axis=1) == labels))


def programmed_within(device: BehaviouralDevice, acceptance_range: float) -> BehaviouralDevice:
    """The device under a closed loop of another acceptance range.

    Raises
    ------
    ParameterError
        What such a loop leaves is not known.
    """
    noise = dataclasses.replace(device.noise, acceptance_range=acceptance_range)
    return device.replace(noise=noise)


def accuracy_over_time(
    network: Network,
    device: BehaviouralDevice,
    sample: Matrix,
    test: tuple[Matrix, Labels],
    *,
    times: Sequence[float],
    acceptance_ranges: Sequence[float],
    seeds: Sequence[int],
    options: TileOptions | None = None,
    tile_size: int = 1024,
) -> list[dict[str, Any]]:
    """Accuracy for every acceptance range, seed and time.

    Returns
    -------
    list of dict
        ``acceptance_range``, ``seed``, ``time`` [s], ``accuracy``.
    """
    rows: list[dict[str, Any]] = []
    for width in acceptance_ranges:
        noisy = programmed_within(device, width)
        for seed in seeds:
            programmed = ProgrammedNetwork(
                network, noisy, sample, options=options, tile_size=tile_size, seed=seed
            )
            rows += [
                {
                    "acceptance_range": width,
                    "seed": seed,
                    "time": t,
                    "accuracy": programmed.accuracy(*test, time=t),
                }
                for t in times
            ]
    return rows


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation (n - 1) over the seeds for every range and time."""
    found: dict[tuple[float, float], list[float]] = {}
    for r in rows:
        found.setdefault((r["acceptance_range"], r["time"]), []).append(r["accuracy"])
    return [
        {
            "acceptance_range": width,
            "time": time,
            "mean": float(np.mean(values)),
            "std": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
            "seeds": len(values),
        }
        for (width, time), values in found.items()
    ]
