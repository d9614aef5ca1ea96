"""What ngspice printed, and which error it stands for."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from cosim.errors import (
    DiskFull,
    NetlistRejected,
    NotConverged,
    SimulationTimeout,
    SimulatorError,
    SimulatorKilled,
)
from cosim.simulators.process import Outcome

NETLIST_NAME = "circuit.cir"
_LOG_TAIL_LINES = 25

_FULL = ("rawfile write error", "no space left on device", "file too large", "quota exceeded")
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


def log_tail(log: str, lines: int = _LOG_TAIL_LINES) -> str:
    """Last lines of a log, without empty lines and without the memory statistics at its end."""
    noise = re.compile(
        r"(Total|Maximum|Current|Shared|Text|Stack|Library|DRAM)\b.*(=|DRAM).*|Note: No compat.*"
    )
    kept = [line for line in log.splitlines() if line.strip() and not noise.match(line.strip())]
    return "\n".join(kept[-lines:])


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


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def failure_of(outcome: Outcome, directory: Path) -> SimulatorError | None:
    """The error that a finished process stands for, or None."""
    low = outcome.log.lower()
    tail = log_tail(outcome.log)
    where = str(directory)
    if outcome.timed_out:
        return SimulationTimeout(
            thing="ngspice passed its deadline and was stopped",
            value=f"{outcome.wall_time:.3g} s",
            next_step="Give it a longer deadline, a smaller array or fewer pulses a run",
            run_directory=where,
            log_tail=tail,
        )
    if outcome.code == -signal.SIGXFSZ or any(word in low for word in _FULL):
        return disk_full(directory, tail)
    if outcome.code < 0:
        return SimulatorKilled(
            thing="ngspice was ended by a signal",
            value=_signal_name(-outcome.code),
            next_step="SIGKILL often means that memory ran out: use a smaller array or fewer "
            "runs at a time",
            run_directory=where,
            log_tail=tail,
        )
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


def disk_full(directory: Path, tail: str) -> DiskFull:
    """The error of a run that had no room."""
    return DiskFull(
        thing="there was no room to write the results",
        value=str(directory),
        next_step="Free space, name another work_directory, or ask for fewer probes",
        run_directory=str(directory),
        log_tail=tail,
    )
