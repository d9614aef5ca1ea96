"""Networks on arrays of calibrated devices: data, layers, training algorithms."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.network.algorithms import Analog, TransferOptions
    from cosim.network.convolution import LeNet
    from cosim.network.crossbar import DeviceArray, Pulses
    from cosim.network.datasets import mnist, war_and_peace
    from cosim.network.digits import DigitsClassifier
    from cosim.network.layers import InputOutput
    from cosim.network.model import MLP, Network
    from cosim.network.recurrent import CharacterLSTM
    from cosim.network.study import train_study

# Loaded on first use: numba is slow to import for those who need no network.
_HOME = {
    "Analog": "algorithms",
    "TransferOptions": "algorithms",
    "LeNet": "convolution",
    "DeviceArray": "crossbar",
    "Pulses": "crossbar",
    "mnist": "datasets",
    "war_and_peace": "datasets",
    "DigitsClassifier": "digits",
    "InputOutput": "layers",
    "MLP": "model",
    "Network": "model",
    "CharacterLSTM": "recurrent",
    "train_study": "study",
}

__all__ = [
    "MLP",
    "Analog",
    "CharacterLSTM",
    "DeviceArray",
    "DigitsClassifier",
    "InputOutput",
    "LeNet",
    "Network",
    "Pulses",
    "TransferOptions",
    "mnist",
    "train_study",
    "war_and_peace",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"cosim.network.{_HOME[name]}"), name)
    raise AttributeError(f"module 'cosim.network' has no attribute {name!r}")
