"""A cell's equations as one compiled function, printed from the devices' definitions.

The unknowns ``y`` of a cell are, in order: internal nodes of the memory device, the node between
it and the selector, internal nodes of the selector, settling states (temperature), and, in the
dynamic form, the held states.  Given the voltages of the lines, the equations are

- Kirchhoff's current law at each node of the cell [A],
- ``time_constant * rate = 0`` for a settling state,
- ``x - start - step * rate = 0`` for a held state: one stage of an implicit time step, which at
  ``step = 0`` holds the state at ``start``.

The charged form adds to the currents what charges every capacitance of the devices, in the same
stage: ``(charge - start) / step``, and nothing at ``step = 0``. Settling states lag likewise.

The generated module is written to the user's cache folder under a hash of its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import sympy as sp

from compact_models.emit.generated import generated_folder, import_generated, write_generated
from compact_models.model import CompactModel
from cosim.simulators.native.printer import CellPrinter


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
    step : callable
        ``(y, external, q, r)``: one Newton step of the same equations, eliminated in straight-line
        code: r[0] the current corrected to first order by the step, r[1:3] its total derivatives
        by u and w, r[3:3+n] the step, then dy/du, dy/dw by unknown, then the rates. The charged
        form adds the charges [C] and settling states, then the currents into source line and gate,
        each with its derivatives by u, w and gate, and that of r[0] by the gate.
    prepare : callable
        ``(p, q)``.
    charges : tuple of str
        Capacitive branches and settling states of the charged form; their starts follow those of
        the held states.
    on_top : tuple of (int, float)
        Which of them hang on the bit line, and the sign of their current out of it.
    """

    unknowns: tuple[str, ...]
    nodes: int
    parameters: tuple[tuple[str, str], ...]
    held: tuple[str, ...]
    settled: tuple[str, ...]
    prepared: int
    equations: Callable[..., None]
    step: Callable[..., None]
    prepare: Callable[..., None]
    source: Path
    charges: tuple[str, ...] = ()
    on_top: tuple[tuple[int, float], ...] = ()


def cell_equations(
    reram: CompactModel, selector: CompactModel | None, *, dynamic: bool, charged: bool = False
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
    charged : bool
        Whether the devices' charges are in the currents.

    Raises
    ------
    ModelError
        For functions that cannot be printed, or a selector with held states.
    """
    # Another thread must not find a module that is half imported.
    with _LOADING:
        return _cell_equations(
            _key(reram), selector and _key(selector), _Pair(reram, selector), dynamic, charged
        )


_LOADING = Lock()


class _Pair:
    """Carries models past lru_cache without being part of the key."""

    def __init__(self, reram: CompactModel, selector: CompactModel | None) -> None:
        self.reram, self.selector = reram, selector

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pair)


@lru_cache(maxsize=32)
def _key(model: CompactModel) -> tuple[str, ...]:
    parts = [model.name, *model.nodes, *model.parameters]
    parts += [f"{d.name}={sp.srepr(d.expression)}" for d in model.definitions]
    parts += [
        f"{b.positive}>{b.negative}:{sp.srepr(b.current)}:{sp.srepr(b.charge)}"
        for b in model.branches
    ]
    parts += [f"{s.name}{s.held}{s.time_constant}={sp.srepr(s.rate)}" for s in model.states]
    return tuple(parts)


@lru_cache(maxsize=64)
def _cell_equations(
    key: Any, selector_key: Any, pair: _Pair, dynamic: bool, charged: bool
) -> CellEquations:
    content = repr((_printer_digest(), sp.__version__, key, selector_key, dynamic, charged))
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    path = generated_folder("cells") / f"cell_{digest}.py"
    if not path.is_file():
        text = CellPrinter(pair.reram, pair.selector, dynamic, charged).source()
        write_generated(path, text)
    module: Any = import_generated(path)
    return CellEquations(
        unknowns=module.UNKNOWNS,
        nodes=module.NODES,
        parameters=module.PARAMETERS,
        held=module.HELD,
        settled=module.SETTLED,
        prepared=module.PREPARED,
        equations=module.equations,
        step=module.step,
        prepare=module.prepare,
        source=path,
        charges=module.CHARGES,
        on_top=module.ON_TOP,
    )


@lru_cache(maxsize=1)
def _printer_digest() -> str:
    # What this file and the tape print decides the code: they are part of its name.
    files = [Path(__file__).with_name(n) for n in ("printer.py", "tape.py")]
    return hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()


def parameter_vector(
    equations: CellEquations, reram: CompactModel, selector: CompactModel | None
) -> Any:
    """Nominal parameters in the order of the equations, shape (P,)."""
    models = {"reram": reram, "selector": selector}
    return np.array([float(models[d].parameters[n]) for d, n in equations.parameters])  # type: ignore[union-attr]
