"""Do the simulators agree? The same testbenches on every simulator that this machine has.

They share the equations of the devices and nothing else: ngspice evaluates them as behavioural
sources or as compiled Verilog-A, VACASK compiles the same Verilog-A and solves by itself, the
native solver has its own code for equations, Newton and time steps. What they agree on is what
the circuit does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import SimulatorNotFound
from cosim.simulators.base import Result, Simulator, get_simulator
from cosim.validation.table import Measured

if TYPE_CHECKING:
    from netlists.testbench import Testbench

FloatArray = NDArray[np.float64]
Figures = Mapping[str, Measured | float]

# Below this share of the largest value of its kind, a value is judged against that share.
_FLOOR = 1e-3


PROBES = {
    "current": ("cell_current",),
    "voltage": ("bit_line_voltage", "source_line_voltage", "cell_voltage"),
    "state": ("state:c", "state:phi", "state:dT"),
}
ALL_PROBES = tuple(name for names in PROBES.values() for name in names)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A testbench and where on its axis results are compared.

    Parameters
    ----------
    name : str
    testbench : Testbench
    where : ndarray, shape (n,)
        On the axis. In a transient ends of plateaus, on which every simulator steps: during
        edges the native solver leaves out what flows into capacitors. Held states are compared
        at the end too.
    """

    name: str
    testbench: Testbench
    where: FloatArray


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Largest relative differences of one simulator from the reference, in one case.

    Parameters
    ----------
    case, simulator, reference : str
    current : float
        Of the cells' currents.
    voltage : float
        Of the node voltages on the lines and across the cells.
    state : float
        Of held states and temperature rises.
    """

    case: str
    simulator: str
    reference: str
    current: float
    voltage: float
    state: float


def _array(rows: int, cols: int, **parameters: Any) -> Any:
    from compact_models import load_model
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    return Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=rows,
        cols=cols,
        parasitics=Parasitics(r_row=0.35, r_col=0.35),
        parameters=parameters,
    )


def _testbench(array: Any, bit: Any, gate: float, **arguments: Any) -> Testbench:
    from netlists.testbench import Testbench

    def level(driver: str) -> Any:
        if driver[0] == "b":
            return bit[int(driver[2:])] if isinstance(bit, tuple) else bit
        return gate if driver[0] == "w" else 0.0

    return Testbench(
        array=array,
        drives={name: level(name) for name in array.drivers},
        probes=ALL_PROBES,
        **arguments,
    )


def read_case(size: int = 4) -> Case:
    """Read of an array with wires, every cell in another state."""
    array = _array(size, size, c_0=np.linspace(0.7, 4.0, size * size).reshape(size, size))
    inputs = tuple(np.linspace(0.05, 0.2, size))
    return Case(name="read", testbench=_testbench(array, inputs, 3.3), where=np.zeros(1))


def sweep_case() -> Case:
    """DC sweep of a 2 x 2 array through both polarities, with held states.

    A simulator stops iterating at its tolerance: at the usual 1e-4 it is up to 1e-5 off.
    """
    from netlists.testbench import DcSweep, Options
    from netlists.waveform import Waveform

    array = _array(2, 2, c_0=np.array([[0.8, 1.64], [2.5, 3.5]]))
    analysis = DcSweep(stop=1.0, step=0.125)
    wave = Waveform(times=(0.0, 1.0), values=(-1.0, 1.0))
    return Case(
        name="sweep",
        testbench=_testbench(
            array,
            wave,
            3.3,
            analysis=analysis,
            options=Options(reltol=1e-7, vntol=1e-8),
        ),
        where=analysis.points,
    )


def pulse_case() -> Case:
    """SET and RESET pulse on a 2 x 2 array with wires."""
    from netlists.testbench import Transient
    from netlists.waveform import Waveform

    array = _array(2, 2, c_0=np.array([[0.8, 1.64], [2.5, 3.5]]))
    first = Waveform.pulse(1.35, width=1e-6)
    wave = first.then(Waveform.pulse(-1.3, width=1e-6))
    ends = [first.times[-2], wave.times[-2]]
    return Case(
        name="pulse",
        testbench=_testbench(array, wave, 3.3, analysis=Transient(stop=wave.duration, step=1e-8)),
        where=np.array(ends),
    )


def forming_case() -> Case:
    """The sweep that forms a pristine cell, through a transistor that limits the current."""
    from cosim.experiments.forming import Forming

    experiment = Forming(_array(1, 1, phi_0=np.zeros((1, 1))))
    testbench = experiment.testbench(experiment.array)
    # Before the breakdown, after it, and at the highest voltage.
    where = np.array([2.0, 3.0, 3.5, experiment.stop]) / experiment.rate
    return Case(name="forming", testbench=testbench.replace(probes=ALL_PROBES), where=where)


def cases() -> tuple[Case, ...]:
    """Read, DC sweep, pulses, forming."""
    return (read_case(2), read_case(4), sweep_case(), pulse_case(), forming_case())


def available_simulators() -> dict[str, Simulator]:
    """Every simulator of this machine by a name for people; the reference comes first.

    A second ngspice, which loads compiled devices, is looked for in ``COSIM_NGSPICE_OSDI``.
    """
    from cosim.simulators.ngspice import NgspiceSimulator
    from cosim.simulators.osdi import compiler_works, loads_compiled_models

    found: dict[str, Simulator] = {}
    for executable in dict.fromkeys((None, os.environ.get("COSIM_NGSPICE_OSDI"))):
        engine = NgspiceSimulator(executable=executable, devices="subcircuit")
        try:
            program, version = engine.program, engine.version
        except SimulatorNotFound:
            continue
        found.setdefault(f"ngspice {version} subcircuit", engine)
        if loads_compiled_models(program) and compiler_works():
            compiled = NgspiceSimulator(executable=executable, devices="osdi")
            found.setdefault(f"ngspice {version} osdi", compiled)
    for name in ("vacask", "neospice", "native"):
        simulator: Any = get_simulator(name)
        try:
            simulator.version  # noqa: B018
            getattr(simulator, "program", None)
        except SimulatorNotFound:
            continue
        found[name] = simulator
    return found


def relative_difference(ours: Iterable[FloatArray], other: Iterable[FloatArray]) -> float:
    """Largest |a - b| / max(|b|, floor), floor being a thousandth of the largest |b|."""
    a = np.concatenate([np.ravel(x) for x in ours])
    b = np.concatenate([np.ravel(x) for x in other])
    scale = np.maximum(np.abs(b), _FLOOR * np.abs(b).max())
    return float((np.abs(a - b) / np.where(scale > 0, scale, 1.0)).max())


def compare(case: Case, ours: Result, other: Result) -> dict[str, float]:
    """Largest relative differences of two results by kind: current, voltage, state."""

    def values(name: str, result: Result) -> FloatArray:
        picked = result.at(name, case.where)
        if name.startswith("state:") and case.testbench.array.cell.reram.state(name[6:]).held:
            picked = np.concatenate([picked, result[name][-1:]])
        return picked

    found = {}
    for kind, names in PROBES.items():
        groups = [(n,) for n in names] if kind == "state" else [names]
        found[kind] = max(
            relative_difference([values(n, ours) for n in group], [values(n, other) for n in group])
            for group in groups
        )
    return found


def agreement(
    chosen: Iterable[Case] | None = None, simulators: Mapping[str, Simulator] | None = None
) -> list[Agreement]:
    """Run every case on every simulator.

    Parameters
    ----------
    chosen : iterable of Case, optional
        By default :func:`cases`.
    simulators : mapping of str to Simulator, optional
        The first is the reference; by default :func:`available_simulators`.

    Returns
    -------
    list of Agreement
        One line per case and simulator but the reference.

    Raises
    ------
    SimulatorError
        A simulator that is there does not give a result.
    """
    engines = dict(available_simulators() if simulators is None else simulators)
    if not engines:
        return []
    reference, first = next(iter(engines.items()))
    from cosim.experiments.cells import run_patiently

    lines = []
    for case in cases() if chosen is None else chosen:
        other = run_patiently(first, case.testbench)
        for name, engine in engines.items():
            if name == reference:
                continue
            found = compare(case, run_patiently(engine, case.testbench), other)
            lines.append(Agreement(case=case.name, simulator=name, reference=reference, **found))
    return lines


def simulators(quick: bool) -> Figures:
    """Largest relative difference between simulators, for the validation table.

    The native solver, which has its own tolerances, is a figure of its own for reads.
    """
    engines = available_simulators()
    if len(engines) < 2:
        return {}
    chosen = (read_case(2), pulse_case()) if quick else cases()
    lines = agreement(chosen, engines)
    figures: dict[str, Measured | float] = {}
    for figure, names, native in (
        ("agreement_read", ("read", "sweep"), False),
        ("agreement_read_native", ("read", "sweep"), True),
        ("agreement_pulse", ("pulse",), None),
        ("agreement_forming", ("forming",), None),
    ):
        found = [
            line
            for line in lines
            if line.case in names and native in (None, line.simulator == "native")
        ]
        if found:
            worst = max(max(line.current, line.voltage, line.state) for line in found)
            who = ", ".join(dict.fromkeys(line.simulator for line in found))
            figures[figure] = Measured(value=worst, note=f"{who} against {found[0].reference}")
    return figures
