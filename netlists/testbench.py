"""Circuit, stimuli, analysis and probes as frozen data; ``.spice()`` is a complete file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import NetlistError, ParameterError, best_matches
from netlists.analysis import Analysis, DcSweep, OperatingPoint, Options, Transient
from netlists.names import check_name, check_node, check_number, check_text
from netlists.waveform import Waveform, as_waveform

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.limits import Finding
    from netlists.probes import Vectors
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

    def __post_init__(self) -> None:
        check_text(self.title, "testbench title")
        if self.seed is not None and not isinstance(self.seed, int | np.integer):
            raise NetlistError(thing="seed", value=self.seed, limit="an integer or None")
        if self.temperature is not None and not (
            0 < check_number(self.temperature, "temperature") < 1000
        ):
            raise NetlistError(thing="temperature", value=self.temperature, limit="0 to 1000 K")
        self._set("drives", self._checked_drives())
        if isinstance(self.probes, str):
            raise NetlistError(
                thing="probes of a testbench", value=self.probes, limit="a tuple of names"
            )
        self._set("probes", tuple(dict.fromkeys(self.probes)))
        if not self.probes:
            raise NetlistError(
                thing="testbench without probes",
                next_step="Ask for at least one, such as 'cell_current'",
            )
        self._set("initial_states", self._checked_states())
        names = [a.name.lower() for a in self.attachments]
        if len(set(names)) < len(names):
            raise NetlistError(thing="two attachments of the same name", value=sorted(names))
        for probe in self.probes:
            self.vectors_of(probe)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _checked_drives(self) -> dict[str, Waveform | None]:
        known = dict.fromkeys(self.array.drivers)
        for name in self.drives:
            if name not in known:
                raise NetlistError(
                    thing="the array has no driver of that name",
                    value=name,
                    next_step=best_matches(name, known),
                )
        missing = [name for name in known if name not in self.drives]
        if missing:
            raise NetlistError(
                thing=f"{len(missing)} drivers have no voltage",
                value=missing[:5],
                next_step="Give each a Waveform, or None to let its line float",
            )
        return {
            name: None if self.drives[name] is None else as_waveform(self.drives[name])  # type: ignore[arg-type]
            for name in known
        }

    def _checked_states(self) -> dict[str, NDArray[np.float64]]:
        checked = {}
        for name, value in self.initial_states.items():
            state = self.array.cell.reram.state(name)
            if not state.held:
                raise ParameterError(
                    thing=f"state {name} settles by itself and has no initial value",
                    limit=", ".join(s.name for s in self.array.cell.reram.states if s.held),
                )
            try:
                array = np.broadcast_to(np.asarray(value, dtype=float), self.array.shape).copy()
            except (TypeError, ValueError) as error:
                raise ParameterError(
                    thing=f"initial {name} has the wrong shape",
                    value=np.shape(value),
                    limit=f"{self.array.shape} or a scalar",
                ) from error
            if not (np.isfinite(array).all() and (array >= state.lower).all()):
                raise ParameterError(thing=f"initial {name}", limit=f">= {state.lower:g}")
            if (array > state.upper).any():
                raise ParameterError(
                    thing=f"initial {name}",
                    value=float(array.max()),
                    limit=f"<= {state.upper:g}",
                    next_step="States are normalised",
                )
            array.setflags(write=False)
            checked[name] = array
        return checked

    @property
    def floating(self) -> frozenset[str]:
        """Drivers that are disconnected."""
        return frozenset(name for name, wave in self.drives.items() if wave is None)

    @cached_property
    def built_array(self) -> Array:
        """The array with this testbench's initial states and temperature put in."""
        reram = self.array.cell.reram
        values = {reram.state(n).initial: x for n, x in self.initial_states.items()}
        array = self.array.with_parameters(**values) if values else self.array
        if self.temperature is None:
            return array
        return array.at_temperature(self.temperature)

    def source_name(self, driver: str) -> str:
        """SPICE name of a driver's source: ``v...``, or ``b...`` where a sweep moves it.

        Raises
        ------
        NetlistError
            No such driver, or it is disconnected.
        """
        wave = self.drives.get(driver)
        if not isinstance(wave, Waveform):
            connected = [name for name, w in self.drives.items() if w is not None]
            raise NetlistError(
                thing="no driver of that name is connected",
                value=driver,
                next_step=best_matches(driver, connected),
            )
        swept = isinstance(self.analysis, DcSweep) and not wave.is_constant
        return ("b" if swept else "v") + driver

    def vectors_of(self, probe: str) -> Vectors:
        """How one probe follows from raw vectors."""
        from netlists.probes import vectors_of

        return vectors_of(self, probe)

    def vectors(self) -> dict[str, Vectors]:
        """How every probe follows from raw vectors: see :class:`netlists.probes.Vectors`."""
        return {probe: self.vectors_of(probe) for probe in self.probes}

    def vector_names(self) -> tuple[str, ...]:
        """Every raw vector that a run has to bring back, lower case, without the axis."""
        return tuple(dict.fromkeys(n for v in self.vectors().values() for n in v.names))

    def elements(self) -> list[Element]:
        """Every element: the array's, sources, attachments."""
        from netlists.spice import testbench_elements

        return testbench_elements(self)

    def graph(self) -> Any:
        """networkx graph of everything, sources and attachments included."""
        from netlists.topology import to_graph

        return to_graph(self.elements())

    def check(self) -> tuple[Finding, ...]:
        """Run the electrical rules.

        Returns
        -------
        tuple of Finding
            Warnings.

        Raises
        ------
        NetlistError
            A rule is broken: the first, and how many more.
        """
        from netlists.rules import enforce

        return enforce(self)

    def spice(self, *, raw: str = "result.raw", check: bool = True) -> str:
        """Complete netlist, for ``ngspice -b``, version 39 or later.

        Parameters
        ----------
        raw : str
            File that ngspice writes, in its working folder.
        check : bool
            Run the electrical rules first.
        """
        from netlists.spice import netlist

        if check:
            self.check()
        return netlist(self, raw)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return replace(self, **changes)
