"""Prints a cell's equations as a Python module for numba; see the equations module for the form."""

from __future__ import annotations

import re
from typing import Any

import sympy as sp

from compact_models.errors import ModelError
from compact_models.functions import NUMBA_SOURCE
from compact_models.model import CompactModel
from cosim.simulators.native.tape import Tape

_HEADER = '''"""Equations of one cell, printed by reram-cosim. Do not edit."""
from math import cosh, exp, log, log1p, pi, sinh, sqrt, tanh

import numba
from numba import float64, void

_A1 = float64[::1]
_A2 = float64[:, ::1]
'''


class CellPrinter:
    """Builds the module of one kind of cell; see :mod:`cosim.simulators.native.equations`."""

    def __init__(
        self,
        reram: CompactModel,
        selector: CompactModel | None,
        dynamic: bool,
        charged: bool = False,
    ) -> None:
        self._dynamic = dynamic
        u, w, gate, bulk = (_symbol(n) for n in ("u", "w", "gate", "bulk"))
        mid = w if selector is None else _symbol("y_mid")
        top, bottom = reram.terminals
        wires = {"reram": {top: u, bottom: mid}}
        wires["reram"] |= {n: _symbol(f"y_reram_{n}") for n in reram.internal_nodes}
        devices = [("reram", reram)]
        if selector is not None:
            wires["selector"] = {"drain": mid, "gate": gate, "source": w, "bulk": bulk}
            wires["selector"] |= {n: _symbol(f"y_selector_{n}") for n in selector.internal_nodes}
            devices.append(("selector", selector))
            if any(s.held for s in selector.states):
                raise ModelError(
                    thing=f"selector {selector.name} has held states",
                    limit="the native solver takes memory in the memory device only",
                )
        self.held = tuple(s.name for s in reram.states if s.held)
        self.settled = tuple(s.name for s in reram.states if not s.held)
        inner = list(wires["reram"].values())[2:]
        if selector is not None:
            inner += [mid, *list(wires["selector"].values())[4:]]
        self.nodes = len(inner)
        settled = [_symbol(f"x_{d}_{s.name}") for d, m in devices for s in m.states if not s.held]
        held = [_symbol(f"x_reram_{n}") for n in self.held]
        self.unknowns = [*inner, *settled, *(held if dynamic else [])]
        self._external = [u, w, gate, bulk, _symbol("step")]
        starts = [_symbol(f"start_{n}") for n in self.held] if dynamic else held
        self._external += starts
        stored = [(d, b.name) for d, m in devices for b in m.branches if b.charge is not None]
        stored += [(d, s.name) for d, m in devices for s in m.states if not s.held]
        self.charges = tuple(f"{d}_{n}" for d, n in stored) if charged else ()
        # Devices that store nothing have no charged form.
        self._charged = charged = bool(self.charges)
        self._seen = [u, w, gate] if charged else [u, w]
        self._external += [_symbol(f"start_q_{n}") for n in self.charges]
        fixed = [s for s in self._external if s not in self._seen]
        self.tape = Tape([*self.unknowns, *self._seen], [*fixed, _symbol("per_step")])
        self.parameters = tuple((d, n) for d, m in devices for n in m.parameters)
        self._outputs: list[tuple[Any, dict[Any, Any]]] = []
        currents: dict[Any, Any] = {}
        settle: list[Any] = []
        rates: list[Any] = []
        held_charges: list[Any] = []
        heat: list[Any] = []
        for device, model in devices:
            rename = {sp.Symbol(f"v_{n}", real=True): s for n, s in wires[device].items()}
            rename |= {
                sp.Symbol(f"x_{s.name}", real=True): _symbol(f"x_{device}_{s.name}")
                for s in model.states
            }
            rename |= {
                sp.Symbol(n, real=True): _symbol(f"p_{device}_{n}") for n in model.parameters
            }
            rename |= {
                sp.Symbol(d.name, real=True): _symbol(f"p_{device}_{d.name}")
                for d in model.definitions
            }
            branches = [b for b in model.branches if b.current is not None]
            stores = [b for b in model.branches if charged and b.charge is not None]
            wanted = [b.current for b in branches] + [b.charge for b in stores]
            for s in model.states:
                if not s.held:
                    scale = sp.Symbol(s.time_constant, real=True) if s.time_constant else 1
                    moving = 0
                    if charged:
                        own, begin = f"x_{device}_{s.name}", f"start_q_{device}_{s.name}"
                        moving = (_symbol(own) - _symbol(begin)) * _symbol("per_step")
                        heat.append(_symbol(own))
                    settle.append((scale * (s.rate - moving)).subs(rename, simultaneous=True))
                    wanted += [s.rate, sp.sympify(scale)]
                elif dynamic:
                    rates.append(s.rate.subs(rename, simultaneous=True))
                    wanted.append(s.rate)
            for d in model.definition_order(wanted):
                self.tape.define(
                    rename[sp.Symbol(d.name, real=True)],
                    d.expression.subs(rename, simultaneous=True),
                )
            for b in branches:
                value = b.current.subs(rename, simultaneous=True)
                for node, sign in ((b.positive, 1), (b.negative, -1)):
                    place = wires[device][node]
                    currents[place] = currents.get(place, sp.Integer(0)) + sign * value
            for b in stores:
                held = _symbol(f"q_{device}_{b.name}")
                self.tape.define(held, b.charge.subs(rename, simultaneous=True))
                held_charges.append(held)
                value = (held - _symbol(f"start_q_{device}_{b.name}")) * _symbol("per_step")
                for node, sign in ((b.positive, 1), (b.negative, -1)):
                    place = wires[device][node]
                    currents[place] = currents.get(place, sp.Integer(0)) + sign * value
        equations = [currents.get(n, sp.Integer(0)) for n in inner] + settle
        rate_symbols = []
        if dynamic:
            for name, rate in zip(self.held, rates, strict=True):
                symbol = _symbol(f"rate_{name}")
                self.tape.define(symbol, rate)
                rate_symbols.append(symbol)
                equations.append(
                    _symbol(f"x_reram_{name}") - _symbol(f"start_{name}") - _symbol("step") * symbol
                )
        equations.append(currents[u])
        if charged:
            # What flows into the source line and into the gate is no longer what left the bit line.
            equations += [-currents[w], currents.get(gate, sp.Integer(0))]
            equations += held_charges + heat
        self._outputs = [self.tape.value(e) for e in equations]
        self._rates = rate_symbols
        self.on_top = tuple(
            (k, 1.0 if wires[d][b.positive] == u else -1.0)
            for k, (d, b) in enumerate(
                (d, b) for d, m in devices for b in m.branches if b.charge is not None
            )
            if charged and u in (wires[d][b.positive], wires[d][b.negative])
        )

    def source(self) -> str:
        """The module's text."""
        entries, load = self._entries(), self._load()
        direct = []
        for row, (value, slopes) in enumerate(entries):
            direct.append(f"    F[{row}] = {value}")
            direct += [f"    J[{row}, {k}] = {slope or 0.0}" for k, slope in enumerate(slopes)]
        after = len(entries)
        direct += [f"    F[{after + k}] = {rate}" for k, rate in enumerate(self._rates)]
        prepared = self.tape.prepared
        used = set(_words(" ".join(t for _, t in prepared)))
        prepare = [
            f"    p_{d}_{n} = p[{k}]"
            for k, (d, n) in enumerate(self.parameters)
            if f"p_{d}_{n}" in used
        ]
        for k, (name, text) in enumerate(prepared):
            prepare += [f"    {name} = {text}", f"    q[{k}] = {name}"]
        options = 'cache=True, nogil=True, error_model="numpy", fastmath={"contract"}'
        parts = [
            f"@numba.njit({options})\ndef equations(y, external, q, F, J):\n"
            + "\n".join(load + direct),
            f"@numba.njit(void(_A1, _A1, _A1, _A1), {options})\ndef step(y, external, q, r):\n"
            + "\n".join(load + self._elimination(entries)),
            f"@numba.njit(void(_A1, _A1), {options})\ndef prepare(p, q):\n"
            + "\n".join(prepare or ["    q[0] = 0.0"]),
        ]
        constants = (
            f"UNKNOWNS = {tuple(str(s) for s in self.unknowns)!r}\nNODES = {self.nodes}\n"
            f"PARAMETERS = {self.parameters!r}\nHELD = {self.held!r}\n"
            f"SETTLED = {self.settled!r}\nPREPARED = {max(1, len(prepared))}\n"
            f"CHARGES = {self.charges!r}\nON_TOP = {self.on_top!r}\n\n\n"
        )
        return _HEADER + NUMBA_SOURCE + "\n\n" + constants + "\n\n\n".join(parts) + "\n"

    def _entries(self) -> list[tuple[str, list[str]]]:
        """Value and derivatives by unknowns and lines of every equation, "" where zero."""
        columns = [*self.unknowns, *self._seen]
        return [
            (str(value), [str(slopes[v]) if v in slopes else "" for v in columns])
            for value, slopes in self._outputs
        ]

    def _load(self) -> list[str]:
        """Lines up to where every value and derivative is known."""
        body = [f"    {s} = y[{k}]" for k, s in enumerate(self.unknowns)]
        body += [f"    {s} = external[{k}]" for k, s in enumerate(self._external)]
        if self._charged:
            body.append("    per_step = 1.0 / step if step > 0.0 else 0.0")
        prepared = self.tape.prepared
        names = set(_words("\n".join(self.tape.lines)))
        names |= {str(value) for value, _ in self._outputs}
        body += [f"    {n} = q[{k}]" for k, (n, _) in enumerate(prepared) if n in names]
        # Parameters used directly travel behind the prepared ones.
        for k, (device, parameter) in enumerate(self.parameters):
            name = f"p_{device}_{parameter}"
            if name in names:
                prepared.append((f"q_{name}", f"p[{k}]"))
                body.append(f"    {name} = q[{len(prepared) - 1}]")
        return body + [f"    {line}" for line in self.tape.lines]

    def _elimination(self, entries: list[tuple[str, list[str]]]) -> list[str]:
        """Gauss elimination without arrays: states first, then nodes, zeros left out.

        Diagonals are sums of conductances, or 1 minus a step times a slope: no pivoting. Where
        one vanishes all the same, the step is not finite or does not converge, and is refused.
        """
        n = len(self.unknowns)
        lines: list[str] = []
        count = 0

        def let(text: str) -> str:
            nonlocal count
            count += 1
            lines.append(f"    g_{count} = {text}")
            return f"g_{count}"

        # Columns: unknowns, then the right-hand sides of the step and of the lines.
        sides = range(n, n + 1 + len(self._seen))
        a = [[*slopes[:n], f"-{value}", *(f"-{s}" if s else "" for s in slopes[n:])]
             for value, slopes in entries[:n]]  # fmt: skip
        order = list(range(n))[::-1]
        inverse = {}
        for place, k in enumerate(order):
            inverse[k] = let(f"1.0 / {a[k][k]}")
            for i in order[place + 1 :]:
                if not a[i][k]:
                    continue
                factor = let(f"{a[i][k]} * {inverse[k]}")
                for j in [*order[place + 1 :], *sides]:
                    if a[k][j]:
                        a[i][j] = let(f"{a[i][j] or 0.0} - {factor} * ({a[k][j]})")
        solved: dict[tuple[int, int], str] = {}
        for place, k in reversed(list(enumerate(order))):
            for j in sides:
                terms = [a[k][j]] if a[k][j] else []
                for i in order[place + 1 :]:
                    if a[k][i] and solved[i, j] != "0.0":
                        terms.append(f"- {a[k][i]} * {solved[i, j]}")
                text = " ".join(terms)
                solved[k, j] = let(f"({text}) * {inverse[k]}") if text else "0.0"

        def total(row: int, side: int) -> str:
            """An output corrected by the step, or its derivative by a line: r[n + 1 + line]."""
            value, slopes = entries[row]
            first = value if side == n else (slopes[side - 1] or "0.0")
            terms = [f"{slopes[k]} * {solved[k, side]}" for k in range(n) if slopes[k]]
            return " + ".join([first, *terms])

        lines += [f"    r[{target}] = {total(n, n + target)}" for target in range(3)]
        for k in range(n):
            lines.append(f"    r[{3 + k}] = {solved[k, n]}")
            lines.append(f"    r[{3 + n + 2 * k}] = {solved[k, n + 1]}")
            lines.append(f"    r[{4 + n + 2 * k}] = {solved[k, n + 2]}")
        more = [str(rate) for rate in self._rates]
        if self._charged:
            more += [total(row, n) for row in range(n + 3, len(entries))]
            more += [total(row, n + k) for row in (n + 1, n + 2) for k in range(4)]
            more.append(total(n, n + 3))
        lines += [f"    r[{3 + 3 * n + k}] = {text}" for k, text in enumerate(more)]
        return lines


def _symbol(name: str) -> Any:
    return sp.Symbol(name, real=True)


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z_]\w*", text)
