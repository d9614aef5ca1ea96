"""A run that is stopped from outside ends its simulators and can be run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STUDY = """
experiment = ["forming", "pulse_update"]
seed = 1
[pulse_update]
pulses = 5000
"""


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.ngspice
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_from_outside(number: signal.Signals, tmp_path: Path, ngspice: object) -> None:
    study, out = tmp_path / "s.toml", tmp_path / "out"
    study.write_text(STUDY)
    command = [sys.executable, "-m", "cosim.cli", "run", str(study), "-o", str(out)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while not ((out / "forming.nc").exists() and _children(process.pid)):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "pulses did not start"
            time.sleep(0.1)
        simulators = _children(process.pid)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "Traceback" not in error
    assert "again" in error
    assert (out / "forming.nc").exists()
    assert not (out / "pulse_update.nc").exists()
    for pid in simulators:
        assert not Path(f"/proc/{pid}").exists(), "a simulator was left running"
