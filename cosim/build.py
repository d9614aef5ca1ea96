"""From the tables of a study file to a cell and an array of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.catalogue import SELECTORS
from cosim.config import StudyFile
from cosim.errors import ConfigError, best_matches
from cosim.quantities import read_quantity
from cosim.tables import CardTable, CellTable

if TYPE_CHECKING:
    from compact_models.foreign_model import ForeignModel
    from netlists import Array

# These read conductances only; all others follow what the device remembers.
_WITHOUT_STATES = ("read",)


def _model(
    name: str, parameters: str | None, values: Mapping[str, float | str], base: Path | None
) -> Any:
    from compact_models import ParameterSet, load_model

    chosen: ParameterSet | None = None
    if parameters is not None:
        chosen = ParameterSet.load(_from_study(parameters, base, (".toml",)))
    return _with_values(load_model(name, chosen), values)


def _from_study(path: str, base: Path | None, endings: tuple[str, ...]) -> str | Path:
    """A path in a study file starts at the study file, not where the user happens to stand."""
    return base / path if base and path.endswith(endings) else path


def _with_values(model: Any, values: Mapping[str, float | str]) -> Any:
    if not values:
        return model
    model.check_parameters(values)
    given = {
        n: read_quantity(v, model.parameters.parameter(n).unit, name=f"parameter {n}")
        for n, v in values.items()
    }
    return model.with_parameters(**given)


def _own_device(study: StudyFile, base: Path | None) -> ForeignModel:
    """The user's Verilog-A device, if this study can run it."""
    from compact_models.foreign_va import load_veriloga

    cell = study.cell
    if cell.reram_parameters is not None:
        raise ConfigError(
            thing=f"{cell.reram} brings its own parameters",
            value=cell.reram_parameters,
            next_step="Remove reram_parameters; reram_values changes single ones",
        )
    if study.simulator != "ngspice":
        raise ConfigError(
            thing=f"{cell.reram} runs on the circuit rung only",
            value=study.simulator,
            limit="ngspice with compiled Verilog-A",
            next_step='Write simulator = "ngspice"; cosim doctor says what this machine has',
        )
    model = load_veriloga(
        _from_study(cell.reram, base, (".va", ".vams")),
        module=cell.reram_module,
        states=cell.reram_states,
        monitors=cell.reram_monitors,
        accept=cell.reram_accept,
    )
    for name in study.experiment:
        if name not in _WITHOUT_STATES and model.memory is None:
            raise ConfigError(
                thing=f"experiment '{name}' goes on from the state of the device, and "
                f"{cell.reram} does not say where it is kept",
                value=", ".join(model.internal_nodes) or "no internal nodes",
                limit="internal node = parameter with its initial value",
                next_step='Add reram_states = {x = "x0"} to [cell], with its own names; {} if '
                "the device remembers nothing",
            )
    return _with_values(model, cell.reram_values)


def _selector(cell: CellTable, base: Path | None) -> Any:
    chosen = cell.selector
    if not isinstance(chosen, CardTable) and chosen not in SELECTORS:
        raise ConfigError(
            thing="no selector of that name",
            value=chosen,
            next_step=best_matches(chosen, SELECTORS)
            + ', or give a card: selector = {library = "models.lib", model = "nch"}',
        )
    if chosen == "nmos_3v3":
        return _model(chosen, cell.selector_parameters, cell.selector_values, base)
    if cell.selector_parameters is not None or (chosen == "none" and cell.selector_values):
        name = chosen.model if isinstance(chosen, CardTable) else chosen
        raise ConfigError(
            thing=f"selector '{name}' takes no parameters from a study",
            next_step="Remove selector_parameters, or choose nmos_3v3",
        )
    if chosen == "none":
        return None
    from compact_models.foundry import load_transistor

    card = _card(chosen, base) if isinstance(chosen, CardTable) else load_transistor(chosen)
    values = {
        n: read_quantity(v, "m", name=f"parameter {n}") for n, v in cell.selector_values.items()
    }
    return card.resized(**values)


def _card(table: CardTable, base: Path | None) -> Any:
    from compact_models.library_card import load_card

    folder = base or Path()
    return load_card(
        folder / table.library,
        table.model,
        section=table.section,
        level=table.level,
        width=table.width,
        length=table.length,
        values=table.values,
        verilog_a=[folder / path for path in table.verilog_a],
    )


def build_array(study: StudyFile) -> Array:
    """The array of a study, with a device of its own in every cell when `spread` is on.

    Raises
    ------
    ConfigError, ParameterError, ModelError, NetlistError
        A name or a value is wrong.
    """
    from cosim.experiments.base import with_spread
    from netlists import Array, Cell, Layout, Parasitics

    base = study.path.parent if study.path else None
    cell, table = study.cell, study.array
    if cell.reram.endswith((".va", ".vams")):
        reram: Any = _own_device(study, base)
    elif cell.reram_module is not None or cell.reram_states is not None:
        raise ConfigError(
            thing=f"compact model '{cell.reram}' knows its states itself",
            next_step="Remove reram_module and reram_states, which belong to a .va file",
        )
    else:
        reram = _model(cell.reram, cell.reram_parameters, cell.reram_values, base)
    selector = _selector(cell, base)
    array = Array(
        Cell(reram, selector),
        rows=table.rows,
        cols=table.cols,
        parasitics=Parasitics(**table.parasitics.model_dump()),
        layout=Layout(table.layout),
        name=study.name if study.name.isidentifier() else "array",
    )
    return with_spread(array, study.seed) if table.spread else array
