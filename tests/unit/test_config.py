"""Study files: what is read, what is refused, and how the refusal reads."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from cosim import catalogue
from cosim.config import load_study, read_study
from cosim.errors import ConfigError, CosimError


@dataclass(frozen=True, kw_only=True)
class _Probe:
    """An experiment for these tests.

    Parameters
    ----------
    gate : float
        Gate voltage [V].
    width : float
        Length of a pulse [s].
    pulses : int
        How many.
    amplitudes : tuple of float
        One pulse each [V].
    mode : {"up", "down"}
    callback : object
        Cannot stand in a study file.
    """

    gate: float = 1.2
    width: float = 1e-6
    pulses: int = 10
    amplitudes: tuple[float, ...] = ()
    mode: Literal["up", "down"] = "up"
    verify: bool = False
    label: str = ""
    callback: object = None
    derived: float = field(default=0.0, init=False)


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = types.ModuleType("cosim_test_probe")
    module.Probe = _Probe  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cosim_test_probe", module)
    entry = catalogue.Entry(module="cosim_test_probe", attribute="Probe")
    monkeypatch.setattr(catalogue, "EXPERIMENTS", {**catalogue.EXPERIMENTS, "probe": entry})
    for cached in (catalogue.settings, catalogue.settings_model):
        cached.cache_clear()
    yield
    for cached in (catalogue.settings, catalogue.settings_model):
        cached.cache_clear()


def _study(**content: Any) -> dict[str, Any]:
    return {"experiment": "probe"} | content


def test_units_become_si_and_what_is_not_given_is_left_to_the_experiment() -> None:
    study = read_study(
        _study(
            probe={"gate": "1400 mV", "width": "2.5 us", "amplitudes": ["1 V", 1.5, "900 mV"]},
            array={"rows": 8, "cols": 4, "parasitics": {"r_row": "0.35 Ohm"}},
        )
    )
    assert study.settings["probe"] == {
        "gate": 1.4,
        "width": 2.5e-6,
        "amplitudes": (1.0, 1.5, 0.9),
    }
    assert study.array.parasitics.r_row == 0.35
    assert study.experiment == ("probe",)


def test_settings_come_from_the_fields_of_the_class() -> None:
    found = {s.name: s for s in catalogue.settings("probe")}
    assert set(found) == {"gate", "width", "pulses", "amplitudes", "mode", "verify", "label"}
    assert found["gate"].unit == "V"
    assert found["gate"].default == 1.2
    assert found["width"].unit == "s"
    assert found["width"].description.startswith("Length of a pulse")
    assert found["pulses"].kind == "count"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"probe": {"gte": 1.2}}, "'gate'"),
        ({"array": {"row": 8}}, "'rows'"),
        ({"array": {"parasitics": {"r_rows": 1.0}}}, "'r_row'"),
        ({"aray": {}}, "'array'"),
        ({"probe": {"width": "2.5 V"}}, "width"),
        ({"probe": {"pulses": "many"}}, "pulses"),
        ({"probe": {"pulses": 2.5}}, "pulses"),
        ({"probe": {"mode": "sideways"}}, "mode"),
        ({"probe": {"gate": [1.2]}}, "not a list"),
        ({"probe": {"callback": 1}}, "callback"),
        ({"probe": {"derived": 1.0}}, "derived"),
        ({"probe": 3}, "[probe]"),
        ({"seed": -1}, "seed"),
        ({"simulator": "hspice"}, "simulator"),
        ({"array": {"rows": 100_000}}, "rows"),
        ({"array": {"rows": "8"}}, "rows"),
        ({"forming": {}}, "Add 'forming' to experiment"),
        ({"experiment": "prob"}, "'probe'"),
        ({"experiment": []}, "at least one"),
        ({"experiment": ["probe", "probe"]}, "once"),
        ({"experiment": 3}, "list of names"),
    ],
)
def test_mistakes_are_named_with_the_best_matches(content: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_study(_study(**content))
    assert words in str(caught.value)


def test_a_study_without_experiment_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match="pulse_update"):
        read_study({"seed": 1})


def test_a_training_study_says_which_verb_runs_it() -> None:
    with pytest.raises(ConfigError, match=r"cosim train a\.toml"):
        read_study({"experiment": "train", "train": {}}, source="a.toml")


HOSTILE = [
    {"title": "x\n.control\nshell touch owned\n.endc"},
    {"title": "innocent .control"},
    {"title": ".include /etc/passwd"},
    {"cell": {"reram": "cmo_hfox\nV1 0 1"}},
    {"cell": {"reram": "a b"}},
    {"cell": {"selector": "nmos_3v3; quit"}},
    {"cell": {"selector": "$(touch owned)"}},
    {"cell": {"reram_values": {"r\n.control": 1.0}}},
    {"cell": {"reram_values": {"r}": 1.0}}},
    {"cell": {"reram_parameters": "a.toml\n.control"}},
    {"probe": {"label": "x\r.control"}},
    {"probe": {"label": "x\x00"}},
    {"probe": {"gate": "1.2\n.control"}},
    {"pro\nbe": {}},
    {"array": {"parasitics": {"r_row": "0.35 ohm\n.control"}}},
    {"experiment": ["probe\n.control"]},
]


@pytest.mark.parametrize("content", HOSTILE)
def test_hostile_text_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(CosimError):
        read_study(_study(**content))


def test_files_that_are_no_studies(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("experiment = probe")
    huge = tmp_path / "huge.toml"
    huge.write_text("# " + "x" * 1_000_001)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (broken, huge, binary, tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError):
            load_study(path)
