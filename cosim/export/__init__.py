"""Devices and arrays in the formats of other programs."""

import re

from compact_models.errors import ParameterError


def class_name(name: str) -> str:
    """`name` when it can be part of the name of a written class, and nothing else."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,40}", name):
        raise ParameterError(
            thing="name of an exported device", value=name, limit="letters and digits"
        )
    return name
