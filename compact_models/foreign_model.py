"""A device that is somebody's compiled Verilog-A, in place of a compact model.

It runs where compiled Verilog-A runs: on the circuit rung, in an ngspice with the ``osdi`` command.
What it computes inside is its own affair; a parameter can be named that holds the initial value of
an internal node, so that experiments can go on from where another one left the device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, Self

from compact_models.errors import ModelError, ParameterError, best_matches
from compact_models.parameters import ParameterSet
from compact_models.va_linter import Complaint
from compact_models.va_source import Declared


@dataclass(frozen=True, kw_only=True)
class ForeignState:
    """An internal node that holds what the device remembers.

    Parameters
    ----------
    name : str
        The node.
    initial : str
        Parameter that holds its value at the start.
    lower, upper : float
        Range of that parameter.
    """

    name: str
    initial: str
    lower: float
    upper: float
    scale: float = 1.0
    unit: str = "1"
    held: bool = True

    @property
    def description(self) -> str:
        """For datasets."""
        return f"potential of node {self.name}"


@dataclass(frozen=True, kw_only=True, eq=False)
class ForeignModel:
    """A module from a user's Verilog-A file, in place of a compact model.

    Parameters
    ----------
    path : Path
    text : str
        With what the file includes.
    name : str
        Of the module.
    ports, internal_nodes : tuple of str
        Ports as the module lists them; internal nodes, and the ports that are left open.
    monitors : tuple of str
        Ports that are left open, because they only show what goes on inside.
    parameters : ParameterSet
        Those with a value: numbers, and what follows from numbers.
    declared : mapping of str to Declared
        All of them.
    given : mapping of str to float
        Values that are written onto the model card; all others are the file's own.
    memory : mapping of str to str, optional
        Internal node -> parameter with its initial value; None: not said.
    complaints : tuple of Complaint
        Empty unless it was loaded with ``accept=True``.
    """

    path: Path
    text: str
    name: str
    ports: tuple[str, ...]
    internal_nodes: tuple[str, ...]
    monitors: tuple[str, ...] = ()
    parameters: ParameterSet
    declared: Mapping[str, Declared]
    given: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, str] | None = None
    complaints: tuple[Complaint, ...] = ()

    @property
    def description(self) -> str:
        """Where it comes from."""
        return f"module {self.name} of {self.path.name}"

    @property
    def terminals(self) -> tuple[str, ...]:
        """Ports that the circuit is wired to, in the order of the module."""
        return tuple(port for port in self.ports if port not in self.monitors)

    @property
    def limits(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        """None: a Verilog-A file does not say what its device can bear."""
        return {}

    @property
    def nodes(self) -> tuple[str, ...]:
        """Terminals, then internal nodes."""
        return (*self.terminals, *self.internal_nodes)

    @property
    def fingerprint(self) -> str:
        """Hash of the text and of the values given, 12 hexadecimal digits."""
        parts = (
            self.monitors,
            self.text,
            self.name,
            sorted(self.given.items()),
            sorted((self.memory or {}).items()),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    @property
    def states(self) -> tuple[ForeignState, ...]:
        """What the device remembers, as far as it was said.

        Raises
        ------
        ModelError
            It was not said.
        """
        if self.memory is None:
            raise ModelError(
                thing=f"{self.path.name} does not say which of its nodes hold the device's state",
                value=", ".join(self.internal_nodes) or "no internal nodes",
                limit="node and the parameter with its initial value",
                next_step='Write reram_states = {x = "x0"} into [cell], or load_veriloga(..., '
                "states={'x': 'x0'}); states={} if the device remembers nothing",
            )
        return tuple(
            ForeignState(
                name=node,
                initial=initial,
                lower=self.parameters.parameter(initial).minimum,
                upper=self.parameters.parameter(initial).maximum,
            )
            for node, initial in self.memory.items()
        )

    def state(self, name: str) -> ForeignState:
        """The state of that name.

        Raises
        ------
        ModelError
            There is none.
        """
        for state in self.states:
            if state.name == name:
                return state
        raise ModelError(
            thing=f"{self.path.name} has no state of that name",
            value=name,
            next_step=best_matches(name, self.memory or {}),
        )

    def check_parameters(self, values: Mapping[str, Any]) -> None:
        """Refuse names that the module does not have.

        Raises
        ------
        ParameterError
        """
        for name in values:
            declared = self.declared.get(name)
            if declared is None:
                raise ParameterError(
                    thing=f"{self.name} has no parameter of that name",
                    value=name,
                    next_step=best_matches(name, self.parameters),
                )
            if name not in self.parameters:
                raise ParameterError(
                    thing=f"parameter {name} of {self.name} cannot be set from outside",
                    value=declared.default,
                    limit="a number, or an expression of numbers",
                    next_step=f"Change it in {declared.place}",
                )

    def check(self, values: Mapping[str, float]) -> None:
        """Refuse names that the module does not have, and values out of their range.

        Raises
        ------
        ParameterError
        """
        self.check_parameters(values)
        for name, value in values.items():
            own = self.declared[name]
            if isinstance(value, str) or not own.minimum <= value <= own.maximum:
                raise ParameterError(
                    thing=f"parameter {name} of {self.name} is out of range",
                    value=value,
                    limit=f"{own.minimum:g} to {own.maximum:g} {own.unit}".rstrip(),
                    next_step=f"See {own.place}",
                )
            if own.kind == "integer" and value != round(value):
                raise ParameterError(
                    thing=f"parameter {name} of {self.name} is an integer",
                    value=value,
                    next_step=f"See {own.place}",
                )

    def with_parameters(self, **values: float) -> Self:
        """A copy with some values changed.

        Raises
        ------
        ParameterError
        """
        self.check(values)
        return replace(
            self,
            parameters=self.parameters.replace(**values),
            given={**self.given, **{n: float(x) for n, x in values.items()}},
        )

    def with_states(self, states: Mapping[str, str] | None) -> Self:
        """A copy that knows which internal nodes hold its state.

        Parameters
        ----------
        states : mapping of str to str, optional
            Internal node -> parameter with its initial value; empty: it remembers nothing.

        Raises
        ------
        ModelError, ParameterError
            No such node or parameter.
        """
        for node, initial in (states or {}).items():
            if node not in self.internal_nodes:
                raise ModelError(
                    thing=f"{self.path.name} has no internal node of that name",
                    value=node,
                    next_step=best_matches(node, self.internal_nodes),
                )
            self.check_parameters({initial: 0.0})
        return replace(self, memory=None if states is None else dict(states))

    def _compiled_only(self) -> NoReturn:
        raise ModelError(
            thing=f"{self.path.name} is compiled, its equations are not known here",
            value=self.name,
            limit="runs in ngspice with the `osdi` command",
            next_step="Use simulator = 'ngspice' and name such an ngspice in "
            "COSIM_NGSPICE_OSDI (.ci/ngspice-backports gets one); other simulators need the "
            "equations as a compact model, see `Add a device` in the README",
        )

    @property
    def definitions(self) -> tuple[Any, ...]:
        """Raise ModelError: only compiled devices know what they compute."""
        self._compiled_only()

    @property
    def branches(self) -> tuple[Any, ...]:
        """Raise ModelError: only compiled devices know what they compute."""
        self._compiled_only()
