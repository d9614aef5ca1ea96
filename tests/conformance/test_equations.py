"""What every model must satisfy in numpy and numba: physics, derivatives, agreement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from compact_models.emit.functions import compile_model
from compact_models.steady import solve_steady

COUNT = 60


def test_no_current_at_zero_volts(case, draw):
    rng = draw(1)
    solution = solve_steady(
        case.model, voltages=dict.fromkeys(case.model.terminals, 0.0), held=case.held(rng, COUNT)
    )
    for terminal in case.model.terminals:
        np.testing.assert_allclose(solution.current(terminal), 0.0, atol=1e-25)


def test_charge_is_conserved(case, draw):
    """The terminal currents of a settled device add up to zero."""
    rng = draw(2)
    solution = solve_steady(
        case.model, voltages=case.voltages(rng, COUNT), held=case.held(rng, COUNT)
    )
    currents = np.array([solution.current(t) for t in case.model.terminals])
    # Newton ends at 1e-11 of the unknowns; a nearly pristine device has a GOhm of them.
    scale = np.abs(currents).max(axis=0) + 1e-15
    assert np.all(np.abs(currents.sum(axis=0)) < 1e-8 * scale)


def test_passive(case, draw):
    """No bias draws power from a device."""
    rng = draw(3)
    voltages = case.voltages(rng, COUNT)
    solution = solve_steady(case.model, voltages=voltages, held=case.held(rng, COUNT))
    power = sum(voltages[t] * solution.current(t) for t in case.model.terminals)
    assert np.all(power >= -1e-18)


def _random_arguments(case, rng, count):
    kernels = compile_model(case.model, "numpy")
    voltages, held = case.voltages(rng, count), case.held(rng, count)
    solution = solve_steady(case.model, voltages=voltages, held=held)
    parameters = kernels.parameter_vector(case.model.parameters)
    # Off the solution, so that no quantity is a small difference of large ones.
    nodes = solution.nodes * rng.uniform(0.9, 1.1, solution.nodes.shape)
    states = solution.states * rng.uniform(0.9, 1.0, solution.states.shape)
    return nodes, states, np.broadcast_to(parameters[:, None], (len(parameters), count))


def _allocate(kernels, count=None):
    n, s = len(kernels.nodes), len(kernels.states)
    tail = () if count is None else (count,)
    shapes = ((n,), (n,), (s,), (n, n), (n, s), (n, n), (s, n), (s, s))
    return [np.zeros((*shape, *tail)) for shape in shapes]


def test_numba_is_numpy(case, draw, proves):
    """Values and every derivative, to rounding."""
    rng = draw(4)
    nodes, states, parameters = _random_arguments(case, rng, 12)
    in_numpy, in_numba = compile_model(case.model, "numpy"), compile_model(case.model, "numba")
    expected = _allocate(in_numpy, 12)
    in_numpy.evaluate(nodes, states, parameters, *expected)
    for i in range(12):
        got = _allocate(in_numba)
        in_numba.evaluate(
            np.ascontiguousarray(nodes[:, i]),
            np.ascontiguousarray(states[:, i]),
            np.ascontiguousarray(parameters[:, i]),
            *got,
        )
        for ours, reference in zip(got, expected, strict=True):
            scale = np.abs(reference[..., i]).max(initial=1e-300)
            np.testing.assert_allclose(ours, reference[..., i], rtol=1e-9, atol=1e-12 * scale)
    proves(case.model.name, "numba", "", "equations")


def test_derivatives_are_exact(case, draw, proves):
    """Against central differences; a wrong sign or factor would show at once."""
    rng = draw(5)
    nodes, states, parameters = _random_arguments(case, rng, 8)
    kernels = compile_model(case.model, "numpy")
    exact = _allocate(kernels, 8)
    kernels.evaluate(nodes, states, parameters, *exact)
    _, _, _, di_dv, di_dx, dq_dv, dr_dv, dr_dx = exact
    for matrices, base, is_node in (
        ((di_dv, dq_dv, dr_dv), nodes, True),
        ((di_dx, None, dr_dx), states, False),
    ):
        for k in range(len(base)):
            h = 1e-5 * np.maximum(np.abs(base[k]), 1e-2)
            low, high = base.copy(), base.copy()
            low[k] -= h
            high[k] += h
            pair = [
                kernels.call(moved, states, parameters)
                if is_node
                else kernels.call(nodes, moved, parameters)
                for moved in (high, low)
            ]
            for matrix, name in zip(matrices, ("currents", "charges", "rates"), strict=True):
                if matrix is None:
                    continue
                slope = (getattr(pair[0], name) - getattr(pair[1], name)) / (2 * h)
                size = np.abs(matrix[:, k]).max(axis=0, initial=1e-30) + 1e-30
                assert np.all(np.abs(slope - matrix[:, k]) <= 2e-4 * size + 1e-9 * np.abs(slope)), (
                    f"{case.model.name}: d({name})/d({kernels.nodes[k] if is_node else k})"
                )
    proves(case.model.name, "numpy", "", "equations")


def _integrate(model, terminal_voltages, held0, stop, tolerance):
    names = [s.name for s in model.states if s.held]

    def rate(_time, values):
        solution = solve_steady(
            model,
            voltages=terminal_voltages,
            ramp=2,
            held=dict(zip(names, np.clip(values, 0, None), strict=True)),
        )
        return [float(solution.rate(n)) for n in names]

    return names, solve_ivp(
        rate, (0.0, stop), held0, method="LSODA", rtol=tolerance, atol=tolerance * 1e-3
    )


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_states_stay_inside_their_bounds(case, draw, seed):
    """A long pulse at any bias within the limits moves no state past its bounds."""
    if not any(s.held for s in case.model.states):
        pytest.skip("the model has no memory")
    rng = draw(seed)
    voltages = {t: float(v[0]) for t, v in case.voltages(rng, 1).items()}
    held = {n: float(v[0]) for n, v in case.held(rng, 1).items()}
    names, solution = _integrate(case.model, voltages, list(held.values()), 1e-5, 1e-4)
    assert solution.success
    for name, trace in zip(names, solution.y, strict=True):
        state = case.model.state(name)
        slack = 1e-3 * max(1.0, abs(trace).max())
        assert trace.min() >= state.lower - slack
        assert trace.max() <= state.upper + slack
