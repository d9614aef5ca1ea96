"""aihwkit at the same work as `cosim.network.speed`, where it is installed.

Settings of the Tiki-Taka family are those of aihwkit's ReRAM presets (`AGADReRamSBPreset`
and its siblings, aihwkit 1.1.0): strength set automatically, at most 31 pulses, one column
transferred per image, read without noise.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosim.network.crossbar import Matrix
from cosim.network.layers import Linear
from cosim.network.model import Labels

FAST_RATE, LENGTH, GRANULARITY = 0.5, 31, 1000
CHOPS = {"ttv2": 0.0, "cttv2": 0.01, "agad": 0.02}


def available() -> bool:
    """True when aihwkit can be imported."""
    return importlib.util.find_spec("aihwkit") is not None


def _module(name: str) -> Any:
    return importlib.import_module(name)


def _device() -> Any:
    return _module("aihwkit.simulator.configs.devices").SoftBoundsDevice(
        w_min=-0.6, w_max=0.6, dw_min=0.001, dw_min_std=0.3, mult_noise=True,
        dw_min_dtod=0.0, up_down_dtod=0.0, w_min_dtod=0.0, w_max_dtod=0.0,
    )  # fmt: skip


def _configuration(algorithm: str) -> Any:
    configs = _module("aihwkit.simulator.configs")
    if algorithm == "sgd":
        return configs.SingleRPUConfig(device=_device())
    compounds = _module("aihwkit.simulator.configs.compounds")
    update = _module("aihwkit.simulator.parameters").UpdateParameters(desired_bl=LENGTH)
    kind = "DynamicTransferCompound" if algorithm == "agad" else "ChoppedTransferCompound"
    compound = getattr(compounds, kind)(
        unit_cell_devices=[_device(), _device()],
        units_in_mbatch=False,
        auto_scale=True,
        fast_lr=FAST_RATE,
        auto_granularity=GRANULARITY,
        in_chop_prob=CHOPS[algorithm],
    )
    compound.transfer_forward.out_noise = 0.0
    return configs.UnitCellRPUConfig(device=compound, update=update)


def _stack(sizes: Sequence[int], configuration: Any) -> Any:
    torch, nn = _module("torch"), _module("aihwkit.nn")
    torch.set_num_threads(1)
    layers: list[Any] = []
    for n, (a, b) in enumerate(itertools.pairwise(sizes)):
        if n:
            layers.append(torch.nn.Tanh())
        layers.append(nn.AnalogLinear(a, b, bias=True, rpu_config=configuration))
    return nn.AnalogSequential(*layers)


class _Peer:
    model: Any

    def scores(self, x: Matrix) -> Any:
        """Outputs, shape (n, classes)."""
        torch = _module("torch")
        with torch.no_grad():
            return self.model(torch.from_numpy(x))

    def accuracy(self, x: Matrix, labels: Labels) -> float:
        """Share of right answers."""
        self.model.eval()
        answers = self.scores(x).argmax(dim=1).numpy()
        self.model.train()
        return float(np.mean(answers == labels))


class Trainer(_Peer):
    """A network that learns; the rate counts per image, as ours does."""

    def __init__(
        self,
        algorithm: str,
        sizes: Sequence[int],
        x: Matrix,
        labels: Labels,
        rate: float,
        batch: int,
    ) -> None:
        torch, optim = _module("torch"), _module("aihwkit.optim")
        torch.manual_seed(0)
        self.model, self.batch = _stack(sizes, _configuration(algorithm)), batch
        self.x = torch.from_numpy(x)
        self.labels = torch.from_numpy(np.asarray(labels, np.int64))
        self.optimiser = optim.AnalogSGD(self.model.parameters(), lr=rate)
        self.optimiser.regroup_param_groups(self.model)
        self.loss = torch.nn.CrossEntropyLoss(reduction="sum")

    def learn(self, k: int) -> None:
        """One batch, from image `k` on."""
        part = slice(k, k + self.batch)
        self.optimiser.zero_grad()
        self.loss(self.model(self.x[part]), self.labels[part]).backward()
        self.optimiser.step()


class Reader(_Peer):
    """A programmed network, one second after programming."""

    def __init__(self, sizes: Sequence[int], layers: Sequence[Linear], wires: bool) -> None:
        torch = _module("torch")
        configuration = _module("aihwkit.simulator.configs").InferenceRPUConfig()
        configuration.noise_model = _module("aihwkit.inference").ReRamCMONoiseModel()
        configuration.forward.out_noise = 0.0
        configuration.forward.ir_drop = 1.0 if wires else 0.0
        torch.manual_seed(0)
        self.model = _stack(sizes, configuration)
        for target, layer in zip(self.model.analog_layers(), layers, strict=True):
            weights = np.ascontiguousarray(layer.weights().T)
            target.set_weights(torch.from_numpy(weights), torch.from_numpy(layer.bias))
        self.model.eval()
        self.model.drift_analog_weights(1.0)
