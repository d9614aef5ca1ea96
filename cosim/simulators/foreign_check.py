"""What a run of somebody's compiled device is checked for.

The device's own equations are not known, so its current is measured, and what can be checked is
what must hold whatever it computes: the transistor in series takes the same current, a bit line
delivers what its cells take, and states start where they were put.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from cosim.errors import InconsistentResult
from cosim.simulators.check import Checker, largest_slope
from cosim.simulators.checked_cells import CheckedCells

if TYPE_CHECKING:
    from netlists.testbench import Testbench

FloatArray = NDArray[np.float64]


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

    @cached_property
    def taken(self) -> FloatArray:
        """Currents of the chosen cells, shape (points, cells) [A]."""
        rows, columns = (np.array(k) for k in zip(*self.chosen.cells, strict=True))
        return self.probes["cell_current"][:, rows, columns]

    def _check_first_steps(self, model: ForeignModel) -> None:
        """What a device remembers goes on from where it started, it does not jump there."""
        if not self.transient or self.axis[0] != 0.0 or len(self.axis) < 3:
            return
        one, other = np.diff(self.axis[:3])
        for state, values in zip(model.states, self._states(model), strict=True):  # type: ignore[arg-type]
            jump, later = np.abs(np.diff(values[:3], axis=0))
            allowed = 10 * later * one / other + 1e-3 * np.abs(values[0]) + 1e-6
            if (jump > allowed).any():
                worst = int(np.argmax(jump - allowed))
                raise InconsistentResult(
                    thing=f"state {state.name} of cell {self.chosen.cells[worst]} does not go on "
                    "from where it was put",
                    value=(float(values[0, worst]), float(values[1, worst])),
                    limit=f"a step of {allowed[worst]:.2g}",
                    next_step=f"Its initial value is lost in the first step: see what `cosim show "
                    f"{model.path.name}` has to say about the file",
                    run_directory=self.run_directory,
                )

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
                moving = largest_slope(self.axis, stored[first])
            self._compare(
                "current that vanishes between memory device and transistor",
                drain[first] - self.taken,
                np.abs(self.taken) + np.abs(drain[first]),
                moving,
            )
        self._check_lines(self.taken, np.zeros_like(self.taken))
        if model.memory:
            self._check_states(model)
            self._check_first_steps(model)
