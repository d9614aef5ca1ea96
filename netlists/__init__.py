"""Circuits: how devices are wired and driven. Imports compact_models only."""

from netlists.analysis import DcSweep, OperatingPoint, Options, Transient
from netlists.array import Array, Drive, Layout
from netlists.cell import Cell
from netlists.parasitics import Parasitics
from netlists.testbench import Attachment, Testbench
from netlists.waveform import Waveform

__all__ = [
    "Array",
    "Attachment",
    "Cell",
    "DcSweep",
    "Drive",
    "Layout",
    "OperatingPoint",
    "Options",
    "Parasitics",
    "Testbench",
    "Transient",
    "Waveform",
]
