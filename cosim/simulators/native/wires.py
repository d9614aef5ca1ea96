"""Lines and devices with capacitance: their charging integrated with the states of the cells.

The node voltages of bit, source and word lines obey ``C dV/dt + dQ/dt = I(V)``, where Q are the
charges that the compact models define between their terminals, and go through the same two
implicit stages as the states (:mod:`cosim.simulators.native.transient`).  The error estimate of
the voltages is filtered by one linear solve [Hosea1996]: nodes that settle within a step are
then no reason for short ones.  Nodes and heat inside a cell have no error estimate of their own:
they settle within picoseconds to a fraction of a nanosecond.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosim.simulators.native.steps import Convergence, newton_step
from cosim.simulators.native.transient import GAMMA, D, E, Integrator, W
from cosim.simulators.native.word_lines import WordLines

Floats = NDArray[np.float64]
Stores = tuple[Floats, Floats, Floats, Floats]

# Error of a voltage over that of a state: it does not add up, for lines forget.
_OF_VOLTAGE = 3.0


@dataclass(eq=False, kw_only=True)
class WireIntegrator(Integrator):
    """Integrates what the lines and the devices store beside the states.

    That is voltages of bit- and source-line nodes [V], charges and temperatures of the devices
    [C], [K] and voltages of the gates [V].

    Parameters
    ----------
    word : WordLines, optional
    """

    word: WordLines | None = None
    wired: bool = field(default=True, init=False)

    def start(self, t: float) -> Convergence:
        """Solve at time `t` with nothing moving."""
        self._base: Stores | None = None
        self._gates = np.zeros((0, 0))
        done = super().start(t)
        self._stored = self._now(t)
        self._flows = tuple(np.zeros_like(s) for s in self._stored)
        self._trial = self._stored, self._flows
        return done

    def restart(self, t: float) -> Convergence:
        """Rates of the states after a change of parameters, at the voltages that the lines have."""
        self._base = self._stored
        done = self._solve(t, self.states, 1e-18)
        self._rate = self.system.rates[: len(self.states)].copy()
        self._suggested = np.inf
        return done

    def _now(self, t: float) -> Stores:
        """What is stored in the last solution."""
        bit, source, _ = self.stimuli.at(t)
        charges = self.system.rates[len(self.states) :].copy()
        return (*self.system.node_voltages(bit, source), charges, self._gates)

    def _solve(self, t: float, start: Floats, step: float) -> Convergence:
        bit, source, drive = self.stimuli.at(t)
        system, base = self.system, self._base
        charges = np.zeros_like(system.rates[len(start) :]) if base is None else base[2]
        held = np.concatenate([start, charges])

        def cells(gate: Floats) -> Convergence:
            return system.solve(
                bit=bit, source=source, gate=gate, held=held, step=step,
                before=None if base is None else (base[0], base[1]),
            )  # fmt: skip

        if self.word is None:
            done = cells(drive)
        elif base is None:
            done, self._gates = self.word.solve(system, cells, drive, drive, drive, 0.0)
        else:
            done, self._gates = self.word.solve(system, cells, drive, self._gates, base[3], step)
        self.direct += done.direct
        return done

    def step(self, t: float, stop: float, longest: float) -> tuple[float, Convergence]:
        """One accepted step; see :meth:`Integrator.step`."""
        reached, done = super().step(t, stop, longest)
        self._stored, self._flows = self._trial
        signs = np.zeros(len(self._flows[2]))
        for k, sign in self.system.equations.on_top:
            signs[k] = sign
        self.system.displacement = np.tensordot(signs, self._flows[2], 1)
        return reached, done

    def _try(self, t: float, h: float) -> tuple[float, Floats, Floats, Convergence]:
        dh, weight = D * h, W * h
        rate, first = self._rate, self._flows
        self._gates = self._stored[3]
        self._base = self._moved(dh, first)
        held = self.states + dh * rate
        self._solve(t + GAMMA * h, held, dh)
        middle_rate = (self._solved_states() - held) / dh
        middle = self._slopes(t + GAMMA * h, dh)
        self._base = self._moved(weight, tuple(f + m for f, m in zip(first, middle, strict=True)))
        held = self.states + weight * (rate + middle_rate)
        done = self._solve(t + h, held, dh)
        states = self._solved_states()
        last_rate = (states - held) / dh
        last = self._slopes(t + h, dh)
        now = self._now(t + h)
        worst = self._state_error(h, rate, middle_rate, last_rate, states)
        bit, source, _, gate = (
            h * (E[0] * f + E[1] * m + E[2] * s)
            for f, m, s in zip(first, middle, last, strict=True)
        )
        size = max(float(np.max(np.abs(v))) for v in now[:2])
        allowed = _OF_VOLTAGE * self.tolerance
        worst = max(worst, self._filtered(bit, source) / (allowed * (size + self.floor)))
        if self.word is not None:
            size = float(np.max(np.abs(now[3])))
            worst = max(worst, self.word.filtered(gate) / (allowed * (size + self.floor)))
        self._trial = now, last
        return (worst if np.isfinite(worst) else np.inf), states, last_rate, done

    def _moved(self, h: float, flows: tuple[Floats, ...]) -> Stores:
        bit, source, charge, gate = (s + h * f for s, f in zip(self._stored, flows, strict=True))
        return bit, source, charge, gate

    def _slopes(self, t: float, step: float) -> tuple[Floats, ...]:
        """Slopes at the end of a stage."""
        assert self._base is not None
        return tuple((n - b) / step for n, b in zip(self._now(t), self._base, strict=True))

    def _filtered(self, bit: Floats, source: Floats) -> float:
        """Largest error of a voltage that is charged, after one linear solve with its charge."""
        system = self.system
        inner = slice(0, system.cols)
        if not system.load_row.any() and not system.load_col.any():
            return 0.0
        kept = system.f_row.copy(), system.f_col.copy()
        system.f_row[:], system.f_col[:] = 0.0, 0.0
        system.f_row[:, inner] = system.load_row[:, inner] * bit
        system.f_col[:, inner] = system.load_col[:, inner] * source
        du, dw, _ = newton_step(system, 1e-3)
        system.f_row[:], system.f_col[:] = kept
        return max(float(np.max(np.abs(du[:, inner]))), float(np.max(np.abs(dw[:, inner]))))
