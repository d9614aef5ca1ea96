"""The verb ``infer``: a trained network on programmed tiles, over time."""

from __future__ import annotations

from pathlib import Path

import click

from cosim.commands.output import RIGHT, json_option, print_json
from cosim.errors import ConfigError
from cosim.quantities import show_span
from cosim.text import table


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for results; a study without it: results/NAME-OF-STUDY.")  # fmt: skip
@click.option("--time", "times", multiple=True, help="After programming, as '1 h'; repeatable.")
@click.option("--acceptance", multiple=True, type=float,
              help="Acceptance range of programming, 0.002 to 0.02; repeatable.")  # fmt: skip
@click.option("--programmings", type=click.IntRange(1, 100), help="How many; 3 by default.")
@click.option("--wire", help="Resistance of a line segment, as '0.35 ohm'; 0 by default.")
@click.option("--tile", type=click.IntRange(2, 4096), help="Largest tile.")
@click.option("--scheme", type=click.Choice(["differential", "reference", "offset"]),
              help="Weights as differential pairs (default), with a reference column, or an "
              "offset subtracted as a number.")  # fmt: skip
@click.option("--device", type=click.Path(dir_okay=False, path_type=Path),
              help="A calibrated device.json: window, read law, noise.")  # fmt: skip
@click.option("--activation", type=click.Choice(["sigmoid", "tanh", "relu"]),
              help="Of a checkpoint; by default that of the study beside it.")  # fmt: skip
@click.option("--test-samples", type=click.IntRange(1), help="Read only so many.")
@json_option
def infer(
    source: Path,
    output: Path | None,
    times: tuple[str, ...],
    acceptance: tuple[float, ...],
    programmings: int | None,
    wire: str | None,
    tile: int | None,
    scheme: str | None,
    device: Path | None,
    activation: str | None,
    test_samples: int | None,
    as_json: bool,
) -> int:
    """Read a trained network over time.

    With programming noise, drift, read noise and wires. SOURCE is a training study (TOML), of
    which the first algorithm and seed are trained where they were not, or a checkpoint (.npz).
    Options override the table [train.inference] of a study.
    """
    from cosim.behavioural.device import BehaviouralDevice
    from cosim.config import load_training
    from cosim.network.pages import inference_picture
    from cosim.network.reading import infer_checkpoint, infer_study

    given = {
        "times": times or None,
        "acceptance_ranges": acceptance or None,
        "program_seeds": None if programmings is None else tuple(range(programmings)),
        "wire": wire,
        "tile": tile,
        "scheme": scheme,
        "test_samples": test_samples,
    }
    table_of = {name: value for name, value in given.items() if value is not None}
    programmed = BehaviouralDevice.load(device) if device else None
    if source.suffix == ".npz":
        found = infer_checkpoint(
            source, table_of, output, not as_json, device=programmed, activation=activation
        )
    elif source.suffix != ".toml":
        raise ConfigError(
            thing="nothing that could be read over time",
            value=str(source),
            limit="a training study (.toml) or a checkpoint (.npz)",
        )
    else:
        settings, _ = load_training(source)
        settings = settings | {"inference": settings.get("inference", {}) | table_of}
        output = output or Path("results") / source.stem
        found = infer_study(settings, output, not as_json, device=programmed, name="inference")
    if output is not None:
        picture = output / "inference.png"
        figure = inference_picture(found["rows"], found["floating_point"])
        figure.savefig(picture, dpi=140)
        found["files"].append(str(picture))
    if as_json:
        print_json({"ok": True, **found})
        return RIGHT
    right = f"{found['floating_point']:.2%} of {found['measured_samples']} with exact products"
    click.echo(f"{found['network']}: {right}")
    rows = [
        (f"{s['acceptance_range']:.2%}", show_span(s["time"]), f"{s['mean']:.2%}",
         f"{s['std']:.2%}", s["seeds"])
        for s in found["summary"]
    ]  # fmt: skip
    click.echo(table(("acceptance range", "after", "right", "std", "programmings"), rows))
    for file in found["files"]:
        click.echo(file)
    return RIGHT


COMMANDS = (infer,)
