"""Verbs that work on studies and their results: ``netlist``, ``run``, ``report``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from cosim.commands.output import RIGHT, UNTRUSTED, json_option, print_json, refuse_inputs
from cosim.config import load_study
from cosim.errors import ConfigError

_study = click.argument("study", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_study
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="File to write; standard output without it.")  # fmt: skip
@json_option
def netlist(study: Path, output: Path | None, as_json: bool) -> int:
    """Print the complete netlist of a study, for `ngspice -b`.

    It is that of the study's first experiment. A study that is not one of circuits on an array
    gives a read of its array.
    """
    from cosim.build import build_array
    from cosim.catalogue import EXPERIMENTS

    loaded = load_study(study)
    array, name = build_array(loaded), loaded.experiment[0]
    if EXPERIMENTS[name].job:
        text = array.netlist()
    else:
        experiment = EXPERIMENTS[name].load()(array, **loaded.settings.get(name, {}))
        text = experiment.netlist(loaded.seed)
    if output is not None:
        refuse_inputs(output, study)
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    if as_json:
        import hashlib

        print_json({
            "ok": True, "lines": text.count("\n"), "output": output,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            **({} if output else {"netlist": text}),
        })  # fmt: skip
    elif output is None:
        click.echo(text)
    else:
        lines = text.count("\n")
        click.echo(f"{output}: {lines} lines; run it with: ngspice -b {shlex.quote(str(output))}")
    return RIGHT


@click.command()
@_study
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for results; default results/NAME-OF-STUDY.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Do not go on from what the folder already holds.")
@json_option
def run(study: Path, output: Path | None, fresh: bool, as_json: bool) -> int:
    """Run a study: data, plots and an HTML page in a folder.

    The data are netCDF files. A study that was interrupted goes on where it stopped when it is
    run again.
    """
    from cosim.pipeline import run_study

    loaded = load_study(study)
    folder = output or Path("results") / loaded.name
    _refuse_folder_of_another(folder, study)
    outcome = run_study(loaded, folder, fresh=fresh, quiet=as_json)
    if as_json:
        print_json({
            "ok": outcome.trusted, "status": RIGHT if outcome.trusted else UNTRUSTED,
            "output": folder, "page": outcome.page, "files": outcome.files,
            "figures": outcome.figures, "problems": outcome.problems, "seconds": outcome.seconds,
        })  # fmt: skip
    else:
        click.echo(outcome.text())
    return RIGHT if outcome.trusted else UNTRUSTED


def _refuse_folder_of_another(folder: Path, study: Path) -> None:
    """Keep a user's own study.toml, which the copy of the study would replace.

    Raises
    ------
    ConfigError
    """
    from cosim.experiments.resume import FINISHED_CELLS, FINISHED_PARTS
    from cosim.pipeline import STUDY_COPY

    copy = folder / STUDY_COPY
    if not copy.is_file() or copy.read_bytes() == study.read_bytes():
        return
    others = {path.name for path in folder.iterdir()} - {STUDY_COPY}
    left_by_runs = {"index.html", FINISHED_CELLS, FINISHED_PARTS}
    if others and not others & left_by_runs and not any(n.endswith(".nc") for n in others):
        raise ConfigError(
            thing="the folder holds a study of its own, which the copy of this one would replace",
            value=str(copy),
            next_step="Name another folder with -o",
        )


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for plots and page; default: beside the result.")  # fmt: skip
@json_option
def report(result: Path, output: Path | None, as_json: bool) -> int:
    """Make plots and the HTML page again from data.

    RESULT is the folder of a study, or one .nc file.
    """
    from cosim.pipeline import report_result

    if (result / "results.json").is_file() and not list(result.glob("*.nc")):
        raise ConfigError(
            thing="this is the result of a training study",
            value=str(result),
            next_step=f"cosim train STUDY -o {shlex.quote(str(result))} draws it again",
        )
    outcome = report_result(result, output)
    if as_json:
        print_json({
            "ok": outcome.trusted, "page": outcome.page, "files": outcome.files,
            "figures": outcome.figures, "problems": outcome.problems,
        })  # fmt: skip
    else:
        click.echo(outcome.text())
    return RIGHT if outcome.trusted else UNTRUSTED


COMMANDS = (netlist, run, report)
