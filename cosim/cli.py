"""The command line: ``cosim VERB``.

Exit status: 0 for right, 1 for a result that is not to be trusted (a run that failed, was
interrupted, or missed what it must give), 2 for wrong use. Files are written only below ``-o``.
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
    """Run one command line and return its exit status; nothing is raised.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.
    """
    as_json = "--json" in arguments
    try:
        status = cli.main(args=list(arguments), prog_name="cosim", standalone_mode=False)
    except CosimError as error:
        status = _status_of(error)
        _report(error, status, as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else str(error), err=True)
        status = MISUSED
    except click.ClickException as error:
        status = MISUSED
        if as_json:
            print_json({"ok": False, "status": status, "error": {"thing": error.format_message()}})
        else:
            error.show()
    except (click.Abort, KeyboardInterrupt):
        status = UNTRUSTED
        text = "interrupted; what was finished is kept, run the same command again to go on"
        if as_json:
            print_json({"ok": False, "status": status, "error": {"thing": text}})
        else:
            click.echo(f"cosim: {text}", err=True)
    except SystemExit:
        # click's answer to a reader that went away, as in `cosim list | head`.
        status = RIGHT
    except OSError as error:
        status = MISUSED if isinstance(error, _WRONG_PATHS) else UNTRUSTED
        _report(
            CosimError(
                thing=f"{error.strerror or type(error).__name__}",
                value=None if error.filename is None else str(error.filename),
                next_step="Check the path, its permissions and the free space",
            ),
            status,
            as_json,
        )
    except MemoryError:
        status = UNTRUSTED
        _report(
            CosimError(
                thing="not enough memory for this",
                next_step="Take a smaller array, fewer pulses or fewer samples",
            ),
            status,
            as_json,
        )
    return status if isinstance(status, int) else RIGHT


# What the user named cannot be read or written; other failures of the system may come and go.
_WRONG_PATHS = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)


def _status_of(error: CosimError) -> int:
    """Failures of a run are 1, mistakes of the user 2."""
    failed = SimulatorError | CalibrationError | Interrupted
    return UNTRUSTED if isinstance(error, failed) else MISUSED


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
