"""``export veriloga``, ``export subcircuit``: a model as a file for other people's simulators."""

from __future__ import annotations

from pathlib import Path

import click

from cosim.commands.output import RIGHT, json_option, print_json

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


COMMANDS = tuple(_command(form) for form in _FORMS)
