"""How much faster compiled devices are than behavioural subcircuits, and how well they agree.

Both forms of the same netlist run one after the other in the same ngspice, and the seconds are
those of the processor, so that a busy machine spoils the ratio little. A form that was not run
has no ratio.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cosim.simulators.ngspice import NgspiceSimulator
from netlists.array import Array
from netlists.testbench import OperatingPoint, Testbench, Transient

PULSE, POINTS = 100e-9, 120
_RUNS, _PATIENCE = 3, 5.0  # the median counts, of fewer runs where they take long [s]


@dataclass(frozen=True, kw_only=True)
class DeviceSpeed:
    """One array, one analysis, evaluated in several forms.

    Parameters
    ----------
    rows, cols : int
    analysis : {"read", "pulse"}
        Operating point at 0.2 V; or 100 ns at 1.35 V, at least 120 points.
    seconds : mapping of str to float
        Form of the devices -> processor seconds of ngspice.
    points : mapping of str to int
    current_difference : float
        Largest relative difference of the cell currents at the end; NaN when one form ran.
    state_difference : float
        The same of the states.
    version : str
        Of ngspice.
    """

    rows: int
    cols: int
    analysis: str
    seconds: dict[str, float] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    current_difference: float = float("nan")
    state_difference: float = float("nan")
    version: str = ""

    @property
    def speed_up(self) -> float:
        """Seconds as subcircuits over seconds compiled; NaN when one form ran."""
        if len(self.seconds) < 2:
            return float("nan")
        return self.seconds["subcircuit"] / self.seconds["osdi"]


def bench(array: Array, analysis: str) -> Testbench:
    """Testbench of a read (``"read"``) or a SET pulse (``"pulse"``) on every cell of `array`.

    Initial vacancies are spread evenly over what cells are programmed to.
    """
    read = analysis == "read"
    levels = {"b": 0.2 if read else 1.35, "s": 0.0, "w": 3.3 if read else 1.4}
    spread = np.linspace(0.7, 3.5, array.rows * array.cols).reshape(array.rows, array.cols)
    return Testbench(
        array=array,
        drives={name: levels[name[0]] for name in array.drivers},
        analysis=OperatingPoint()
        if read
        else Transient(stop=PULSE, step=PULSE / POINTS, max_step=PULSE / POINTS),
        probes=("cell_current", "state:c"),
        initial_states={"c": spread},
        title=f"speed of devices, {analysis}",
    )


def compare_devices(
    array: Array,
    *,
    analysis: str = "pulse",
    simulator: NgspiceSimulator | None = None,
    forms: Sequence[str] = ("osdi", "subcircuit"),
) -> DeviceSpeed:
    """Run one analysis with compiled and with behavioural devices.

    Parameters
    ----------
    array : Array
        Of ``cmo_hfox`` cells.
    analysis : {"read", "pulse"}
    simulator : NgspiceSimulator, optional
    forms : sequence of str
        Those to run; at 64 x 64 the subcircuits take minutes.

    Raises
    ------
    SimulatorNotFound
        No ngspice that loads compiled models, or no compiler.
    """
    from dataclasses import replace

    base = simulator or NgspiceSimulator(deadline=3000.0)
    testbench = bench(array, analysis)
    seconds, points, results = {}, {}, {}
    for form in forms:
        engine = replace(base, devices=form, check=False)  # type: ignore[arg-type]
        if form == "osdi":
            warm(engine, testbench)
        spent: list[float] = []
        while len(spent) < _RUNS and sum(spent) < _PATIENCE:
            before = _processor_seconds()
            result = engine.run(testbench)
            spent.append(_processor_seconds() - before)
        seconds[form] = float(np.median(spent))
        points[form] = len(result.axis)
        results[form] = result
    differences = {"cell_current": float("nan"), "state:c": float("nan")}
    if len(results) == 2:
        one, other = results.values()
        differences = {
            probe: float(np.max(np.abs(one[probe][-1] / other[probe][-1] - 1.0)))
            for probe in differences
        }
    return DeviceSpeed(
        rows=array.rows,
        cols=array.cols,
        analysis=analysis,
        seconds=seconds,
        points=points,
        current_difference=differences["cell_current"],
        state_difference=differences["state:c"],
        version=base.version,
    )


def warm(engine: NgspiceSimulator, testbench: Testbench) -> None:
    """Compile the modules of a testbench before the clock runs: it happens once per machine."""
    from cosim.simulators.osdi import chosen_devices, compile_module
    from netlists.osdi import compiled_netlist

    chosen_devices(engine)
    for text in compiled_netlist(testbench).modules.values():
        compile_module(text)


def _processor_seconds() -> float:
    """Of all processes started from here that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
