"""Nonlinear arrays: derivatives, agreement with the linear solver, hard cases, clear errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compact_models import load_model
from compact_models.emit.functions import compile_model
from cosim.errors import ConfigError, CosimError, NetlistError, NotConverged
from cosim.simulators.base import Simulator, get_simulator
from cosim.simulators.native import LinearCrossbar, Lines, NativeSimulator, build_system
from cosim.simulators.native.build import array_states
from cosim.simulators.native.equations import cell_equations, parameter_vector
from netlists import bias
from netlists.analysis import DcSweep, OperatingPoint, Transient
from netlists.array import Array
from netlists.cell import Cell
from netlists.lines import Drive, Layout
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform

ALL = (
    "cell_current",
    "cell_voltage",
    "bit_line_voltage",
    "source_line_voltage",
    "bit_line_current",
    "source_line_current",
)


@pytest.fixture(scope="module")
def reram():
    return load_model("cmo_hfox")


@pytest.fixture(scope="module")
def nmos():
    return load_model("nmos_3v3")


def array_of(reram, nmos, shape=(4, 3), seed=0, **more):
    rng = np.random.default_rng(seed)
    parameters = {"c_0": rng.uniform(0.7, 3.77, shape), **more.pop("parameters", {})}
    more.setdefault("parasitics", Parasitics(r_row=0.35, r_col=0.35))
    return Array(Cell(reram, nmos), rows=shape[0], cols=shape[1], parameters=parameters, **more)


def solve(array, voltage=0.2, gate=3.3, probes=ALL, drives=None, **more):
    drives = bias.every_cell(array, voltage, gate=gate) if drives is None else drives
    return NativeSimulator().run(Testbench(array=array, drives=drives, probes=probes, **more))


@pytest.mark.parametrize("dynamic", [False, True])
def test_printed_derivatives_are_exact(reram, nmos, dynamic):
    cell = cell_equations(reram, nmos, dynamic=dynamic)
    n = len(cell.unknowns)
    q = np.zeros(cell.prepared)
    cell.prepare(parameter_vector(cell, reram, nmos), q)
    y = np.array([1.0, 0.3, 150.0, 2.1, 0.7])[:n]
    external = np.array([1.2, 0.1, 1.4, 0.0, 1e-7, 2.0, 0.7])
    z = np.concatenate([y, external[:2]])

    def both(z):
        f, j = np.zeros(n + 1 + len(cell.held)), np.zeros((n + 1, n + 2))
        outside = np.concatenate([z[n:], external[2:]])
        cell.equations(np.ascontiguousarray(z[:n]), outside, q, f, j)
        return f[: n + 1], j

    _, exact = both(z)
    for k in range(n + 2):
        h = 1e-6 * max(abs(z[k]), 0.1)
        up, down = z.copy(), z.copy()
        up[k] += h
        down[k] -= h
        slope = (both(up)[0] - both(down)[0]) / (up[k] - down[k])
        scale = np.max(np.abs(exact), axis=1)
        assert_allclose(slope / scale, exact[:, k] / scale, atol=3e-7)


def test_equations_agree_with_the_models_own_numpy_form(reram, nmos):
    cell = cell_equations(reram, nmos, dynamic=True)
    q = np.zeros(cell.prepared)
    cell.prepare(parameter_vector(cell, reram, nmos), q)
    f, j = np.zeros(8), np.zeros((6, 7))
    cell.equations(
        np.array([1.0, 0.3, 150.0, 2.1, 0.7]),
        np.array([1.2, 0.1, 1.4, 0.0, 0.0, 2.0, 0.6]),
        q,
        f,
        j,
    )
    kernels = compile_model(reram)
    own = kernels.call(
        [1.2, 0.3, 1.0], [2.1, 0.7, 150.0], kernels.parameter_vector(reram.parameters)
    )
    second = compile_model(nmos)
    drain = second.call([0.3, 1.4, 0.1, 0.0], [], second.parameter_vector(nmos.parameters))
    assert_allclose(f[0], own.currents[2], rtol=1e-12)
    assert_allclose(f[1], own.currents[1] + drain.currents[0], rtol=1e-11)
    assert_allclose(f[3:5], [2.1 - 2.0, 0.7 - 0.6], rtol=1e-14)
    assert_allclose(f[6:], own.rates[:2], rtol=1e-12)


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("wire", [0.0, 3.0])
def test_resistors_give_the_linear_solution(layout, wire):
    rng = np.random.default_rng(2)
    r = rng.uniform(1e4, 1e5, (5, 4))
    array = Array(
        Cell(load_model("resistor")),
        rows=5,
        cols=4,
        layout=layout,
        parameters={"resistance": r},
        parasitics=Parasitics(r_row=wire, r_col=wire, r_driver=7.0),
        drive=Drive(bit_line="both"),
    )
    drives = bias.read(array, rng.uniform(-1, 1, array.line_set("bl").count))
    result = solve(array, drives=drives)
    assert result["residual"][0] < 1e-9
    v = np.array([drives[f"bl{k}"].at(0.0) for k in range(array.line_set("bl").count)])
    if layout is Layout.CROSSING:
        row = Lines.driven(5, wire, driver=7.0 + wire, ends="both")
        column = Lines.driven(4, wire, driver=7.0 + wire)
        exact = LinearCrossbar(1 / r, row, column).solve(v, np.zeros(4))
        assert_allclose(result["cell_current"][0], exact.cell_current, rtol=1e-9)
        assert_allclose(result["bit_line_current"][0], exact.row_current, rtol=1e-9)
    total = result["bit_line_current"][0].sum() + result["source_line_current"][0].sum()
    assert abs(total) < 1e-12
    ohm = result["cell_voltage"][0] / r
    assert_allclose(result["cell_current"][0], ohm, rtol=1e-9)


def test_one_cell_is_device_and_transistor_in_series(reram, nmos):
    array = array_of(reram, nmos, (1, 1), parasitics=Parasitics())
    result = solve(array, 0.9, 1.4, probes=("cell_current", "v(mid_0_0)", "state:dT"))
    current, mid = result["cell_current"][0, 0, 0], result["v(mid_0_0)"][0]
    c = array.parameters["c_0"][0, 0] * 1e25
    assert_allclose(reram.current(voltage=0.9 - mid, vacancies=c), current, rtol=1e-9)
    assert_allclose(nmos.current(gate=1.4, drain=mid, source=0.0), current, rtol=1e-9)
    rise = result["state:dT"][0, 0, 0]
    assert_allclose(reram.temperature(voltage=0.9 - mid, vacancies=c) - 293.0, rise, rtol=1e-6)


def test_zero_wire_resistance_is_the_limit_of_small_ones(reram, nmos):
    ideal = solve(array_of(reram, nmos, parasitics=Parasitics()))["cell_current"]
    tiny = solve(array_of(reram, nmos, parasitics=Parasitics(r_row=1e-9, r_col=1e-9)))
    assert_allclose(tiny["cell_current"], ideal, rtol=1e-9)
    assert tiny["residual"][0] < 1e-9


HARD = {
    "cut off": {"gate": 0.0},
    "gate negative": {"gate": -0.5},
    "reset": {"voltage": -1.3},
    "strong": {"voltage": 3.0},
    "bad wires": {"parasitics": Parasitics(r_row=1e6, r_col=1e6)},
    "good wires": {"parasitics": Parasitics(r_row=1e-6, r_col=1e-6, r_driver=1e-6)},
    "pristine": {"parameters": {"phi_0": 0.0}, "voltage": 2.0},
    "open and shorted cells": {
        "parameters": {
            "R_s": np.where(np.arange(30).reshape(6, 5) % 7 == 0, 1e12, 223.0),
            "c_0": np.where(np.arange(30).reshape(6, 5) % 5 == 0, 200.0, 2.0),
        }
    },
    "no volts": {"voltage": 0.0},
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_balance(reram, nmos, name):
    case = dict(HARD[name])
    kept = {k: case.pop(k) for k in ("voltage", "gate") if k in case}
    array = array_of(reram, nmos, (6, 5), **case)
    result = solve(array, **kept)
    assert result["residual"][0] <= 1e-9
    given = result["bit_line_current"][0].sum()
    taken = -result["source_line_current"][0].sum()
    assert_allclose(given, taken, rtol=1e-8, atol=1e-18)
    assert_allclose(
        result["cell_current"][0].sum(axis=1), result["bit_line_current"][0], rtol=1e-7, atol=1e-18
    )


def test_floating_line_carries_nothing(reram, nmos):
    array = array_of(reram, nmos, (3, 3))
    drives = bias.every_cell(array, 0.2, gate=3.3) | {"bl1": None}
    result = solve(array, drives=drives, probes=("cell_current", "bit_line_voltage"))
    assert_allclose(result["cell_current"][0, 1].sum(), 0.0, atol=1e-16)
    assert np.ptp(result["bit_line_voltage"][0, 1]) < 1e-5


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("gate", [0.7, 0.9, 3.3])
def test_a_floating_line_settles_behind_transistors_that_hardly_conduct(reram, nmos, layout, gate):
    array = array_of(reram, nmos, (2, 3), layout=layout)
    drives = bias.every_cell(array, 0.5, gate=gate) | {"sl2": None}
    if layout is Layout.PARALLEL:
        drives["bl2"] = Waveform.constant(1.1)
    else:
        drives |= {"bl0": Waveform.constant(1.1), "bl1": Waveform.constant(1.1)}
    found = solve(array, drives=drives, probes=("source_line_voltage",))
    # No current flows onto it, so it has the voltage of what it hangs on.
    assert_allclose(found["source_line_voltage"][0, :, 2], 1.1, atol=1e-3)
    assert not any("not settled" in w for w in found.provenance.warnings)


def test_sweep_of_inputs_equals_single_reads(reram, nmos):
    array = array_of(reram, nmos)
    inputs = np.array([[0.2, 0.1, 0.0, 0.05], [0.0, 0.2, 0.2, 0.1]])
    probes = ("source_line_current", "i(bl0)", "v(bl_0_2)", "v(bl0)")
    together = solve(
        array, drives=bias.read(array, inputs), probes=probes, analysis=DcSweep(stop=1.0)
    )
    for k, row in enumerate(inputs):
        one = solve(array, drives=bias.read(array, row), probes=probes, analysis=OperatingPoint())
        for probe in probes:
            assert_allclose(together[probe][k], one[probe][0], rtol=1e-8, atol=1e-15)


def test_state_follows_an_independent_quadrature(reram):
    # At constant voltage dc/dt = f(c), so the time from c0 to c1 is the integral of 1 / f.
    array = Array(Cell(reram), rows=1, cols=1, parameters={"c_0": 1.0})
    tb = Testbench(
        array=array,
        drives=bias.every_cell(array, 1.35),
        probes=("state:c",),
        analysis=Transient(stop=2.5e-6, step=2e-8),
    )
    nodes, weights = np.polynomial.legendre.leggauss(24)
    for tolerance, accuracy in ((1e-7, 2e-5), (1e-4, 1e-3)):
        result = NativeSimulator(state_tolerance=tolerance).run(tb)
        last = result["state:c"][-1, 0, 0]
        assert last > 1.3
        c = 1.0 + (last - 1.0) * (nodes + 1.0) / 2.0
        rate = reram.rate(voltage=1.35, vacancies=c * 1e25) / 1e25
        assert_allclose(np.sum(weights / rate) * (last - 1.0) / 2.0, 2.5e-6, rtol=accuracy)


def test_what_it_cannot_do_is_an_error(reram, nmos):
    array = array_of(reram, nmos, (2, 2))
    drives = bias.every_cell(array, 0.2, gate=3.3)
    assert isinstance(get_simulator("native"), Simulator)
    with pytest.raises((ConfigError, NetlistError)):
        solve(array, drives=drives | {"wl0": None})
    with pytest.raises(CosimError):
        solve(array, drives=drives, probes=("state:nothing",))


@pytest.mark.parametrize(
    "wrong",
    [{"tolerance": 0.0}, {"state_tolerance": -1.0}, {"train_tolerance": np.nan},
     {"threads": 0}, {"deadline": 0}],
)  # fmt: skip
def test_settings_that_nothing_could_meet_are_refused(wrong):
    with pytest.raises(ConfigError):
        get_simulator("native", **wrong)


def test_random_arrays_are_right_or_refused(reram, nmos):
    right = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shape = tuple(int(k) for k in rng.integers(1, 9, 2))
        series = 223.0 * rng.lognormal(0, 0.3, shape)
        series[rng.random(shape) < rng.choice([0.0, 0.2])] = 1e12
        density = rng.uniform(0.1, 6.0, shape)
        density[rng.random(shape) < rng.choice([0.0, 0.2])] = 30.0
        wire = [0.0, 1e-6, 0.35, 50.0, 1e4, 1e7]
        ends = ["start", "end", "both"]
        array = Array(
            Cell(reram, nmos),
            rows=shape[0],
            cols=shape[1],
            parameters={
                "c_0": density,
                "R_s": series,
                "phi_0": np.where(rng.random(shape) < rng.choice([0.0, 0.5]), 0.0, 1.0),
            },
            layout=str(rng.choice(["crossing", "parallel"])),
            drive=Drive(bit_line=str(rng.choice(ends)), source_line=str(rng.choice(ends))),
            parasitics=Parasitics(
                r_row=float(rng.choice(wire)),
                r_col=float(rng.choice(wire)),
                r_driver=float(rng.choice([0.0, 100.0, 1e5])),
            ),
        )
        bits, words = (array.line_set(kind).count for kind in ("bl", "wl"))
        floating = frozenset(f"bl{k}" for k in range(bits) if rng.random() < 0.1)
        system = build_system(array, floating=floating)
        try:
            done = system.solve(
                bit=rng.uniform(-1, 1, bits) * rng.choice([0.2, 1.5, 3.3]),
                source=rng.uniform(0, 1, array.cols) * rng.choice([0.0, 1.5, 3.3]),
                gate=rng.choice([-0.3, 0.0, 0.6, 1.2, 3.3], words),
                held=array_states(array),
            )
        except NotConverged:
            continue
        assert done.residual <= 1e-9
        total = system.bit_delivered.sum() + system.source_delivered.sum()
        flows = np.abs(system.bit_delivered).sum() + np.abs(system.source_delivered).sum()
        assert abs(total) <= 1e-8 * flows + 1e-15
        right += 1
    assert right >= 57


@pytest.mark.parametrize(("voltage", "gate"), [(3.3, 3.3), (-3.3, 3.3), (2.0, 0.0)])
def test_huge_rates_stay_within_bounds(reram, nmos, voltage, gate):
    # From 0 to 3.3 V within 100 ps the rate of the vacancies grows by more than 20 decades.
    wave = Waveform.pulse(voltage, 1e-7, rise=1e-10, fall=1e-10)
    testbench = Testbench(
        array=array_of(reram, nmos, (2, 2)),
        drives=bias.every_cell(array_of(reram, nmos, (2, 2)), wave, gate=gate),
        probes=("state:c", "cell_current"),
        analysis=Transient(stop=wave.duration, step=1e-9),
    )
    result = NativeSimulator().run(testbench)
    assert result["residual"].max() <= 1e-9
    assert result.provenance.residual == result["residual"].max()
    assert np.all((result["state:c"] > 0) & (result["state:c"] <= reram.state("c").upper))


def test_a_singular_array_is_a_clear_error(reram):
    array = Array(Cell(reram), rows=2, cols=2, parasitics=Parasitics(r_row=1.0, r_col=1.0))
    with pytest.raises(ConfigError, match="all lines float"):
        build_system(array, floating=frozenset(("bl0", "bl1", "sl0", "sl1")))
    beside = array.replace(layout=Layout.PARALLEL)
    with pytest.raises(ConfigError, match="one driver for every part"):
        build_system(beside, floating=frozenset(("bl1", "sl1")))
    build_system(array, floating=frozenset(("bl1", "sl1")))


def test_the_direct_solver_stands_in_and_says_so(reram, nmos, monkeypatch):
    from cosim.simulators.native import gmres

    array = array_of(reram, nmos, (3, 3), parasitics=Parasitics(r_row=20.0, r_col=20.0))
    usual = solve(array, 0.5)
    monkeypatch.setattr(gmres, "solve_newton", lambda *_: (0, 1.0))
    direct = solve(array, 0.5)
    assert "sparse direct solver" in direct.provenance.warnings[0]
    assert_allclose(direct["cell_current"], usual["cell_current"], rtol=1e-8)


@pytest.mark.parametrize("size", [2, 17])
def test_a_word_line_that_floats_is_refused_by_the_same_rule_at_any_size(reram, nmos, size):
    array = array_of(reram, nmos, (size, size))
    drives = bias.read(array, 0.2) | {"wl1": None}
    for analysis in (OperatingPoint(), Transient(stop=1e-8, step=1e-9)):
        with pytest.raises(NetlistError, match="floating node") as caught:
            solve(array, drives=drives, analysis=analysis)
        assert "wl" in str(caught.value)
        assert "1" in str(caught.value.value)
