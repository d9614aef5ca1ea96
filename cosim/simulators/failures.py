"""How a run of an outside program failed that did not come to its end."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from cosim.errors import DiskFull, SimulationTimeout, SimulatorError, SimulatorKilled
from cosim.simulators.process import Outcome

_LOG_TAIL_LINES = 25
_FULL = ("rawfile write error", "no space left on device", "file too large", "quota exceeded")


def log_tail(log: str, lines: int = _LOG_TAIL_LINES) -> str:
    """Last lines of a log, without empty lines and without the memory statistics at its end."""
    noise = re.compile(
        r"(Total|Maximum|Current|Shared|Text|Stack|Library|DRAM)\b.*(=|DRAM).*|Note: No compat.*"
    )
    kept = [line for line in log.splitlines() if line.strip() and not noise.match(line.strip())]
    return "\n".join(kept[-lines:])


def disk_full(directory: Path, tail: str) -> DiskFull:
    """The error of a run that had no room."""
    return DiskFull(
        thing="there was no room to write the results",
        value=str(directory),
        next_step="Free space, name another work_directory, or ask for fewer probes",
        run_directory=str(directory),
        log_tail=tail,
    )


def stopped(program: str, outcome: Outcome, directory: Path) -> SimulatorError | None:
    """The error of a process that was ended from outside, or None."""
    tail = log_tail(outcome.log)
    if outcome.timed_out:
        return SimulationTimeout(
            thing=f"{program} passed its deadline and was stopped",
            value=f"{outcome.wall_time:.3g} s",
            next_step="Give it a longer deadline, a smaller array or fewer pulses a run",
            run_directory=str(directory),
            log_tail=tail,
        )
    low = outcome.log.lower()
    if outcome.code == -signal.SIGXFSZ or any(word in low for word in _FULL):
        return disk_full(directory, tail)
    if outcome.code < 0:
        return SimulatorKilled(
            thing=f"{program} was ended by a signal",
            value=_signal_name(-outcome.code),
            next_step="SIGKILL often means that memory ran out: use a smaller array or fewer "
            "runs at a time",
            run_directory=str(directory),
            log_tail=tail,
        )
    return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
