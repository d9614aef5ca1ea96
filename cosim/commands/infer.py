"""The verb ``infer``: a trained network on programmed tiles, over time."""

from __future__ import annotations

from pathlib import Path

import click

from cosim.commands.output import RIGHT, json_option, print_json, table
from cosim.quantities import read_quantity, show_quantity


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for results; a study without it: results/NAME-OF-STUDY.")  # fmt: skip
@click.option("--time", "times", multiple=True, help="After programming, as '1 h'; repeatable.")
@click.option("--acceptance", multiple=True, type=float,
              help="Acceptance range of programming, 0.002 to 0.02; repeatable.")  # fmt: skip
@click.option("--programmings", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option("--wire", default="0 ohm", show_default=True, help="Resistance of a line segment.")
@click.option("--tile", type=click.IntRange(2, 4096), help="Largest tile.")
@click.option("--device", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A calibrated device.json: window and read law.")  # fmt: skip
@click.option("--activation", type=click.Choice(["sigmoid", "tanh", "relu"]), default="tanh",
              show_default=True, help="Of a checkpoint's network.")  # fmt: skip
@click.option("--test-samples", type=click.IntRange(1), help="Read only so many.")
@json_option
def infer(
    source: Path,
    output: Path | None,
    times: tuple[str, ...],
    acceptance: tuple[float, ...],
    programmings: int,
    wire: str,
    tile: int | None,
    device: Path | None,
    activation: str,
    test_samples: int | None,
    as_json: bool,
) -> int:
    """Read a trained network over time: programming noise, drift, read noise, wires.

    SOURCE is a training study (TOML), trained first where it was not, or a checkpoint (.npz).
    """
    from cosim.behavioural.device import BehaviouralDevice
    from cosim.config import load_training
    from cosim.network.checkpoint import Reading
    from cosim.network.checkpoint import infer as read
    from cosim.network.inference import TIMES

    if source.suffix != ".npz":
        load_training(source)
    reading = Reading(
        times=tuple(read_quantity(t, "s") for t in times) or TIMES,
        acceptance_ranges=acceptance or (0.002, 0.02),
        seeds=tuple(range(programmings)),
        wire=read_quantity(wire, "ohm"),
        tile=tile,
        device=BehaviouralDevice.load(device) if device else None,
        test_samples=test_samples,
    )
    found = read(source, reading, output=output, activation=activation, progress=not as_json)
    if as_json:
        print_json({"ok": True, **found})
        return RIGHT
    click.echo(f"floating point: {found['floating_point']:.2%} of {found['test_samples']}")
    rows = [
        (f"{s['acceptance_range']:.2%}", show_quantity(s["time"], "s"), f"{s['mean']:.2%}",
         f"{s['std']:.2%}")
        for s in found["summary"]
    ]  # fmt: skip
    click.echo(table(("acceptance range", "after", "right", "std"), rows))
    for file in found["files"]:
        click.echo(file)
    return RIGHT


COMMANDS = (infer,)
