"""One case of a disturb study: what pulses of one kind do to every cell of an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import device_conductance
from cosim.experiments.array_studies.disturb_setup import DisturbSetup
from cosim.experiments.array_studies.session import Session, precise
from cosim.experiments.array_studies.window import Window, mean_rate
from cosim.experiments.groups import Measured, origin
from cosim.simulators.base import Result, RunProvenance, Simulator
from netlists import Array
from netlists.analysis import OperatingPoint
from netlists.testbench import Testbench
from netlists.waveform import Waveform

Floats = NDArray[np.float64]


def pulse(
    study: DisturbSetup, begin: Array, scheme: str, amplitude: float, simulator: Simulator
) -> Measured:
    """What a train of pulses, and a single one, do to every cell."""
    from cosim.simulators.native import run_train

    selected = study.role(scheme) == 3
    drives = study.drives(begin, scheme, study.pulse(amplitude))
    before = device_conductance(begin)
    session = Session(array=begin, simulator=precise(simulator))
    after, _ = session.pulse(drives, session.start())
    top = on_top(study, begin, scheme, amplitude, simulator)
    held = begin
    if study.hold_selected:
        frozen = np.where(selected, 0.0, begin.parameter_array("nu_i"))
        held = begin.with_parameters(nu_i=frozen)
    heat = begin.parameter_array("T_0") + top["state:dT"][0]
    if study.cycle_spread:
        held = mean_rate(held, amplitude, heat)
    bench = study.testbench(held, scheme, amplitude)
    train = run_train(
        bench,
        study.counts[-1],
        record=study.counts,
        tolerance=study.tolerance,
        simulator=simulator,  # type: ignore[arg-type]
    )
    found = np.searchsorted(train.pulses, study.counts)
    states = train.states["c"][found]
    change = [device_conductance(begin.with_states({"c": c})) - before for c in states]
    record = RunProvenance(
        simulator="native", version=session.provenance().version,
        netlist_sha256=session.provenance().netlist_sha256,
        wall_time=train.wall_time, warnings=tuple(session.provenance().warnings),
    )  # fmt: skip
    return Measured(
        outputs={
            "change": np.array(change),
            "full_change": device_conductance(begin.with_states(after)) - before,
            "temperature": heat,
            "voltage": top["cell_voltage"][0],
            "vacancies": states[-1],
        },
        results=(origin(record),),
    )


def full_step(
    study: DisturbSetup, window: Window, scheme: str, amplitude: float, simulator: Simulator
) -> float:
    """Mean change of the selected cells of nominal devices by a pulse at their middle [S]."""
    plain = study.array.replace(parameters={}, selector_parameters={})
    begin = plain.with_states({"c": np.full(plain.shape, window.middle_state)})
    before = device_conductance(begin)
    session = Session(array=begin, simulator=precise(simulator))
    drives = study.drives(begin, scheme, study.pulse(amplitude))
    after, _ = session.pulse(drives, session.start())
    gained = device_conductance(begin.with_states(after)) - before
    return float(np.abs(gained[study.role(scheme) == 3]).mean())


def on_top(
    study: DisturbSetup, array: Array, scheme: str, amplitude: float, simulator: Simulator
) -> Result:
    """Operating point on top of a pulse."""
    flat = Waveform.constant(amplitude)
    return simulator.run(
        Testbench(
            array=array,
            drives=study.drives(array, scheme, flat),
            analysis=OperatingPoint(),
            probes=("state:dT", "cell_voltage"),
            options=common.OPTIONS,
            title="top of a pulse",
        )
    )
