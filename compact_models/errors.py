"""The errors of the whole project.

They live in the lowest package so that physics, circuits and experiments can
all raise them; users import them from ``cosim``. Each says what is wrong, the
value that was found, what is allowed, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any


@dataclass(kw_only=True)
class CosimError(Exception):
    """Base of every error this project raises on purpose.

    Parameters
    ----------
    thing : str
        What is wrong, in words, naming the object.
    value : object, optional
        The offending value; left out of the text when None.
    limit : str, optional
        What would have been allowed.
    next_step : str, optional
        What the user can do about it.
    """

    thing: str
    value: object = None
    limit: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        text = self.thing
        if self.value is not None:
            text += f": {self.value!r}"
        if self.limit:
            text += f" (allowed: {self.limit})"
        if self.next_step:
            text += f". {self.next_step}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are rebuilt from positional arguments, of which these have none;
        # without this, one raised in a worker process never reaches the parent.
        return _rebuild, (type(self), {f.name: getattr(self, f.name) for f in fields(self)})


def _rebuild(kind: type[CosimError], values: dict[str, Any]) -> CosimError:
    return kind(**values)


@dataclass(kw_only=True)
class ParameterError(CosimError):
    """A parameter is unknown, out of range, or in the wrong unit."""


@dataclass(kw_only=True)
class ModelError(CosimError):
    """A compact model is ill defined or used outside what it describes."""


@dataclass(kw_only=True)
class ConfigError(CosimError):
    """A study file or an option is wrong."""


@dataclass(kw_only=True)
class NetlistError(CosimError):
    """A circuit cannot be written, or breaks an electrical rule."""


@dataclass(kw_only=True)
class DataError(CosimError):
    """A data set or a measurement file is missing, damaged, or of the wrong form."""


@dataclass(kw_only=True)
class CalibrationError(CosimError):
    """A fit was refused because its data cannot support it."""


@dataclass(kw_only=True)
class Interrupted(CosimError):
    """The user stopped a run; what was finished is kept."""


@dataclass(kw_only=True)
class SimulatorError(CosimError):
    """A simulation gave no result that can be trusted.

    Parameters
    ----------
    run_directory : str, optional
        Where netlist, log and partial data were left.
    log_tail : str, optional
        The last lines the simulator printed.
    """

    run_directory: str | None = None
    log_tail: str = ""

    def __str__(self) -> str:
        text = super().__str__()
        if self.run_directory:
            text += f"\n  run directory: {self.run_directory}"
        if self.log_tail:
            text += "\n  last lines of the log:\n    " + self.log_tail.strip().replace(
                "\n", "\n    "
            )
        return text


@dataclass(kw_only=True)
class SimulatorNotFound(SimulatorError):
    """The simulator program is not installed."""


@dataclass(kw_only=True)
class NetlistRejected(SimulatorError):
    """The simulator refused the netlist."""


@dataclass(kw_only=True)
class NotConverged(SimulatorError):
    """The simulator or solver found no solution."""


@dataclass(kw_only=True)
class SimulationTimeout(SimulatorError):
    """The run passed its deadline and was stopped."""


@dataclass(kw_only=True)
class SimulatorKilled(SimulatorError):
    """The simulator process was ended by a signal."""


@dataclass(kw_only=True)
class DiskFull(SimulatorError):
    """There was no room for the results."""


@dataclass(kw_only=True)
class IncompleteResult(SimulatorError):
    """A vector is missing, not finite, or ends before the stop time."""


@dataclass(kw_only=True)
class InconsistentResult(SimulatorError):
    """The simulator's currents disagree with the model's own equations."""


# A dataclass with equality sets __hash__ to None, which breaks traceback printing.
for _error in list(vars().values()):
    if isinstance(_error, type) and issubclass(_error, Exception):
        _error.__hash__ = Exception.__hash__  # type: ignore[method-assign]
del _error


def best_matches(name: str, choices: Iterable[str]) -> str:
    """Say which of `choices` are nearest to `name`.

    Returns
    -------
    str
        ``"Best matches are: 'a', 'b'"``, or the whole list when nothing is near.
    """
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return "Best matches are: " + ", ".join(repr(n) for n in near)
    return "Known are: " + ", ".join(repr(n) for n in known)
