"""Generated code on the disk: where it lies, how it is written and imported."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from threading import RLock
from types import ModuleType

from compact_models.errors import ModelError

_LOADING = RLock()


def generated_folder(name: str) -> Path:
    """Return the folder for generated code of one kind; private where there is no cache."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("reram-cosim")) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    # Nobody else may place code where we load from: a private folder, made anew.
    return Path(_private_folder(name))


@lru_cache(maxsize=8)
def _private_folder(name: str) -> str:
    return tempfile.mkdtemp(prefix=f"reram-cosim-{name}-")


def write_generated(path: Path, text: str) -> None:
    """Write a file that other processes see whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def import_generated(path: Path) -> ModuleType:
    """Import a generated module, once.

    Raises
    ------
    ModelError
        If it cannot be imported.
    """
    # numba's cache finds functions again by the name of their module.
    name = f"reram_cosim_{path.stem}"
    # Another thread must not find a module that is half imported.
    with _LOADING:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ModelError(thing="generated model code cannot be imported", value=str(path))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
