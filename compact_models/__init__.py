"""Physics: what one device does.

Each device is defined once (:class:`CompactModel`) and printed as numpy, numba,
ngspice and Verilog-A. This package imports nothing else of the project.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compact_models.errors import ModelError, ParameterError, best_matches
from compact_models.parameter import Parameter, Provenance, Spread
from compact_models.parameters import ParameterSet

if TYPE_CHECKING:
    from compact_models.model import Branch, CompactModel, Definition, State

__all__ = [
    "Branch",
    "CompactModel",
    "Definition",
    "Parameter",
    "ParameterSet",
    "Provenance",
    "Spread",
    "State",
    "load_model",
    "model_names",
]

# Name of the model -> module with build(parameters).
_MODELS = {
    "cmo_hfox": "compact_models.cmo_hfox",
    "nmos_3v3": "compact_models.nmos_3v3",
    "resistor": "compact_models.resistor",
}


def model_names() -> tuple[str, ...]:
    """Names that :func:`load_model` takes."""
    return tuple(_MODELS)


def load_model(name: str, parameters: str | Path | ParameterSet | None = None) -> Any:
    """Load a compact model with its parameters.

    Parameters
    ----------
    name : str
        One of :func:`model_names`.
    parameters : str, Path or ParameterSet, optional
        A shipped parameter file by name, a TOML file by path, or a set; the
        model's own file by default.

    Returns
    -------
    CompactModel
        Of the model's own class, with its physics methods.

    Raises
    ------
    ModelError
        If there is no model of that name.
    ParameterError
        If the parameters belong to another model, lack one, or have other units.

    Examples
    --------
    >>> reram = load_model("cmo_hfox")
    >>> float(reram.current(voltage=0.2, vacancies=1.64e25)).__round__(9)
    1.0996e-05
    """
    if name not in _MODELS:
        raise ModelError(
            thing="no compact model of that name",
            value=name,
            next_step=best_matches(str(name), _MODELS),
        )
    module = importlib.import_module(_MODELS[name])
    own = ParameterSet.load(name)
    if parameters is None:
        return module.build(own)
    chosen = parameters if isinstance(parameters, ParameterSet) else ParameterSet.load(parameters)
    if chosen.model != name:
        raise ParameterError(
            thing=f"parameter set '{chosen.name}' belongs to another model",
            value=chosen.model,
            limit=name,
            next_step="Load that model instead, or choose another file",
        )
    return module.build(chosen.conformed_to(own))


def __getattr__(name: str) -> Any:
    # sympy is loaded only by who has a model.
    if name in ("Branch", "CompactModel", "Definition", "State"):
        return getattr(importlib.import_module("compact_models.model"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
