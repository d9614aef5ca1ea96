"""The real ngspice: right answers come back, each failure is told from the others."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from cosim.errors import (
    DiskFull,
    IncompleteResult,
    NetlistRejected,
    NotConverged,
    SimulationTimeout,
    SimulatorKilled,
)
from cosim.simulators.ngspice import NgspiceSimulator
from cosim.simulators.process import stop_all

pytestmark = pytest.mark.ngspice

RC = """* charging of a capacitor
V1 a 0 pulse(0 1 0 1p 1p 1 2)
R1 a b 1k
C1 b 0 1n
.save v(b) i(v1)
.tran {step} {stop} 0 {step}
.end
"""
SLOW = RC.format(step="1n", stop="1")


def test_right_answer(ngspice: NgspiceSimulator) -> None:
    run = ngspice.run_text(RC.format(step="5n", stop="2u"), expect=("v(b)", "i(v1)"), stop=2e-6)
    plot = run.plots[-1]
    exact = 1 - np.exp(-plot.axis / 1e-6)
    assert np.abs(plot.values[:, plot.columns()["v(b)"]] - exact).max() < 2e-4
    assert run.netlist_sha256
    assert not run.run_directory
    assert ngspice.version


def test_control_block_with_exit_code_one_is_a_good_run(ngspice: NgspiceSimulator) -> None:
    netlist = (
        "* divider\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n"
        ".control\nop\nwrite result.raw v(b)\n.endc\n.end\n"
    )
    plot = ngspice.run_text(netlist, expect=("v(b)",)).plots[-1]
    assert plot.values[0, plot.columns()["v(b)"]] == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("R1 a b foo bar", "foo"),
        ("X1 a 0 nosuch", "nosuch"),
        ("M1 a a 0 0 nomodel", "nomodel"),
        ("B1 a 0 I=fool(v(a))", "fool"),
    ],
)
def test_rejected(ngspice: NgspiceSimulator, line: str, text: str) -> None:
    with pytest.raises(NetlistRejected, match=text):
        ngspice.run_text(f"* bad\nV1 a 0 1\n{line}\n.tran 1n 5n\n.end\n")


def test_overflow_is_no_result(ngspice: NgspiceSimulator) -> None:
    with pytest.raises(NotConverged, match="DC solution failed"):
        ngspice.run_text("* big\nV1 a 0 1\nR1 a 0 1\nB1 b 0 V=1e308*v(a)*10\n.op\n.end\n")


def test_not_converged(ngspice: NgspiceSimulator) -> None:
    with pytest.raises(NotConverged, match="Timestep too small"):
        ngspice.run_text("* loop\nV1 a 0 1\nV2 a 0 2\nC1 a 0 1\n.tran 1n 5n\n.end\n")


def test_deadline(tmp_path: Path) -> None:
    simulator = NgspiceSimulator(deadline=0.5, work_directory=str(tmp_path))
    with pytest.raises(SimulationTimeout) as caught:
        simulator.run_text(SLOW)
    assert (Path(caught.value.run_directory or "") / "circuit.cir").is_file()


def test_killed(ngspice: NgspiceSimulator, tmp_path: Path) -> None:
    simulator = NgspiceSimulator(work_directory=str(tmp_path))
    threading.Timer(0.5, stop_all).start()
    with pytest.raises(SimulatorKilled, match="SIGTERM"):
        simulator.run_text(SLOW)


def test_full_disk_on_tmpfs(ngspice: NgspiceSimulator, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount; the quota test covers the rest")
    try:
        with pytest.raises(DiskFull) as caught:
            NgspiceSimulator(work_directory=str(small)).run_text(SLOW)
        assert str(small) in (caught.value.run_directory or "")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_full_quota(ngspice: NgspiceSimulator) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(DiskFull):
            NgspiceSimulator(keep="never").run_text(SLOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_incomplete(ngspice: NgspiceSimulator) -> None:
    netlist = RC.format(step="5n", stop="2u")
    with pytest.raises(IncompleteResult, match="did not come back"):
        ngspice.run_text(netlist, expect=("v(zz)",))
    with pytest.raises(IncompleteResult, match="before its stop value"):
        ngspice.run_text(netlist, stop=3e-6)
