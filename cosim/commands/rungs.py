"""Verbs above the circuit: ``train``, ``validate``, ``bench``; the others have their modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cosim.commands.calibrate import calibrate
from cosim.commands.export import export
from cosim.commands.output import RIGHT, UNTRUSTED, json_option, print_json
from cosim.errors import ConfigError
from cosim.text import table


@click.command()
@click.argument("study", type=click.Path(dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for results, checkpoints; default results/NAME-OF-STUDY.")  # fmt: skip
@json_option
def train(study: Path, output: Path | None, as_json: bool) -> int:
    """Train networks on device arrays.

    A study that was stopped goes on from its checkpoints.
    """
    from cosim.config import load_training
    from cosim.network.pages import write_training_page
    from cosim.network.study import train_study

    settings, title = load_training(study)
    folder = output or Path("results") / study.stem
    found = train_study(settings, folder, progress=not as_json)
    page = write_training_page(found, folder, title)
    if as_json:
        print_json({"ok": True, "output": folder, "page": page, **found})
        return RIGHT
    columns = [c for c in found["columns"] if any(r[c] != "" for r in found["rows"])]
    rows = [tuple(_number(r[c]) for c in columns) for r in found["rows"]]
    click.echo(table(tuple(c.replace("_", " ") for c in columns), rows))
    click.echo(f"results: {page}")
    return RIGHT


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@click.command()
@click.option("--rung", type=click.Choice(["device", "circuit", "array", "behaviour"]),
              help="Only the figures of one rung.")  # fmt: skip
@click.option("--quick", is_flag=True, help="The short form that CI runs.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for a page with the curves beside the published numbers.")  # fmt: skip
@json_option
def validate(rung: str | None, quick: bool, output: Path | None, as_json: bool) -> int:
    """Compare our figures with the published ones.

    Exit status 1 where one that passed passes no more, or one could not be computed.
    """
    from cosim.validate import run_validation

    status = run_validation(rung=rung, quick=quick, json=as_json, output=output)
    return UNTRUSTED if status else RIGHT


@click.command()
@click.argument("names", nargs=-1)
@click.option("--only", metavar="NAMES", help="The same as NAMES, comma between.")
@click.option("--sizes", metavar="NUMBERS", help="Sizes instead of the usual, comma between.")
@click.option("--full", is_flag=True,
              help="Also the sizes and peers that take minutes; half an hour or more.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True,
              help="Of the native solver and of libraries that share work.")  # fmt: skip
@json_option
def bench(
    names: tuple[str, ...], only: str | None, sizes: str | None, full: bool, threads: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Time the solvers of this machine beside their peers.

    All benchmarks, or those named: linear, batch, growth, matrix, read, pulse, osdi, training,
    inference. Exit status 1 where one ended early; goals that are missed are printed as such.
    """
    from cosim.benchmarks import run_benchmarks

    chosen = [n.strip() for text in (*names, only or "") for n in text.split(",") if n.strip()]
    rows = run_benchmarks(
        chosen or None, json=as_json, sizes=_sizes(sizes), full=full, threads=threads
    )
    return UNTRUSTED if any(row.ended_early for row in rows) else RIGHT


def _sizes(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(
            thing="sizes of benchmarks", value=text, limit="whole numbers with commas between",
            next_step="For example --sizes 64,128",
        )  # fmt: skip
    return [int(part) for part in parts]


COMMANDS = (calibrate, train, validate, bench, export)
