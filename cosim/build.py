"""From the tables of a study file to a cell and an array of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.catalogue import SELECTORS
from cosim.config import StudyFile
from cosim.errors import ConfigError, best_matches
from cosim.quantities import read_quantity

if TYPE_CHECKING:
    from netlists import Array


def _model(
    name: str, parameters: str | None, values: Mapping[str, float | str], base: Path | None
) -> Any:
    from compact_models import ParameterSet, load_model

    chosen: ParameterSet | None = None
    if parameters is not None:
        # A path in a study file starts at the study file, not where the user happens to stand.
        place = (base / parameters) if base and parameters.endswith(".toml") else parameters
        chosen = ParameterSet.load(place)
    model = load_model(name, chosen)
    if values:
        model.check_parameters(values)
        given = {
            n: read_quantity(v, model.parameters.parameter(n).unit, name=f"parameter {n}")
            for n, v in values.items()
        }
        model = model.with_parameters(**given)
    return model


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
    reram = _model(cell.reram, cell.reram_parameters, cell.reram_values, base)
    if cell.selector not in SELECTORS:
        raise ConfigError(
            thing="no selector of that name",
            value=cell.selector,
            next_step=best_matches(cell.selector, SELECTORS),
        )
    selector: Any = None
    if cell.selector == "nmos_3v3":
        selector = _model(cell.selector, cell.selector_parameters, cell.selector_values, base)
    elif cell.selector_values or cell.selector_parameters:
        raise ConfigError(
            thing=f"selector '{cell.selector}' takes no parameters from a study",
            next_step="Remove selector_values and selector_parameters, or choose nmos_3v3",
        )
    elif cell.selector != "none":
        selector = cell.selector
    parasitics = Parasitics(**table.parasitics.model_dump())
    array = Array(
        Cell(reram, selector),
        rows=table.rows,
        cols=table.cols,
        parasitics=parasitics,
        layout=Layout(table.layout),
        name=study.name if study.name.isidentifier() else "array",
    )
    return with_spread(array, study.seed) if table.spread else array
