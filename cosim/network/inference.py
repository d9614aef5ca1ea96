"""Inference on programmed tiles: accuracy against time since programming."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.converters import Converter
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.tile import Tile, TileOptions
from cosim.network.crossbar import Matrix
from cosim.network.layers import Activation, Linear, cuts
from cosim.network.model import Labels, Network
from cosim.network.settings import InferenceConfig

# One second, one hour, one day, ten years.
TIMES = (1.0, 3600.0, 86400.0, 3.156e8)


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


def accuracy_over_time(
    network: Network,
    device: BehaviouralDevice,
    sample: Matrix,
    test: tuple[Matrix, Labels],
    *,
    times: Sequence[float] = TIMES,
    acceptance_ranges: Sequence[float] = (0.002, 0.02),
    seeds: Sequence[int] = (0, 1, 2),
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
        noisy = device.replace(noise=dataclasses.replace(device.noise, acceptance_range=width))
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


def infer_study(config: Mapping[str, Any], output: Path, progress: bool = True) -> dict[str, Any]:
    """Train in floating point (or take the checkpoint), program, read at several times.

    Parameters
    ----------
    config : mapping
        Fields of `cosim.network.study.TrainConfig`; the algorithm is floating point. Its
        table ``inference`` has the fields of `cosim.network.settings.InferenceConfig`.
    output : Path
        Folder for ``results.csv``, ``results.json`` and the checkpoint.

    Returns
    -------
    dict
        ``rows``, ``floating_point`` (its accuracy), ``summary``, ``columns``, ``files``.
    """
    from cosim.network.study import prepare, write_table

    settings = dict(config)
    reading = InferenceConfig.read(settings.pop("inference", {}))
    settings["algorithms"] = ["fp"]
    output = Path(output)
    network, train, test, study = prepare(settings, output, progress)
    options = TileOptions(
        scheme=reading.scheme,
        dac=Converter(bits=reading.read_bits[0], bound=1.0),
        adc=Converter(bits=reading.read_bits[1], bound=1.0),
    )
    if progress:
        print("programming and reading", file=sys.stderr, flush=True)
    sample: NDArray[Any] = train[0][:500]
    rows = accuracy_over_time(
        network, study.device.build().replace(noise=NoiseLaws()), sample, test,
        times=reading.times, acceptance_ranges=reading.acceptance_ranges,
        seeds=reading.program_seeds, options=options, tile_size=study.tile,
    )  # fmt: skip
    floating = network.accuracy(*test)
    for r in rows:
        r |= {
            "floating_point": round(floating, 6),
            "measured_samples": len(test[1]),
            "fingerprint": study.fingerprint,
            "state": network.fingerprint()[:16],
        }
    summary = [
        {
            "acceptance_range": a,
            "time": t,
            "mean": float(np.mean(found)),
            "std": float(np.std(found, ddof=1)) if len(found) > 1 else 0.0,
            "seeds": len(found),
        }
        for a in reading.acceptance_ranges
        for t in reading.times
        if (found := [r["accuracy"] for r in rows if (r["acceptance_range"], r["time"]) == (a, t)])
    ]
    table, details = output / "results.csv", output / "results.json"
    write_table(table, list(rows[0]), rows)
    result = {
        "floating_point": floating,
        "rows": rows,
        "summary": summary,
        "config": {**study.model_dump(mode="json"), "inference": reading.model_dump(mode="json")},
        "fingerprint": study.fingerprint,
        "columns": ["acceptance_range", "seed", "time", "accuracy", "floating_point"],
        "files": [str(table), str(details)],
    }
    details.write_text(json.dumps(result, indent=1) + "\n")
    return result
