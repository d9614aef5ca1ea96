"""Steady solution of one device: internal nodes and settling states at fixed bias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.emit.functions import Kernels, compile_model
from compact_models.errors import ModelError, best_matches
from compact_models.inputs import common_shape, finite
from compact_models.model import CompactModel

Array = NDArray[np.float64]

# Largest Newton steps: a dome voltage of some thermal voltages, a third of the ambient.
_NODE_STEP = 0.5
_STATE_STEP = 150.0


@dataclass(frozen=True, kw_only=True)
class SteadySolution:
    """Potentials, states, currents and rates of a device that has settled.

    Parameters
    ----------
    nodes : ndarray, shape (N, ...)
        Potentials of terminals and internal nodes [V].
    states : ndarray, shape (S, ...)
        Normalised states.
    currents : ndarray, shape (N, ...)
        Into the device at each node [A]; zero at internal nodes.
    rates : ndarray, shape (S, ...)
        Of the normalised states [1/s]; zero where they settle.
    """

    kernels: Kernels
    nodes: Array
    states: Array
    currents: Array
    rates: Array

    def current(self, terminal: str) -> Array:
        """Return the current into the device at `terminal` [A]."""
        return np.asarray(self.currents[self.kernels.nodes.index(terminal)])

    def node(self, name: str) -> Array:
        """Return the potential of a node [V]."""
        return np.asarray(self.nodes[self.kernels.nodes.index(name)])

    def state(self, name: str) -> Array:
        """Return a normalised state."""
        return np.asarray(self.states[self.kernels.states.index(name)])

    def rate(self, name: str) -> Array:
        """Return the rate of a normalised state [1/s]."""
        return np.asarray(self.rates[self.kernels.states.index(name)])


def solve_steady(
    model: CompactModel,
    *,
    voltages: Mapping[str, ArrayLike],
    held: Mapping[str, ArrayLike],
    parameters: Mapping[str, ArrayLike] | None = None,
    ramp: int = 4,
    iterations: int = 60,
) -> SteadySolution:
    """Settle a device at given terminal voltages and held states.

    Newton's method with exact derivatives and limited steps, from zero bias up
    in `ramp` equal steps, so that of several solutions the one that is reached
    by raising the voltage is found.

    Parameters
    ----------
    voltages : mapping of terminal to array_like
        [V]; every terminal.
    held : mapping of state to array_like
        Normalised values of the held states; every one.
    parameters : mapping of str to array_like, optional
        Values that differ from the model's own, for instance one per device.

    Returns
    -------
    SteadySolution
        Everything broadcast to one shape.

    Raises
    ------
    ModelError
        If a name is unknown or missing, a number is not finite, shapes do not fit together, or
        a point does not settle.
    """
    if ramp < 1 or iterations < 1:
        raise ModelError(
            thing="steps of a steady solution", value=(ramp, iterations), limit="1 or more of each"
        )
    kernels = compile_model(model, "numpy")
    overrides = dict(parameters or {})
    model.check_parameters(overrides)
    settling = [i for i, s in enumerate(model.states) if not s.held]
    given = {**{model.states[i].name: 0.0 for i in settling}, **voltages, **held}
    wanted = (*model.terminals, *kernels.states)
    for name in (*voltages, *held):
        if name not in wanted:
            raise ModelError(
                thing=f"{model.name} has no terminal or state of that name",
                value=name,
                next_step=best_matches(name, wanted),
            )
    for name in wanted:
        if name not in given:
            raise ModelError(
                thing=f"{model.name} is not told the value of a terminal or a held state",
                value=name,
                limit=", ".join(wanted),
            )
    what = {t: f"voltage of {t} [V]" for t in model.terminals}
    parts = {n: finite(given[n], f"{model.name}: {what.get(n, f'state {n}')}") for n in wanted}
    parts |= {
        f"parameter {n}": finite(overrides.get(n, model.parameters[n]), f"{model.name}: {n}")
        for n in kernels.parameters
    }
    shape = common_shape(model.name, parts)
    table = np.array([np.broadcast_to(part, shape).ravel() for part in parts.values()])
    terminal_count, state_count = len(model.terminals), len(kernels.states)
    target = table[:terminal_count]
    states = table[terminal_count : terminal_count + state_count].copy()
    values = table[terminal_count + state_count :]
    nodes = np.zeros((len(model.nodes), target.shape[1]))
    states[settling] = 0.0

    previous = 0.0
    for step in range(1, ramp + 1):
        share = step / ramp
        # Scaling the last solution is exact for a linear device and close for others.
        nodes[terminal_count:] *= share / previous if previous else 0.0
        nodes[:terminal_count] = share * target
        previous = share
        _newton(model, kernels, nodes, states, values, settling, iterations)
    final = kernels.call(nodes, states, values)
    return SteadySolution(
        kernels=kernels,
        nodes=nodes.reshape(len(nodes), *shape),
        states=states.reshape(len(states), *shape),
        currents=final.currents.reshape(len(nodes), *shape),
        rates=final.rates.reshape(len(states), *shape),
    )


def _newton(
    model: CompactModel,
    kernels: Kernels,
    nodes: Array,
    states: Array,
    values: Array,
    settling: list[int],
    iterations: int,
) -> None:
    """Settle in place; raise ModelError where that fails."""
    n, s, count = len(kernels.nodes), len(kernels.states), nodes.shape[1]
    free = list(range(len(model.terminals), n))
    unknowns = len(free) + len(settling)
    if unknowns == 0 or count == 0:
        return
    currents, charges = np.zeros((n, count)), np.zeros((n, count))
    rates = np.zeros((s, count))
    di_dv, dq_dv = np.zeros((n, n, count)), np.zeros((n, n, count))
    di_dx, dr_dv = np.zeros((n, s, count)), np.zeros((s, n, count))
    dr_dx = np.zeros((s, s, count))
    limit = np.array([_NODE_STEP] * len(free) + [_STATE_STEP] * len(settling))[:, None]
    size, error = np.inf, np.full((unknowns, count), np.inf)
    for _ in range(iterations):
        kernels.evaluate(
            nodes, states, values, currents, charges, rates, di_dv, di_dx, dq_dv, dr_dv, dr_dx
        )
        residual = np.concatenate([currents[free], rates[settling]])
        top = np.concatenate([di_dv[np.ix_(free, free)], di_dx[np.ix_(free, settling)]], axis=1)
        bottom = np.concatenate(
            [dr_dv[np.ix_(settling, free)], dr_dx[np.ix_(settling, settling)]], axis=1
        )
        jacobian = np.moveaxis(np.concatenate([top, bottom]), -1, 0)
        # Rows differ by twenty orders of magnitude (amperes, kelvins per second).
        scale = np.abs(jacobian).max(axis=2, keepdims=True)
        scale[scale == 0] = 1.0
        right = (residual.T / scale[:, :, 0])[:, :, None]
        try:
            step = -np.linalg.solve(jacobian / scale, right)[:, :, 0].T
        except np.linalg.LinAlgError:
            break
        step *= np.minimum(1.0, (limit / np.maximum(np.abs(step), 1e-300)).min(axis=0))
        nodes[free] += step[: len(free)]
        states[settling] += step[len(free) :]
        current_values = np.concatenate([nodes[free], states[settling]])
        error = np.abs(step) / (np.abs(current_values) + 1e-3 * limit)
        size = float(error.max())
        if size < 1e-11:
            return
    bad = int((error.max(axis=0) > 1e-9).sum()) if np.isfinite(size) else count
    if bad:
        raise ModelError(
            thing=f"{model.name} did not settle at {bad} of {count} points",
            value=f"last relative Newton step {size:.2g}",
            limit="1e-9",
            next_step="Check the bias against the model's limits, or raise `ramp`",
        )
