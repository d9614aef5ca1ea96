"""What ngspice printed, and which error it stands for."""

from __future__ import annotations

import re
from pathlib import Path

from cosim.errors import NetlistRejected, NotConverged, SimulatorError
from cosim.simulators.failures import log_tail, stopped
from cosim.simulators.process import Outcome

NETLIST_NAME = "circuit.cir"

_REJECTED = (
    "simulation interrupted due to error",
    "circuit not parsed",
    "there aren't any circuits loaded",
    "error on line",
    "unknown subckt",
    "fatal error",
    "netlist error",
    "error: too few parameters",
    "is out of bounds!",
    "error opening osdi lib",
)
_DIVERGED = (
    "timestep too small",
    "iteration limit reached",
    "transient solution failed",
    "dc solution failed",
    "run simulation(s) aborted",
    "doanalyses:",
    "no convergence",
)


def _lines_about(log: str, *words: str) -> str:
    found = [line.strip() for line in log.splitlines() if any(w in line.lower() for w in words)]
    return "; ".join(dict.fromkeys(found))[:300]


def warnings_in(log: str, limit: int = 10) -> tuple[str, ...]:
    """Different warnings of a log, at most `limit` of them."""
    # ngspice goes on with 0 where an expression overflowed: that is a warning here.
    found = re.findall(
        r"Warning: (?!Further gmin).*|Note: Transient op started.*|Error: \S+ out of range for.*",
        log,
    )
    return tuple(dict.fromkeys(w.strip() for w in found))[:limit]


def failure_of(outcome: Outcome, directory: Path) -> SimulatorError | None:
    """The error that a finished process stands for, or None."""
    ended = stopped("ngspice", outcome, directory)
    if ended is not None:
        return ended
    low, tail, where = outcome.log.lower(), log_tail(outcome.log), str(directory)
    if any(word in low for word in _REJECTED):
        return NetlistRejected(
            thing="ngspice refused the netlist: "
            + (
                _lines_about(outcome.log, "error", "unknown", "can't find", "fatal", "bounds")
                or tail
            ),
            next_step=f"Read {NETLIST_NAME} in the run directory",
            run_directory=where,
            log_tail=tail,
        )
    if any(word in low for word in _DIVERGED):
        return NotConverged(
            thing="ngspice found no solution: " + _lines_about(outcome.log, *_DIVERGED),
            next_step="Use slower edges, a smaller maximum step or method=gear",
            run_directory=where,
            log_tail=tail,
        )
    return None
