"""Calibrated laws of a device and arrays of such devices."""

from cosim.behavioural.converters import Converter
from cosim.behavioural.device import (
    BehaviouralDevice,
    DeviceSpread,
    soft_bounds,
)
from cosim.behavioural.ir_drop import effective_conductance
from cosim.behavioural.noise import NoiseLaws
from cosim.behavioural.rate_law import RateLaw
from cosim.behavioural.read_law import ReadLaw
from cosim.behavioural.response import PulseResponse
from cosim.behavioural.sequence import predict
from cosim.behavioural.tile import Tile
from cosim.behavioural.tile_options import TileOptions, weights_to_conductances
from cosim.behavioural.validity import OutsideCalibration, Validity
from cosim.behavioural.write_array import Writing
from cosim.behavioural.write_path import WritePath

__all__ = [
    "BehaviouralDevice",
    "Converter",
    "DeviceSpread",
    "NoiseLaws",
    "OutsideCalibration",
    "PulseResponse",
    "RateLaw",
    "ReadLaw",
    "Tile",
    "TileOptions",
    "Validity",
    "WritePath",
    "Writing",
    "effective_conductance",
    "predict",
    "soft_bounds",
    "weights_to_conductances",
]
