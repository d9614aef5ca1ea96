"""Calibrated laws of a device and arrays of such devices."""

from cosim.behavioural.converters import Converter
from cosim.behavioural.device import (
    BehaviouralDevice,
    DeviceSpread,
    ValidityWarning,
    soft_bounds,
)
from cosim.behavioural.ir_drop import effective_conductance
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.tile import Tile, TileOptions, weights_to_conductances

__all__ = [
    "BehaviouralDevice",
    "Converter",
    "DeviceSpread",
    "NoiseLaws",
    "PulseResponse",
    "ReadLaw",
    "Tile",
    "TileOptions",
    "ValidityWarning",
    "effective_conductance",
    "soft_bounds",
    "weights_to_conductances",
]
