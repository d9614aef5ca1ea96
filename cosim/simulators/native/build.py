"""From a :class:`netlists.testbench.Testbench` to the systems that the native solver works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.model import CompactModel
from cosim.errors import ConfigError, NetlistError
from cosim.simulators.native.direct import Lines
from cosim.simulators.native.equations import cell_equations, parameter_vector
from cosim.simulators.native.newton import ArraySystem
from cosim.simulators.native.separate import SeparateCells
from cosim.simulators.native.stand_in import refusal

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

Floats = NDArray[np.float64]


def _lines(array: Array, kind: Any, floating: frozenset[str]) -> Lines:
    lines = array.line_set(kind)
    off = np.array([f"{kind}{k}" in floating for k in range(lines.count)])
    if lines.ends == "floating":
        off[:] = True
    if isinstance(array, SeparateCells) and kind in array.feeds:
        with np.errstate(divide="ignore"):
            feed = np.where(off, 0.0, 1.0 / array.feeds[kind])
        return Lines(resistance=0.0, start=feed, end=np.zeros(lines.count))
    return Lines.driven(
        lines.count,
        lines.resistance,
        driver=array.parasitics.r_feed + lines.resistance,
        ends="start" if lines.ends == "floating" else lines.ends,
        floating=off,
    )


def _check_driven(bit: Lines, source: Lines, parallel: bool) -> None:
    """Crossing lines are one circuit, each pair of parallel ones is its own: none may float."""
    on = [family.start + family.end > 0 for family in (bit, source)]
    alone = np.flatnonzero(~(on[0] | on[1])).tolist() if parallel else []
    if alone or not (on[0].any() or on[1].any()):
        raise ConfigError(
            thing="no bit or source line of a part of the array has a driver",
            value=f"lines {alone[:5]}" if alone else "all lines float",
            limit="one driver for every part",
            next_step="Give a bit line or a source line a voltage",
        )


def build_system(
    array: Array,
    *,
    floating: frozenset[str] = frozenset(),
    dynamic: bool = False,
    charged: bool = False,
    tolerance: float = 1e-10,
    threads: int = 1,
) -> ArraySystem:
    """The system of equations of an array.

    Parameters
    ----------
    array : netlists.Array
    floating : frozenset of str
        Drivers that are disconnected.
    dynamic : bool
        Whether the held states are unknowns (time steps) or given (operating points).
    charged : bool
        Whether the devices' charges are in the currents; for the dynamic form.
    tolerance : float
        Of the balance of currents.
    threads : int
        Threads that share the cells of a large array.

    Raises
    ------
    ConfigError
        For devices that are not our compact models, which only ngspice runs; or lines that all
        float.
    """
    reram, selector = array.cell.reram, array.cell.selector
    if selector is not None and not isinstance(selector, CompactModel):
        raise refusal(selector)
    if not isinstance(reram, CompactModel):
        raise ConfigError(
            thing="the native simulator cannot run a foreign memory device",
            value=getattr(reram, "name", reram),
            limit="a compact model",
            next_step="Use simulator='ngspice'",
        )
    equations = cell_equations(reram, selector, dynamic=dynamic, charged=charged)
    parameters = parameter_vector(equations, reram, selector)
    given = {"reram": array.parameters, "selector": array.selector_parameters}
    initial = {s.initial for s in reram.states}
    varying: list[int] = []
    values: list[Floats] = []
    for k, (device, name) in enumerate(equations.parameters):
        if name not in given[device] or (device == "reram" and name in initial):
            continue
        value = np.asarray(given[device][name], dtype=float)
        if (value == value.flat[0]).all():
            parameters[k] = value.flat[0]
        else:
            varying.append(k)
            values.append(value)
    word = array.line_set("wl")
    bit, source = _lines(array, "bl", floating), _lines(array, "sl", floating)
    parallel = array.line_set("bl").along == "column"
    _check_driven(bit, source, parallel)
    return ArraySystem(
        equations=equations,
        parameters=parameters,
        varying=np.array(varying, dtype=np.int64),
        values=np.array(values).reshape((len(values), array.rows, array.cols)),
        rows=array.rows,
        cols=array.cols,
        bit=bit,
        source=source,
        parallel=parallel,
        gate_along_rows=word.along == "row",
        bit_load=array.line_set("bl").capacitance,
        source_load=array.line_set("sl").capacitance,
        tolerance=tolerance,
        threads=threads,
    )


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Voltages of all drivers over the testbench's axis.

    Parameters
    ----------
    testbench : Testbench
    """

    testbench: Testbench

    def __post_init__(self) -> None:
        array, drives = self.testbench.array, self.testbench.drives
        for kind in ("bl", "sl", "wl"):
            count = array.line_set(kind).count
            waves: list[Any] = [drives.get(f"{kind}{k}") for k in range(count)]
            if kind == "wl" and array.cell.selector is not None and None in waves:
                # The rule that every simulator's netlist is held to.
                raise NetlistError(
                    thing="electrical rule 'floating node': word lines without a driver; gates "
                    "draw no direct current, so nothing sets their voltage",
                    value=", ".join(f"wl{k}" for k, w in enumerate(waves) if w is None),
                    limit="0 floating nodes",
                    next_step="Drive them; a gate that keeps its charge is one driven at the "
                    "voltage that it has",
                )
            times: list[Any] = [np.array([0.0]) if w is None else w.breakpoints for w in waves]
            levels = [np.array([0.0]) if w is None else np.asarray(w.values) for w in waves]
            # Most lines share a waveform: each distinct one is evaluated once.
            first: dict[int, int] = {}
            index = np.zeros(count, dtype=np.intp)
            distinct: list[tuple[Floats, Floats]] = []
            keys: dict[tuple[bytes, bytes], int] = {}
            for k, wave in enumerate(waves):
                if id(wave) not in first:
                    key = (times[k].tobytes(), levels[k].tobytes())
                    if key not in keys:
                        keys[key] = len(distinct)
                        distinct.append((times[k], levels[k]))
                    first[id(wave)] = keys[key]
                index[k] = first[id(wave)]
            object.__setattr__(self, f"_{kind}", (distinct, index))

    def at(self, s: float) -> tuple[Floats, Floats, Floats]:
        """Voltages of bit, source and word lines at time or sweep value `s` [V]."""
        result = []
        for kind in ("bl", "sl", "wl"):
            distinct, index = getattr(self, f"_{kind}")
            values = np.array([np.interp(s, t, v) for t, v in distinct])
            result.append(values[index])
        return result[0], result[1], result[2]

    def levels_at(self, times: Floats, kinds: tuple[str, ...]) -> Floats:
        """Voltages of all different waveforms at `times`, shape (times, waveforms) [V]."""
        pairs = [pair for kind in kinds for pair in getattr(self, f"_{kind}")[0]]
        return np.stack([np.interp(times, t, v) for t, v in pairs], axis=1)

    def distinct(self, kind: str) -> list[Floats]:
        """Values at the corners of every different waveform of one kind of line [V]."""
        return [levels for _, levels in getattr(self, f"_{kind}")[0]]

    def moving(self, start: float, stop: float) -> bool:
        """Whether any voltage differs between two times."""
        return any(
            not np.array_equal(a, b) for a, b in zip(self.at(start), self.at(stop), strict=True)
        )

    @property
    def breakpoints(self) -> Floats:
        """Times at which any slope changes [s]."""
        parts = [t for kind in ("bl", "sl", "wl") for t, _ in getattr(self, f"_{kind}")[0]]
        return np.unique(np.concatenate(parts))


def array_states(array: Array) -> Floats:
    """Held states at an array's start, shape (states, rows, cols), normalised."""
    held = [s.name for s in array.cell.reram.states if s.held]
    return np.array([array.initial_state(name) for name in held]).reshape(
        (len(held), array.rows, array.cols)
    )


def initial_states(testbench: Testbench) -> Floats:
    """Held states at a testbench's start, shape (states, rows, cols), normalised."""
    return array_states(testbench.built_array)
