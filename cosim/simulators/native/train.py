"""Trains of up to millions of equal pulses, without stepping through each where little changes.

The method is that of :mod:`cosim.simulators.native.jumps`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.simulators.native.jumps import METHOD, Jumps
from cosim.simulators.native.settings import NativeSettings

if TYPE_CHECKING:
    from netlists.testbench import Testbench

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainResult:
    """States along a train of pulses.

    Parameters
    ----------
    pulses : ndarray of int, shape (n,)
        Periods done, beginning with 0.
    states : dict of str to ndarray, shape (n, rows, cols)
        Held states after them, normalised.
    integrated : int
        Periods that were integrated in full.
    error : float
        Sum over the jumps of their largest estimated error, relative to a state's size plus 0.01.
    wall_time : float
        Seconds.
    method : str
    """

    pulses: NDArray[np.int64]
    states: dict[str, Floats]
    integrated: int
    error: float
    wall_time: float
    method: str


def run_train(
    testbench: Testbench,
    pulses: int,
    *,
    record: Sequence[int] | None = None,
    tolerance: float = 1e-4,
    simulator: NativeSettings | None = None,
) -> TrainResult:
    """Repeat one period of stimuli `pulses` times.

    Parameters
    ----------
    testbench : Testbench
        Of one period; its Transient ends with the period.
    pulses : int
        Number of periods.
    record : sequence of int, optional
        Pulse counts at which states are kept; default: about ten a decade, and the last.
    tolerance : float
        Error of a state per jump, relative to its size plus 0.01.
    simulator : NativeSettings, optional
        Such as a NativeSimulator.
        Tolerances and deadline.

    Raises
    ------
    ConfigError
        The testbench is not a transient, or nothing is held.
    NotConverged, SimulationTimeout
    """
    from cosim.simulators.native.build import Stimuli, build_system, initial_states
    from cosim.simulators.native.stand_in import stood_in
    from cosim.simulators.native.transient import Integrator
    from netlists.testbench import Transient

    begin = time.perf_counter()
    chosen = simulator or NativeSettings()
    analysis: Any = testbench.analysis
    if not isinstance(analysis, Transient) or pulses < 1:
        raise ConfigError(
            thing="a train needs a transient testbench of one period and at least one pulse",
            value=(type(analysis).__name__, pulses),
        )
    testbench, _ = stood_in(testbench, chosen.stand_in)
    testbench.check()
    system = build_system(
        testbench.built_array,
        floating=testbench.floating,
        dynamic=True,
        tolerance=chosen.tolerance,
        threads=chosen.threads,
    )
    names = system.equations.held
    if not names:
        raise ConfigError(thing="nothing in this array remembers a pulse", value=names)
    stimuli = Stimuli(testbench)
    marks = stimuli.breakpoints
    marks = np.unique(np.append(marks[(marks > 0) & (marks < analysis.stop)], analysis.stop))
    integrator = Integrator(
        system=system,
        stimuli=stimuli,
        states=initial_states(testbench),
        # Errors of the period map look like changes of d(x): they must be smaller than those.
        tolerance=min(chosen.state_tolerance, max(0.1 * tolerance, 1e-7)),
    )

    def change(x: Floats, number: int | None) -> Floats:
        """d(x): what one period adds to the states."""
        chosen.check_deadline(begin)
        integrator.states = x
        integrator.start(0.0)
        t = 0.0
        for mark in marks:
            while t < mark:
                t, _ = integrator.step(t, float(mark), np.inf)
        return integrator.states - x

    stops = sorted({k for k in (record or _decades(pulses)) if 0 < k <= pulses} | {pulses})
    held = [s for s in testbench.array.cell.reram.states if s.held]
    jumps = Jumps(
        change=change,
        tolerance=tolerance,
        lower=np.array([s.lower for s in held]),
        upper=np.array([s.upper for s in held]),
    )
    history = np.array([integrator.states, *jumps.run(integrator.states, stops)])
    return TrainResult(
        pulses=np.array([0, *stops], dtype=np.int64),
        states={name: history[:, k] for k, name in enumerate(names)},
        integrated=jumps.integrated,
        error=jumps.error,
        wall_time=time.perf_counter() - begin,
        method=METHOD,
    )


def _decades(pulses: int) -> list[int]:
    points = int(10 * np.log10(max(pulses, 1))) + 2
    return np.unique(np.geomspace(1, pulses, points).round().astype(int)).tolist()
