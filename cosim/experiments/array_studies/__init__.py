"""Studies of whole arrays with their wires, on the native solver, with a small case in ngspice.

- :class:`IrDrop`: what the wires take of a read, and the error of the product, against size.
- :class:`ArrayDisturb`: what half-selected and unselected cells suffer, to a million pulses.
- :class:`ArrayProgram`: closed-loop programming of a whole matrix in the array.
- :class:`Leakage`: currents of unselected cells, with selector and without.

Each is a frozen dataclass with ``run(...) -> xarray.Dataset``; :func:`report_table` makes the text
of its table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.experiments.array_studies.disturb import ArrayDisturb
    from cosim.experiments.array_studies.ir_drop import IrDrop
    from cosim.experiments.array_studies.leakage import Leakage
    from cosim.experiments.array_studies.program import ArrayProgram
    from cosim.experiments.array_studies.sections import report_table

_HOME = {
    "ArrayDisturb": "disturb",
    "ArrayProgram": "program",
    "IrDrop": "ir_drop",
    "Leakage": "leakage",
    "report_table": "sections",
}

__all__ = ["ArrayDisturb", "ArrayProgram", "IrDrop", "Leakage", "report_table"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
