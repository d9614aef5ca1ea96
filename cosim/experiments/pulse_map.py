"""Response of formed 1T1R cells to rectangular pulses, straight from the device equations.

Between pulses a cell is its vacancy density C; heat settles in tens of
picoseconds, so during a pulse of nanoseconds or more C obeys one autonomous
equation dC/dt = f(C) at the steady temperature and at the device voltage that
the access element leaves. f is tabulated once per pulse amplitude, and

.. math:: \\tau(C) = \\int dC / f(C)

turns a pulse of any width into C' = tau^-1(tau(C) + width): a million pulses
cost no more than one. A shift dE of the migration barrier multiplies f by
exp(-dE / kT(C)) and leaves current and temperature alone, so device-to-device
and cycle-to-cycle spreads of the barrier become factors on the width.

What it leaves out: wires, neighbours, and the edges of the pulse. The array
simulators have those; this is the reference for single cells, and the way to
statistics over thousands of devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.constants import BOLTZMANN
from compact_models.errors import ConfigError, ModelError
from cosim.experiments.access import Access, access_drop

Floats = NDArray[np.float64]
# Densities the tables span [1e25 1/m^3]; a decade beyond the published HRS and LRS.
LOWEST, HIGHEST = 0.07, 30.0


@dataclass(frozen=True, kw_only=True, eq=False)
class PulseMap:
    """Table of one pulse amplitude over vacancy density, for several filament radii.

    Parameters
    ----------
    amplitude : float
        Bit line against source line [V]; positive is SET.
    radii : ndarray, shape (m,)
        [m]
    log_density : ndarray, shape (n,)
        ln(C / 1e25).
    time : ndarray, shape (m, n)
        tau [s], increasing along the density for SET and decreasing for RESET.
    temperature, voltage, current : ndarray, shape (m, n)
        Of the device during the pulse.
    """

    amplitude: float
    radii: Floats
    log_density: Floats
    time: Floats
    temperature: Floats
    voltage: Floats
    current: Floats

    @cached_property
    def charge(self) -> Floats:
        """Charge through the device up to each density, as `time` counts; shape (m, n) [C]."""
        mean = 0.5 * np.abs(self.current[:, 1:] + self.current[:, :-1])
        parts = mean * np.abs(np.diff(self.time, axis=1))
        total = np.concatenate([np.zeros((len(parts), 1)), np.cumsum(parts, axis=1)], axis=1)
        return np.asarray(total if self.amplitude > 0 else total[:, -1:] - total)

    def energy(
        self, before: Floats, after: Floats, width: Floats | float, row: NDArray[np.intp]
    ) -> Floats:
        """Return what pulses take from their driver [J].

        Parameters
        ----------
        before, after : ndarray, shape (k,)
            C / 1e25 on both sides of the pulse.
        width : ndarray or float
            [s]
        row : ndarray of int, shape (k,)
            Which radius each device has.
        """
        widths = np.broadcast_to(width, before.shape)
        out = np.empty_like(before)
        ends = np.log(before), np.log(after)
        for r in np.unique(row):
            who = row == r
            moved = [np.interp(e[who], self.log_density, self.charge[r]) for e in ends]
            spent = [np.interp(e[who], self.log_density, self.time[r]) for e in ends]
            # The mean current over the path; a shifted barrier changes the pace alone.
            share = np.abs(moved[1] - moved[0]) / np.maximum(np.abs(spent[1] - spent[0]), 1e-30)
            still = np.abs(spent[1] - spent[0]) < 1e-20
            here = np.abs(np.interp(ends[0][who], self.log_density, self.current[r]))
            out[who] = np.where(still, here, share) * widths[who]
        return np.asarray(abs(self.amplitude) * out)

    def temperature_at(self, density: Floats, row: NDArray[np.intp]) -> Floats:
        """Return the temperature of the dome during the pulse [K]; arguments as in `apply`."""
        out = np.empty_like(density)
        for r in np.unique(row):
            who = row == r
            out[who] = np.interp(np.log(density[who]), self.log_density, self.temperature[r])
        return out

    def apply(
        self, density: Floats, width: Floats | float, row: NDArray[np.intp], shift: Floats | float
    ) -> Floats:
        """Return densities after one pulse.

        Parameters
        ----------
        density : ndarray, shape (k,)
            C / 1e25 before the pulse.
        width : ndarray or float
            [s]
        row : ndarray of int, shape (k,)
            Which radius each device has.
        shift : ndarray or float
            Change of the migration barrier [J].

        Raises
        ------
        ModelError
            A device starts or ends beyond the tabulated densities.
        """
        after = np.empty_like(density)
        widths = np.broadcast_to(width, density.shape)
        shifts = np.broadcast_to(shift, density.shape)
        for r in np.unique(row):
            who = row == r
            start = np.log(density[who])
            kelvin = np.interp(start, self.log_density, self.temperature[r])
            effective = widths[who] * np.exp(-shifts[who] / (BOLTZMANN * kelvin))
            clock = np.interp(start, self.log_density, self.time[r]) + effective
            outside = (start < self.log_density[0]) | (start > self.log_density[-1])
            if np.any(outside | ~(clock <= self.time[r].max())):
                raise ModelError(
                    thing="a pulse takes a device beyond the tabulated vacancy densities [1/m^3]",
                    value=f"{self.amplitude:g} V, longest {widths[who].max():.3g} s",
                    limit=f"{LOWEST * 1e25:.3g} to {HIGHEST * 1e25:.3g}",
                    next_step="Take fewer, shorter or lower pulses",
                )
            if self.amplitude > 0:
                after[who] = np.exp(np.interp(clock, self.time[r], self.log_density))
            else:
                after[who] = np.exp(np.interp(clock, self.time[r][::-1], self.log_density[::-1]))
        return after


def build_map(
    model: Any,
    amplitude: float,
    access: Access,
    radii: Floats | None = None,
    points: int = 240,
) -> PulseMap:
    """Tabulate one pulse amplitude.

    Parameters
    ----------
    model : CompactModel
        The ReRAM.
    amplitude : float
        [V]
    access : Access
    radii : ndarray, optional
        Filament radii [m]; the model's own by default.
    points : int
        Densities in the table.

    Raises
    ------
    ConfigError
        If the amplitude is zero or not finite.
    ModelError
        If an operating point cannot be found.
    """
    from compact_models.steady import solve_steady

    if not np.isfinite(amplitude) or amplitude == 0.0:
        raise ConfigError(
            thing="pulse amplitude [V]", value=amplitude, limit="a finite voltage other than 0"
        )
    chosen = np.atleast_1d(np.asarray(model.parameters["r"] if radii is None else radii, float))
    log_density = np.linspace(np.log(LOWEST), np.log(HIGHEST), points)
    density = np.broadcast_to(np.exp(log_density), (chosen.size, points))
    radius = np.broadcast_to(chosen[:, None], density.shape)
    sign = np.sign(amplitude)

    if access.transistor is None and access.resistance == 0.0:
        drop = np.zeros(density.shape)
    else:
        cells = (density.ravel(), radius.ravel())
        drop = access_drop(model, amplitude, access, *cells).reshape(density.shape)
    settled = solve_steady(
        model,
        voltages={"top": amplitude - sign * drop, "bottom": 0.0},
        held={"c": density, "phi": 1.0},
        parameters={"r": radius},
    )
    rate = settled.rate("c")
    if not np.all(rate * sign > 0):
        raise ModelError(
            thing="vacancies do not drift with the polarity of the pulse", value=amplitude
        )
    # dt = (c / f) d ln c, with c / f exponential between points.
    slowness = density / np.abs(rate)
    ratio = np.log(slowness[:, 1:] / slowness[:, :-1])
    flat_part = np.abs(ratio) < 1e-9
    mean = np.where(
        flat_part,
        slowness[:, 1:],
        (slowness[:, 1:] - slowness[:, :-1]) / np.where(flat_part, 1.0, ratio),
    )
    steps = mean * np.diff(log_density)
    time = np.concatenate([np.zeros((chosen.size, 1)), np.cumsum(steps, axis=1)], axis=1)
    if amplitude < 0:
        time = time[:, -1:] - time
    return PulseMap(
        amplitude=float(amplitude),
        radii=chosen,
        log_density=log_density,
        time=time,
        temperature=model.parameters["T_0"] + settled.state("dT"),
        voltage=amplitude - sign * drop,
        current=settled.current("top"),
    )
