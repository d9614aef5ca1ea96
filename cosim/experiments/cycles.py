"""Cycle-to-cycle spread inside one transient.

The equations stay as they are, but each parameter with a cycle-to-cycle spread gets the
deviation ``sigma z(t)`` added, where z is the potential of an extra internal node of the device.
A piecewise-linear source per cell and parameter steps z to a new standard normal number at every
pulse, so a train of pulses with different parameters is one simulator run. Simulators that take
parameters cell by cell instead get one run per pulse with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.model import CompactModel, p, v
from compact_models.parameters import Spread
from cosim.experiments.base import CYCLES, generator
from cosim.experiments.groups import Group
from cosim.simulators.base import CIRCUIT_SIMULATORS, Simulator
from netlists.array import Array
from netlists.cell import Cell
from netlists.testbench import Attachment

if TYPE_CHECKING:
    from cosim.simulators.native.simulator import ParameterChange

FloatArray = NDArray[np.float64]


def cycle_spreads(array: Array) -> dict[str, Spread]:
    """Parameters of the memory device with a cycle-to-cycle spread."""
    parameters = array.cell.reram.parameters.parameters
    return {
        name: parameter.ctoc
        for name, parameter in parameters.items()
        if parameter.ctoc is not None and parameter.ctoc.sigma > 0
    }


def draw_cycles(group: Group, names: Sequence[str], events: int, seed: int) -> FloatArray:
    """Standard normal numbers, shape (events, parameters, rows, cols of the group).

    A cell's numbers depend on the seed and on where it lies, not on what is simulated with it.
    """
    drawn = np.empty((events, len(names), len(group.cells)))
    for k, (row, column) in enumerate(group.cells):
        drawn[:, :, k] = generator(seed, CYCLES, row, column).standard_normal((events, len(names)))
    return drawn.reshape((events, len(names), *group.array.shape))


def cycle_changes(
    array: Array, spreads: Mapping[str, Spread], starts: FloatArray, z: FloatArray
) -> list[ParameterChange]:
    """The same steps as :func:`cycle_sources`, for the native solver.

    Parameters
    ----------
    starts : ndarray, shape (events,)
        When each begins [s]; the first holds from t = 0.
    z : ndarray, shape (events, parameters, rows, cols)
    """
    from cosim.simulators.native.simulator import ParameterChange

    bases = {name: array.parameter_array(name) for name in spreads}
    return [
        ParameterChange(
            time=float(start) if k else 0.0,
            values={n: spreads[n].deviate(b, z[k, i]) for i, (n, b) in enumerate(bases.items())},
        )
        for k, start in enumerate(starts)
    ]


def _node(name: str) -> str:
    return f"cycle_{name}"


def varying_model(model: CompactModel, spreads: Mapping[str, Spread]) -> CompactModel:
    """Copy of `model` whose parameters follow extra internal nodes ``cycle_<parameter>``."""
    import sympy as sp

    change: dict[Any, Any] = {}
    for name, spread in spreads.items():
        base, z = p(name), v(_node(name))
        if spread.distribution == "lognormal":
            change[base] = base * sp.exp(spread.sigma * z)
        elif spread.relative:
            change[base] = base * (1 + spread.sigma * z)
        else:
            change[base] = base + spread.sigma * z

    def put(expression: Any) -> Any:
        return None if expression is None else sp.sympify(expression).subs(change)

    return replace(
        model,
        internal_nodes=(*model.internal_nodes, *(_node(name) for name in spreads)),
        definitions=tuple(replace(d, expression=put(d.expression)) for d in model.definitions),
        branches=tuple(
            replace(b, current=put(b.current), charge=put(b.charge)) for b in model.branches
        ),
        states=tuple(replace(s, rate=put(s.rate)) for s in model.states),
    )


def varying_array(array: Array, spreads: Mapping[str, Spread]) -> Array:
    """Copy of `array` with :func:`varying_model` in its cells."""
    cell = Cell(varying_model(array.cell.reram, spreads), array.cell.selector)
    return array.replace(cell=cell)


def cycle_sources(
    array: Array, names: Sequence[str], starts: FloatArray, rise: float, z: FloatArray
) -> tuple[Attachment, ...]:
    """Sources that step the extra nodes of every cell.

    Parameters
    ----------
    array : Array
        From :func:`varying_array`.
    names : sequence of str
        Parameters.
    starts : ndarray, shape (events,)
        When each step begins [s].
    rise : float
        How long it takes [s].
    z : ndarray, shape (events, parameters, rows, cols)
    """
    attachments = []
    for row in range(array.rows):
        for column in range(array.cols):
            for k, name in enumerate(names):
                values = z[:, k, row, column]
                # A step at t = 0 would need two values there.
                times, levels = [0.0], [float(values[0])]
                for start, before, after in zip(starts[1:], values[:-1], values[1:], strict=True):
                    times += [float(start), float(start) + rise]
                    levels += [float(before), float(after)]
                points = [f"{t!r} {u!r}" for t, u in zip(times, levels, strict=True)]
                subcircuit = f"cycle_{name}_{row}_{column}"
                lines = [f".subckt {subcircuit} out", "vz out 0 pwl("]
                lines += ["+ " + " ".join(points[i : i + 8]) for i in range(0, len(points), 8)]
                lines += ["+ )", f".ends {subcircuit}"]
                attachments.append(
                    Attachment(
                        name=subcircuit,
                        subcircuit=subcircuit,
                        definition="\n".join(lines),
                        nodes=(f"xr_{row}_{column}.{_node(name)}",),
                    )
                )
    return tuple(attachments)


@dataclass(frozen=True, kw_only=True, eq=False)
class Varied:
    """One run in which parameters change: what is simulated, with what, and what is added."""

    array: Array
    simulator: Simulator
    attachments: tuple[Attachment, ...] = ()


def in_one_run(simulator: Simulator) -> bool:
    """Whether parameters can change within a run: as sources, or in the solver itself."""
    inside = getattr(simulator, "with_changes", None) is not None
    return inside or simulator.name in CIRCUIT_SIMULATORS


def vary(
    array: Array,
    spreads: Mapping[str, Spread],
    simulator: Simulator,
    starts: FloatArray,
    rise: float,
    z: FloatArray,
    *,
    event: Callable[[str], int] = lambda name: 0,
) -> Varied:
    """Give a run its cycle-to-cycle deviations, in the way its simulator takes them.

    Parameters
    ----------
    starts, rise, z
        See :func:`cycle_sources`.
    event : callable
        Of a parameter's name, for a simulator that keeps parameters for a whole run: the event
        whose deviation it keeps.
    """
    names = tuple(spreads)
    if not names:
        return Varied(array=array, simulator=simulator)
    if simulator.name in CIRCUIT_SIMULATORS:
        changed = varying_array(array, spreads)
        sources = cycle_sources(changed, names, starts, rise, z)
        return Varied(array=changed, simulator=simulator, attachments=sources)
    with_changes = getattr(simulator, "with_changes", None)
    if with_changes is not None:
        changing = with_changes(cycle_changes(array, spreads, starts, z))
        return Varied(array=array, simulator=changing)
    values = {
        name: spreads[name].deviate(array.parameter_array(name), z[event(name), k])
        for k, name in enumerate(names)
    }
    return Varied(array=array.with_parameters(**values), simulator=simulator)
