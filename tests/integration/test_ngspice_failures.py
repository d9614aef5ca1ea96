"""How a simulator process can fail, with stand-in programs: each way has its own error."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import (
    ConfigError,
    DiskFull,
    IncompleteResult,
    NetlistRejected,
    NotConverged,
    SimulationTimeout,
    SimulatorKilled,
    SimulatorNotFound,
)
from cosim.simulators import get_simulator
from cosim.simulators.failures import log_tail
from cosim.simulators.ngspice import NgspiceSimulator
from cosim.simulators.raw import Plot, check_plot, write_raw


def stand_in(tmp_path: Path, script: str, **options: object) -> NgspiceSimulator:
    program = tmp_path / "stand-in"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return NgspiceSimulator(
        executable=str(program),
        work_directory=str(tmp_path / "runs"),
        **options,  # type: ignore[arg-type]
    )


def test_not_found_says_how_to_install(tmp_path: Path) -> None:
    with pytest.raises(SimulatorNotFound, match="apt-get install ngspice"):
        NgspiceSimulator(executable=str(tmp_path / "nothing")).run_text("* x\n")


def test_program_that_cannot_start(tmp_path: Path) -> None:
    simulator = stand_in(tmp_path, "")
    Path(simulator.executable or "").write_bytes(b"#!/no/such/interpreter\n")
    with pytest.raises(SimulatorNotFound, match="cannot be started"):
        simulator.run_text("* x\n")


def test_deadline_ends_the_whole_process_group(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    simulator = stand_in(tmp_path, f"(sleep 2; touch {marker}) & sleep 30\n", deadline=0.3)
    started = time.perf_counter()
    with pytest.raises(SimulationTimeout, match="deadline") as caught:
        simulator.run_text("* x\n")
    assert time.perf_counter() - started < 1.9
    assert Path(caught.value.run_directory or "").is_dir()
    time.sleep(max(0.0, 2.3 - (time.perf_counter() - started)))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        ("kill -KILL $$", SimulatorKilled, "SIGKILL"),
        ("kill -SEGV $$", SimulatorKilled, "SIGSEGV"),
        ("ulimit -c 0; kill -XFSZ $$", DiskFull, "no room"),
        ("echo 'Warning: rawfile write error !!'", DiskFull, "no room"),
        ("echo 'Error: unknown subckt: x1 a 0 nosuch'; exit 1", NetlistRejected, "nosuch"),
        ("echo 'doAnalyses: TRAN:  Timestep too small'", NotConverged, "Timestep too small"),
        ("true", IncompleteResult, "not written"),
        (": > result.raw", IncompleteResult, "is empty"),
    ],
)
def test_each_failure_has_its_error(
    tmp_path: Path, script: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        stand_in(tmp_path, script).run_text("* x\n")


def test_non_finite_values(tmp_path: Path) -> None:
    plot = Plot(
        title="t",
        name="p",
        names=("time", "v(a)"),
        kinds=("time", "voltage"),
        values=np.array([[0.0, 1.0], [1.0, np.inf]]),
    )
    write_raw(tmp_path / "bad.raw", [plot])
    with pytest.raises(IncompleteResult, match=r"not finite: \['v\(a\)'\]"):
        stand_in(tmp_path, f"cp {tmp_path / 'bad.raw'} result.raw").run_text("* x\n")


def test_run_directories(tmp_path: Path) -> None:
    with pytest.raises(IncompleteResult):
        stand_in(tmp_path, "echo last words", keep="never").run_text("* x\n")
    assert not list((tmp_path / "runs").iterdir())
    with pytest.raises(IncompleteResult, match="last words") as caught:
        stand_in(tmp_path, "echo last words").run_text("* x\n")
    assert (Path(caught.value.run_directory or "") / "circuit.cir").read_text() == "* x\n"


def test_a_program_that_does_not_answer_has_no_version(tmp_path: Path) -> None:
    simulator = stand_in(tmp_path, "")
    Path(simulator.executable or "").write_bytes(b"#!/no/such/interpreter\n")
    assert simulator.version == ""


def test_a_sweep_may_end_at_zero_but_for_rounding() -> None:
    values = np.array([[1.0, 0.0], [0.5, 0.0], [-1e-12, 0.0]])
    plot = Plot(title="t", name="p", names=("s", "v(a)"), kinds=("a", "b"), values=values)
    check_plot(plot, stop=0.0)
    with pytest.raises(IncompleteResult, match="before its stop"):
        check_plot(plot, stop=-0.1)


def test_log_tail_drops_statistics() -> None:
    log = "Error: real\n\nTotal DRAM available = 1 MB.\nText (code) pages =    5.430 MB.\n"
    assert log_tail(log) == "Error: real"


def test_unknown_simulator() -> None:
    with pytest.raises(ConfigError, match="Best matches are: 'ngspice'"):
        get_simulator("ngspise")
