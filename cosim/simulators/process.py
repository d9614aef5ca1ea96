"""One external program per run: own process group, deadline, log in a file, no orphans."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosim.errors import Interrupted

_STOP_GRACE = 2.0  # s between asking a process group to end and ending it

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopping = threading.Event()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a process ended.

    Parameters
    ----------
    code : int
        Exit status; negative is the number of the signal that ended it.
    timed_out : bool
        It passed its deadline and was ended by us.
    wall_time : float
        Seconds.
    log : str
        All it printed.
    """

    code: int
    timed_out: bool
    wall_time: float
    log: str


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group and reap the leader."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            process.wait(_STOP_GRACE)
        except subprocess.TimeoutExpired:
            continue
        # The leader is gone; members that ignored the first signal are not.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return


@contextlib.contextmanager
def no_more_processes() -> Iterator[None]:
    """End all processes, and start none while inside.

    For the user's interrupt: the processes are in their own groups, so the terminal's does not
    reach them, and threads of a pool would go on to start the next.
    """
    _stopping.set()
    try:
        stop_all()
        yield
    finally:
        _stopping.clear()


def stop_all() -> int:
    """End every process started here that still runs; returns how many there were."""
    with _lock:
        running = list(_running)
    for process in running:
        _end(process)
    return len(running)


@contextlib.contextmanager
def run_directory(prefix: str, parent: str | None, keep: str) -> Iterator[Path]:
    """A folder for one run.

    Parameters
    ----------
    prefix : str
        Of its name.
    parent : str, optional
        Made if it is missing; default is the system's temporary folder.
    keep : {"failed", "always", "never"}
        Whether it stays: when the body raises, always, or never.
    """
    if parent:
        Path(parent).mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    done = False
    try:
        yield directory
        done = True
    finally:
        if keep == "never" or (done and keep == "failed"):
            shutil.rmtree(directory, ignore_errors=True)


def run_process(
    command: Sequence[str],
    *,
    directory: Path,
    deadline: float,
    log_name: str,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run `command` in `directory` until it ends or `deadline` seconds have passed.

    Raises
    ------
    FileNotFoundError, PermissionError
        The program cannot be started.
    OSError
        The log cannot be written.
    Interrupted
        The user has stopped everything.
    """
    if _stopping.is_set():
        raise Interrupted(thing="stopped by the user")
    path = directory / log_name
    started = time.perf_counter()
    timed_out = False
    with path.open("wb") as log:
        process = subprocess.Popen(
            list(command),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,
        )
        with _lock:
            _running.add(process)
        try:
            if _stopping.is_set():
                _end(process)
            process.wait(deadline)
        except subprocess.TimeoutExpired:
            timed_out = True
            _end(process)
        except BaseException:
            _end(process)
            raise
        finally:
            with _lock:
                _running.discard(process)
    return Outcome(
        code=process.returncode,
        timed_out=timed_out,
        wall_time=time.perf_counter() - started,
        log=path.read_text(encoding="utf-8", errors="replace"),
    )
