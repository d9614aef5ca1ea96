"""A fitted compact model in place of a foundry's transistor, where the user asks for one."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from compact_models.model import CompactModel
from compact_models.parameters import ParameterSet
from cosim.errors import ConfigError

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

_SIZES = {"w": "width", "l": "length"}


def shipped(card: str) -> str:
    """Name of the parameter set that was fitted to a card, or nothing."""
    name = f"nmos_3v3_{card}"
    return name if files("compact_models").joinpath(f"parameters/{name}.toml").is_file() else ""


def refusal(selector: Any) -> ConfigError:
    """Why a foreign transistor cannot be run, and what can be done."""
    card = getattr(selector, "name", str(selector))
    name = shipped(card)
    offer = (
        f"NativeSimulator(stand_in=True) takes the fitted {name} in its place"
        if name
        else "or fit nmos_3v3 to it (cosim calibrate transistor) for NativeSimulator(stand_in=FILE)"
    )
    return ConfigError(
        thing="the native simulator cannot run a foreign transistor",
        value=card,
        limit="nmos_3v3 or no selector",
        next_step=f"Use simulator='ngspice' for foundry cards; {offer}",
    )


def stood_in(
    testbench: Testbench, stand_in: bool | str | ParameterSet
) -> tuple[Testbench, list[str]]:
    """The testbench with a compact model in place of a foreign transistor, and a note of it.

    Parameters
    ----------
    testbench : Testbench
    stand_in : bool, str or ParameterSet
        True: the parameter set that is shipped for the card; otherwise name, path or set.

    Raises
    ------
    ConfigError
        There is no such set, or the card has values that the compact model does not know.
    """
    array, notes = stood_in_array(testbench.array, stand_in)
    return (testbench.replace(array=array), notes) if notes else (testbench, [])


def stood_in_array(array: Array, stand_in: bool | str | ParameterSet) -> tuple[Array, list[str]]:
    """The same of an array."""
    card: Any = array.cell.selector
    if not stand_in or card is None or isinstance(card, CompactModel):
        return array, []
    from compact_models import load_model
    from netlists.cell import Cell

    given: Any = shipped(card.name) if stand_in is True else stand_in
    if not given:
        raise refusal(card)
    selector = load_model("nmos_3v3", parameters=given)
    sizes = {_SIZES[k]: v for k, v in card.parameters.items() if k in _SIZES}
    unknown = [k for k in (*card.parameters, *array.selector_parameters) if k not in _SIZES]
    if unknown:
        raise ConfigError(
            thing=f"the stand-in for {card.name} knows no such parameter",
            value=unknown,
            limit=", ".join(_SIZES),
            next_step="Use simulator='ngspice'",
        )
    selector = load_model("nmos_3v3", parameters=selector.parameters.replace(**sizes))
    array = array.replace(
        cell=Cell(array.cell.reram, selector),
        selector_parameters={_SIZES[k]: v for k, v in array.selector_parameters.items()},
    )
    name = given if isinstance(given, str) else "a given parameter set"
    note = (
        f"stand-in: nmos_3v3 with {name} ({selector.parameters.fingerprint}) in place of the "
        f"foundry card {card.name}"
    )
    return array, [note]
