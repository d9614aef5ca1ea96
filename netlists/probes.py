"""From the probes a user asks for to the vectors that ngspice saves, and back.

Cell currents need no ``savecurrents`` (35-100 % dearer) and no sense sources (one more
unknown per cell): the potentials and states that the model's current depends on are saved,
and the model's own expression gives the current from them, exactly as the simulator had it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import NetlistError, best_matches
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.lines import LINE_NAMES, LineKind
from netlists.nodes import resolve_node

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

_SINGLE = re.compile(r"([iv])\(([A-Za-z0-9_.]+)\)\Z")
GROUND = ""

Formula = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """How one probe follows from raw vectors.

    Parameters
    ----------
    probe, unit : str
    shape : tuple of int
        Of one point: () for a single quantity, (rows, cols) for all cells.
    inputs : tuple of tuple of str
        For each argument of `formula`, the raw vector names (lower case) in C order of
        `shape`; an empty name is ground.
    formula : callable
        Takes arrays (points, \\*shape), returns the same shape.
    """

    probe: str
    unit: str
    shape: tuple[int, ...]
    inputs: tuple[tuple[str, ...], ...]
    formula: Formula

    @property
    def names(self) -> tuple[str, ...]:
        """Every raw vector needed, each once."""
        return tuple(dict.fromkeys(n for part in self.inputs for n in part if n != GROUND))

    def evaluate(
        self, values: NDArray[np.float64], columns: Mapping[str, int]
    ) -> NDArray[np.float64]:
        """The probe's values.

        Parameters
        ----------
        values : ndarray, shape (points, variables)
            As in a raw file.
        columns : mapping of str to int
            Raw vector name in lower case -> column.

        Returns
        -------
        ndarray, shape (points, \\*shape)
        """
        arguments = []
        for names in self.inputs:
            index = np.array([0 if n == GROUND else columns[n] for n in names], dtype=np.intp)
            part = values[:, index]
            grounded = [k for k, n in enumerate(names) if n == GROUND]
            part[:, grounded] = 0.0
            arguments.append(part.reshape((len(values), *self.shape)))
        result = np.asarray(self.formula(*arguments), dtype=np.float64)
        return np.ascontiguousarray(np.broadcast_to(result, (len(values), *self.shape)))


def _same(a: Any) -> Any:
    return a


def _negative(a: Any) -> Any:
    return -a


def _difference(a: Any, b: Any) -> Any:
    return a - b


def _voltage(node: str) -> str:
    return GROUND if node == "0" else f"v({node.lower()})"


def _cells(array: Array) -> list[tuple[int, int]]:
    return [(i, j) for i in range(array.rows) for j in range(array.cols)]


def _line_nodes(array: Array, kind: LineKind) -> tuple[str, ...]:
    lines = array.line_set(kind)
    return tuple(_voltage(lines.node_at(i, j)) for i, j in _cells(array))


def _terminal_nodes(array: Array) -> dict[str, tuple[str, ...]]:
    """Raw vectors at every node of the memory device, by the model's node name."""
    model = array.cell.reram
    top, bottom = model.terminals
    middle = tuple(f"v(mid_{i}_{j})" for i, j in _cells(array))
    nodes = {
        top: _line_nodes(array, "bl"),
        bottom: _line_nodes(array, "sl") if array.cell.selector is None else middle,
    }
    for inner in model.internal_nodes:
        nodes[inner] = tuple(f"v(xr_{i}_{j}.{inner.lower()})" for i, j in _cells(array))
    return nodes


def _state_nodes(array: Array, state: str) -> tuple[str, ...]:
    return tuple(f"v(xr_{i}_{j}.{state.lower()})" for i, j in _cells(array))


@lru_cache(maxsize=32)
def _terminal_current(model: CompactModel) -> tuple[tuple[str, ...], Any]:
    """Conduction current into the first terminal: symbols it needs, compiled function.

    The function is that of a reduced model, with the branches at that terminal only, so that
    no state or inner potential is saved that the current does not depend on.
    """
    import sympy as sp

    from compact_models.emit.functions import compile_model

    top = model.terminals[0]
    branches = tuple(
        replace(branch, charge=None)
        for branch in model.branches
        if branch.current is not None and top in (branch.positive, branch.negative)
    )
    reduced = CompactModel(
        name=f"{model.name}_{top}",
        terminals=model.terminals,
        internal_nodes=model.internal_nodes,
        definitions=model.definitions,
        branches=branches,
        states=tuple(replace(s, rate=sp.Integer(0), time_constant=None) for s in model.states),
        parameters=model.parameters,
    )
    used: set[str] = set()
    for branch in branches:
        used |= {str(symbol) for symbol in model.expand(branch.current).free_symbols}
    return tuple(sorted(used)), compile_model(reduced)


