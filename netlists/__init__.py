"""Circuits: how devices are wired and driven. Imports compact_models only."""

from netlists import bias
from netlists.analysis import DcSweep, OperatingPoint, Options, Transient
from netlists.array import Array
from netlists.cell import Cell, ForeignTransistor
from netlists.lines import Drive, Layout
from netlists.parasitics import Parasitics
from netlists.testbench import Attachment, Testbench
from netlists.waveform import Waveform

__all__ = [
    "Array",
    "Attachment",
    "Cell",
    "DcSweep",
    "Drive",
    "ForeignTransistor",
    "Layout",
    "OperatingPoint",
    "Options",
    "Parasitics",
    "Testbench",
    "Transient",
    "Waveform",
    "bias",
]
