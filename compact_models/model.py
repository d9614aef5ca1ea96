"""What a compact model is: equations written once, as sympy expressions.

The printers in :mod:`compact_models.emit` turn one :class:`CompactModel` into
numpy and numba functions with exact derivatives, an ngspice subcircuit and a
Verilog-A module. Nothing else in the project writes a device equation.

Symbols
-------
``v(node)``
    Potential of a terminal or internal node [V].
``x(state)``
    Normalised state; the physical value is ``scale * x``.
``p(name)``
    Parameter, in SI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import sympy as sp

from compact_models.errors import ModelError, ParameterError, best_matches
from compact_models.parameters import ParameterSet


def v(node: str) -> sp.Symbol:
    """Potential of a node [V]."""
    return sp.Symbol(f"v_{node}", real=True)


def x(state: str) -> sp.Symbol:
    """Normalised state."""
    return sp.Symbol(f"x_{state}", real=True)


def p(name: str) -> sp.Symbol:
    """Parameter in SI."""
    return sp.Symbol(name, real=True)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """An intermediate quantity, usable in later definitions, branches and rates.

    Parameters
    ----------
    name : str
        Its symbol is ``p(name)``.
    expression : sympy.Expr
    unit, description : str
    auxiliary_scale : float, optional
        Where given, the definition may become a node of its own in simulators that
        have no variables, with this many units a volt; for long expressions that
        are used more than once.
    """

    name: str
    expression: Any
    unit: str
    description: str = ""
    auxiliary_scale: float | None = None


def define(
    name: str, expression: Any, unit: str, description: str, scale: float | None = None
) -> Definition:
    """A :class:`Definition` in one line of a table of equations; `scale` is auxiliary_scale."""
    return Definition(
        name=name,
        expression=expression,
        unit=unit,
        description=description,
        auxiliary_scale=scale,
    )


@dataclass(frozen=True, kw_only=True)
class Branch:
    """Current and charge from node `positive` through the device to `negative`.

    Parameters
    ----------
    current : sympy.Expr, optional
        [A]
    charge : sympy.Expr, optional
        [C]; its time derivative adds to the current.
    """

    name: str
    positive: str
    negative: str
    current: Any = None
    charge: Any = None


@dataclass(frozen=True, kw_only=True)
class State:
    """A state with an ordinary differential equation.

    Parameters
    ----------
    rate : sympy.Expr
        d(x)/dt of the normalised state [1/s].
    initial : str
        Parameter that holds the normalised initial value.
    lower, upper : float
        Bounds of the normalised state that the equations themselves keep.
    scale : float
        Physical value of x = 1.
    unit : str
        Of the physical value.
    held : bool
        True: an operating point keeps the initial value (memory). False: an
        operating point settles it (temperature).
    runaway : bool
        True when the state can feed itself, as a breakdown does; printers then guard
        the exponentials against overshooting iterates.
    time_constant : str, optional
        Parameter or definition with the state's own time constant [s]; it scales
        the state's equation where the state settles.
    """

    name: str
    rate: Any
    initial: str
    lower: float
    upper: float
    scale: float = 1.0
    unit: str = "dimensionless"
    held: bool = True
    runaway: bool = False
    time_constant: str | None = None
    description: str = ""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CompactModel:
    """Equations of one device, with its numbers.

    Parameters
    ----------
    name : str
        Legal as an identifier in every back end.
    terminals, internal_nodes : tuple of str
    definitions, branches, states : tuples
        In the order in which they may refer to each other.
    parameters : ParameterSet
    limits : mapping of (terminal, terminal) to (low, high)
        Voltage range the equations are meant for [V]; rule checks use it.
    frozen : tuple of State
        States that :meth:`freeze` made constant.
    """

    name: str
    terminals: tuple[str, ...]
    internal_nodes: tuple[str, ...] = ()
    definitions: tuple[Definition, ...] = ()
    branches: tuple[Branch, ...] = ()
    states: tuple[State, ...] = ()
    parameters: ParameterSet
    limits: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    description: str = ""
    frozen: tuple[State, ...] = ()

    def __post_init__(self) -> None:
        """Refuse expressions with symbols nobody defines."""
        known = {v(n) for n in self.nodes} | {x(s.name) for s in self.states}
        known |= {p(n) for n in self.parameters}
        for item in self.definitions:
            if p(item.name) in known:
                raise ModelError(
                    thing=f"{self.name}: a definition has the name of something else",
                    value=item.name,
                    limit="names that no parameter and no other definition has",
                )
            self._refuse_unknown(item.name, item.expression, known)
            known.add(p(item.name))
        for branch in self.branches:
            for node in (branch.positive, branch.negative):
                if node not in self.nodes:
                    raise ModelError(
                        thing=f"{self.name}: branch '{branch.name}' ends at an unknown node",
                        value=node,
                        next_step=best_matches(node, self.nodes),
                    )
            self._refuse_unknown(branch.name, branch.current, known)
            self._refuse_unknown(branch.name, branch.charge, known)
        for state in self.states:
            self._refuse_unknown(state.name, state.rate, known)
            self.parameters.parameter(state.initial)

    def _refuse_unknown(self, where: str, expression: Any, known: set[sp.Symbol]) -> None:
        if expression is None:
            return
        unknown = sp.sympify(expression).free_symbols - known
        if unknown:
            raise ModelError(
                thing=f"{self.name}: '{where}' uses symbols that nothing defines",
                value=sorted(map(str, unknown)),
                limit="v(node), x(state), p(parameter), or an earlier definition",
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.parameters!r})"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Terminals, then internal nodes."""
        return self.terminals + self.internal_nodes

    def state(self, name: str) -> State:
        """Return the State called `name`, or raise ModelError with the best matches."""
        for state in self.states:
            if state.name == name:
                return state
        raise ModelError(
            thing=f"{self.name} has no state of that name",
            value=name,
            next_step=best_matches(name, [s.name for s in self.states]),
        )

    def with_parameters(self, **values: float) -> Self:
        """Return a copy with some parameters changed (SI floats)."""
        return replace(self, parameters=self.parameters.replace(**values))

    def freeze(self, *states: str) -> Self:
        """Return a copy in which some states are constants: their initial parameters.

        Fewer equations to solve where a state cannot change: a formed device, or a
        read too short to move a vacancy.
        """
        values = {x(n): p(self.state(n).initial) for n in states}

        def fix(expression: Any) -> Any:
            return None if expression is None else sp.sympify(expression).xreplace(values)

        return replace(
            self,
            definitions=tuple(replace(d, expression=fix(d.expression)) for d in self.definitions),
            branches=tuple(
                replace(b, current=fix(b.current), charge=fix(b.charge)) for b in self.branches
            ),
            states=tuple(replace(s, rate=fix(s.rate)) for s in self.states if s.name not in states),
            frozen=(*self.frozen, *(s for s in self.states if s.name in states)),
        )

    def check_parameters(self, names: Any) -> None:
        """Raise ParameterError for names that are not parameters of this model."""
        for name in names:
            if name not in self.parameters:
                raise ParameterError(
                    thing=f"{self.name} has no parameter of that name",
                    value=name,
                    next_step=best_matches(name, self.parameters),
                )

    def definition_order(self, expressions: Any) -> list[Definition]:
        """The definitions that `expressions` need, in order."""
        needed: set[sp.Symbol] = set()
        for expression in expressions:
            if expression is not None:
                needed |= sp.sympify(expression).free_symbols
        chosen: list[Definition] = []
        for item in reversed(self.definitions):
            if p(item.name) in needed:
                chosen.append(item)
                needed |= sp.sympify(item.expression).free_symbols
        return chosen[::-1]

    def expand(self, expression: Any) -> Any:
        """Put every definition into `expression`, leaving nodes, states and parameters."""
        expression = sp.sympify(expression)
        for item in reversed(self.definitions):
            expression = expression.xreplace({p(item.name): item.expression})
        return expression
