"""Verbs that only look: ``doctor``, ``list``, ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cosim.commands.output import RIGHT, UNTRUSTED, json_option, print_json
from cosim.commands.train_keys import TRAIN, show_training
from cosim.errors import ConfigError, best_matches
from cosim.text import table


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Say what this machine can do, and how to get what it lacks."""
    from cosim.doctor import examine

    checks = examine()
    usable = all(c.status == "ok" for c in checks if c.required)
    if as_json:
        print_json({"ok": usable, "checks": checks})
    else:
        rows = [
            (c.part, c.status if c.required or c.status != "missing" else "not there (optional)",
             c.detail or c.gives)
            for c in checks
        ]  # fmt: skip
        click.echo(table(("part", "status", "detail"), rows))
        for check in checks:
            if check.fix:
                click.echo(f"\n{check.part}: {check.gives}\n  {check.fix}")
        verdict = "ready" if usable else "not ready: install what is missing above"
        click.echo(f"\n{verdict}")
    return RIGHT if usable else UNTRUSTED


def _listing() -> dict[str, dict[str, str]]:
    from compact_models import ParameterSet, load_model, model_names
    from compact_models.parameters import available
    from cosim.catalogue import EXPERIMENTS, SELECTORS

    sets = {n: ParameterSet.load(n) for n in available()}
    return {
        "models": {n: load_model(n).description.split("\n")[0] for n in model_names()},
        "parameter files": {n: f"{s.model}: {s.citation}".rstrip(": ") for n, s in sets.items()},
        "selectors": dict(SELECTORS),
        "experiments": {
            n: (e.load().__doc__ or "").strip().split("\n")[0] for n, e in EXPERIMENTS.items()
        }
        | {TRAIN: "Train networks on device arrays, with cosim train."},
        "simulators": {
            "ngspice": "circuit rung: every cell, transistor and wire, in time",
            "vacask": "circuit rung: the same compiled devices, another simulator",
            "neospice": "circuit rung: the same netlists, a simulator of Python packages only",
            "native": "array rung: the same equations, Newton on the whole array",
        },
    }  # fmt: skip


@click.command("list")
@click.argument("what", required=False, type=click.Choice(["support"]))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
              help="With support: markdown file to put the table into.")  # fmt: skip
@json_option
def list_(what: str | None, output: Path | None, as_json: bool) -> int:
    """List models, parameter files, experiments, simulators.

    `list support` shows which model is proven in which simulator and analysis, and by which test.
    """
    if what == "support":
        return _list_support(output, as_json)
    if output is not None:
        raise ConfigError(thing="-o belongs to `cosim list support`", value=str(output))
    listing = _listing()
    if as_json:
        print_json({"ok": True, **listing})
        return RIGHT
    for section, entries in listing.items():
        click.echo(f"{section}:")
        width = max(map(len, entries), default=0)
        for name, text in entries.items():
            click.echo(f"  {name.ljust(width)}  {text}".rstrip())
        click.echo()
    click.echo("More about one: cosim show NAME")
    return RIGHT


def _list_support(output: Path | None, as_json: bool) -> int:
    from cosim.simulators.support import load_support
    from cosim.simulators.support_table import put_into, support_rows

    proven = load_support()
    if output is not None:
        put_into(output, proven)
    if as_json:
        print_json({"ok": True, "proven": proven})
        return RIGHT
    head, rows = support_rows(proven)
    click.echo(table(head, rows))
    tests = len({row.proof for row in proven})
    click.echo(f"\n{len(proven)} lines, each proven by a test of the conformance suite ({tests})")
    return RIGHT


@click.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> int:
    """Show every number, unit and source of what has a name.

    NAME is a model, a parameter file, an experiment, or a Verilog-A file (.va).
    """
    from compact_models import ParameterSet, load_model, model_names
    from compact_models.parameters import available
    from cosim.catalogue import EXPERIMENTS

    if name.endswith((".va", ".vams")):
        from cosim.commands.veriloga import show_veriloga

        return show_veriloga(name, as_json)
    if name in model_names():
        _show_model(load_model(name), as_json)
    elif name in available() or name.endswith(".toml"):
        _show_parameters(ParameterSet.load(name), as_json)
    elif name in EXPERIMENTS:
        _show_experiment(name, as_json)
    elif name == TRAIN:
        show_training(as_json)
    else:
        known = [*model_names(), *available(), *EXPERIMENTS, TRAIN]
        raise ConfigError(
            thing="nothing to show of that name",
            value=name[:60],
            next_step=best_matches(name, dict.fromkeys(known)),
        )
    return RIGHT


