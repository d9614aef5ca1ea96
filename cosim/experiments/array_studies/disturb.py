"""Disturb in whole arrays: what a million pulses do to cells that were not meant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError
from cosim.experiments.array_studies.disturb_case import full_step, pulse
from cosim.experiments.array_studies.disturb_data import assemble, beside
from cosim.experiments.array_studies.disturb_setup import DisturbSetup
from cosim.experiments.array_studies.window import Window, find_window
from cosim.experiments.base import with_spread
from cosim.experiments.disturb import BOUNDS
from cosim.experiments.groups import Group, Measured
from cosim.experiments.resume import FinishedCells, measured_once
from cosim.simulators.base import Result, Simulator, get_simulator
from netlists import Array

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArrayDisturb(DisturbSetup):
    """Change of every cell of an array while some are pulsed, up to millions of times.

    Parameters
    ----------
    array : Array
        Formed, with selectors; its states are set here.
    schemes : tuple of str
        "half": V/2 on unselected lines; "third": V/3; "gate": the transistors select;
        "parallel": rank-one update, V/2 on every other row and column at once.
    up, down : float
        Full amplitudes [V].
    width, rise : float
        Flat top and edges of a pulse [s].
    set_gate, reset_gate : float
        Word lines: all, or that of the selected cell with "gate" [V].
    gate_off : float
        Word lines of the other rows with "gate" [V].
    counts : tuple of int
        Numbers of pulses after which the cells are looked at.
    highest, lowest, middle : float, optional
        Conductance bounds, and where the full step is taken [S]; default: every cell's own ends
        and symmetry point of open-loop pulsing with these pulses. A given one means the state in
        which the nominal device has it.
    hold_selected : bool
        In the train, cells at full voltage keep their state, as under updates of both signs.
    device_spread : bool
        Draw the devices from `seed` where the array does not give them.
    cycle_spread : bool
        In the train, drift at the mean rate over the pulse-to-pulse spread of the barriers.
    tolerance : float
        Error of a state per jump of the pulse-train integration [1].
    compare_size : int
        Rows and columns of the case that ngspice repeats; 0 for none.

    Notes
    -----
    k is the change of a cell after N pulses over the full step: that of the selected cells of an
    array of nominal devices by one pulse at the symmetry point, mean of both polarities. No pulse
    is stepped through where nothing changes: see :func:`cosim.simulators.native.run_train`.
    """

    def run(
        self,
        *,
        simulator: str | Simulator = "native",
        seed: int = 0,
        progress: bool = True,
        cache: str | Path | None = None,
    ) -> xr.Dataset:
        """Pulse.

        Parameters
        ----------
        cache : str or Path, optional
            Folder of finished cases; with it, an interrupted run goes on where it stopped.

        Returns
        -------
        xarray.Dataset
            Over (scheme, bound, polarity, ..., row, col): ``change`` (count) after so many
            pulses and ``full_change`` after one pulse in which selected cells move too [S],
            ``temperature`` [K] and ``voltage`` [V] across the device on top of a pulse, and
            ``vacancies``, the state C / 1e25 after the last count. ``role`` (scheme, row, col)
            as in the attribute ``roles``; ``full_step`` (scheme) [S]; ``k`` and ``k_sigma``
            (scheme, bound, polarity, count, kind): mean and spread over the cells of a role.

        Raises
        ------
        ConfigError
            The simulator is not the native one.
        SimulatorError
            A pulse has no solution.
        """
        from tqdm import tqdm

        simulator = get_simulator(simulator)
        if simulator.name != "native":
            raise ConfigError(
                thing="trains of a million pulses are only for the native solver",
                value=simulator.name,
                next_step='Write simulator = "native"; compare_size repeats a case in ngspice',
            )
        array = with_spread(self.array, seed) if self.device_spread else self.array
        window = find_window(self, array)
        finished = FinishedCells.of(cache, self, simulator, seed)
        cases = [(s, b, p) for s in range(len(self.schemes)) for b in range(2) for p in range(2)]
        outputs: dict[str, Floats] = {}
        results: list[Result] = []
        lead = (len(self.schemes), 2, 2)
        steps = np.zeros((len(self.schemes), 2))
        for number, at in enumerate(tqdm(cases, desc="disturb", disable=not progress, leave=False)):
            group = Group(array=array, cells=((number, 0),))
            measured = measured_once(
                finished, group, partial(self._measure, array, window, at, simulator)
            )
            if at[1] == 0:
                steps[at[0], at[2]] = measured.outputs["step"]
            for name in ("change", "full_change", "temperature", "voltage", "vacancies"):
                value = measured.outputs[name]
                outputs.setdefault(name, np.full(lead + value.shape, np.nan))[at] = value
            results += measured.results
        compared = beside(self, simulator, window, progress)
        return assemble(
            self, array, simulator, seed, results, outputs, steps.mean(axis=1), compared, window
        )

    def _measure(
        self, array: Array, window: Window, at: tuple[int, int, int], simulator: Simulator
    ) -> Measured:
        """One scheme, bound and polarity; at the upper bound the full step of the scheme too."""
        scheme, bound, amplitude = self.schemes[at[0]], BOUNDS[at[1]], (self.up, self.down)[at[2]]
        begin = array.with_states({"c": window.states[bound]})
        measured = pulse(self, begin, scheme, amplitude, simulator)
        if at[1] == 0:
            step = full_step(self, window, scheme, amplitude, simulator)
            measured.outputs["step"] = np.array(step)
        return measured
