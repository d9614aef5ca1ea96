"""Lines with capacitance: their charging integrated together with the states of the cells.

The node voltages of bit and source lines obey ``C dV/dt = I(V)`` and go through the same two
implicit stages as the states (:mod:`cosim.simulators.native.transient`).  The error estimate of
the voltages is filtered by one linear solve [Hosea1996]: nodes that settle within a step are
then no reason for short ones.  Gates draw no current, so word lines are linear and are solved
exactly, by eigenvectors.  Capacitances of transistors and memory devices are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.simulators.native import transient
from cosim.simulators.native.steps import Convergence, newton_step
from cosim.simulators.native.transient import Integrator

if TYPE_CHECKING:
    from cosim.simulators.native.build import Stimuli
    from netlists.array import Array

Floats = NDArray[np.float64]

# Change of a gate within a step, part of the largest gate voltage, that still counts as small.
_GATE_CHANGE = 0.05


class WordLines:
    """All word lines of an array as RC chains, exact for voltages that are linear in time.

    Parameters
    ----------
    array : Array
        With selectors and driven word lines of some capacitance.
    stimuli : Stimuli
    """

    def __init__(self, array: Array, stimuli: Stimuli) -> None:
        lines = array.line_set("wl")
        feed = array.parasitics.r_feed + lines.resistance
        self._stimuli, self._along_rows = stimuli, lines.along == "row"
        nodes = lines.length if lines.resistance > 0 else 1
        capacitance = lines.capacitance * (1 if nodes == lines.length else lines.length)
        self._ideal = feed == 0.0
        self.time = 0.0
        self._ends = np.zeros(nodes)
        self._load = capacitance
        if self._ideal:
            return
        self._ends[0] += (lines.ends in ("start", "both")) / feed
        self._ends[-1] += (lines.ends in ("end", "both")) / feed
        matrix = np.diag(self._ends)
        if nodes > 1:
            wire = 1.0 / lines.resistance
            matrix += wire * (np.eye(nodes) * 2 - np.eye(nodes, k=1) - np.eye(nodes, k=-1))
            matrix[0, 0] -= wire
            matrix[-1, -1] -= wire
        values, self._vectors = np.linalg.eigh(matrix)
        self._speed = values / capacitance
        # How far every mode lags behind its driver: at rest nothing does.
        self._lag = np.zeros((nodes, lines.count))
        self._sum = self._vectors.sum(axis=0)
        self.largest = max(abs(v) for wave in stimuli.distinct("wl") for v in wave)

    def _advanced(self, t: float) -> tuple[Floats, Floats]:
        drive, before = self._stimuli.at(t)[2], self._stimuli.at(self.time)[2]
        h = t - self.time
        if h <= 0.0:
            return drive, self._lag
        slope = (drive - before) / h
        decay = np.exp(-self._speed * h)
        ramp = (self._sum * (1.0 - decay) / self._speed)[:, None] * slope[None, :]
        return drive, decay[:, None] * self._lag - ramp

    def at(self, t: float) -> Floats:
        """Gate voltage of every cell, broadcastable to (rows, cols) [V]."""
        if self._ideal:
            drive = self._stimuli.at(t)[2]
            return np.asarray(drive[:, None] if self._along_rows else drive[None, :])
        drive, lag = self._advanced(t)
        volts = drive[None, :] + self._vectors @ lag
        return np.asarray(volts.T if self._along_rows else volts)

    def delivered(self, t: float, before: float) -> Floats:
        """What every driver delivers [A]; `before` is an earlier time on the same slope."""
        drive = self._stimuli.at(t)[2]
        if self._ideal:
            span = t - before
            slope = (drive - self._stimuli.at(before)[2]) / span if span > 0 else 0.0 * drive
            return np.asarray(self._load * slope)
        _, lag = self._advanced(t)
        return np.asarray(-(self._ends @ (self._vectors @ lag)))

    def commit(self, t: float) -> None:
        """Take `t` as the time from which the next steps start; no corner may be skipped."""
        if not self._ideal:
            self._lag = self._advanced(t)[1]
        self.time = t

    def small_step(self, t: float, h: float) -> bool:
        """Whether the gates change little from `t` to ``t + h``."""
        if self._ideal:
            return True
        change = np.max(np.abs(self.at(t + h) - self.at(t)))
        return bool(change <= _GATE_CHANGE * max(self.largest, 1e-3))


@dataclass(eq=False, kw_only=True)
class WireIntegrator(Integrator):
    """Integrates node voltages of the lines beside the states.

    Parameters
    ----------
    word : WordLines, optional
    """

    word: WordLines | None = None
    wired: bool = field(default=True, init=False)

    def start(self, t: float) -> Convergence:
        """Solve at time `t` with nothing moving."""
        self._before: tuple[Floats, Floats] | None = None
        done = super().start(t)
        self.volts = self._node_voltages(t)
        self._slopes = (np.zeros_like(self.volts[0]), np.zeros_like(self.volts[1]))
        self._trial = self.volts, self._slopes
        return done

    def restart(self, t: float) -> Convergence:
        """Rates of the states after a change of parameters, at the voltages that the lines have."""
        self._before = self.volts
        done = self._solve(t, self.states, 1e-18)
        self._rate = self.system.rates.copy()
        self._suggested = np.inf
        return done

    def _node_voltages(self, t: float) -> tuple[Floats, Floats]:
        bit, source, _ = self.stimuli.at(t)
        return self.system.node_voltages(bit, source)

    def _solve(self, t: float, start: Floats, step: float) -> Convergence:
        bit, source, gate = self.stimuli.at(t)
        if self.word is not None:
            gate = self.word.at(t)
        done = self.system.solve(
            bit=bit, source=source, gate=gate, held=start, step=step, before=self._before
        )
        self.direct += done.direct
        return done

    def step(self, t: float, stop: float, longest: float) -> tuple[float, Convergence]:
        """One accepted step; see :meth:`Integrator.step`."""
        word = self.word
        if word is not None:
            h = min(longest, stop - t, self._suggested)
            while not word.small_step(t, h):
                h *= 0.5
                longest = h
        reached, done = super().step(t, stop, longest)
        self.volts, self._slopes = self._trial
        if word is not None:
            self.system.word_delivered[:] = word.delivered(reached, t)
            word.commit(reached)
        return reached, done

    def _try(self, t: float, h: float) -> tuple[float, Floats, Floats, Convergence]:
        dh = transient._D * h
        first = self._slopes
        base = tuple(v + dh * s for v, s in zip(self.volts, first, strict=True))
        self._before = base[0], base[1]
        rate = self._rate
        held = self.states + dh * rate
        self._solve(t + transient._GAMMA * h, held, dh)
        middle_rate = (self._solved_states() - held) / dh
        now = self._node_voltages(t + transient._GAMMA * h)
        middle = [(v - b) / dh for v, b in zip(now, base, strict=True)]
        weight = transient._W * h
        base = tuple(
            v + weight * (f + m) for v, f, m in zip(self.volts, first, middle, strict=True)
        )
        self._before = base[0], base[1]
        held = self.states + weight * (rate + middle_rate)
        done = self._solve(t + h, held, dh)
        states = self._solved_states()
        last_rate = (states - held) / dh
        now = self._node_voltages(t + h)
        last = [(v - b) / dh for v, b in zip(now, base, strict=True)]
        e = transient._E
        worst = self._state_error(h, rate, middle_rate, last_rate, states)
        errors = [
            h * (e[0] * f + e[1] * m + e[2] * s)
            for f, m, s in zip(first, middle, last, strict=True)
        ]
        size = max(float(np.max(np.abs(v))) for v in now)
        worst = max(worst, self._filtered(*errors) / (self.tolerance * (size + self.floor)))
        self._trial = now, (last[0], last[1])
        return (worst if np.isfinite(worst) else np.inf), states, last_rate, done

    def _filtered(self, bit: Floats, source: Floats) -> float:
        """Largest error of a voltage that is charged, after one linear solve with its charge."""
        system = self.system
        if not system.k_row and not system.k_col:
            return 0.0
        inner = slice(0, system.cols)
        kept = system.f_row.copy(), system.f_col.copy()
        system.f_row[:], system.f_col[:] = 0.0, 0.0
        system.f_row[:, inner] = system.k_row * bit
        system.f_col[:, inner] = system.k_col * source
        du, dw, _ = newton_step(system, 1e-3)
        system.f_row[:], system.f_col[:] = kept
        return max(float(np.max(np.abs(du[:, inner]))), float(np.max(np.abs(dw[:, inner]))))
