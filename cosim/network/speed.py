"""Images a second, for training and inference, beside aihwkit where it is installed.

Network 784-256-128-10, sigmoid. Times are process times of one thread, so that other work
on the machine disturbs them less; the largest rate of several rounds counts.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from cosim.behavioural.device import soft_bounds
from cosim.network.algorithms import Analog, TransferOptions
from cosim.network.crossbar import Matrix
from cosim.network.layers import Activation, Layer, Linear
from cosim.network.model import Labels, Network

SIZES = (784, 256, 128, 10)


def synthetic_digits(count: int, seed: int = 0) -> tuple[Matrix, Labels]:
    """Random images as sparse as MNIST (19 % of the pixels are not zero) and random labels."""
    rng = np.random.default_rng(seed)
    images = rng.random((count, SIZES[0]), np.float32)
    images[rng.random(images.shape) > 0.19] = 0.0
    return images, rng.integers(0, SIZES[-1], count)


def rate_of(work: Callable[[int], None], images: int, batch: int, rounds: int = 3) -> float:
    """Images per second of CPU time of ``work(first image)``, best of several rounds."""
    work(0)
    best = 0.0
    for _ in range(rounds):
        begun = time.process_time()
        for k in range(0, images - batch + 1, batch):
            work(k)
        best = max(best, images / (time.process_time() - begun))
    return best


def _network(analog: Analog) -> Network:
    """Weights of every layer within 0.6, as aihwkit has them by default: equal weight steps."""
    layers: list[Layer] = []
    for n, (a, b) in enumerate(itertools.pairwise(SIZES)):
        if n:
            layers.append(Activation("sigmoid"))
        layers.append(Linear(a, b, analog=analog, gain=0.6 * a**0.5, first=n == 0))
    return Network(layers)


def ours(algorithm: str, batch: int, images: int = 600) -> float:
    """Training rate of this project; device as aihwkit's default: 1200 steps, noise 0.3."""
    x, labels = synthetic_digits(images)
    device = soft_bounds(states=1200.0, skew=0.5, nsr=0.3)
    analog = Analog(algorithm=algorithm, device=device, transfer=TransferOptions())
    net = _network(analog)

    def work(k: int) -> None:
        net.learn(x[k : k + batch], labels[k : k + batch], 0.05)

    return rate_of(work, images, batch)


def our_inference(batch: int, images: int = 2000) -> float:
    """Inference rate with converters; wires only change the conductances, not the time."""
    x, _ = synthetic_digits(images)
    device = soft_bounds(states=1200.0, skew=0.5, nsr=0.3)
    net = _network(Analog(algorithm="sgd", device=device))
    return rate_of(lambda k: _ignore(net.scores(x[k : k + batch])), images, batch)


def _ignore(_: Any) -> None:
    """Drop a result."""


def aihwkit_rate(algorithm: str, batch: int, images: int = 200) -> float | None:
    """Training rate of aihwkit with soft bounds of the same step and noise; None without it."""
    if importlib.util.find_spec("aihwkit") is None:
        return None
    torch = importlib.import_module("torch")
    nn = importlib.import_module("aihwkit.nn")
    optim = importlib.import_module("aihwkit.optim")
    configs = importlib.import_module("aihwkit.simulator.configs")
    devices = importlib.import_module("aihwkit.simulator.configs.devices")
    compounds = importlib.import_module("aihwkit.simulator.configs.compounds")
    torch.set_num_threads(1)

    def device() -> Any:
        return devices.SoftBoundsDevice(
            w_min=-0.6, w_max=0.6, dw_min=0.001, dw_min_std=0.3, mult_noise=True
        )

    if algorithm == "sgd":
        config = configs.SingleRPUConfig(device=device())
    else:
        kind = {
            "ttv2": "BufferedTransferCompound",
            "cttv2": "ChoppedTransferCompound",
            "agad": "DynamicTransferCompound",
        }[algorithm]
        compound = getattr(compounds, kind)(unit_cell_devices=[device(), device()])
        config = configs.UnitCellRPUConfig(device=compound)
    layers: list[Any] = []
    for n, (a, b) in enumerate(itertools.pairwise(SIZES)):
        if n:
            layers.append(torch.nn.Sigmoid())
        layers.append(nn.AnalogLinear(a, b, bias=True, rpu_config=config))
    model = nn.AnalogSequential(*layers)
    optimiser = optim.AnalogSGD(model.parameters(), lr=0.05)
    optimiser.regroup_param_groups(model)
    loss = torch.nn.CrossEntropyLoss()
    images_, labels_ = synthetic_digits(images)
    x, labels = torch.from_numpy(images_), torch.from_numpy(labels_)

    def work(k: int) -> None:
        optimiser.zero_grad()
        loss(model(x[k : k + batch]), labels[k : k + batch]).backward()
        optimiser.step()

    return rate_of(work, images, batch, rounds=2)


def compare(
    algorithms: tuple[str, ...] = ("sgd", "ttv2", "cttv2", "agad"),
    batches: tuple[int, ...] = (1, 10),
) -> list[dict[str, Any]]:
    """One row per algorithm and batch: our rate, aihwkit's (None without it), their ratio."""
    rows = []
    for algorithm in algorithms:
        for batch in batches:
            mine, theirs = ours(algorithm, batch), aihwkit_rate(algorithm, batch)
            rows.append(
                {
                    "algorithm": algorithm,
                    "batch": batch,
                    "images_per_second": round(mine, 1),
                    "aihwkit": None if theirs is None else round(theirs, 1),
                    "ratio": None if theirs is None else round(mine / theirs, 2),
                }
            )
    return rows
