"""A cell's equations as one compiled function, printed from the devices' definitions.

The unknowns ``y`` of a cell are, in order: internal nodes of the memory device, the node between
it and the selector, internal nodes of the selector, settling states (temperature), and, in the
dynamic form, the held states.  Given the voltages of the lines, the equations are

- Kirchhoff's current law at each node of the cell [A],
- ``time_constant * rate = 0`` for a settling state,
- ``x - start - step * rate = 0`` for a held state: one stage of an implicit time step, which at
  ``step = 0`` holds the state at ``start``.

The generated module is written to the user's cache folder under a hash of its content.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
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


@dataclass(frozen=True, kw_only=True, eq=False)
class CellEquations:
    """Compiled equations of one kind of cell.

    Parameters
    ----------
    unknowns : tuple of str
        Names of y.
    parameters : tuple of (device, name)
        Order of the parameter vector; device is "reram" or "selector".
    held, settled : tuple of str
        States of the memory device.
    prepared : int
        How many scalars `prepare` computes from the parameters.
    equations : callable
        ``(y, external, q, F, J)``: external = u, w, gate, bulk, step, then the held states' start
        (dynamic) or value (static); F[:n] the equations, F[n] the current from bit line into the
        cell [A], F[n+1:] the rates of held states (dynamic) [1/s]; J (n + 1, n + 2) derivatives
        of F[:n+1] by y, u, w.
    prepare : callable
        ``(p, q)``.
    """

    unknowns: tuple[str, ...]
    nodes: int
    parameters: tuple[tuple[str, str], ...]
    held: tuple[str, ...]
    settled: tuple[str, ...]
    prepared: int
    equations: Callable[..., None]
    prepare: Callable[..., None]
    source: Path


def cell_equations(
    reram: CompactModel, selector: CompactModel | None, *, dynamic: bool
) -> CellEquations:
    """Return the compiled equations of a cell of these devices.

    Parameters
    ----------
    reram : CompactModel
        First terminal on the bit line, second towards the source line.
    selector : CompactModel, optional
        Terminals drain, gate, source, bulk.
    dynamic : bool
        Whether held states are unknowns.

    Raises
    ------
    ModelError
        For functions that cannot be printed, or a selector with held states.
    """
    return _cell_equations(
        _key(reram), selector and _key(selector), _Pair(reram, selector), dynamic
    )


class _Pair:
    """Carries models past lru_cache without being part of the key."""

    def __init__(self, reram: CompactModel, selector: CompactModel | None) -> None:
        self.reram, self.selector = reram, selector

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pair)


def _key(model: CompactModel) -> tuple[str, ...]:
    parts = [model.name, *model.nodes, *model.parameters]
    parts += [f"{d.name}={sp.srepr(d.expression)}" for d in model.definitions]
    parts += [f"{b.positive}>{b.negative}:{sp.srepr(b.current)}" for b in model.branches]
    parts += [f"{s.name}{s.held}{s.time_constant}={sp.srepr(s.rate)}" for s in model.states]
    return tuple(parts)


@lru_cache(maxsize=64)
def _cell_equations(key: Any, selector_key: Any, pair: _Pair, dynamic: bool) -> CellEquations:
    content = repr((_printer_digest(), sp.__version__, key, selector_key, dynamic))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    path = _folder() / f"cell_{digest}.py"
    if not path.is_file():
        text = _Cell(pair.reram, pair.selector, dynamic).source()
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    module = _load(path)
    return CellEquations(
        unknowns=module.UNKNOWNS,
        nodes=module.NODES,
        parameters=module.PARAMETERS,
        held=module.HELD,
        settled=module.SETTLED,
        prepared=module.PREPARED,
        equations=module.equations,
        prepare=module.prepare,
        source=path,
    )


@lru_cache(maxsize=1)
def _printer_digest() -> str:
    # What this file and the tape print decides the code: they are part of its name.
    files = (Path(__file__), Path(__file__).with_name("tape.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


def _load(path: Path) -> Any:
    name = f"reram_cosim_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(thing="generated cell equations cannot be imported", value=str(path))
    module = importlib.util.module_from_spec(spec)
    # numba looks its functions' modules up by name when it loads cached machine code.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _folder() -> Path:
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("reram-cosim")) / "cells"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(_private_folder())


@lru_cache(maxsize=1)
def _private_folder() -> str:
    return tempfile.mkdtemp(prefix="reram-cosim-")


class _Cell:
    """Builds the source of one cell."""

    def __init__(self, reram: CompactModel, selector: CompactModel | None, dynamic: bool) -> None:
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
        fixed = [s for s in self._external if s not in (u, w)]
        self.tape = Tape([*self.unknowns, u, w], fixed)
        self.parameters = tuple((d, n) for d, m in devices for n in m.parameters)
        self._outputs: list[tuple[Any, dict[Any, Any]]] = []
        currents: dict[Any, Any] = {}
        settle: list[Any] = []
        rates: list[Any] = []
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
            wanted = [b.current for b in branches]
            for s in model.states:
                if not s.held:
                    scale = sp.Symbol(s.time_constant, real=True) if s.time_constant else 1
                    settle.append((scale * s.rate).subs(rename, simultaneous=True))
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
        self._outputs = [self.tape.value(e) for e in equations]
        self._rates = rate_symbols

    def source(self) -> str:
        """The module's text."""
        columns = [*self.unknowns, *self._external[:2]]
        body = [f"    {s} = y[{k}]" for k, s in enumerate(self.unknowns)]
        body += [f"    {s} = external[{k}]" for k, s in enumerate(self._external)]
        prepared = self.tape.prepared
        code = "\n".join(self.tape.lines)
        names = set(_words(code))
        body += [f"    {n} = q[{k}]" for k, (n, _) in enumerate(prepared) if n in names]
        # Parameters used directly travel behind the prepared ones.
        direct = [
            (k, f"p_{d}_{n}") for k, (d, n) in enumerate(self.parameters) if f"p_{d}_{n}" in names
        ]
        for k, name in direct:
            prepared.append((f"q_{name}", f"p[{k}]"))
            body.append(f"    {name} = q[{len(prepared) - 1}]")
        body += [f"    {line}" for line in self.tape.lines]
        for row, (value, slopes) in enumerate(self._outputs):
            body.append(f"    F[{row}] = {value}")
            for column, variable in enumerate(columns):
                body.append(f"    J[{row}, {column}] = {slopes.get(variable, 0.0)}")
        for k, rate in enumerate(self._rates):
            body.append(f"    F[{len(self._outputs) + k}] = {rate}")
        used = set(_words(" ".join(t for _, t in prepared)))
        prepare = [
            f"    p_{d}_{n} = p[{k}]"
            for k, (d, n) in enumerate(self.parameters)
            if f"p_{d}_{n}" in used
        ]
        for k, (name, text) in enumerate(prepared):
            prepare += [f"    {name} = {text}", f"    q[{k}] = {name}"]
        options = 'cache=True, nogil=True, error_model="numpy", fastmath={"contract"}'
        return (
            _HEADER
            + NUMBA_SOURCE
            + "\n\n"
            + f"UNKNOWNS = {tuple(str(s) for s in self.unknowns)!r}\n"
            + f"NODES = {self.nodes}\n"
            + f"PARAMETERS = {self.parameters!r}\n"
            + f"HELD = {self.held!r}\n"
            + f"SETTLED = {self.settled!r}\n"
            + f"PREPARED = {max(1, len(prepared))}\n\n\n"
            + f"@numba.njit(void(_A1, _A1, _A1, _A1, _A2), {options})\n"
            + "def equations(y, external, q, F, J):\n"
            + "\n".join(body)
            + f"\n\n\n@numba.njit(void(_A1, _A1), {options})\ndef prepare(p, q):\n"
            + "\n".join(prepare or ["    q[0] = 0.0"])
            + "\n"
        )


def _symbol(name: str) -> Any:
    return sp.Symbol(name, real=True)


def _words(text: str) -> list[str]:
    import re

    return re.findall(r"[A-Za-z_]\w*", text)


def parameter_vector(
    equations: CellEquations, reram: CompactModel, selector: CompactModel | None
) -> Any:
    """Nominal parameters in the order of the equations, shape (P,)."""
    models = {"reram": reram, "selector": selector}
    return np.array([float(models[d].parameters[n]) for d, n in equations.parameters])  # type: ignore[union-attr]
