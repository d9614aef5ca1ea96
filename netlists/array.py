"""Rows x columns of cells with their lines: one topology, every other form made from it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import NetlistError, ParameterError, best_matches
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel
from netlists.cell import Cell
from netlists.lines import LINE_NAMES, Drive, Layout, LineKind, LineSet
from netlists.parasitics import Parasitics
from netlists.per_cell import per_cell

if TYPE_CHECKING:
    import networkx as nx

    from netlists.topology import Element


# 10000 x 10000; what one number per cell takes is then 0.8 GB.
MOST_CELLS = 100_000_000


@dataclass(frozen=True, eq=False)
class Array:
    """Rows x columns of equal cells, with lines, drivers and per-cell values.

    Parameters
    ----------
    cell : Cell
    rows, cols : int
    parasitics : Parasitics
    layout : Layout
    word_lines : {"row", "column"}
        Along what the word lines run.
    parameters, selector_parameters : mapping of str to array_like (rows, cols)
        Device parameters cell by cell, SI; scalars are the same everywhere. Initial states
        too: ``c_0`` is the parameter that ``State.initial`` names.
    drive : Drive
    name : str
        For titles.

    Notes
    -----
    Line nodes are ``bl_i_j``, ``sl_i_j``, ``wl_i_j`` at cell (i, j), or one node ``bl_k`` per
    line without segment resistance; drivers ``bl0``...; devices ``xr_i_j`` and ``xm_i_j``.

    Raises
    ------
    NetlistError, ParameterError
        A size below 1, an unknown parameter, a wrong shape, a number that is not finite.
    """

    cell: Cell
    _: KW_ONLY
    rows: int
    cols: int
    parasitics: Parasitics = field(default_factory=Parasitics)
    layout: Layout = Layout.CROSSING
    word_lines: Literal["row", "column"] = "row"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    selector_parameters: Mapping[str, Any] = field(default_factory=dict)
    drive: Drive = field(default_factory=Drive)
    name: str = "array"

    def __post_init__(self) -> None:
        from netlists.names import check_text

        check_text(self.name, "array name")
        for size, what in ((self.rows, "rows"), (self.cols, "columns")):
            if not isinstance(size, int | np.integer) or size < 1:
                raise NetlistError(thing=f"number of {what}", value=size, limit="an integer >= 1")
        set_ = object.__setattr__
        # Plain numbers: others are written in another way, and so have another fingerprint.
        set_(self, "rows", int(self.rows))
        set_(self, "cols", int(self.cols))
        if self.layout not in set(Layout):
            raise NetlistError(thing="layout", value=self.layout, limit=", ".join(Layout))
        if self.word_lines not in ("row", "column"):
            raise NetlistError(thing="word lines", value=self.word_lines, limit="row or column")
        if self.rows * self.cols > MOST_CELLS:
            raise NetlistError(
                thing="cells of an array", value=self.rows * self.cols, limit=f"{MOST_CELLS}"
            )
        if not isinstance(self.cell, Cell):
            raise NetlistError(
                thing="an array is made of a Cell",
                value=type(self.cell).__name__,
                next_step="Write Array(Cell(reram, selector), rows=..., cols=...)",
            )
        set_(self, "layout", Layout(self.layout))
        set_(self, "parameters", per_cell(self.parameters, self.cell.reram, self.shape))
        set_(self, "selector_parameters", self._per_cell_selector())

    def _per_cell_selector(self) -> dict[str, NDArray[np.float64]]:
        if self.selector_parameters and self.cell.selector is None:
            raise ParameterError(
                thing="selector parameters for a cell without selector",
                value=sorted(self.selector_parameters),
                next_step="Give the cell a selector",
            )
        return per_cell(self.selector_parameters, self.cell.selector, self.shape)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return (self.rows, self.cols)

    def line_set(self, kind: LineKind) -> LineSet:
        """All lines of one kind; no word lines without a selector."""
        wires, rows = self.parasitics, True
        if kind == "wl":
            rows = self.word_lines == "row"
            resistance, capacitance = wires.r_word, wires.c_word
        else:
            rows = kind == "bl" and self.layout is Layout.CROSSING
            resistance = wires.r_row if rows else wires.r_col
            capacitance = wires.c_row if rows else wires.c_col
        count, length = self.shape if rows else self.shape[::-1]
        return LineSet(
            kind=kind,
            along="row" if rows else "column",
            count=count,
            length=length,
            resistance=resistance,
            capacitance=capacitance,
            ends=getattr(self.drive, LINE_NAMES[kind]),
        )

    @property
    def line_sets(self) -> dict[LineKind, LineSet]:
        """Line sets by kind."""
        kinds: tuple[LineKind, ...] = (
            ("bl", "sl") if self.cell.selector is None else ("bl", "sl", "wl")
        )
        return {kind: self.line_set(kind) for kind in kinds}

    @property
    def drivers(self) -> tuple[str, ...]:
        """Names of all drivers."""
        return tuple(name for lines in self.line_sets.values() for name in lines.drivers)

    def parameter_array(
        self, name: str, device: Literal["reram", "selector"] = "reram"
    ) -> NDArray[np.float64]:
        """A device parameter cell by cell, shape (rows, cols), SI.

        Raises
        ------
        ParameterError
            The device has no parameter of that name.
        """
        given = self.parameters if device == "reram" else self.selector_parameters
        if name in given:
            return np.asarray(given[name])
        model = self.cell.reram if device == "reram" else self.cell.selector
        if model is None or name not in model.parameters:
            raise ParameterError(
                thing=f"the cell's {device} has no parameter of that name",
                value=name,
                next_step=best_matches(name, model.parameters) if model else "",
            )
        return np.full(self.shape, float(model.parameters[name]))

    def initial_state(self, name: str) -> NDArray[np.float64]:
        """Normalised initial value of a state of the memory device, shape (rows, cols)."""
        return self.parameter_array(self.cell.reram.state(name).initial)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def with_parameters(self, **values: ArrayLike) -> Self:
        """A copy with some memory-device parameters changed.

        Parameters
        ----------
        **values : array_like, scalar or shape (rows, cols)
            SI.

        Raises
        ------
        ParameterError
            An unknown name, a wrong shape, a value out of its limits.
        """
        return replace(self, parameters={**self.parameters, **values})

    def at_temperature(self, temperature: float) -> Self:
        """A copy with every device whose model has an ambient ``T_0`` at `temperature` [K]."""
        changes: dict[str, Any] = {}
        if "T_0" in self.cell.reram.parameters:
            changes["parameters"] = {**self.parameters, "T_0": temperature}
        selector = self.cell.selector
        if isinstance(selector, CompactModel) and "T_0" in selector.parameters:
            changes["selector_parameters"] = {**self.selector_parameters, "T_0": temperature}
        return replace(self, **changes)

    def with_states(self, states: Any) -> Self:
        """A copy which starts from given states.

        Parameters
        ----------
        states : mapping or Dataset
            ``final_<state>`` (a run's Dataset), or ``<state>``, each (rows, cols), normalised.

        Raises
        ------
        ParameterError
            None of the states is there.
        """
        if not isinstance(states, Mapping):
            raise ParameterError(
                thing="states of an array come in a mapping",
                value=type(states).__name__,
                next_step="Give the Dataset of a run, or {state: values}",
            )
        values = {}
        held = [state for state in self.cell.reram.states if state.held]
        if isinstance(self.cell.reram, ForeignModel) and not held:
            return self
        for state in held:
            for key in (f"final_{state.name}", state.name):
                if key in states:
                    values[state.initial] = np.asarray(states[key], dtype=float)
                    break
        if not values:
            raise ParameterError(
                thing="no state to continue from",
                value=sorted(map(str, states)),
                limit=", ".join(f"final_{state.name}" for state in held),
            )
        return self.with_parameters(**values)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides what this array does (16 hexadecimal digits)."""
        digest = hashlib.sha256()
        for part in (self.shape, self.parasitics, self.layout.value, self.word_lines, self.drive):
            digest.update(repr(part).encode())
        for device in (self.cell.reram, self.cell.selector):
            if device is None:
                digest.update(b"none")
                continue
            digest.update(device.name.encode())
            if isinstance(device, CompactModel):
                digest.update(device.parameters.fingerprint.encode())
                digest.update("".join(s.name for s in device.frozen).encode())
            else:
                digest.update(device.fingerprint.encode())
        for values in (self.parameters, self.selector_parameters):
            for name in sorted(values):
                digest.update(name.encode() + np.asarray(values[name]).tobytes())
        return digest.hexdigest()[:16]

    def elements(self, floating: Collection[str] = ()) -> list[Element]:
        """The topology: every element; drivers named in `floating` are left out."""
        from netlists.topology import array_elements

        return array_elements(self, frozenset(floating))

    def circuit(self, floating: Collection[str] = ()) -> Any:
        """PySpice ``Circuit`` of the array with its device definitions, without stimuli."""
        from netlists.topology import definitions, to_circuit

        return to_circuit(self.elements(floating), self.name, definitions(self))

    def graph(self, floating: Collection[str] = ()) -> nx.MultiGraph:
        """Graph of the same topology: nodes are circuit nodes, edges element terminals."""
        from netlists.topology import to_graph

        return to_graph(self.elements(floating))

    def netlist(self, read_voltage: float = 0.2, gate: float = 3.3) -> str:
        """Complete file: operating point with all bit lines at `read_voltage` [V].

        Parameters
        ----------
        read_voltage, gate : float
            Of bit lines and word lines [V]; source lines are at 0 V.
        """
        from netlists.bias import read
        from netlists.testbench import Testbench

        drives = read(self, read_voltage, gate=gate)
        probes = tuple(f"i({name})" for name in drives if not name.startswith("wl"))
        return Testbench(array=self, drives=drives, probes=probes, title="read").spice(check=False)
