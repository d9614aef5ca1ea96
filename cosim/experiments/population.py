"""Devices with spread that are pulsed cell by cell, sharing their pulse maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.constants import BOLTZMANN
from compact_models.errors import ParameterError
from cosim.experiments.access import Access
from cosim.experiments.pulse_map import Floats, PulseMap, build_map


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Devices with spread, and the pulse maps they share.

    Parameters
    ----------
    model : CompactModel
    radius : ndarray, shape (k,)
        Filament radius of each device [m].
    barrier_set, barrier_reset : ndarray, shape (k,)
        Shift of each device's migration barrier [J].
    cycle_set, cycle_reset : float
        Cycle-to-cycle spread of the barrier, drawn anew at every pulse [J].
    rows : int
        Distinct radii that are tabulated; devices take the nearest quantile.
    """

    model: Any
    radius: Floats
    barrier_set: Floats
    barrier_reset: Floats
    cycle_set: float = 0.0
    cycle_reset: float = 0.0
    rows: int = 24
    _maps: dict[Any, PulseMap] = field(default_factory=dict, repr=False)
    _table: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Assign every device to a tabulated radius."""
        distinct = np.unique(self.radius)
        if distinct.size > self.rows:
            distinct = np.quantile(self.radius, (np.arange(self.rows) + 0.5) / self.rows)
        nearest = np.abs(self.radius[:, None] - distinct[None, :]).argmin(axis=1)
        self._table["radii"], self._table["row"] = distinct, nearest

    @property
    def size(self) -> int:
        """Number of devices."""
        return int(self.radius.size)

    @property
    def radii(self) -> Floats:
        """Radii that are tabulated, shape (m,) [m]."""
        return np.asarray(self._table["radii"])

    @property
    def rows_of_devices(self) -> NDArray[np.intp]:
        """Row of the tabulated radii that each device uses."""
        return np.asarray(self._table["row"])

    def barrier(self, amplitude: float) -> tuple[Floats, float]:
        """Shift of every device's barrier under this polarity, and its cycle-to-cycle sigma [J]."""
        if amplitude > 0:
            return self.barrier_set, self.cycle_set
        return self.barrier_reset, self.cycle_reset

    def repeated(self, times: int) -> Population:
        """Return the same devices `times` times in a row (with shared tables)."""
        return Population(
            model=self.model,
            radius=np.tile(self.radius, times),
            barrier_set=np.tile(self.barrier_set, times),
            barrier_reset=np.tile(self.barrier_reset, times),
            cycle_set=self.cycle_set,
            cycle_reset=self.cycle_reset,
            rows=self.rows,
        )

    def conductance(self, density: Floats, read_voltage: float = 0.2) -> Floats:
        """Return the conductance [S] of every device at C / 1e25 = `density`."""
        log_density, logs = self._read_table(read_voltage)
        out = np.empty_like(density)
        for r in np.unique(self._table["row"]):
            who = self._table["row"] == r
            out[who] = np.exp(np.interp(np.log(density[who]), log_density, logs[r]))
        return out

    def density_at(self, conductance: Floats | float, read_voltage: float = 0.2) -> Floats:
        """Return C / 1e25 of every device at a conductance [S], on the branch of the window.

        The published law rises to a maximum (93.8 uS at 4.7e25 /m3), falls a little and rises
        again; one conductance has up to three densities. The one below the maximum is returned,
        where all published states lie.

        Raises
        ------
        ParameterError
            If a device does not reach its conductance on that branch.
        """
        log_density, logs = self._read_table(read_voltage)
        wanted = np.log(np.broadcast_to(np.asarray(conductance, float), (self.size,)))
        out = np.empty(self.size)
        for r in np.unique(self._table["row"]):
            who = self._table["row"] == r
            falling = np.flatnonzero(np.diff(logs[r]) <= 0.0)
            end = int(falling[0]) + 1 if falling.size else logs[r].size
            branch = logs[r][:end]
            if not np.all((wanted[who] >= branch[0]) & (wanted[who] <= branch[-1])):
                low, high = np.exp(branch[[0, -1]]) * 1e6
                raise ParameterError(
                    thing="no vacancy density below the maximum of the conductance reads as [uS]",
                    value=sorted({round(float(g) * 1e6, 3) for g in np.exp(wanted[who])}),
                    limit=f"{low:.4g} to {high:.5g} uS at {read_voltage:g} V for a filament of "
                    f"{self._table['radii'][r] * 1e9:.3g} nm",
                    next_step="Choose a conductance inside the window, or start from a density",
                )
            out[who] = np.exp(np.interp(wanted[who], branch, log_density[:end]))
        return out

    def _read_table(self, read_voltage: float) -> tuple[Floats, Floats]:
        """ln(C / 1e25), and ln of the conductance over (radius, density)."""
        key = ("read", read_voltage)
        if key not in self._table:
            read = build_map(self.model, read_voltage, Access(), self._table["radii"], points=400)
            self._table[key] = (read.log_density, np.log(read.current / read_voltage))
        table: tuple[Floats, Floats] = self._table[key]
        return table

    def pulse_map(self, amplitude: float, access: Access) -> PulseMap:
        """Return the (cached) map of a pulse amplitude."""
        key = (amplitude, access)
        if key not in self._maps:
            self._maps[key] = build_map(self.model, amplitude, access, self._table["radii"])
        return self._maps[key]

    def pulse(
        self,
        density: Floats,
        amplitude: float,
        width: float,
        access: Access,
        rng: np.random.Generator | None = None,
        who: NDArray[np.bool_] | None = None,
    ) -> Floats:
        """Return densities after one pulse on the devices `who` (all by default).

        With `rng` the barrier of every pulse gets its cycle-to-cycle shift.
        """
        chosen = np.ones(self.size, bool) if who is None else who
        shift, sigma = self.barrier(amplitude)
        total = shift[chosen]
        if rng is not None and sigma > 0:
            total = total + sigma * rng.standard_normal(total.shape)
        after = density.copy()
        after[chosen] = self.pulse_map(amplitude, access).apply(
            density[chosen], width, self._table["row"][chosen], total
        )
        return after

    def train(
        self, density: Floats, amplitude: float, width: float, count: int, access: Access
    ) -> Floats:
        """Return densities after `count` equal pulses, at the mean rate of all cycles.

        A normal cycle-to-cycle spread sigma of the barrier makes the rate log-normal: its mean
        is exp(sigma^2 / 2 (kT)^2) times that at the mean barrier. The heat of the first pulse
        is taken for all, as if the state moved little.
        """
        table = self.pulse_map(amplitude, access)
        shift, sigma = self.barrier(amplitude)
        if sigma > 0:
            heat = BOLTZMANN * table.temperature_at(density, self._table["row"])
            shift = shift - sigma**2 / (2.0 * heat)
        return table.apply(density, count * width, self._table["row"], shift)


def draw_population(
    model: Any,
    count: int,
    rng: np.random.Generator,
    *,
    spread: bool = True,
    cycle: bool = True,
    rows: int = 24,
) -> Population:
    """Draw devices from the spreads in the model's parameter file.

    Parameters
    ----------
    count : int
        Number of devices.
    spread, cycle : bool
        Whether device-to-device and cycle-to-cycle spreads are used.
    """
    p = model.parameters
    drawn = p.sample(rng, (count,), "dtod") if spread else {}

    def values(name: str) -> Floats:
        return np.asarray(drawn.get(name, np.full(count, p[name])))

    def sigma(name: str) -> float:
        own = p.parameter(name).ctoc if cycle else None
        return 0.0 if own is None else float(own.deviate(p[name], 1.0) - p[name])

    return Population(
        model=model,
        radius=values("r"),
        barrier_set=values("E_i_set0") - p["E_i_set0"],
        barrier_reset=values("E_i_reset") - p["E_i_reset"],
        cycle_set=sigma("E_i_set0"),
        cycle_reset=sigma("E_i_reset"),
        rows=rows,
    )
