"""Small-signal admittances in every simulator against the exact Jacobians in numpy.

About an operating point a device obeys ``(G + j w C) v = i`` with its inner potentials and the
temperature eliminated. A held state is not at rest under bias, so no linear response about it
exists; like an operating point, a small-signal analysis keeps it where it was put.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from compact_models import load_model
from compact_models.emit.ngspice import subcircuit
from compact_models.emit.veriloga import module
from compact_models.steady import solve_steady
from cosim.simulators.osdi import compile_module
from cosim.simulators.process import run_process
from cosim.simulators.raw import read_raw

COUNT = 4
# From below every pole to above the thermal one (28 ps).
SWEEP = {"points": 1, "start": 1e3, "stop": 1e12}


def admittance(model, solution, frequencies, free=()):
    """Complex terminal admittances [S], shape (points, frequencies, terminals, terminals).

    `free` names held states that are let go.
    """
    kernels = solution.kernels
    n, s = len(kernels.nodes), len(kernels.states)
    points = solution.nodes.shape[1:]
    shapes = ((n,), (n,), (s,), (n, n), (n, s), (n, n), (s, n), (s, s))
    out = [np.zeros((*shape, *points)) for shape in shapes]
    parameters = kernels.parameter_vector(model.parameters)
    parameters = np.broadcast_to(parameters[:, None], (len(parameters), *points))
    kernels.evaluate(solution.nodes, solution.states, parameters, *out)
    g, g_x, c, r_v, r_x = (np.moveaxis(a, -1, 0) for a in out[3:])
    moving = [k for k, state in enumerate(model.states) if not state.held or state.name in free]
    count, outer = n + len(moving), len(model.terminals)
    result = np.zeros((len(g), len(frequencies), outer, outer), dtype=complex)
    for k, frequency in enumerate(frequencies):
        s_ = 2j * np.pi * frequency
        whole = np.zeros((len(g), count, count), dtype=complex)
        whole[:, :n, :n] = g + s_ * c
        whole[:, :n, n:] = g_x[:, :, moving]
        # Rows of states over their own decay, which is some 1e10 1/s.
        scale = 1e-10
        whole[:, n:, :n] = -scale * r_v[:, moving]
        whole[:, n:, n:] = scale * (s_ * np.eye(len(moving)) - r_x[:, moving][:, :, moving])
        if count > outer:
            inner = np.linalg.solve(whole[:, outer:, outer:], whole[:, outer:, :outer])
            result[:, k] = whole[:, :outer, :outer] - whole[:, :outer, outer:] @ inner
        else:
            result[:, k] = whole
    return result


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Copies of one model at drawn biases, each driven at each terminal in turn."""

    model: object
    voltages: dict
    held: dict

    @property
    def copies(self):
        terminals = self.model.terminals
        return [(k, driven) for k in range(COUNT) for driven in terminals]

    def values(self, k):
        return {self.model.state(n).initial: float(v[k]) for n, v in self.held.items()}

    def spice(self, compiled):
        model = self.model
        lines = ["small signal"]
        if compiled:
            lines.append(".model card device_under_test")
        else:
            lines.append(subcircuit(model))
        for k, driven in self.copies:
            nodes = " ".join(f"{k}_{driven}_{t}" for t in model.terminals)
            values = "".join(f" {n}={v!r}" for n, v in self.values(k).items())
            what = "card" if compiled else model.name
            lines.append(f"{'n' if compiled else 'x'}{k}_{driven} {nodes} {what}{values}")
            for t in model.terminals:
                drive = f"dc {float(self.voltages[t][k])!r} ac {int(t == driven)}"
                lines.append(f"v{k}_{driven}_{t} {k}_{driven}_{t} 0 {drive}")
        probes = [f"i(v{k}_{d}_{t})" for k, d in self.copies for t in model.terminals]
        lines += [
            ".options reltol=1e-10 abstol=1e-18 vntol=1e-13 gmin=1e-18",
            ".save " + " ".join(probes),
            ".control",
            *(["pre_osdi device.osdi"] if compiled else []),
            "set num_threads=1",
            f"ac dec {SWEEP['points']} {SWEEP['start']:g} {SWEEP['stop']:g}",
            "write result.raw",
            "quit 0",
            ".endc",
            ".end",
        ]
        return "\n".join(lines) + "\n", probes

    def vacask(self):
        model = self.model
        lines = ["small signal", 'load "device.osdi"', "model voltage vsource"]
        lines.append("model card device_under_test")
        for k, driven in self.copies:
            nodes = " ".join(f"n{k}_{driven}_{t}" for t in model.terminals)
            values = "".join(f" {n}={v!r}" for n, v in self.values(k).items())
            lines.append(f"d{k}_{driven} ({nodes}) card{values}")
            for t in model.terminals:
                drive = f"dc={float(self.voltages[t][k])!r} mag={int(t == driven)}"
                lines.append(f"v{k}_{driven}_{t} (n{k}_{driven}_{t} 0) voltage {drive}")
        lines += [
            "control",
            '  options reltol=1e-10 abstol=1e-18 vntol=1e-13 gmin=1e-18 rawfile="binary"',
            f"  analysis result ac from={SWEEP['start']:g} to={SWEEP['stop']:g} "
            f'mode="dec" points={SWEEP["points"]}',
            "endc",
        ]
        probes = [f"v{k}_{d}_{t}:flow(br)" for k, d in self.copies for t in model.terminals]
        return "\n".join(lines) + "\n", probes

    def table(self, plot, probes):
        """Admittances from the currents of the sources."""
        found = plot.columns()
        count = len(self.model.terminals)
        columns = np.array([found[name.lower()] for name in probes])
        currents = -plot.values[:, columns].reshape(-1, COUNT, count, count)
        # (frequency, point, driven, terminal) -> (point, frequency, terminal, driven)
        return np.transpose(currents, (1, 0, 3, 2))


