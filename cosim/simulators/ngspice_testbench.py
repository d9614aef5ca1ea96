"""A testbench through ngspice: emit, run, evaluate the probes, check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cosim.simulators.base import Result, RunProvenance
from cosim.simulators.check import Checker
from cosim.simulators.checked_cells import cells_to_check, check_probes
from cosim.simulators.ngspice_program import NgspiceProgram

if TYPE_CHECKING:
    from netlists.testbench import Testbench


def _stop(testbench: Testbench) -> float | None:
    from netlists.testbench import DcSweep, Transient

    if isinstance(testbench.analysis, Transient):
        return testbench.analysis.stop
    if isinstance(testbench.analysis, DcSweep):
        return float(testbench.analysis.points[-1])
    return None


def run_testbench(simulator: NgspiceProgram, testbench: Testbench) -> Result:
    """Run `testbench`; raises a SimulatorError unless the run counts.

    Raises
    ------
    NetlistError
        The circuit breaks an electrical rule, or a probe names nothing.
    SimulatorNotFound, NetlistRejected, NotConverged, SimulationTimeout, SimulatorKilled,
    DiskFull, IncompleteResult, InconsistentResult
    """
    import numpy as np

    from compact_models.foreign_model import ForeignModel
    from cosim.simulators.compiled import needs_compiled, that_runs
    from cosim.simulators.foreign_check import ForeignChecker, foreign_probes
    from cosim.simulators.osdi import chosen_devices, compile_module
    from netlists.osdi import compiled_netlist
    from netlists.probes import vectors_of
    from netlists.testbench import OperatingPoint

    testbench.check()
    simulator = that_runs(simulator, compiled=needs_compiled(testbench))
    foreign = isinstance(testbench.array.cell.reram, ForeignModel)
    wanted = testbench
    chosen = cells_to_check(testbench) if simulator.check else None
    if chosen is not None:
        extra = (foreign_probes if foreign else check_probes)(testbench, chosen)
        wanted = replace(testbench, probes=tuple(dict.fromkeys((*testbench.probes, *extra))))
    vectors = {probe: vectors_of(wanted, probe) for probe in wanted.probes}
    expected = tuple(dict.fromkeys(name for v in vectors.values() for name in v.names))
    devices = chosen_devices(simulator)
    stop = _stop(testbench)
    if devices == "osdi":
        compiled = compiled_netlist(wanted)
        names = compiled.vectors
        run = simulator.run_text(
            compiled.text,
            expect=[names.get(name, name) for name in expected],
            stop=stop,
            files={f"{stem}.osdi": compile_module(text) for stem, text in compiled.modules.items()},
        )
        found = run.plots[-1].columns()
        columns = {name: found[names.get(name, name)] for name in expected}
    else:
        run = simulator.run_text(wanted.spice(check=False), expect=expected, stop=stop)
        columns = dict(run.plots[-1].columns())
    plot = run.plots[-1]
    values = np.asarray(plot.values, dtype=np.float64)
    axis = np.zeros(len(values)) if isinstance(testbench.analysis, OperatingPoint) else plot.axis
    probes = {name: v.evaluate(values, columns) for name, v in vectors.items()}
    if chosen is not None:
        checker = ForeignChecker if foreign else Checker
        checker(wanted, chosen, axis, probes, run.run_directory or None).check()
    return Result(
        axis=axis,
        data={name: probes[name] for name in testbench.probes},
        provenance=RunProvenance(
            simulator=simulator.name,
            version=simulator.version,
            netlist_sha256=run.netlist_sha256,
            wall_time=run.wall_time,
            warnings=run.warnings,
            devices=devices,
        ),
    )
