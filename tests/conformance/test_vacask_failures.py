"""VACASK's failed runs are errors of the right kind, never results; no program is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import cosim as cs
from cosim.errors import (
    DiskFull,
    IncompleteResult,
    InconsistentResult,
    NetlistRejected,
    NotConverged,
    SimulationTimeout,
    SimulatorError,
    SimulatorKilled,
    SimulatorNotFound,
)
from cosim.simulators import outside as module
from cosim.simulators.outside import failure_of
from cosim.simulators.process import Outcome
from cosim.simulators.raw import Plot, read_raw, write_raw
from cosim.simulators.vacask import VacaskSimulator, program_of
from netlists.testbench import Testbench, Transient
from netlists.vacask import vacask_netlist
from netlists.waveform import Waveform


def _testbench():
    array = cs.Array(cs.Cell(cs.load_model("resistor")), rows=1, cols=1)
    wave = Waveform.pulse(0.2, width=1e-6)
    return Testbench(
        array=array,
        drives={"bl0": wave, "sl0": 0.0},
        analysis=Transient(stop=wave.duration, step=1e-8),
        probes=("i(bl0)",),
    )


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a program that does what a line of shell says, in the place of VACASK."""
    monkeypatch.setattr(module, "compile_module", lambda text, name="": Path("/dev/null"))

    def made(line, **options):
        path = tmp_path / "vacask"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        work = tmp_path / "runs"
        return VacaskSimulator(executable=str(path), work_directory=str(work), **options)

    return made


def _error(simulator):
    with pytest.raises(SimulatorError) as caught:
        simulator.run(_testbench())
    return caught.value


def test_missing():
    error = _error(VacaskSimulator(executable="/nowhere/vacask"))
    assert isinstance(error, SimulatorNotFound)
    assert "pip install" in str(error)


def test_killed_and_timeout(program):
    killed = _error(program("kill -9 $$"))
    assert isinstance(killed, SimulatorKilled)
    assert "SIGKILL" in str(killed)
    assert Path(killed.run_directory, "circuit.sim").is_file()
    slow = _error(program("sleep 30", deadline=0.3, keep="never"))
    assert isinstance(slow, SimulationTimeout)
    assert not Path(slow.run_directory).exists()


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ("Parser syntax error, unexpected :\n12:27 in circuit.sim", NetlistRejected),
        ("Node 'xa:nothing' not found.\nFailed to bind analysis outputs.", NetlistRejected),
        (
            "Timestep too small. Transient analysis aborted.\nAnalysis 'result' aborted.",
            NotConverged,
        ),
        ("NR solver failed to converge.\nHomotopy failed, 6 step(s) tried.", NotConverged),
        ("write failed: No space left on device", DiskFull),
    ],
)
def test_logs(tmp_path, log, kind):
    outcome = Outcome(code=1, timed_out=False, wall_time=1.0, log=log)
    error = failure_of(program_of("vacask"), outcome, tmp_path)
    assert type(error) is kind
    assert log.splitlines()[-1] in error.log_tail


def _written(tmp_path, points, change=lambda values: values):
    """A raw file as a run would leave it, with some change."""
    names = tuple(
        vacask_netlist(
            _testbench().replace(probes=("v(bl_0)", "v(sl_0)", "i(bl0)"))
        ).vectors.values()
    )
    time = np.linspace(0, 1.02e-6, points)
    values = np.zeros((points, 1 + len(names)))
    values[:, 0] = time
    path = tmp_path / "made.raw"
    plot = Plot(
        title="t",
        name="Transient",
        names=("time", *names),
        kinds=("time", *["voltage"] * len(names)),
        values=change(values),
    )
    write_raw(path, [plot])
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: v[: len(v) // 2], "before its stop value"),
        (lambda v: v + np.nan, "not finite"),
        (lambda v: v[:0], "did not come back"),
    ],
)
def test_incomplete(program, tmp_path, change, said):
    path = _written(tmp_path, 21, change)
    error = _error(program(f"cp {path} result.raw", check=False))
    assert isinstance(error, IncompleteResult)
    assert said in str(error)


def test_truncated_and_nothing(program, tmp_path):
    path = _written(tmp_path, 21)
    assert read_raw(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert isinstance(_error(program(f"cp {path} result.raw")), IncompleteResult)
    assert isinstance(_error(program("exit 0")), NetlistRejected)


def test_wrong_currents_are_no_result(program, tmp_path):
    """Zero current at 0.2 V across a resistor contradicts the device's own equation."""

    def lift(values):
        values[1:-1, 1] = 0.2
        return values

    path = _written(tmp_path, 21, lift)
    assert isinstance(_error(program(f"cp {path} result.raw")), InconsistentResult)


@pytest.mark.ngspice
def test_a_real_refusal_and_a_real_divergence(tmp_path):
    simulator = VacaskSimulator(deadline=60.0, work_directory=str(tmp_path))
    try:
        program = simulator.program
    except SimulatorNotFound as error:
        pytest.skip(str(error))
    assert shutil.which(program)
    from cosim.simulators.process import run_process

    head = 'x\nload "resistor.osdi"\nmodel v vsource\nmodel r resistor\n'
    source = "v1 (a 0) v dc=1\n"
    control = "control\n  analysis result op\nendc\n"
    for body, kind in (
        ("r1 (a 0) r q=1\n", NetlistRejected),
        # Two ideal sources in parallel have no solution.
        ("v2 (a 0) v dc=2\nr1 (a 0) r r=1\n", NotConverged),
    ):
        (tmp_path / "circuit.sim").write_text(head + source + body + control)
        outcome = run_process(
            list(program_of(program).command),
            directory=tmp_path,
            deadline=60.0,
            log_name="log",
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )
        assert type(failure_of(program_of("vacask"), outcome, tmp_path)) is kind, outcome.log
