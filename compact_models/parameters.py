"""Device parameters: values that know their unit, source and spread.

One TOML file per published device. Every number says where it comes from and
whether it is published, computed, calibrated, taken from literature on other
devices, or assumed; ``tests`` refuse a file in which one does not.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError, best_matches
from compact_models.parameter import Parameter, Provenance, Spread
from compact_models.units import conversion_factor

__all__ = ["Parameter", "ParameterSet", "Provenance", "Spread", "available"]

FOLDER = Path(__file__).parent / "parameters"

SpreadKind = Literal["dtod", "ctoc"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ParameterSet(Mapping[str, float]):
    """The numbers of one device; behaves as a mapping from name to value.

    Parameters
    ----------
    name : str
        Of the device or the file.
    model : str
        The compact model the set belongs to.
    parameters : mapping of str to Parameter
    citation : str
        What to cite when the set is used.
    """

    name: str
    model: str
    parameters: Mapping[str, Parameter]
    citation: str = ""

    def __repr__(self) -> str:
        return f"ParameterSet({self.name!r}, {self.fingerprint})"

    def __getitem__(self, name: str) -> float:
        return self.parameter(name).value

    def __contains__(self, name: object) -> bool:
        # Mapping's own asks __getitem__, whose error is not a KeyError.
        return name in self.parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def parameter(self, name: str) -> Parameter:
        """Return the Parameter called `name`.

        Raises
        ------
        ParameterError
            If there is none; the text holds the best matches.
        """
        try:
            return self.parameters[name]
        except KeyError:
            raise ParameterError(
                thing=f"no parameter of that name in '{self.name}'",
                value=name,
                next_step=best_matches(name, self.parameters),
            ) from None

    @classmethod
    def load(cls, name_or_path: str | Path) -> ParameterSet:
        """Read a parameter file, by name of a shipped one or by path.

        Raises
        ------
        ParameterError
            If it is not there, not TOML, or a number lacks unit or source.
        """
        if not isinstance(name_or_path, str | Path):
            raise ParameterError(
                thing="a parameter set is loaded by name or path",
                value=type(name_or_path).__name__,
                next_step="Change values of a loaded one with .replace(name=value)",
            )
        path = Path(name_or_path)
        if path.suffix != ".toml":
            path = FOLDER / f"{name_or_path}.toml"
        if not path.is_file():
            raise ParameterError(
                thing="no parameter file of that name",
                value=str(name_or_path),
                next_step=best_matches(str(name_or_path), available()) + ", or give a .toml path",
            )
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ParameterError(
                thing=f"parameter file {path} is not valid TOML: {error}",
                next_step="Correct the file at that place",
            ) from error
        return _from_table(table, path)

    def replace(self, **values: float) -> ParameterSet:
        """Return a copy with some values changed (marked as set by the user).

        Parameters
        ----------
        **values : float
            SI.

        Raises
        ------
        ParameterError
            If a name is unknown, or a value is no number or out of range.
        """
        changed = dict(self.parameters)
        for name, value in values.items():
            old = self.parameter(name)
            if not isinstance(value, int | float | np.number):
                raise ParameterError(
                    thing=f"parameter '{name}' [{old.unit}] is no number",
                    value=value,
                    limit=f"{old.minimum:g} to {old.maximum:g}",
                )
            if value != old.value:
                changed[name] = replace(
                    old,
                    value=float(value),
                    source=f"set by the user (was {old.value:g}: {old.source})",
                    provenance=Provenance.ASSUMED,
                    calibrated_to="",
                )
        return replace(self, parameters=changed)

    def conformed_to(self, reference: ParameterSet) -> ParameterSet:
        """Return the set with the names and units of `reference`.

        Units of the same dimension are converted; parameters that only the
        reference has are taken over from it.

        Raises
        ------
        ParameterError
            If a name is unknown to the reference, or a unit has another dimension or zero.
        """
        merged = dict(reference.parameters)
        for name, parameter in self.parameters.items():
            wanted = reference.parameter(name).unit
            factor = conversion_factor(name, parameter.unit, wanted)
            merged[name] = parameter if factor == 1.0 else parameter.in_units(wanted, factor)
        return replace(self, parameters=merged)

    def sample(
        self,
        rng: np.random.Generator,
        shape: tuple[int, ...] = (),
        kind: SpreadKind = "dtod",
    ) -> dict[str, NDArray[np.float64]]:
        """Draw every parameter that has a spread of that kind.

        Parameters
        ----------
        rng : numpy.random.Generator
        shape : tuple of int
            Of the samples of each parameter.
        kind : {"dtod", "ctoc"}
            Device to device, or cycle to cycle.

        Returns
        -------
        dict of str to ndarray, shape `shape`
            Values clipped to the limits of the parameter.
        """
        drawn: dict[str, NDArray[np.float64]] = {}
        for name, parameter in self.parameters.items():
            spread: Spread | None = getattr(parameter, kind)
            if spread is not None and spread.sigma > 0:
                values = spread.draw(parameter.value, rng, shape)
                drawn[name] = np.clip(values, parameter.minimum, parameter.maximum)
        return drawn

    def diff(self, other: ParameterSet) -> dict[str, tuple[float | None, float | None]]:
        """Return the names whose values differ, with both values (None: not there)."""
        names = sorted({*self, *other})
        pairs = {
            n: (
                self[n] if n in self.parameters else None,
                other[n] if n in other.parameters else None,
            )
            for n in names
        }
        return {n: pair for n, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def fingerprint(self) -> str:
        """Hash of every value and spread, 12 hexadecimal digits."""
        text = "\n".join(
            f"{n} {p.value!r} {p.dtod!r} {p.ctoc!r}" for n, p in sorted(self.parameters.items())
        )
        return hashlib.sha256(f"{self.model}\n{text}".encode()).hexdigest()[:12]


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """Names of the parameter files that come with the package."""
    return tuple(sorted(p.stem for p in FOLDER.glob("*.toml")))


def _from_table(table: dict[str, Any], path: Path) -> ParameterSet:
    head, entries = table.get("device", {}), table.get("parameters", {})
    wrong = set(table) - {"device", "parameters"}
    if not isinstance(entries, dict) or not entries:
        wrong.add("parameters")
    if not isinstance(head, dict):
        wrong.add("device")
    else:
        words = {"name": None, "model": None, "citation": "", **head}
        wrong |= {key for key in ("name", "model", "citation") if not isinstance(words[key], str)}
    if wrong:
        raise ParameterError(
            thing=f"parameter file {path} lacks its sections",
            value=sorted(wrong),
            limit="[device] with name, model, citation; [parameters.NAME] for each number",
        )
    return ParameterSet(
        name=head["name"],
        model=head["model"],
        citation=head.get("citation", ""),
        parameters={name: Parameter.read(name, entry, path) for name, entry in entries.items()},
    )
