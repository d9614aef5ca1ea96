"""What can be named: experiments and jobs, simulators, selectors, models, parameter files.

The table of an experiment in a study file is made from the fields of its class, so the Python
interface, the study file, ``cosim show`` and the error texts cannot drift apart.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, Field, Strict, ValidationInfo, create_model

from cosim.errors import ConfigError, CosimError, best_matches
from cosim.quantities import read_quantity
from cosim.tables import Table, Text


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An experiment or a job that a study file can name.

    Parameters
    ----------
    module, attribute : str
        Where its dataclass is; imported when asked for.
    job : bool
        A job brings its own array and output, and has ``run(folder, study, progress)``; an
        experiment is built as ``Class(array, **settings)``.
    """

    module: str
    attribute: str
    job: bool = False

    def load(self) -> type[Any]:
        """Import the dataclass."""
        loaded: type[Any] = getattr(import_module(self.module), self.attribute)
        return loaded


EXPERIMENTS: Mapping[str, Entry] = {
    "forming": Entry(module="cosim.experiments.forming", attribute="Forming"),
    "cycling": Entry(module="cosim.experiments.cycling", attribute="Cycling"),
    "pulse_update": Entry(module="cosim.experiments.pulse_update", attribute="PulseUpdate"),
    "read": Entry(module="cosim.experiments.read", attribute="Read"),
    "ir_drop": Entry(module="cosim.experiments.array_studies", attribute="IrDrop"),
    "leakage": Entry(module="cosim.experiments.array_studies", attribute="Leakage"),
    "array_disturb": Entry(module="cosim.experiments.array_studies", attribute="ArrayDisturb"),
    "array_program": Entry(module="cosim.experiments.array_studies", attribute="ArrayProgram"),
    "electrothermal": Entry(
        module="cosim.experiments.electrothermal_job", attribute="Electrothermal", job=True
    ),
    "program_verify": Entry(
        module="cosim.experiments.levels_job", attribute="LevelProgramming", job=True
    ),
    "disturb": Entry(
        module="cosim.experiments.physics_jobs", attribute="HalfSelectDisturb", job=True
    ),
    "retention": Entry(module="cosim.experiments.physics_jobs", attribute="Retention", job=True),
    "energy": Entry(module="cosim.experiments.energy_job", attribute="Energy", job=True),
    "product_error": Entry(
        module="cosim.experiments.product_job", attribute="ProductError", job=True
    ),
    "spirit": Entry(module="cosim.experiments.spirit", attribute="Spirit", job=True),
    "circuit_training": Entry(
        module="cosim.network.circuit_job", attribute="CircuitTraining", job=True
    ),
    "quickstart": Entry(module="cosim.quickstart", attribute="Quickstart", job=True),
}

