"""What all verbs share: exit statuses, ``--json``, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cosim.errors import ConfigError
from cosim.text import plain

RIGHT, UNTRUSTED, MISUSED = 0, 1, 2

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of text."
)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output."""
    click.echo(json.dumps(plain(content), indent=2, ensure_ascii=False))


def refuse_inputs(output: Path, *inputs: Path) -> None:
    """Refuse an output file that would replace what is read.

    Raises
    ------
    ConfigError
    """
    if any(output.resolve() == path.resolve() for path in inputs):
        raise ConfigError(
            thing="the output would replace an input",
            value=str(output),
            next_step="Name another file with -o",
        )