@pytest.fixture(scope="module")
def bench(case, draw):
    """Drawn biases, and the exact answer."""
    rng = draw(21)
    voltages, held = case.voltages(rng, COUNT), case.held(rng, COUNT)
    solution = solve_steady(case.model, voltages=voltages, held=held, ramp=8)
    return Bench(model=case.model, voltages=voltages, held=held), solution


def _compare(got, plot, bench, solution):
    exact = admittance(bench.model, solution, plot.axis)
    assert len(plot.axis) == 10
    scale = np.abs(exact).max(axis=(2, 3), keepdims=True)
    np.testing.assert_array_less(np.abs(got - exact) / scale, 1e-6)


@pytest.mark.ngspice
def test_behavioural_sources(bench, ngspice, proves):
    made, solution = bench
    text, probes = made.spice(compiled=False)
    plot = ngspice.run_text(text, expect=probes).plots[-1]
    _compare(made.table(plot, probes), plot, made, solution)
    proves(made.model.name, "ngspice", "subcircuit", "ac")


@pytest.mark.ngspice
def test_compiled_in_ngspice(bench, compiled_ngspice, proves):
    made, solution = bench
    text, probes = made.spice(compiled=True)
    files = {"device.osdi": compile_module(module(made.model, name="device_under_test"))}
    plot = compiled_ngspice.run_text(text, expect=probes, files=files).plots[-1]
    _compare(made.table(plot, probes), plot, made, solution)
    proves(made.model.name, "ngspice", "osdi", "ac")


@pytest.mark.ngspice
def test_compiled_in_vacask(bench, vacask, proves, tmp_path):
    made, solution = bench
    text, probes = made.vacask()
    (tmp_path / "device.osdi").symlink_to(
        compile_module(module(made.model, name="device_under_test"))
    )
    (tmp_path / "circuit.sim").write_text(text)
    outcome = run_process(
        [vacask.program, "-qp", "-sp", "circuit.sim"],
        directory=tmp_path,
        deadline=60.0,
        log_name="log",
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    assert outcome.code == 0, outcome.log
    plot = read_raw(tmp_path / "result.raw")[-1]
    _compare(made.table(plot, probes), plot, made, solution)
    proves(made.model.name, "vacask", "osdi", "ac")


def test_the_numpy_admittance_is_the_slope_of_the_current():
    """At low frequency the settled device's own dI/dV, heat included."""
    model = load_model("cmo_hfox")
    held = {"c": np.array([1.0, 3.0]), "phi": 1.0}
    bias, step = np.array([0.8, -0.6]), 1e-5

    def current(voltage):
        return solve_steady(model, voltages={"top": voltage, "bottom": 0.0}, held=held).current(
            "top"
        )

    solution = solve_steady(model, voltages={"top": bias, "bottom": 0.0}, held=held)
    exact = admittance(model, solution, [1e3])[:, 0]
    slope = (current(bias + step) - current(bias - step)) / (2 * step)
    np.testing.assert_allclose(exact[:, 0, 0].real, slope, rtol=1e-6)
    np.testing.assert_allclose(exact.sum(axis=2), 0.0, atol=1e-12)
    # Above its time constant the temperature no longer follows: less current per volt.
    fast = admittance(model, solution, [1e12])[:, 0, 0, 0]
    assert np.all(np.abs(1 - exact[:, 0, 0].real / fast.real) > 0.05)


def test_what_holding_the_vacancies_leaves_out():
    """Let go, they would answer below a kilohertz at 0.2 V; the analysis says it keeps them."""
    model = load_model("cmo_hfox")
    held = {"c": np.array([1.64]), "phi": 1.0}
    solution = solve_steady(model, voltages={"top": [0.2], "bottom": 0.0}, held=held)
    kept = admittance(model, solution, [1e3, 1e6])
    free = admittance(model, solution, [1e3, 1e6], free=("c",))
    np.testing.assert_allclose(free, kept, rtol=1e-3)
