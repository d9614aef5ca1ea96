"""The tables of a study file, and how their keys are read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from cosim.errors import ConfigError, best_matches
from cosim.quantities import read_quantity

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
DOT_COMMAND = re.compile(r"(^|\s)\.[A-Za-z]")


def checked_name(value: str) -> str:
    """Let an identifier pass: letters, digits and underscores, a letter first."""
    if not _NAME.fullmatch(value):
        raise ConfigError(
            thing="a name is not allowed",
            value=value,
            limit="letters, digits and underscores, a letter first, at most 64",
        )
    return value


def checked_text(value: str) -> str:
    """Let one line of plain text pass; it may stand in the header of a netlist."""
    if not value.isprintable() or DOT_COMMAND.search(value) or len(value) > 200:
        raise ConfigError(
            thing="a text is not allowed",
            value=value[:80],
            limit="one line of at most 200 printable characters without simulator commands",
        )
    return value


def checked_device(value: str) -> str:
    """Let the name of a compact model pass, or the path of a Verilog-A file."""
    if value.endswith((".va", ".vams")):
        return checked_text(value)
    return checked_name(value)


Name = Annotated[str, AfterValidator(checked_name)]
Text = Annotated[str, AfterValidator(checked_text)]


def quantity(unit: str) -> Any:
    """Pydantic type of a float in `unit` that may be written as text with a unit."""

    def read(value: Any, info: ValidationInfo) -> float:
        return read_quantity(value, unit, name=info.field_name or "value")

    return Annotated[float, BeforeValidator(read)]


class Table(BaseModel):
    """A table of a study file: every key known, nothing converted behind the user's back."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True
    )


class CardTable(Table):
    """``[cell.selector]``: a transistor out of a library of one's own.

    Attributes
    ----------
    library : str
        File with ``.model`` or ``.subckt`` of the transistor, from the study file.
    model : str
        What the library calls it.
    section : str, optional
        Section of the library, such as ``tt``.
    level : int, optional
        Level that the model must have; another one is an error.
    width, length : float, optional
        [m]
    values : dict
        More instance parameters.
    verilog_a : list of str
        Verilog-A files that the library's models are written in.
    """

    library: Text
    model: Text
    section: Text | None = None
    level: int | None = None
    width: quantity("m") | None = None  # type: ignore[valid-type]
    length: quantity("m") | None = None  # type: ignore[valid-type]
    values: dict[Name, float] = Field(default_factory=dict)
    verilog_a: list[Text] = Field(default_factory=list)


def _selector(value: Any) -> Any:
    if isinstance(value, dict):
        return validated(CardTable, value, "[cell] selector")
    return value


class CellTable(Table):
    """``[cell]``: which ReRAM and which selector; their values may be replaced one by one.

    ``reram`` is a compact model, or a Verilog-A file of one's own. For a file, ``reram_module``
    says which module, ``reram_states`` which internal nodes hold its state and in which parameter
    each starts, ``reram_monitors`` which ports stay open, and ``reram_accept`` runs it in spite of
    what is known to go wrong in it.
    """

    reram: Annotated[str, AfterValidator(checked_device)] = "cmo_hfox"
    reram_module: Name | None = None
    reram_states: dict[Name, Name] | None = None
    reram_monitors: list[Name] = Field(default_factory=list)
    reram_accept: bool = False
    reram_parameters: Text | None = None
    reram_values: dict[Name, float | str] = Field(default_factory=dict)
    selector: Annotated[Name | CardTable, BeforeValidator(_selector)] = "nmos_3v3"
    selector_parameters: Text | None = None
    selector_values: dict[Name, float | str] = Field(default_factory=dict)


class ParasiticsTable(Table):
    """``[array.parasitics]``: resistance and capacitance of one wire segment, drivers, contacts."""

    r_row: quantity("ohm") = 0.0  # type: ignore[valid-type]
    r_col: quantity("ohm") = 0.0  # type: ignore[valid-type]
    r_word: quantity("ohm") = 0.0  # type: ignore[valid-type]
    c_row: quantity("F") = 0.0  # type: ignore[valid-type]
    c_col: quantity("F") = 0.0  # type: ignore[valid-type]
    c_word: quantity("F") = 0.0  # type: ignore[valid-type]
    r_driver: quantity("ohm") = 0.0  # type: ignore[valid-type]
    r_contact: quantity("ohm") = 0.0  # type: ignore[valid-type]


class ArrayTable(Table):
    """``[array]``: size, wiring, and whether every cell gets its own device."""

    rows: int = Field(default=1, ge=1, le=1024)
    cols: int = Field(default=1, ge=1, le=1024)
    layout: Literal["crossing", "parallel"] = "crossing"
    spread: bool = False
    parasitics: ParasiticsTable = Field(default_factory=ParasiticsTable)


SimulatorName = Literal["ngspice", "native", "neospice", "vacask"]


class SimulatorTable(Table):
    """``[simulator]``, in place of ``simulator = "name"``.

    ``devices`` says how ngspice evaluates them: ``"osdi"`` (compiled Verilog-A), ``"subcircuit"``
    (behavioural sources), or ``"auto"``: compiled where this machine can. ``deadline`` is the
    time after which one run is stopped. ``stand_in`` lets native take the model that was fitted
    to a foundry's transistor in its place, ``line_capacitance`` charges lines and devices there.
    """

    name: SimulatorName = "ngspice"
    devices: Literal["auto", "subcircuit", "osdi"] = "auto"
    deadline: quantity("s") | None = Field(default=None, gt=0)  # type: ignore[valid-type]
    stand_in: bool = False
    line_capacitance: bool = False


def validated(model: type[BaseModel], values: dict[str, Any], source: str) -> BaseModel:
    """Check the values of a table.

    Raises
    ------
    ConfigError
        Names the source, the key and what is wrong with it.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _as_config_error(error, model, source) from None
    except ConfigError as error:
        error.thing = f"{source}: {error.thing}"
        raise


# What pydantic complains of, as what is allowed.
_LIMITS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}


def _as_config_error(error: ValidationError, model: type[BaseModel], source: str) -> ConfigError:
    """The first complaint of pydantic in the words of this project."""
    entries = error.errors()
    first = entries[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    more = f" ({len(entries) - 1} more like it)" if len(entries) > 1 else ""
    if first["type"] == "extra_forbidden":
        table: Any = model
        for part in first["loc"][:-1]:
            table = table.model_fields[str(part)].annotation
        return ConfigError(
            thing=f"{source} has an unknown key{more}",
            value=place,
            next_step=best_matches(str(first["loc"][-1]), table.model_fields),
        )
    if first["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", str(first["ctx"]["expected"]))
        return ConfigError(
            thing=f"{source}: {place} is none of the choices{more}",
            value=first["input"],
            limit=", ".join(choices),
            next_step=best_matches(str(first["input"]), choices),
        )
    text = first["msg"].removeprefix("Value error, ")
    limit = _LIMITS.get(first["type"], "").format(**first.get("ctx", {}))
    return ConfigError(
        thing=f"{source}: {place}{more}" if limit else f"{source}: {place}: {text}{more}",
        value=first["input"],
        limit=limit,
    )
