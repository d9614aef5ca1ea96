"""Does what the simulator returned obey the devices' own equations?

At every returned point the compact models are evaluated again in numpy, at the returned node
voltages and states. Three things must hold:

- no current vanishes at a node inside a device, nor where device and transistor meet;
- what a driver delivers is what the cells of its line take;
- states start where they were put and stay inside their bounds.

A run that breaks one of them is not a result: :class:`InconsistentResult`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.model import CompactModel
from cosim.errors import InconsistentResult
from cosim.simulators.checked_cells import CheckedCells
from netlists.analysis import Transient

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

FloatArray = NDArray[np.float64]

# ngspice stops iterating when node voltages change by less than reltol; the current of a device
# as steep as these then moves by some tens of reltol at most (measured: below 10).
_RELTOL_FACTOR = 30.0
# Where edges end, the displacement current between two returned points is only known roughly.
_ABSOLUTE_DC, _ABSOLUTE_TRANSIENT = 1e-9, 2e-8  # A


def largest_slope(axis: FloatArray, charge: FloatArray) -> FloatArray:
    """Largest |dq/dt| near each point, shape of `charge` (points, ...)."""
    if len(axis) < 2:
        return np.zeros_like(charge)
    step = np.diff(axis).reshape((-1,) + (1,) * (charge.ndim - 1))
    rate = np.abs(np.diff(charge, axis=0)) / np.where(step > 0, step, np.inf)
    # A point shares the steps on both sides, and the integrator looks one step further back.
    padded = np.concatenate([rate[:1], rate, rate[-1:]])
    near = np.maximum(padded[:-1], padded[1:])
    near[2:] = np.maximum(near[2:], rate[:-1])
    return near


class Checker:
    """Checks the raw values of one run; see the module's docstring.

    Parameters
    ----------
    testbench : Testbench
    chosen : CheckedCells
    axis : ndarray, shape (points,)
    probes : mapping of str to ndarray, shape (points,)
        The probes of :func:`check_probes`.
    run_directory : str, optional
        Named in the error.
    """

    def __init__(
        self,
        testbench: Testbench,
        chosen: CheckedCells,
        axis: FloatArray,
        probes: Mapping[str, FloatArray],
        run_directory: str | None = None,
    ) -> None:
        self.testbench = testbench
        self.array: Array = testbench.built_array
        self.chosen = chosen
        self.axis = axis
        self.probes = probes
        self.run_directory = run_directory
        self.relative = _RELTOL_FACTOR * testbench.options.reltol
        self.transient = isinstance(testbench.analysis, Transient)
        self.absolute = _ABSOLUTE_TRANSIENT if self.transient else _ABSOLUTE_DC

    def check(self) -> None:
        """Raise InconsistentResult, or return."""
        model, selector = self.array.cell.reram, self.array.cell.selector
        currents, charges = self._device("reram", model)
        index = {name: k for k, name in enumerate(model.nodes)}
        top, bottom = (index[t] for t in model.terminals)
        scale = np.abs(currents[top]) + np.abs(currents[bottom])
        slack = largest_slope(self.axis, charges[top]) if self.transient else np.zeros_like(scale)
        for node in model.internal_nodes:
            inside = largest_slope(self.axis, charges[index[node]]) if self.transient else 0.0
            self._compare(
                f"current that vanishes at node {node} of the memory device",
                currents[index[node]],
                scale,
                inside,
            )
        if isinstance(selector, CompactModel):
            drain, stored = self._device("selector", selector)
            first = selector.nodes.index("drain")
            moving = np.zeros_like(scale)
            if self.transient:
                moving += largest_slope(self.axis, charges[bottom])
                moving += largest_slope(self.axis, stored[first])
            self._compare(
                "current that vanishes between memory device and transistor",
                currents[bottom] + drain[first],
                scale + np.abs(drain[first]),
                moving,
            )
        self._check_lines(currents[top], slack)
        self._check_states(model)

    def _nodes(self, which: str, model: CompactModel) -> list[FloatArray]:
        """Potential of each model node at every checked cell, each (points, cells)."""
        sets = self.array.line_sets
        columns: list[FloatArray] = []
        for node in model.nodes:
            names = []
            for row, column in self.chosen.cells:
                bit, source = sets["bl"].node_at(row, column), sets["sl"].node_at(row, column)
                middle = source if self.array.cell.selector is None else f"mid_{row}_{column}"
                if which == "reram":
                    top, bottom = model.terminals
                    name = {top: bit, bottom: middle}.get(node, f"xr_{row}_{column}.{node}")
                else:
                    gate = sets["wl"].node_at(row, column)
                    ends = {"drain": middle, "gate": gate, "source": source, "bulk": "0"}
                    name = ends.get(node, f"xm_{row}_{column}.{node}")
                names.append(name)
            columns.append(
                np.stack(
                    [
                        np.zeros_like(self.axis) if n == "0" else self.probes[f"v({n})"]
                        for n in names
                    ],
                    axis=1,
                )
            )
        return columns

    def _states(self, model: CompactModel) -> list[FloatArray]:
        return [
            np.stack(
                [self.probes[f"v(xr_{i}_{j}.{state.name})"] for i, j in self.chosen.cells], axis=1
            )
            for state in model.states
        ]

    def _device(self, which: Any, model: CompactModel) -> tuple[FloatArray, FloatArray]:
        """Currents and charges of every node, each (nodes, points, cells)."""
        from compact_models.emit.functions import compile_model

        kernels = compile_model(model)
        rows, columns = (np.array(k) for k in zip(*self.chosen.cells, strict=True))
        parameters = kernels.parameter_vector(
            {
                name: self.array.parameter_array(name, which)[rows, columns]
                for name in kernels.parameters
            }
        )
        nodes = np.stack(self._nodes(which, model))
        states = (
            np.stack(self._states(model))
            if which == "reram" and model.states
            else np.zeros((0, *nodes.shape[1:]))
        )
        # Overshooting iterates are not returned, but a broken run may hold anything.
        with np.errstate(all="ignore"):
            values = kernels.call(nodes, states, parameters[:, None, :])
        return values.currents, values.charges

    def _check_lines(self, taken: FloatArray, slack: FloatArray) -> None:
        wires = self.array.parasitics
        along_row = self.array.line_set("bl").along == "row"
        capacitance = wires.c_row if along_row else wires.c_col
        if self.transient and capacitance > 0:
            return
        for driver, members in self.chosen.lines.items():
            delivered = self.probes.get(f"i({driver})")
            if delivered is None:
                continue
            index = np.array(members)
            expected = taken[:, index].sum(axis=1)
            scale = np.abs(taken[:, index]).sum(axis=1) + np.abs(delivered)
            self._compare(
                f"current of driver {driver} against that of its cells",
                (delivered - expected)[:, None],
                scale[:, None],
                slack[:, index].sum(axis=1)[:, None],
            )

    def _compare(
        self,
        what: str,
        difference: FloatArray,
        scale: FloatArray,
        slack: FloatArray | float,
    ) -> None:
        allowed = self.relative * scale + 1.5 * np.asarray(slack) + self.absolute
        excess = np.abs(difference) / allowed
        worst = np.unravel_index(int(np.nanargmax(np.nan_to_num(excess, nan=np.inf))), excess.shape)
        if not excess[worst] <= 1.0:
            where = ""
            if excess.shape[1] == len(self.chosen.cells):
                where = f", cell {self.chosen.cells[int(worst[1])]}"
            raise InconsistentResult(
                thing=f"the result disagrees with the device equations: {what}, at "
                f"{self.axis[int(worst[0])]:.6g}{where}",
                value=float(difference[worst]),
                limit=f"{float(np.broadcast_to(allowed, excess.shape)[worst]):.3g} A",
                next_step="Tighten options.reltol, use method='gear' or a smaller max_step",
                run_directory=self.run_directory,
            )

    def _check_states(self, model: CompactModel) -> None:
        rows, columns = (np.array(k) for k in zip(*self.chosen.cells, strict=True))
        for state, values in zip(model.states, self._states(model), strict=True):
            room = 1e-3 * max(abs(state.lower), min(abs(state.upper), 1.0)) + 1e-6
            if not state.held:
                room = 1.0
            if values.min() < state.lower - room or values.max() > state.upper + room:
                raise InconsistentResult(
                    thing=f"state {state.name} left its bounds",
                    value=(float(values.min()), float(values.max())),
                    limit=f"{state.lower:g} to {state.upper:g}",
                    next_step="Tighten options.reltol or use a smaller max_step",
                    run_directory=self.run_directory,
                )
            starts_now = not self.transient or self.axis[0] == 0.0
            if state.held and starts_now:
                start = self.array.initial_state(state.name)[rows, columns]
                off = np.abs(values[0] - start)
                if (off > 1e-4 * np.abs(start) + 1e-6).any():
                    worst = int(np.argmax(off))
                    raise InconsistentResult(
                        thing=f"state {state.name} of cell {self.chosen.cells[worst]} did not "
                        "start where it was put",
                        value=float(values[0, worst]),
                        limit=f"{start[worst]:g}",
                        run_directory=self.run_directory,
                    )
