"""Read a device engineer's own Verilog-A file: its module, nodes and parameters, checked.

>>> from compact_models.foreign_va import load_veriloga
>>> model = load_veriloga("my_model.va", states={"x": "x0"})    # doctest: +SKIP
>>> model.name, model.terminals, dict(model.parameters)         # doctest: +SKIP
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from compact_models.errors import ModelError, best_matches
from compact_models.foreign_model import ForeignModel
from compact_models.parameters import Parameter, ParameterSet, Provenance
from compact_models.va_linter import Complaint, lint
from compact_models.va_source import Declared, Module, modules, read_source


def load_veriloga(
    path: str | Path,
    *,
    module: str | None = None,
    states: Mapping[str, str] | None = None,
    monitors: Sequence[str] = (),
    accept: bool = False,
) -> ForeignModel:
    """Read a Verilog-A file, refuse what would not run or run wrong, list its parameters.

    Parameters
    ----------
    path : str or Path
        What it includes is looked for beside it.
    module : str, optional
        Which module, when the file holds several.
    states : mapping of str to str, optional
        Internal node that holds a state -> parameter with its initial value. Experiments that
        read states or go on from them need it.
    monitors : sequence of str, optional
        Ports that only show what goes on inside; they are left open and can be probed.
    accept : bool
        Load it in spite of what the linter says; the complaints come with the model.

    Raises
    ------
    ModelError
        A file cannot be read, holds no such module, or the linter complains.
    """
    source = read_source(path)
    found = modules(source)
    file = source.path
    if not found or (module is not None and module not in found):
        raise ModelError(
            thing=f"{file.name} holds no module" + (f" called {module}" if module else ""),
            value=module,
            limit=", ".join(found),
            next_step=best_matches(module or "", found) if found else "Give the .va file itself",
        )
    if module is None and len(found) > 1:
        raise ModelError(
            thing=f"{file.name} holds several modules",
            value=", ".join(found),
            next_step="Say which: module='...'",
        )
    chosen = found[module] if module else next(iter(found.values()))
    for port in monitors:
        if port not in chosen.terminals:
            raise ModelError(
                thing=f"{file.name} has no port of that name",
                value=port,
                next_step=best_matches(port, chosen.terminals),
            )
    complaints = lint(source.text)
    if complaints and not accept:
        more = f"; and {len(complaints) - 1} more" if len(complaints) > 1 else ""
        worst = min(complaints, key=lambda c: (c.effect != "wrong", c.line))
        raise ModelError(
            thing=f"{source.place(worst.line)}: {worst.construct} {_what(worst)}{more}",
            value=source.text.splitlines()[worst.line - 1].strip(),
            limit=worst.reason,
            next_step=worst.cure,
        )
    _refuse_folded(chosen, file)
    digest = hashlib.sha256(source.text.encode()).hexdigest()[:12]
    model = ForeignModel(
        path=file,
        text=source.text,
        name=chosen.name,
        ports=chosen.terminals,
        internal_nodes=(*chosen.internal_nodes, *monitors),
        monitors=tuple(monitors),
        parameters=ParameterSet(
            name=file.name,
            model=chosen.name,
            parameters={
                n: _parameter(d) for n, d in chosen.parameters.items() if d.value is not None
            },
            citation=f"{file.name} (sha256 {digest})",
        ),
        declared=chosen.parameters,
        complaints=complaints,
    )
    return model.with_states(states)


def _parameter(declared: Declared) -> Parameter:
    assert declared.value is not None
    if not declared.minimum <= declared.value <= declared.maximum:
        raise ModelError(
            thing=f"{declared.place}: the default of {declared.name} is out of its own range",
            value=declared.value,
            limit=f"{declared.minimum:g} to {declared.maximum:g}",
        )
    number = f" = {declared.default}" if declared.default != repr(declared.value) else ""
    return Parameter(
        name=declared.name,
        value=declared.value,
        unit=declared.unit,
        source=f"{declared.place}{number}",
        provenance=Provenance.ASSUMED,
        description=declared.description,
        minimum=declared.minimum,
        maximum=declared.maximum,
    )


def _refuse_folded(module: Module, file: Path) -> None:
    """Names that differ in capitals only are one name in ngspice."""
    for names, what in ((module.parameters, "parameters"), (module.internal_nodes, "nodes")):
        folded: dict[str, str] = {}
        for name in names:
            if folded.setdefault(name.lower(), name) != name:
                raise ModelError(
                    thing=f"{file.name}: two {what} differ in capitals only, and ngspice takes "
                    "them for one",
                    value=(folded[name.lower()], name),
                    next_step="Rename one of them",
                )


def _what(complaint: Complaint) -> str:
    return "gives wrong answers" if complaint.effect == "wrong" else "does not compile"
