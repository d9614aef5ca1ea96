"""One testbench, every simulator of this machine: the same answer.

Reads and DC sweeps agree to 1e-6 (the native solver: 1e-5), states and currents after pulses and
forming to 1e-3.
"""

from __future__ import annotations

import numpy as np
import pytest

from cosim.experiments.cells import run_patiently
from cosim.simulators.base import Result, RunProvenance
from cosim.validation import agreement as module
from cosim.validation.agreement import (
    Agreement,
    Case,
    agreement,
    available_simulators,
    cases,
    compare,
    read_case,
    relative_difference,
)

BOUNDS = {"read": 1e-6, "sweep": 1e-6, "pulse": 1e-3, "forming": 1e-3}
NATIVE = {"read": 1e-5, "sweep": 1e-5, "pulse": 1e-3, "forming": 1e-3}


@pytest.fixture(scope="module")
def simulators(ngspice):
    """Those that are there; ngspice is the first."""
    found = available_simulators()
    assert "subcircuit" in next(iter(found))
    return found


@pytest.mark.ngspice
@pytest.mark.parametrize("case", cases(), ids=lambda c: f"{c.name}-{c.testbench.array.rows}")
def test_every_simulator_gives_the_same(case, simulators, proves):
    results = {name: run_patiently(s, case.testbench) for name, s in simulators.items()}
    reference = next(iter(results.values()))
    for name, result in results.items():
        bound = (NATIVE if name == "native" else BOUNDS)[case.name]
        for kind, difference in compare(case, result, reference).items():
            assert difference <= bound, f"{case.name}: {kind} of {name} is off by {difference:.2g}"
    proves.run(case.testbench, *results.values())


@pytest.mark.ngspice
def test_the_table_has_a_line_for_each(simulators):
    chosen = [read_case(2)]
    lines = agreement(chosen, simulators)
    assert [line.simulator for line in lines] == list(simulators)[1:]
    assert all(line.case == "read" and 0 <= line.current < 1e-5 for line in lines)
    assert agreement(chosen, {}) == []


def test_small_values_are_judged_against_a_thousandth_of_the_largest():
    one, other = np.array([1.0, 1.1e-6]), np.array([1.0, 1.0e-6])
    assert relative_difference([one], [other]) == pytest.approx(1e-4)
    assert relative_difference([np.zeros(2)], [np.zeros(2)]) == 0.0


def _result(case, change=None):
    shape = case.testbench.array.shape
    data = {}
    for names in module.PROBES.values():
        for name in names:
            data[name] = np.ones((2, *shape))
    if change:
        data[change] = data[change] * 1.01
    axis = np.array([0.0, 1.0])
    return Result(axis=axis, data=data, provenance=RunProvenance(simulator="made"))


@pytest.mark.parametrize(
    ("changed", "kind"),
    [("cell_current", "current"), ("source_line_voltage", "voltage"), ("state:dT", "state")],
)
def test_a_difference_is_found_where_it_is(changed, kind):
    case = Case(name="read", testbench=read_case(2).testbench, where=np.array([0.5]))
    found = compare(case, _result(case, changed), _result(case))
    assert found.pop(kind) == pytest.approx(0.01)
    assert set(found.values()) == {0.0}


def test_figures_of_the_validation_table(monkeypatch):
    def made(case, simulator, worst):
        return Agreement(
            case=case, simulator=simulator, reference="a", current=0.0, voltage=worst, state=0.0
        )

    lines = [made("read", "b", 1e-7), made("sweep", "native", 2e-6), made("pulse", "native", 1e-4)]
    monkeypatch.setattr(module, "available_simulators", lambda: {"a": None, "b": None})
    monkeypatch.setattr(module, "agreement", lambda chosen, engines: lines)
    figures = module.simulators(quick=False)
    assert {name: figure.value for name, figure in figures.items()} == {
        "agreement_read": 1e-7,
        "agreement_read_native": 2e-6,
        "agreement_pulse": 1e-4,
    }
    assert figures["agreement_read"].note == "b against a"
    monkeypatch.setattr(module, "available_simulators", lambda: {"a": None})
    assert module.simulators(quick=True) == {}
