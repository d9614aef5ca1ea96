"""What a run of somebody's compiled device needs besides: the right ngspice, and a check.

The device's own equations are not known, so its current is measured, and what can be checked is
what must hold whatever it computes: the transistor in series takes the same current, a bit line
delivers what its cells take, and states start where they were put.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from cosim.simulators.check import CheckedCells, Checker
from cosim.simulators.osdi import loads_compiled_models

if TYPE_CHECKING:
    from cosim.simulators.ngspice import NgspiceSimulator
    from netlists.testbench import Testbench

FloatArray = NDArray[np.float64]


def needs_compiled(testbench: Testbench) -> bool:
    """Whether a device of a testbench exists as compiled Verilog-A only."""
    cell = testbench.array.cell
    return isinstance(cell.reram, ForeignModel) or bool(getattr(cell.selector, "modules", {}))


def simulator_for(simulator: NgspiceSimulator, testbench: Testbench) -> NgspiceSimulator:
    """The simulator, or the one of ``$COSIM_NGSPICE_OSDI`` where only that runs the devices."""
    return simulator_of(simulator, compiled=needs_compiled(testbench))


def simulator_of(simulator: NgspiceSimulator | None, *, compiled: bool) -> NgspiceSimulator:
    """An ngspice, which loads compiled devices if it must and one is named."""
    from cosim.simulators.ngspice import NgspiceSimulator

    chosen = simulator or NgspiceSimulator()
    named = os.environ.get("COSIM_NGSPICE_OSDI")
    if not named or chosen.executable is not None or not compiled:
        return chosen
    usual = shutil.which(os.environ.get("COSIM_NGSPICE") or "ngspice")
    if usual is not None and loads_compiled_models(usual):
        return chosen
    return replace(chosen, executable=named)


def foreign_probes(testbench: Testbench, chosen: CheckedCells) -> tuple[str, ...]:
    """Probes that :class:`ForeignChecker` needs besides the user's."""
    array = testbench.array
    sets, model = array.line_sets, array.cell.reram
    names: list[str] = []
    for row, column in chosen.cells:
        names += [lines.node_at(row, column) for lines in sets.values()]
        if array.cell.selector is not None:
            names.append(f"mid_{row}_{column}")
        if isinstance(model, ForeignModel):
            names += [f"xr_{row}_{column}.{name}" for name in model.memory or {}]
    drivers = [f"i({name})" for name in chosen.lines if testbench.drives.get(name) is not None]
    return ("cell_current", *(f"v({name})" for name in dict.fromkeys(names)), *drivers)


class ForeignChecker(Checker):
    """Checks what must hold whatever the memory device computes."""

    def __init__(
        self,
        testbench: Testbench,
        chosen: CheckedCells,
        axis: FloatArray,
        probes: Mapping[str, FloatArray],
        run_directory: str | None = None,
    ) -> None:
        super().__init__(testbench, chosen, axis, probes, run_directory)
        rows, columns = (np.array(k) for k in zip(*chosen.cells, strict=True))
        self.taken = probes["cell_current"][:, rows, columns]

    def check(self) -> None:
        """Raise InconsistentResult, or return."""
        model: Any = self.array.cell.reram
        selector = self.array.cell.selector
        if isinstance(selector, CompactModel):
            drain, stored = self._device("selector", selector)
            first = selector.nodes.index("drain")
            # The measured current holds the displacement current of the memory device.
            moving = np.zeros_like(self.taken)
            if self.transient:
                from cosim.simulators.check import _slope

                moving = _slope(self.axis, stored[first])
            self._compare(
                "current that vanishes between memory device and transistor",
                drain[first] - self.taken,
                np.abs(self.taken) + np.abs(drain[first]),
                moving,
            )
        self._check_lines(self.taken, np.zeros_like(self.taken))
        if model.memory:
            self._check_states(model)
