"""Spiking inference on binary 1T1R synapses with analog neurons."""

from cosim.network.spiking.encoder import Encoder
from cosim.network.spiking.layer import Classified, NeuronTiming, OutputSpikes, SpikingLayer
from cosim.network.spiking.training import Trained, Training, round_weights, train

__all__ = [
    "Classified",
    "Encoder",
    "NeuronTiming",
    "OutputSpikes",
    "SpikingLayer",
    "Trained",
    "Training",
    "round_weights",
    "train",
]
