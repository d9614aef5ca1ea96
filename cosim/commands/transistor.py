"""``calibrate transistor``: the 3.3 V NMOS of this project in place of somebody's card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosim.commands.output import RIGHT, json_option, print_json
from cosim.errors import ConfigError
from cosim.quantities import read_quantity
from cosim.text import table

if TYPE_CHECKING:
    from compact_models.foundry import ForeignTransistor


def _card(
    name: str,
    model: str | None,
    section: str | None,
    width: float | None,
    length: float | None,
    verilog_a: tuple[Path, ...],
) -> ForeignTransistor:
    from compact_models.foundry import load_transistor, transistor_names
    from compact_models.library_card import load_card

    if name in transistor_names() or not Path(name).suffix:
        size = {n: x for n, x in (("w", width), ("l", length)) if x is not None}
        return load_transistor(name).resized(**size)
    if model is None:
        raise ConfigError(
            thing="which transistor of the library?",
            value=name,
            next_step="Add --model NAME, with --width and --length",
        )
    return load_card(name, model, section=section, width=width, length=length, verilog_a=verilog_a)


@click.command()
@click.argument("card")
@click.option("--model", help="Transistor in the library, where CARD is a file.")
@click.option("--section", help="Section of the library, such as tt.")
@click.option("--width", help="Channel width, such as '5 um'.")
@click.option("--length", help="Channel length, such as '0.35 um'.")
@click.option("--verilog-a", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
              help="Verilog-A file that the model is written in; may be given again.")  # fmt: skip
@click.option("--supply", default="3.3 V", show_default=True,
              help="Largest gate and drain voltage.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Parameter file; default: nmos_3v3_CARD.toml in results.")  # fmt: skip
@json_option
def transistor(
    card: str,
    model: str | None,
    section: str | None,
    width: str | None,
    length: str | None,
    verilog_a: tuple[Path, ...],
    supply: str,
    output: Path | None,
    as_json: bool,
) -> int:
    """Fit nmos_3v3 to a transistor of a foundry.

    CARD is a foundry card by name, or a file with its library. The fit and its error cover the
    plane of gate and drain voltage with the source at the bulk and above it. The parameter file
    stands in for the card where only equations will do: selector_parameters = "FILE" in a study.
    """
    from compact_models.parameter_file import save_parameters
    from cosim.transistor import calibrate_transistor

    sizes = [
        None if text is None else read_quantity(text, "m", name=f"--{what}")
        for what, text in (("width", width), ("length", length))
    ]
    chosen = _card(card, model, section, sizes[0], sizes[1], verilog_a)
    highest = read_quantity(supply, "V", name="--supply")
    if not 1.0 <= highest <= 3.63:
        raise ConfigError(thing="--supply", value=supply, limit="1 to 3.63 V")
    found = calibrate_transistor(chosen, supply=highest)
    path = output or Path("results") / f"nmos_3v3_{found.card}.toml"
    comment = f"3.3 V NMOS in place of {chosen.citation or found.card}:\n{found.summary}."
    save_parameters(found.parameters, path, comment + "\nWritten by cosim calibrate transistor.")
    if as_json:
        print_json({
            "ok": True, "parameters": path, "card": found.card, "mean_error": found.mean_error,
            "worst_error": found.worst_error, "linear_error": found.linear_error,
            "gate_capacitance_error": found.gate_capacitance_error, "regions": found.regions,
        })  # fmt: skip
        return RIGHT
    rows = [(r.name, f"{r.mean:.2%}", f"{r.worst:.2%}", str(r.points)) for r in found.regions]
    click.echo(table(("region", "mean error", "worst", "points"), rows))
    click.echo(f"\n{found.summary}")
    click.echo(f"parameters: {path}")
    return RIGHT
