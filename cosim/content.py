"""What an object is, as a hash: finished runs are found again by it."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cosim.errors import ConfigError


def content_hash(thing: object) -> str:
    """Hash of what an object is: the same for equal experiments in different processes.

    Raises
    ------
    ConfigError
        It holds something that has no content to hash (a function, an open file).
    """
    digest = hashlib.sha256()
    _feed(digest.update, thing)
    return digest.hexdigest()


def _feed(update: Callable[[bytes], object], thing: Any) -> None:
    import sympy as sp

    update(f"<{type(thing).__name__}>".encode())
    if thing is None or isinstance(thing, str | bytes | bool | int):
        update(repr(thing).encode())
    elif isinstance(thing, Enum):
        update(repr(thing.value).encode())
    elif isinstance(thing, float):
        update(struct.pack("<d", thing))
    elif isinstance(thing, np.ndarray | np.generic):
        array = np.ascontiguousarray(thing)
        update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    elif hasattr(thing, "fingerprint"):
        update(str(thing.fingerprint).encode())
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        # A field that does not count for equality is no content.
        for item in (f for f in dataclasses.fields(thing) if f.compare):
            update(item.name.encode())
            _feed(update, getattr(thing, item.name))
    elif isinstance(thing, Mapping):
        for key in sorted(thing, key=str):
            update(str(key).encode())
            _feed(update, thing[key])
    elif isinstance(thing, list | tuple):
        for item in thing:
            _feed(update, item)
    elif isinstance(thing, set | frozenset):
        for item in sorted(thing, key=repr):
            _feed(update, item)
    elif isinstance(thing, sp.Basic):
        update(sp.srepr(thing).encode())
    elif isinstance(thing, Path):
        update(str(thing).encode())
    else:
        raise ConfigError(
            thing="this has no content that a cache could be named by",
            value=f"{type(thing).__module__}.{type(thing).__qualname__}",
            limit="numbers, text, arrays, dataclasses, models",
        )


@lru_cache(maxsize=1)
def code_fingerprint() -> str:
    """Hash of the project's own source: a changed equation is never answered from a cache."""
    import compact_models
    import netlists

    digest = hashlib.sha256()
    roots = [Path(m.__file__ or "").parent for m in (compact_models, netlists)]
    for root in [*roots, Path(__file__).parent]:
        for path in sorted(root.rglob("*")):
            if path.suffix in (".py", ".toml"):
                digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
