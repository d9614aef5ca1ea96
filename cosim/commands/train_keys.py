"""``show train``: the keys of a training study, out of the models that check them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from pydantic import BaseModel

from cosim.commands.output import print_json
from cosim.text import table

TRAIN = "train"
_NAMES = {"integer": "count", "number": "number", "string": "text", "boolean": "switch"}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "ge": "at least",
    "lt": "less than",
}


def show_training(as_json: bool) -> None:
    """Print the keys of the tables of a training study."""
    from cosim.network.settings import DeviceConfig, InferenceConfig, TrainConfig, TransferConfig

    models: dict[str, type[BaseModel]] = {
        TRAIN: TrainConfig,
        f"{TRAIN}.device": DeviceConfig,
        f"{TRAIN}.transfer": TransferConfig,
        f"{TRAIN}.inference": InferenceConfig,
    }
    tables = {
        name: {
            key: {"allowed": _allowed(schema), "default": schema.get("default")}
            for key, schema in model.model_json_schema()["properties"].items()
        }
        for name, model in models.items()
    }
    if as_json:
        print_json({"ok": True, "kind": "training study", "name": TRAIN, "tables": tables})
        return
    click.echo('train: a training study, experiment = "train"; run it with: cosim train STUDY')
    for name, model in models.items():
        click.echo(f"\nkeys of its table [{name}]:")
        rows = [(key, entry["allowed"], _default(entry["default"]))
                for key, entry in tables[name].items()]  # fmt: skip
        click.echo(table(("key", "allowed", "default"), rows))
        for line in (model.__doc__ or "").replace("`", "").splitlines()[1:]:
            if line.strip():
                click.echo(f"  {line.strip()}")


def _default(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None or value == {} else str(value)


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a JSON schema lets pass, in words."""
    if "anyOf" in schema:
        return " or ".join(_allowed(s) for s in schema["anyOf"] if s.get("type") != "null")
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = schema.get("type", "object")
    if kind == "array":
        inside = schema.get("items") or schema["prefixItems"][0]
        size = f"list of {schema['maxItems']}" if "maxItems" in schema else "list"
        return f"{size}: {_allowed(inside)}"
    if kind == "object":
        names = schema.get("propertyNames", {}).get("enum", ())
        return f"table of {' | '.join(names)}" if names else "table"
    limits = [f"{word} {schema[name]:g}" for name, word in _LIMITS.items() if name in schema]
    return ", ".join((_NAMES[kind], *limits))
