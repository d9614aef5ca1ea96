"""Study files: TOML read strictly, so that nothing unknown or hostile reaches a simulation.

A study names one experiment, or several that share one array and run one after the other::

    experiment = ["forming", "pulse_update"]
    seed = 1

    [array]
    rows = 8
    cols = 4
    spread = true

    [pulse_update]
    set = "1.35 V"
    width = "2.5 us"

Unknown keys are errors with the best matches; text carries units, bare numbers are SI. The table of
an experiment has the fields of its class in :mod:`cosim.experiments`, so there is one definition.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr

from cosim import catalogue
from cosim.errors import ConfigError, best_matches
from cosim.tables import (
    DOT_COMMAND,
    ArrayTable,
    CellTable,
    Name,
    SimulatorName,
    SimulatorTable,
    Table,
    Text,
    validated,
)

if TYPE_CHECKING:
    from cosim.simulators.base import Simulator

LARGEST_STUDY_FILE = 1_000_000
_OF_NATIVE = ("stand_in", "line_capacitance")


class StudyFile(Table):
    """A whole study file.

    Attributes
    ----------
    experiment : tuple of str
        What is run, in order, each on the state that the one before it left.
    title, seed, simulator : str, int, str
    devices, deadline, stand_in, line_capacitance
        Of ``[simulator]``.
    cell, array : tables
    settings : dict of str to dict
        For each experiment the values given for it, in SI; what is not given keeps its default.
    expect : dict of str to (low, high)
        Figures of the result by key, and the range without which it is not to be trusted.
    """

    experiment: tuple[Name, ...] = Field(min_length=1, max_length=16)
    title: Text = ""
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    simulator: SimulatorName = "ngspice"
    devices: Literal["auto", "subcircuit", "osdi"] = "auto"
    deadline: float | None = None
    stand_in: bool = False
    line_capacitance: bool = False
    cell: CellTable = Field(default_factory=CellTable)
    array: ArrayTable = Field(default_factory=ArrayTable)
    settings: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    expect: dict[Name, list[float | str]] = Field(default_factory=dict)
    _path: Path | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path | None:
        """The file it was read from; relative paths in a study start there."""
        return self._path

    @property
    def engine(self) -> str | Simulator:
        """The simulator for experiments: its name where nothing else is asked for."""
        options: dict[str, Any] = {}
        if self.devices != "auto":
            options["devices"] = self.devices
        if self.deadline is not None:
            options["deadline"] = self.deadline
        for name in _OF_NATIVE:
            if getattr(self, name):
                options[name] = True
        if not options:
            return self.simulator
        from cosim.simulators.base import get_simulator

        return get_simulator(self.simulator, **options)

    @property
    def name(self) -> str:
        """Short name for folders: that of the file, or of the first experiment."""
        return self._path.stem if self._path else self.experiment[0]


def load_study(path: str | Path) -> StudyFile:
    """Read a study file.

    Raises
    ------
    ConfigError
        The file cannot be read, is not TOML, or holds something that is not allowed.
    """
    path = Path(path)
    study = read_study(load_table(path), source=str(path))
    study._path = path
    return study


def load_table(path: str | Path) -> dict[str, Any]:
    """Content of a TOML file without hostile text; what it means is for others to check.

    Raises
    ------
    ConfigError
        The file cannot be read, is not TOML, or holds control characters or simulator commands.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_STUDY_FILE:
            raise ConfigError(
                thing=f"study file {path} is too large",
                value=path.stat().st_size,
                limit=f"{LARGEST_STUDY_FILE} bytes",
            )
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            thing="study file cannot be read",
            value=str(path),
            next_step=f"{error.strerror or error}; give the path of a .toml file",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            thing=f"study file {path} is not valid TOML: {error}",
            next_step="Text needs quotes, tables need [brackets]",
        ) from error
    _refuse_hostile(content, str(path))
    return content


def load_training(path: str | Path) -> tuple[dict[str, Any], str]:
    """Settings and title of a training study, for the verbs ``train`` and ``infer``.

    Relative paths in it (of a device, of data) start at the file.

    Raises
    ------
    ConfigError
        The file cannot be read, or is a study of another kind.
    """
    content = load_table(path)
    settings = content.get("train")
    wrong = set(content) - {"experiment", "title", "train"}
    if content.get("experiment", "train") != "train" or wrong or not isinstance(settings, dict):
        raise ConfigError(
            thing=f"{path} is not a training study",
            value=sorted(wrong) or content.get("experiment", "no [train]"),
            limit="experiment = 'train', a title, and one table [train]",
            next_step="Run other studies with cosim run",
        )
    return _from_folder(settings, Path(path).parent), str(content.get("title", Path(path).stem))


