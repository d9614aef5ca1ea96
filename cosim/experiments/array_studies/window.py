"""Where the cells of a disturb study start: ends and middle of their window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compact_models.constants import BOLTZMANN
from cosim.experiments.access import Access
from cosim.experiments.array_studies.conductances import (
    check_conductances,
    device_conductance,
    with_conductance,
)
from cosim.experiments.array_studies.disturb_setup import DisturbSetup
from cosim.experiments.cycles import cycle_spreads
from cosim.experiments.open_loop import OpenLoop
from cosim.experiments.population import Population, draw_population
from cosim.simulators.native.stand_in import stood_in_array
from netlists import Array

Floats = NDArray[np.float64]
_GIVEN = {"g_max": "highest", "g_min": "lowest", "g_sp": "middle"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Window:
    """States at the bounds, and of the nominal device.

    Parameters
    ----------
    states : mapping of str to ndarray, shape (rows, cols)
        C / 1e25 of every cell at ``g_max`` and ``g_min``.
    conductances : mapping of str to float
        Of the nominal device at ``g_max``, ``g_min`` and ``g_sp`` [S].
    highest_state, middle_state : float
        C / 1e25 of the nominal device.
    """

    states: Mapping[str, Floats]
    conductances: Mapping[str, float]
    highest_state: float
    middle_state: float


def find_window(study: DisturbSetup, array: Array) -> Window:
    """Bounds by open-loop pulsing of every cell alone, unless the study gives them.

    The pulses are those of the study behind the nominal transistor, without wires: a train up, a
    train down, then in turn. What counts is the state, not the conductance: beyond some density
    the published equations give one conductance for several states.

    Raises
    ------
    ConfigError
        The device has no state at a given conductance.
    """
    reram = array.cell.reram
    given = {key: getattr(study, name) for key, name in _GIVEN.items()}
    plain = array.replace(rows=1, cols=1, parameters={}, selector_parameters={})
    nominal: dict[str, float] = {}
    states: dict[str, Floats] = {}
    for key, conductance in given.items():
        if conductance is not None:
            check_conductances(array, conductance)
            made = with_conductance(plain, conductance)
            nominal[key] = float(made.initial_state("c")[0, 0])
            states[key] = np.full(array.shape, nominal[key])
    open_ends = [key for key in given if key not in nominal]
    if open_ends:
        rng = np.random.default_rng(0)
        single = _ends(draw_population(reram, 1, rng, spread=False, cycle=False), study, array)
        nominal |= {key: float(single[key][0]) for key in open_ends}
        names = ("r", "E_i_set0", "E_i_reset")
        base = {n: float(reram.parameters[n]) for n in names}
        cells = {n: array.parameter_array(n).ravel() for n in names}
        if any((cells[n] != base[n]).any() for n in names):
            population = Population(
                model=reram,
                radius=cells["r"],
                barrier_set=cells["E_i_set0"] - base["E_i_set0"],
                barrier_reset=cells["E_i_reset"] - base["E_i_reset"],
            )
            own = _ends(population, study, array)
            states |= {key: own[key].reshape(array.shape) for key in open_ends}
        else:
            states |= {key: np.full(array.shape, nominal[key]) for key in open_ends}
    conductances = {
        key: float(device_conductance(plain.with_states({"c": [[c]]}))[0, 0])
        for key, c in nominal.items()
    }
    return Window(
        states={key: states[key] for key in ("g_max", "g_min")},
        conductances=conductances,
        highest_state=nominal["g_max"],
        middle_state=nominal["g_sp"],
    )


def _ends(population: Population, study: DisturbSetup, array: Array) -> dict[str, Floats]:
    """C / 1e25 of every device at the ends of the trains and in the middle."""
    loop = OpenLoop()
    # The map of one device needs equations: a foundry's card is taken by its fitted stand-in.
    selector = stood_in_array(array, True)[0].cell.selector
    access = {
        sign: Access(transistor=selector, gate=gate)
        for sign, gate in ((1, study.set_gate), (-1, study.reset_gate))
    }
    density = np.full(population.size, loop.start)

    def mean(directions: list[int], last: int) -> Floats:
        nonlocal density
        seen = []
        for sign in directions:
            amplitude = study.up if sign > 0 else study.down
            density = population.pulse(density, amplitude, study.width, access[sign])
            seen.append(density)
        return np.asarray(np.mean(seen[-last:], axis=0))

    return {
        "g_max": mean([1] * loop.ramp, loop.window),
        "g_min": mean([-1] * loop.ramp, loop.window),
        "g_sp": mean([1, -1] * (loop.alternating // 2), loop.alternating // 2),
    }


def mean_rate(array: Array, amplitude: float, temperature: Floats) -> Array:
    """The array with barriers at which cells drift as they do on average over many pulses.

    A normal spread sigma of the barrier makes the rate log-normal, with a mean that is
    exp(sigma^2 / 2 (kT)^2) times that at the mean barrier: sigma^2 / 2 kT less of it. The relative
    error of a sum over N pulses is sqrt((exp(sigma^2 / (kT)^2) - 1) / N), 0.03 at 293 K, 51 meV
    and 100 000 pulses.

    Parameters
    ----------
    amplitude : float
        Of the pulses; its sign decides which barrier [V].
    temperature : ndarray, shape (rows, cols)
        Of the dome during a pulse [K].
    """
    name = "E_i_set0" if amplitude > 0 else "E_i_reset"
    spread = cycle_spreads(array).get(name)
    if spread is None:
        return array
    base = array.parameter_array(name)
    sigma = spread.sigma * (np.abs(base) if spread.relative else 1.0)
    return array.with_parameters(**{name: base - sigma**2 / (2.0 * BOLTZMANN * temperature)})
