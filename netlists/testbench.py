"""Circuit, stimuli, analysis and probes as frozen data; ``.spice()`` is a complete file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import NetlistError, ParameterError, best_matches
from netlists.analysis import Analysis, DcSweep, OperatingPoint, Options, Transient
from netlists.array import Array
from netlists.names import check_library_lines, check_name, check_node, check_number, check_text
from netlists.waveform import Waveform, as_waveform

if TYPE_CHECKING:
    from netlists.probes import Vectors
    from netlists.rules import Finding
    from netlists.topology import Element

__all__ = [
    "Attachment",
    "DcSweep",
    "OperatingPoint",
    "Options",
    "Testbench",
    "Transient",
]


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """An instance of a subcircuit wired to the array, e.g. a sense amplifier.

    Parameters
    ----------
    name : str
        Instance name; written with ``x`` in front.
    subcircuit : str
        Name of the subcircuit.
    definition : str
        Its ``.subckt`` text, written once per distinct text. It is trusted: it comes from
        code, never from a study file.
    nodes : tuple of str
        Array nodes (``"sl_0"``), driver terminals (``"sl0"``), ``"0"``, or new names.
    parameters : mapping of str to float
    """

    name: str
    subcircuit: str
    definition: str
    nodes: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.name, "attachment name")
        check_name(self.subcircuit, "subcircuit name")
        for node in self.nodes:
            check_node(node)
        for name, value in self.parameters.items():
            check_number(value, check_name(name, "parameter name"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Testbench:
    """Everything that decides a simulation.

    Parameters
    ----------
    array : Array
    drives : mapping of str to Waveform, float or None
        Every driver of the array (``array.drivers``) to its voltage [V]; None disconnects it
        and its line floats.
    analysis : OperatingPoint, DcSweep or Transient
    probes : tuple of str
        What comes back, and nothing else: ``"i(bl0)"`` current that a driver delivers into
        the array [A]; ``"v(bl_3_4)"`` any node [V] (on a line without resistance every
        ``bl_3_x`` is ``bl_3``); ``"cell_current"`` [A], ``"cell_voltage"`` across the memory
        device [V], ``"bit_line_voltage"``, ``"source_line_voltage"``,
        ``"word_line_voltage"`` [V] at every cell and ``"state:c"`` (normalised) as
        (rows, cols); ``"bit_line_current"``, ``"source_line_current"`` [A] of all drivers of
        that kind.
    initial_states : mapping of str to array_like (rows, cols)
        Normalised states by name; they win over the array's own.
    options : Options
    title : str
    seed : int, optional
        Written into the header; nothing here is random.
    temperature : float, optional
        Ambient of every device [K]; default: each model's own.
    attachments : tuple of Attachment
    """

    __test__ = False  # keeps pytest from collecting it

    array: Array
    drives: Mapping[str, Waveform | float | None]
    analysis: Analysis = field(default_factory=OperatingPoint)
    probes: tuple[str, ...]
    initial_states: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    title: str = "testbench"
    seed: int | None = None
    temperature: float | None = None
    attachments: tuple[Attachment, ...] = ()
