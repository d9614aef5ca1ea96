"""The command line: ``cosim VERB``.

Exit status: 0 for right, 1 for a result that is not to be trusted (a run that failed, was
interrupted, or missed what it must give), 2 for wrong use. Files are written only below ``-o``, or
where the help of a verb says without it; what is read is never replaced.
"""

from __future__ import annotations

import importlib.metadata
import signal
import sys
from collections.abc import Sequence

import click

from cosim.commands import infer, inspect, rungs, simulate
from cosim.commands.output import MISUSED, RIGHT, UNTRUSTED, print_json
from cosim.commands.verbs import Verbs
from cosim.errors import CalibrationError, CosimError, Interrupted, SimulatorError
from cosim.text import plain


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(importlib.metadata.version("reram-cosim"), prog_name="cosim")
def cli() -> None:
    """Co-simulation of ReRAM arrays, from device equations to the accuracy of a network.

    Start with `cosim doctor`, then `cosim run examples/quickstart.toml`.
    """


for _command in (*inspect.COMMANDS, *simulate.COMMANDS, *rungs.COMMANDS, *infer.COMMANDS):
    cli.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; only a mistake of ours is raised.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.
    """
    as_json = "--json" in arguments
    try:
        status = cli.main(args=list(arguments), prog_name="cosim", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else str(error), err=True)
        status = MISUSED
    except click.ClickException as error:
        status = MISUSED
        if as_json:
            print_json({"ok": False, "status": status, "error": {"thing": error.format_message()}})
        else:
            error.show()
    except SystemExit:
        # click's answer to a reader that went away, as in `cosim list | head`.
        status = RIGHT
    except (Exception, KeyboardInterrupt) as error:
        said, status = _in_words(error)
        _report(said, status, as_json)
    return status if isinstance(status, int) else RIGHT


_OURS = ("compact_models", "netlists", "cosim")
# What the user named cannot be read or written; other failures of the system may come and go.
_WRONG_PATHS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def _in_words(error: BaseException) -> tuple[CosimError, int]:
    """An error as one of ours, with its exit status; a mistake of ours is raised again."""
    match error:
        case SimulatorError() | CalibrationError() | Interrupted():
            return error, UNTRUSTED
        case CosimError():
            return error, MISUSED
        case click.Abort() | KeyboardInterrupt():
            kept = "What was finished is kept, run the same command again to go on"
            return Interrupted(thing="stopped by the user", next_step=kept), UNTRUSTED
        case OSError():
            said = CosimError(
                thing=error.strerror or type(error).__name__,
                value=None if error.filename is None else str(error.filename),
                next_step="Check the path, its permissions and the free space",
            )
            return said, MISUSED if isinstance(error, _WRONG_PATHS) else UNTRUSTED
        case ModuleNotFoundError(name=str(name)) if name.partition(".")[0] not in _OURS:
            said = CosimError(
                thing="a Python package that this needs is not installed",
                value=name.partition(".")[0],
                next_step="`cosim doctor` says how to get what is missing",
            )
            return said, UNTRUSTED
        case MemoryError():
            less = "Take a smaller array, fewer pulses or fewer samples"
            return CosimError(thing="not enough memory for this", next_step=less), UNTRUSTED
    raise error


def _report(error: CosimError, status: int, as_json: bool) -> None:
    if as_json:
        content = {"type": type(error).__name__, "text": str(error)} | plain(error)
        print_json({"ok": False, "status": status, "error": content})
    else:
        click.echo(f"cosim: {type(error).__name__}: {error}", err=True)


def main() -> None:
    """Entry point of the ``cosim`` program."""
    # Ended by the system as by the user: simulators are stopped, finished work is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