def _from_folder(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The settings with paths that start at the folder of their study."""
    out = dict(settings)
    if isinstance(out.get("data_folder"), str):
        out["data_folder"] = str(folder / out["data_folder"])
    device = out.get("device")
    if isinstance(device, dict) and isinstance(device.get("path"), str):
        out["device"] = device | {"path": str(folder / device["path"])}
    if isinstance(out.get("arms"), list):
        out["arms"] = [_from_folder(a, folder) if isinstance(a, dict) else a for a in out["arms"]]
    return out


def read_study(content: dict[str, Any], *, source: str = "study") -> StudyFile:
    """Check the content of a study file and return it as a :class:`StudyFile`.

    Parameters
    ----------
    content : dict
        As :mod:`tomllib` returns it.
    source : str
        Named in error texts.
    """
    _refuse_hostile(content, source)
    chosen = content.get("experiment")
    if chosen is None:
        raise ConfigError(
            thing=f"{source} does not say which experiment to run",
            next_step=f'Add experiment = "..." with one of: {", ".join(catalogue.EXPERIMENTS)}',
        )
    names = [chosen] if isinstance(chosen, str) else chosen
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ConfigError(
            thing=f"{source}: experiment is not a name or a list of names", value=chosen
        )
    for name in names:
        if name == "train":
            raise ConfigError(
                thing=f"{source} is a training study",
                next_step=f"Run it with: cosim train {source}",
            )
        if name not in catalogue.EXPERIMENTS:
            raise ConfigError(
                thing=f"{source}: no experiment of that name",
                value=name,
                next_step=best_matches(name, catalogue.EXPERIMENTS),
            )
    if len(set(names)) != len(names) or not names:
        raise ConfigError(
            thing=f"{source}: each experiment runs once, and at least one", value=names
        )
    known = set(StudyFile.model_fields) - {"settings", "devices", "deadline", *_OF_NATIVE}
    common = {k: v for k, v in content.items() if k in known} | _simulator(content, source)
    settings: dict[str, Any] = {}
    for key, value in content.items():
        if key in common:
            continue
        if key not in names:
            step = best_matches(key, sorted(known) + names)
            if key in catalogue.EXPERIMENTS:
                step = f"Add '{key}' to experiment, or remove its table"
            raise ConfigError(thing=f"{source} has an unknown key", value=key, next_step=step)
        if not isinstance(value, dict):
            raise ConfigError(thing=f"{source}: '{key}' is not a table", next_step=f"Write [{key}]")
        table = validated(catalogue.settings_model(key), value, f"{source}: [{key}]")
        settings[key] = {n: getattr(table, n) for n in table.model_fields_set}
    common |= {"experiment": tuple(names), "settings": settings}
    study = validated(StudyFile, common, source)
    assert isinstance(study, StudyFile)
    for key, ends in study.expect.items():
        if len(ends) != 2:
            raise ConfigError(
                thing=f"{source}: [expect] {key} is not a range", value=ends, limit="[low, high]"
            )
    return study


def _simulator(content: dict[str, Any], source: str) -> dict[str, Any]:
    """Fields of a ``[simulator]`` table."""
    if not isinstance(content.get("simulator"), dict):
        return {}
    table = validated(SimulatorTable, content["simulator"], f"{source}: [simulator]")
    assert isinstance(table, SimulatorTable)
    if table.devices != "auto" and table.name != "ngspice":
        raise ConfigError(
            thing=f"{source}: {table.name} evaluates devices in one way",
            value=table.devices,
            limit="devices is a choice of ngspice",
            next_step='Remove devices, or write name = "ngspice"',
        )
    asked = [name for name in _OF_NATIVE if getattr(table, name)]
    if asked and table.name != "native":
        raise ConfigError(
            thing=f"{source}: {table.name} has no such choice",
            value=", ".join(asked),
            limit="a choice of native",
            next_step='Remove it, or write name = "native"',
        )
    return {n: v for n, v in table.model_dump().items() if n != "name"} | {"simulator": table.name}


def _refuse_hostile(value: Any, source: str, place: str = "") -> None:
    """Refuse control characters in any text or key before anything else looks at them."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_hostile(key, source, f"{place} key")
            _refuse_hostile(item, source, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_hostile(item, source, f"{place}[{index}]")
    elif isinstance(value, str) and (not value.isprintable() or DOT_COMMAND.search(value)):
        raise ConfigError(
            thing=f"{source}: {place.strip() or 'a key'} holds a line break, another control "
            "character or a simulator command",
            value=value[:80],
            limit="printable text on one line",
            next_step="Remove it; text of a study never becomes a simulator command",
        )
