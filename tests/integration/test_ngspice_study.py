"""Studies with real runs: samples, cache, a run that fails, and the user's interrupt."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from compact_models import load_model
from cosim.experiments import PulseUpdate
from cosim.simulators.ngspice import NgspiceSimulator
from cosim.study import Study
from netlists import Array, Cell

pytestmark = pytest.mark.ngspice


def build(array: Array, gate: float, *, pulses: int = 1) -> PulseUpdate:
    return PulseUpdate(array, sequence=(1,) * pulses, set_gate=gate, device_spread=True)


def study(simulator: NgspiceSimulator, pulses: int = 1) -> Study:
    cell = Cell(load_model("cmo_hfox"), load_model("nmos_3v3"))
    return Study(
        build=partial(build, Array(cell, rows=1, cols=1), pulses=pulses),
        axes={"gate": (1.0, 1.4)},
        samples=2,
        seed=4,
        simulator=simulator,
        variables=("conductance", "initial_conductance"),
        units={"gate": "V"},
    )


def test_study_of_an_experiment(ngspice: NgspiceSimulator, tmp_path: Path) -> None:
    found = study(ngspice).run(cache=tmp_path, progress=False)
    assert (found["status"] == "ok").all()
    first = found["initial_conductance"].isel(row=0, col=0)
    # The same sample is the same device at every gate voltage.
    np.testing.assert_allclose(first.isel(gate=0), first.isel(gate=1), rtol=1e-4)
    assert abs(first.isel(sample=0) / first.isel(sample=1) - 1).min() > 1e-3
    step = found["conductance"].isel(pulse=0, row=0, col=0) - first
    assert (step.sel(gate=1.4) > step.sel(gate=1.0)).all()
    started = time.perf_counter()
    again = study(ngspice).run(cache=tmp_path, progress=False)
    assert time.perf_counter() - started < 5
    assert again.identical(found)


def test_failed_runs_are_in_the_status(tmp_path: Path) -> None:
    hasty = NgspiceSimulator(deadline=1e-3, work_directory=str(tmp_path))
    # Work for a second each, so that a busy machine cannot finish it before it looks.
    found = study(hasty, pulses=200).run(progress=False)
    assert all(s.startswith("SimulationTimeout") for s in found["status"].to_numpy().ravel())


SCRIPT = """
import sys
from cosim.errors import Interrupted
from cosim.parallel import parallel_map
from cosim.simulators.ngspice import NgspiceSimulator

slow = NgspiceSimulator(work_directory=sys.argv[1], keep="never")
netlist = "* slow\\nV1 a 0 sin(0 1 1g)\\nC1 a 0 1p\\n.tran 1p 1\\n.save v(a)\\n.end\\n"
print("started", flush=True)
try:
    parallel_map(slow.run_text, [netlist] * 4, workers=2)
except Interrupted as stop:
    print(stop, flush=True)
    sys.exit(3)
"""


def test_interrupt_ends_the_simulators(ngspice: NgspiceSimulator, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("*/ngspice.log")) and time.monotonic() < deadline:
            time.sleep(0.1)
        running = children(process.pid)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "0 of 4 done" in printed
    assert running
    assert not [pid for pid in running if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.iterdir())


def children(parent: int) -> list[int]:
    """Processes that `parent` started, from /proc."""
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc")
    found = []
    for entry in (path.name for path in Path("/proc").iterdir()):
        if not entry.isdigit():
            continue
        try:
            status = Path(f"/proc/{entry}/stat").read_text()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent:
            found.append(int(entry))
    return found
