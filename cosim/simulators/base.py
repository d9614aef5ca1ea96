"""What every simulator is: a :class:`Testbench` in, a checked :class:`Result` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError, IncompleteResult, best_matches

if TYPE_CHECKING:
    from netlists.testbench import Testbench

_CLASSES = {
    "native": ("cosim.simulators.native", "NativeSimulator"),
    "neospice": ("cosim.simulators.neospice", "NeospiceSimulator"),
    "ngspice": ("cosim.simulators.ngspice", "NgspiceSimulator"),
    "vacask": ("cosim.simulators.vacask", "VacaskSimulator"),
}
SIMULATORS = tuple(_CLASSES)
# Circuit rung: any netlist, attachments included, and every run is a process of its own.
CIRCUIT_SIMULATORS = ("neospice", "ngspice", "vacask")


@dataclass(frozen=True, kw_only=True)
class RunProvenance:
    """Where a result came from.

    Parameters
    ----------
    simulator, version : str
        Program name and version, e.g. ``"ngspice"``, ``"39"``.
    netlist_sha256 : str
        Hash of the complete netlist text; in the native solver, which writes none, of the array
        and its stimuli.
    wall_time : float
        Seconds the simulator took.
    warnings : tuple of str
        What the simulator or the checks had to say about a run that still counts.
    devices : str
        How the simulator evaluated the devices: ``"subcircuit"`` (behavioural sources) or
        ``"osdi"`` (compiled Verilog-A); empty in the native solver, which has one way.
    residual : float
        Worst imbalance of currents at any node and point over the largest branch current; NaN
        where the simulator does not tell.
    """

    simulator: str
    version: str = ""
    netlist_sha256: str = ""
    wall_time: float = 0.0
    warnings: tuple[str, ...] = ()
    devices: str = ""
    residual: float = float("nan")


def check_deadline(seconds: float) -> None:
    """Raise ConfigError for a deadline that no run could meet."""
    if not isinstance(seconds, int | float) or not seconds > 0:
        raise ConfigError(thing="deadline of a simulator", value=seconds, limit="more than 0 s")


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """What the simulators share that run as processes of their own.

    Parameters
    ----------
    deadline : float
        Seconds after which a run is stopped.
    work_directory : str, optional
        Where run directories are made; default is the system's temporary directory.
    keep : {"failed", "always", "never"}
        Which run directories stay. The error of a failed run names its directory.
    check : bool
        Compare the currents with the model's own equations (see :mod:`cosim.simulators.check`).
    """

    deadline: float = 600.0
    work_directory: str | None = None
    keep: Literal["failed", "always", "never"] = "failed"
    check: bool = True

    def __post_init__(self) -> None:
        """Refuse what no run could go by."""
        check_deadline(self.deadline)
        if self.keep not in ("failed", "always", "never"):
            raise ConfigError(
                thing="which run directories stay", value=self.keep, limit="failed, always, never"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """One checked run.

    Parameters
    ----------
    axis : ndarray, shape (points,)
        Time [s] of a transient, sweep value [V] of a DC sweep, ``[0.0]`` for an operating point.
    data : mapping of str to ndarray
        Probe name -> values: shape (points,) for ``"i(bl0)"`` and ``"v(bl_3_4)"``, (points, row,
        column) for ``"cell_current"``, ``"cell_voltage"`` and ``"state:<name>"``.
    status : str
        ``"ok"``; a run that cannot be trusted raises instead.
    provenance : RunProvenance
    """

    axis: NDArray[np.float64]
    data: Mapping[str, NDArray[np.float64]]
    status: str = "ok"
    provenance: RunProvenance = field(default_factory=lambda: RunProvenance(simulator=""))

    def __getitem__(self, probe: str) -> NDArray[np.float64]:
        try:
            return self.data[probe]
        except KeyError as error:
            raise IncompleteResult(
                thing="the result holds no such probe",
                value=probe,
                limit=", ".join(sorted(self.data)),
                next_step=best_matches(probe, self.data),
            ) from error

    def at(self, probe: str, where: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of a probe at given axis positions, by linear interpolation.

        Parameters
        ----------
        probe : str
        where : float or ndarray, shape (n,)
            In the unit of the axis.

        Returns
        -------
        ndarray, shape (n, ...) or (...)
        """
        values = self[probe]
        wanted = np.atleast_1d(np.asarray(where, dtype=float))
        if self.axis.size == 1:
            picked = np.repeat(values, wanted.size, axis=0)
        else:
            right = np.clip(np.searchsorted(self.axis, wanted), 1, self.axis.size - 1)
            left = right - 1
            span = self.axis[right] - self.axis[left]
            share = np.where(span > 0, (wanted - self.axis[left]) / np.where(span > 0, span, 1), 1)
            share = np.clip(share, 0.0, 1.0).reshape((-1,) + (1,) * (values.ndim - 1))
            picked = values[left] * (1 - share) + values[right] * share
        return picked[0] if np.ndim(where) == 0 else picked


@runtime_checkable
class Simulator(Protocol):
    """Anything which runs testbenches: ``name``, ``version`` and ``run``."""

    @property
    def name(self) -> str:
        """Short name, as given to :func:`get_simulator`."""
        ...

    def run(self, testbench: Testbench) -> Result:
        """Run one testbench; raises a :class:`cosim.errors.SimulatorError` or returns a result."""
        ...


def get_simulator(simulator: str | Simulator = "ngspice", **options: Any) -> Simulator:
    """Simulator by name, or the given one unchanged.

    Parameters
    ----------
    simulator : {"ngspice", "native", "vacask", "neospice"} or Simulator
    **options
        Passed to the simulator's constructor.

    Raises
    ------
    ConfigError
        The name or an option is unknown, or the object cannot run testbenches.
    """
    if not isinstance(simulator, str):
        if not isinstance(simulator, Simulator):
            raise ConfigError(
                thing="this is no simulator",
                value=type(simulator).__name__,
                limit=f"{', '.join(SIMULATORS)}, or an object with name and run",
            )
        return simulator
    if simulator not in _CLASSES:
        raise ConfigError(
            thing="unknown simulator",
            value=simulator,
            limit=", ".join(SIMULATORS),
            next_step=best_matches(simulator, SIMULATORS),
        )
    module, name = _CLASSES[simulator]
    chosen = getattr(import_module(module), name)
    known = [f.name for f in fields(chosen) if f.init]
    for option in options:
        if option not in known:
            raise ConfigError(
                thing=f"{simulator} has no option of that name",
                value=option,
                next_step=best_matches(option, known),
            )
    made: Simulator = chosen(**options)
    return made
