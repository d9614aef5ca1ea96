"""``export``: a model or a calibrated device as files for other people's programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cosim.commands.output import RIGHT, json_option, print_json
from cosim.commands.verbs import Verbs

_FORMS = {
    "veriloga": (
        ".va",
        "Write a model as a Verilog-A file.\n\n"
        "For VACASK, ngspice with OSDI, and commercial simulators.",
    ),
    "subcircuit": (
        ".cir",
        "Write a model as a subcircuit for any ngspice.\n\nIt is made of behavioural sources.",
    ),
}


def _text(form: str, name: str, parameters: str | None) -> str:
    from compact_models import load_model

    model = load_model(name, parameters)
    if form == "veriloga":
        from compact_models.emit.veriloga import module

        return module(model)
    from compact_models.emit.ngspice import subcircuit

    return subcircuit(model)


def _command(form: str) -> click.Command:
    ending, help_text = _FORMS[form]

    @click.command(form, help=help_text)
    @click.argument("model")
    @click.option("--parameters", help="Parameter file, by name or path; default: the model's own.")
    @click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
                  help="Folder to write into; without it the text is printed.")  # fmt: skip
    @json_option
    def run(model: str, parameters: str | None, output: Path | None, as_json: bool) -> int:
        text = _text(form, model, parameters)
        file = None
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            file = output / f"{model}{ending}"
            file.write_text(text, encoding="utf-8")
        if as_json:
            print_json({"ok": True, "model": model, "file": file, "text": text})
        else:
            click.echo(file if file is not None else text.rstrip("\n"))
        return RIGHT

    return run


@click.group(cls=Verbs)
def export() -> None:
    """Write a model or a device for another program."""


for _form in _FORMS:
    export.add_command(_command(_form))

_device = click.argument("device", type=click.Path(dir_okay=False, path_type=Path))
_folder = click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path),
                       help="Folder to write into; default: beside DEVICE.")  # fmt: skip


@export.command("crosssim")
@_device
@_folder
@click.option("--name", default="CmoHfox", show_default=True, help="Name of the model's class.")
@json_option
def crosssim(device: Path, output: Path | None, name: str, as_json: bool) -> int:
    """Write a device.json for Sandia's CrossSim.

    As a device model and its tables of updates.
    """
    from cosim.behavioural.device import BehaviouralDevice
    from cosim.export.crosssim import export as write
    from cosim.tables import checked_name

    found = write(BehaviouralDevice.load(device), output or device.parent, name=checked_name(name))
    errors = [f"{table.replace('_', ' ')}: within {error:.2%} of its largest value"
              for table, error in found["errors"].items()]  # fmt: skip
    return _written(found, errors, as_json)


@export.command("aihwkit")
@_device
@_folder
@click.option("--form", type=click.Choice(["piecewise", "soft_bounds"]), default="piecewise",
              show_default=True, help="Update law of the preset.")  # fmt: skip
@click.option("--name", default="CmoHfox", show_default=True, help="Name of the preset.")
@json_option
def aihwkit(device: Path, output: Path | None, form: Any, name: str, as_json: bool) -> int:
    """Write a device.json as a preset of aihwkit.

    That is IBM's Analog Hardware Acceleration Kit.
    """
    from cosim.behavioural.device import BehaviouralDevice
    from cosim.export.aihwkit import export as write
    from cosim.tables import checked_name

    found = write(
        BehaviouralDevice.load(device), output or device.parent, form=form, name=checked_name(name)
    )
    errors = [
        f"{form}: mean steps within {found['step_error']:.2%} of the window's largest",
        f"their standard deviations within {found['spread_error']:.2%} of the largest",
    ]
    return _written(found, errors, as_json)


def _written(found: Mapping[str, Any], errors: Sequence[str], as_json: bool) -> int:
    """Say what an export has left, and how far it is from the device."""
    if as_json:
        print_json({"ok": True, **found})
        return RIGHT
    notes = [f"note: {note}" for note in found["notes"]]
    for line in (*errors, *notes, *found["files"]):
        click.echo(line)
    return RIGHT