SELECTORS: Mapping[str, str] = {
    "nmos_3v3": "3.3 V NMOS of this project (EKV form)",
    "gf180mcu_nfet_03v3": "foundry card GF180MCU nfet_03v3 (BSIM4), ngspice and VACASK",
    "sg13_hv_nmos": "foundry card IHP SG13G2 sg13_hv_nmos (PSP103), ngspice with OSDI only",
    "none": "no selector: the ReRAM ends at the source line (passive crossbar)",
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key of an experiment's table."""

    name: str
    kind: str
    unit: str
    default: Any
    description: str = ""


def entry(name: str) -> Entry:
    """Return the entry called `name`, or raise ConfigError with the best matches."""
    if name not in EXPERIMENTS:
        raise ConfigError(
            thing="no experiment of that name",
            value=name,
            next_step=best_matches(name, EXPERIMENTS),
        )
    return EXPERIMENTS[name]


@lru_cache(maxsize=64)
def settings(name: str) -> tuple[Setting, ...]:
    """The keys that the table of experiment `name` may hold."""
    cls = entry(name).load()
    hints = typing.get_type_hints(cls)
    found = []
    described = _descriptions(cls.__doc__ or "")
    for field in dataclasses.fields(cls):
        kind = _kind(hints[field.name])
        if not field.init or kind is None:
            continue
        default = None if field.default is dataclasses.MISSING else field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        text = described.get(field.name, "")
        unit = field.metadata.get("unit", "") or _unit(field.name, kind, text, name)
        found.append(
            Setting(name=field.name, kind=kind, unit=unit, default=default, description=text)
        )
    return tuple(found)


@lru_cache(maxsize=64)
def settings_model(name: str) -> type[BaseModel]:
    """Pydantic model of the table of experiment `name`; every key is optional and checked."""
    cls = entry(name).load()
    hints = typing.get_type_hints(cls)
    fields: dict[str, Any] = {}
    for setting in settings(name):
        if setting.kind in ("number", "numbers"):
            kind: Any = Annotated[Any, BeforeValidator(_reader(setting))]
        elif setting.kind == "counts":
            kind = Annotated[tuple[int, ...], Strict(False)]
        elif setting.kind == "texts":
            kind = Annotated[tuple[Text, ...], Strict(False)]
        elif setting.kind == "text":
            kind = Text
        else:
            kind = hints[setting.name]
        fields[setting.name] = (kind, Field(default=None))
    return create_model(f"{name}_settings", __base__=Table, **fields)


def _reader(setting: Setting) -> Any:
    def read(value: Any, info: ValidationInfo) -> Any:
        return _read(value, setting.unit, info.field_name or setting.name, setting.kind)

    return read


def _read(value: Any, unit: str, name: str, kind: str) -> Any:
    if isinstance(value, list):
        if kind != "numbers":
            raise ConfigError(thing=f"{name} takes one number, not a list", value=value[:3])
        return tuple(_read(item, unit, f"{name}[{i}]", kind) for i, item in enumerate(value))
    return read_quantity(value, unit, name=name)


def _kind(hint: Any) -> str | None:
    """How a type is written in a study file; None when it cannot be."""
    members = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = {_kind(m) for m in members if m is not type(None)}
        if kinds <= {"number", "count"} and kinds:
            return "count" if kinds == {"count"} else "number"
        if "numbers" in kinds:
            return "numbers"
        return kinds.pop() if len(kinds) == 1 else None
    if origin is typing.Literal:
        return "choice"
    if origin is np.ndarray or hint is np.ndarray:
        return "numbers"
    if origin in (tuple, list) or (
        isinstance(origin, type) and issubclass(origin, typing.Sequence)
    ):
        inner = {_kind(m) for m in members if m is not Ellipsis}
        if inner == {"count"}:
            return "counts"
        if inner == {"text"}:
            return "texts"
        return "numbers" if inner <= {"number", "count", "numbers"} and inner else None
    simple: dict[Any, str] = {bool: "switch", int: "count", float: "number", str: "text"}
    return simple.get(hint)


def _unit(name: str, kind: str, description: str, experiment: str) -> str:
    if kind not in ("number", "numbers"):
        return ""
    written = re.search(r"\[([A-Za-z/0-9*^%]{1,16})\]", description)
    if written:
        return {"Ohm": "ohm", "%": "dimensionless", "1": "dimensionless"}.get(
            written[1], written[1]
        )
    raise CosimError(
        thing=f"setting '{name}' of experiment '{experiment}' has no unit",
        next_step="Write it in brackets in the docstring, as in [V], or in the field's metadata",
    )


def _descriptions(doc: str) -> dict[str, str]:
    """Field descriptions out of a NumPy docstring: ``name[, name] : type`` and the lines below."""
    lines = doc.expandtabs().splitlines()
    found: dict[str, str] = {}
    names: list[str] = []
    depth = 0
    for line in lines:
        head = re.fullmatch(r"( *)([a-z_][a-z0-9_, ]*?) ?:( .*)?", line)
        indent = len(line) - len(line.lstrip())
        if head and (not names or indent <= depth):
            depth = indent
            names = [n.strip() for n in head[2].split(",")]
            inline = re.search(r"\[[^\]]{1,16}\]", head[3] or "")
            found |= dict.fromkeys(names, inline[0] if inline else "")
        elif names and indent > depth and line.strip():
            found |= {n: f"{found[n]} {line.strip()}".strip() for n in names}
        elif line.strip():
            names = []
    return found