def _show_model(model: Any, as_json: bool) -> None:
    if as_json:
        print_json({
            "ok": True,
            "kind": "model",
            "name": model.name,
            "description": model.description,
            "terminals": model.terminals,
            "internal_nodes": model.internal_nodes,
            "definitions": {d.name: {"expression": str(d.expression), "unit": d.unit}
                            for d in model.definitions},
            "branches": {b.name: {"from": b.positive, "to": b.negative,
                                  "current": str(b.current), "charge": str(b.charge)}
                         for b in model.branches},
            "states": {s.name: {"rate": str(s.rate), "unit": s.unit, "scale": s.scale,
                                "initial": s.initial, "lower": s.lower, "upper": s.upper}
                       for s in model.states},
            "parameters": _parameters(model.parameters),
            "citation": model.parameters.citation,
        })  # fmt: skip
        return
    click.echo(f"{model.name}: {model.description}".rstrip(": "))
    click.echo(f"terminals: {', '.join(model.terminals)}")
    if model.internal_nodes:
        click.echo(f"internal nodes: {', '.join(model.internal_nodes)}")
    if model.definitions:
        click.echo("\nequations:")
        for item in model.definitions:
            click.echo(f"  {item.name} = {item.expression}   [{item.unit}]")
    for branch in model.branches:
        parts = [f"I = {branch.current} [A]" if branch.current is not None else "",
                 f"Q = {branch.charge} [C]" if branch.charge is not None else ""]  # fmt: skip
        click.echo(f"  {branch.positive} -> {branch.negative}: {', '.join(p for p in parts if p)}")
    for state in model.states:
        click.echo(
            f"  d({state.name})/dt = {state.rate} [1/s]; {state.name} = 1 is {state.scale:g} "
            f"{state.unit}, starts at parameter {state.initial}"
        )
    click.echo()
    _show_parameters(model.parameters, False)


def _parameters(parameters: Any) -> dict[str, Any]:
    return {n: parameters.parameter(n) for n in parameters}


def _show_parameters(parameters: Any, as_json: bool) -> None:
    if as_json:
        print_json({
            "ok": True, "kind": "parameters", "name": parameters.name, "model": parameters.model,
            "fingerprint": parameters.fingerprint, "citation": parameters.citation,
            "parameters": _parameters(parameters),
        })  # fmt: skip
        return
    click.echo(f"parameters of {parameters.name} (model {parameters.model}, "
               f"fingerprint {parameters.fingerprint})")  # fmt: skip
    rows = []
    for name in parameters:
        item = parameters.parameter(name)
        spread = ", ".join(
            f"{kind} {s.sigma:g}{' rel.' if s.relative else ''}"
            for kind in ("dtod", "ctoc")
            if (s := getattr(item, kind)) is not None
        )
        source = f"{item.source} (fitted to: {item.calibrated_to})" if item.calibrated_to else ""
        rows.append((name, f"{item.value:.6g}", item.unit, spread, str(item.provenance),
                     source or item.source))  # fmt: skip
    click.echo(table(("name", "value", "unit", "spread", "provenance", "source"), rows))
    if parameters.citation:
        click.echo(f"\ncite: {parameters.citation}")


def _show_experiment(name: str, as_json: bool) -> None:
    from cosim.catalogue import entry, settings

    doc = (entry(name).load().__doc__ or "").strip().split("\n\n")[0]
    if as_json:
        print_json({"ok": True, "kind": "experiment", "name": name, "description": doc,
                    "settings": settings(name)})  # fmt: skip
        return
    click.echo(f"{name}: {' '.join(doc.split())}\n")
    click.echo(f"keys of its table [{name}] in a study file:")
    rows = [
        (s.name, s.kind, s.unit, "" if s.default is None else str(s.default), s.description)
        for s in settings(name)
    ]
    click.echo(table(("key", "kind", "unit", "default", "meaning"), rows, width=36))


COMMANDS = (doctor, list_, show)