def _cell_current(testbench: Testbench) -> Vectors:
    array = testbench.built_array
    model = array.cell.reram
    if isinstance(model, ForeignModel):
        meters = tuple(f"i(vr_{i}_{j})" for i, j in _cells(array))
        return Vectors(
            probe="cell_current", unit="A", shape=array.shape, inputs=(meters,), formula=_same
        )
    used, kernels = _terminal_current(model)
    potentials = _terminal_nodes(array)
    nodes = [n for n in model.nodes if f"v_{n}" in used]
    states = [s.name for s in model.states if f"x_{s.name}" in used]
    values = kernels.parameter_vector(
        {
            n: array.parameter_array(n) if n in used else model.parameters[n]
            for n in kernels.parameters
        }
    ).reshape((len(kernels.parameters), 1, *array.shape))

    def formula(*arguments: NDArray[np.float64]) -> NDArray[np.float64]:
        given = dict(zip((*nodes, *states), arguments, strict=True))
        zero = np.zeros_like(arguments[0])
        at_nodes = np.array([given.get(n, zero) if n in nodes else zero for n in kernels.nodes])
        # Shape kept when there is no state.
        at_states = np.zeros((len(kernels.states), *zero.shape))
        for k, name in enumerate(kernels.states):
            if name in states:
                at_states[k] = given[name]
        currents = kernels.call(at_nodes, at_states, values).currents
        return np.asarray(currents[kernels.nodes.index(model.terminals[0])])

    inputs = [potentials[n] for n in nodes] + [_state_nodes(array, s) for s in states]
    return Vectors(
        probe="cell_current", unit="A", shape=array.shape, inputs=tuple(inputs), formula=formula
    )


def vectors_of(testbench: Testbench, probe: str) -> Vectors:
    """The raw vectors of one probe.

    Raises
    ------
    NetlistError
        Nothing of that name can be probed.
    """
    array = testbench.array
    top, bottom = array.cell.reram.terminals
    sets = array.line_sets

    def every(unit: str, formula: Formula, *inputs: tuple[str, ...]) -> Vectors:
        return Vectors(probe=probe, unit=unit, shape=array.shape, inputs=inputs, formula=formula)

    match = _SINGLE.match(probe)
    if match and match[1] == "v":
        node = resolve_node(testbench, match[2])
        return Vectors(probe=probe, unit="V", shape=(), inputs=((_voltage(node),),), formula=_same)
    if match:
        name = testbench.source_name(match[2])
        return Vectors(
            probe=probe, unit="A", shape=(), inputs=((f"i({name})",),), formula=_negative
        )
    if probe == "cell_current":
        return _cell_current(testbench)
    if probe == "cell_voltage":
        nodes = _terminal_nodes(array)
        return every("V", _difference, nodes[top], nodes[bottom])
    for kind, word in LINE_NAMES.items():
        if kind not in sets:
            continue
        if probe == f"{word}_voltage":
            return every("V", _same, _line_nodes(array, kind))
        if probe == f"{word}_current":
            names = tuple(f"i({testbench.source_name(d)})" for d in sets[kind].drivers)
            return Vectors(
                probe=probe, unit="A", shape=(len(names),), inputs=(names,), formula=_negative
            )
    if probe.startswith("state:"):
        state = array.cell.reram.state(probe[len("state:") :])
        return every(
            state.unit if state.scale == 1.0 else "1", _same, _state_nodes(array, state.name)
        )
    known = ["cell_current", "cell_voltage"]
    known += [f"{LINE_NAMES[k]}_{q}" for k in sets for q in ("voltage", "current")]
    reram = array.cell.reram
    if isinstance(reram, CompactModel) or reram.memory is not None:
        known += [f"state:{s.name}" for s in reram.states]
    raise NetlistError(
        thing="nothing of that name can be probed",
        value=probe,
        limit="i(driver), v(node), " + ", ".join(known),
        next_step=best_matches(probe, known),
    )
