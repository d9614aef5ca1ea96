"""Closed-loop programming of many levels on a whole array of 1T1R cells with device spread.

Every row is written and read behind its own wires (:mod:`cosim.experiments.wired_cells`), with the
drives of :class:`cosim.experiments.array_studies.ArrayProgram`: the cells of a row share their bit
line, source lines that follow it inhibit cells, and lines are never below the bulk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models import noise
from compact_models.errors import ConfigError
from cosim.experiments.population import Population
from cosim.experiments.program_verify import AMPLITUDES, amplitudes_of, check_loop
from cosim.experiments.wired_cells import Bias, CellTable, Wires, build_table, pulse, solve_row

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class WiredProgram:
    """The published closed loop on an array.

    Parameters
    ----------
    size : int
        Rows and columns.
    wires : Wires
    order : {"row", "cell"}
        All cells of a row written and read at once on one bit line, or one cell at a time.
    acceptance_range : float
        Half-width of the accepted band, relative to the target [1].
    limit : int
        Pulses after which a cell is given up.
    width : float
        Of a pulse [s].
    set_gate, reset_gate, read_gate : float
        Word line of the row [V].
    read_voltage : float
        [V]
    read_delay : float
        Time of the noise band that a verify reading sees [s].
    start : float
        Conductance of every device before [S].
    """

    size: int = 64
    wires: Wires = field(default_factory=Wires)
    order: Literal["row", "cell"] = "row"
    acceptance_range: float = 0.002
    limit: int = 2000
    width: float = 2.5e-6
    set_gate: float = 1.4
    reset_gate: float = 3.3
    read_gate: float = 3.3
    read_voltage: float = 0.2
    read_delay: float = 1e-5
    start: float = 26.5e-6

    def __post_init__(self) -> None:
        """Refuse what cannot run."""
        if not 2 <= self.size <= 512 or self.order not in ("row", "cell"):
            raise ConfigError(
                thing="array that is programmed to levels",
                value=(self.size, self.order),
                limit='2 to 512 rows and columns; order "row" or "cell"',
            )
        check_loop(self.acceptance_range, self.limit)

    def run(
        self, population: Population, target: Floats, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Program every cell to its target [S], shape (size, size).

        Returns
        -------
        dict of ndarray, shape (size, size)
            ``conductance`` (of the cell in its array, without read noise) and ``device`` (of the
            memory device alone) [S], ``pulses``, ``reached``, ``energy`` of the pulses (row,) [J],
            ``voltage``: lowest share of its amplitude that a pulse left at the cell [1].
        """
        n = self.size
        tables = _Tables.of(self, population)
        radius = population.rows_of_devices.reshape(n, n)
        x = np.log(population.density_at(self.start)).reshape(n, n)
        source = self.wires.source_path(n)
        height = dict(zip((True, False), amplitudes_of(target), strict=True))
        active, reached = np.ones((n, n), bool), np.zeros((n, n), bool)
        pulses, energy = np.zeros((n, n), dtype=int), np.zeros(n)
        voltage = np.ones((n, n))
        while True:
            rows = np.flatnonzero(active.any(axis=1))
            seen = np.empty((n, n))
            true = self.read(tables, radius[rows], x[rows], source[rows])
            seen[rows] = noise.read(true, self.read_delay, rng)
            off = np.zeros((n, n))
            off[rows] = seen[rows] - target[rows]
            inside = np.abs(off) <= self.acceptance_range * target
            reached |= active & inside
            active &= ~inside & (pulses < self.limit)
            if not active.any():
                break
            for up in (True, False):
                who = active & ((off < 0) if up else (off > 0))
                rows = np.flatnonzero(who.any(axis=1))
                if not rows.size:
                    continue
                kind = tables.kinds(who[rows], height[up][rows], self.order == "row")
                own, sigma = population.barrier(1.0 if up else -1.0)
                shift = own.reshape(n, n)[rows] + sigma * rng.standard_normal(kind.shape)
                # Only while RESET does an inhibited cell conduct: its gate is then fully open.
                leak = np.zeros(kind.shape) if up else tables.leak(radius[rows], x[rows])
                after, charge, least = pulse(
                    tables.up if up else tables.down, kind, radius[rows], x[rows], shift, leak,
                    self.wires, source[rows], self.width, shared=self.order == "row",
                )  # fmt: skip
                x[rows] = np.where(kind >= 0, after, x[rows])
                energy[rows] += (charge * np.abs(height[up][rows])).sum(axis=1)
                share = np.where(kind >= 0, least / np.abs(height[up][rows]), 1.0)
                voltage[rows] = np.minimum(voltage[rows], share)
                pulses[rows] += kind >= 0
        conductance = self.read(tables, radius, x, source)
        return {
            "conductance": conductance,
            "device": population.conductance(np.exp(x).ravel()).reshape(n, n),
            "pulses": pulses,
            "reached": reached,
            "energy": energy,
            "voltage": voltage,
        }

    def read(
        self, tables: _Tables, radius: NDArray[np.intp], log_density: Floats, source: Floats
    ) -> Floats:
        """Return what reads of whole rows show without noise [S]."""
        top = np.full(radius.shape, self.read_voltage)
        current = solve_row(
            (tables.read,), np.zeros(radius.shape, dtype=np.intp), top, radius, log_density,
            np.zeros(radius.shape), self.wires, source, top, shared=self.order == "row",
        )[1]  # fmt: skip
        return np.asarray(current / self.read_voltage)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tables:
    """Tables of one array's devices.

    Parameters
    ----------
    read, low : CellTable
        At the read voltage, and close to 0 V.
    up, down : tuple of CellTable
        SET by amplitude, then the lower amplitude on a bit line that a higher one shares; RESET
        by amplitude.
    """

    read: CellTable
    low: CellTable
    up: tuple[CellTable, ...]
    down: tuple[CellTable, ...]

    @classmethod
    def of(cls, program: WiredProgram, population: Population) -> _Tables:
        from compact_models import load_model

        transistor = load_model("nmos_3v3")
        radii = population.radii
        ups = sorted({a[1] for a in AMPLITUDES})
        downs = sorted({a[2] for a in AMPLITUDES}, reverse=True)

        def table(bit: float, source: float, gate: float, most: float) -> CellTable:
            bias = Bias(bit_line=bit, source_line=source, gate=gate)
            return build_table(population.model, transistor, bias, radii, most)

        return cls(
            read=table(program.read_voltage, 0.0, program.read_gate, program.read_voltage),
            low=table(0.05, 0.0, program.reset_gate, 0.05),
            up=(
                *(table(a, 0.0, program.set_gate, ups[-1]) for a in ups),
                table(ups[-1], ups[-1] - ups[0], program.set_gate, ups[-1]),
            ),
            down=tuple(table(0.0, -a, program.reset_gate, -downs[-1]) for a in downs),
        )

    def kinds(self, who: Flags, height: Floats, shared: bool) -> NDArray[np.intp]:
        """Return which table every cell has in a pulse; -1 where it gets none."""
        side = self.up if height.flat[0] > 0 else self.down
        across = np.array([t.bias.across for t in side])
        kind = np.abs(height[..., None] - across[:2]).argmin(axis=-1)
        if shared and side is self.up:
            top = np.where(who, height, 0.0).max(axis=1, keepdims=True)
            kind = np.where(height < top - 1e-9, 2, kind)
        return np.asarray(np.where(who, kind, -1), dtype=np.intp)

    def leak(self, radius: NDArray[np.intp], log_density: Floats) -> Floats:
        """Return the conductance of every cell close to 0 V [S]."""
        volts = self.low.bias.across
        log_current = self.low.at(0, radius, log_density, np.full(radius.shape, volts))[0]
        return np.asarray(np.exp(log_current) / volts)
