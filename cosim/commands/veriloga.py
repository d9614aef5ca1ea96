"""``show my_model.va``: what a user's Verilog-A file declares, and what is wrong with it."""

from __future__ import annotations

import math

import click

from cosim.commands.output import RIGHT, UNTRUSTED, print_json
from cosim.text import table


def show_veriloga(path: str, as_json: bool) -> int:
    """Print every module of a file: terminals, nodes, parameters, and the linter's complaints."""
    from compact_models.va_linter import lint
    from compact_models.va_source import modules, read_source
    from cosim.errors import ModelError

    source = read_source(path)
    found = modules(source)
    complaints = lint(source.text)
    if not found:
        raise ModelError(thing=f"{source.path.name} holds no module", next_step="Give the .va file")
    status = UNTRUSTED if complaints else RIGHT
    if as_json:
        print_json({
            "ok": not complaints, "kind": "veriloga", "name": source.path.name,
            "modules": {
                m.name: {
                    "terminals": m.terminals, "internal_nodes": m.internal_nodes,
                    "parameters": m.parameters,
                }
                for m in found.values()
            },
            "complaints": [{"place": source.place(c.line), "construct": c.construct,
                            "effect": c.effect, "reason": c.reason, "cure": c.cure}
                           for c in complaints],
        })  # fmt: skip
        return status
    for module in found.values():
        click.echo(f"module {module.name} of {source.path.name}")
        click.echo(f"terminals: {', '.join(module.terminals)}")
        if module.internal_nodes:
            click.echo(
                f"internal nodes: {', '.join(module.internal_nodes)} (probes v(xr_0_0.NODE); those "
                "that hold a state go into reram_states with the parameter they start from)"
            )
        rows = [
            (
                p.name,
                p.default if p.value is None else f"{p.value:.6g}",
                p.unit,
                _range(p.minimum, p.maximum),
                p.description,
                p.place,
            )
            for p in module.parameters.values()
        ]
        if rows:
            head = ("parameter", "default", "unit", "range", "meaning", "where")
            click.echo("\n" + table(head, rows, width=48))
        click.echo()
    for complaint in complaints:
        verb = "gives wrong answers" if complaint.effect == "wrong" else "does not compile"
        click.echo(
            f"{source.place(complaint.line)}: {complaint.construct} {verb}: {complaint.reason}\n"
            f"  cure: {complaint.cure}"
        )
    if not complaints:
        click.echo("nothing known to go wrong in it")
    return status


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return ""
    return f"{low:.4g} to {high:.4g}"
