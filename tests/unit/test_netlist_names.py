"""Nothing hostile reaches a netlist by a name, a path, a title or a value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compact_models import load_model
from compact_models.errors import CosimError, NetlistError
from netlists import Array, Attachment, Cell, Testbench
from netlists.names import (
    check_library_lines,
    check_name,
    check_node,
    check_number,
    check_path,
    check_text,
)

HOSTILE = [
    "a\n.control\nshell touch pwned\n.endc",
    ".control",
    "a\r.include /etc/passwd",
    "title .control shell id",
    "a;b",
    "a'b",
    'a"b',
    "{1+1}",
    "a`id`",
    "$(id)",
    "a\\",
    "a\x00b",
    "a\u2028.control",
    "a\x0b.control",
    "x" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_everywhere(text: str) -> None:
    for check in (check_name, check_node, check_text):
        with pytest.raises(NetlistError):
            check(text)
    with pytest.raises(NetlistError):
        check_path(text)
    with pytest.raises(NetlistError):
        check_library_lines([f'.include "{text}"'])


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "a-b", "é", "a\n", None, 3])
def test_names_are_identifiers(name: object) -> None:
    with pytest.raises(NetlistError):
        check_name(name)  # type: ignore[arg-type]


@given(st.text(max_size=30))
@example("run .5 um")
@settings(max_examples=50, deadline=None)
def test_accepted_text_is_one_inert_line(text: str) -> None:
    try:
        check_text(text)
    except NetlistError:
        return
    assert len(text.splitlines()) <= 1
    assert ".control" not in text.split()
    assert not set(text) & set("{};`\"'\\$")


def test_good_names_pass() -> None:
    assert check_name("bl_0_1") == "bl_0_1"
    assert check_node("0") == "0"
    assert check_node("xr_0_0.m") == "xr_0_0.m"
    assert check_text("SET train, 400 x 2.5 us at +1.35 V") == "SET train, 400 x 2.5 us at +1.35 V"
    assert check_number(np.float64(0.5)) == 0.5


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1k", "0; shell id", None])
def test_values_are_finite_numbers(value: object) -> None:
    with pytest.raises(NetlistError):
        check_number(value)  # type: ignore[arg-type]


def test_paths_must_exist_and_be_plain(tmp_path: Path) -> None:
    card = tmp_path / "my models" / "card.ngspice"
    with pytest.raises(NetlistError, match="does not exist"):
        check_path(card)
    card.parent.mkdir()
    card.write_text("* card\n")
    assert check_path(card) == str(card)
    lines = (f'.include "{card}"', f'.lib "{card}" typical')
    assert check_library_lines(lines) == lines
    for bad in (f'.include "{card}" typical', f"include {card}", f'.lib "{card}" a b', ".control"):
        with pytest.raises(NetlistError):
            check_library_lines([bad])


@pytest.mark.parametrize("text", HOSTILE)
def test_every_door_of_array_and_testbench_is_guarded(text: str) -> None:
    cell = Cell(load_model("resistor"))
    array = Array(cell, rows=1, cols=1)
    drives = {"bl0": 0.2, "sl0": 0.0}
    good = Testbench(array=array, drives=drives, probes=("i(bl0)",))
    attempts = [
        lambda: Array(cell, rows=1, cols=1, name=text),
        lambda: Array(cell, rows=1, cols=1, parameters={text: 1.0}),
        lambda: good.replace(title=text),
        lambda: good.replace(probes=(text,)),
        lambda: good.replace(probes=(f"v({text})",)),
        lambda: good.replace(probes=(f"i({text})",)),
        lambda: good.replace(drives={**drives, text: 1.0}),
        lambda: good.replace(drives={**drives, "bl0": text}),
        lambda: good.replace(initial_states={text: 1.0}),
        lambda: good.replace(seed=text),
        lambda: good.replace(temperature=text),
        lambda: good.spice(raw=text),
        lambda: Attachment(name=text, subcircuit="a", definition="", nodes=("0",)),
        lambda: Attachment(name="a", subcircuit=text, definition="", nodes=("0",)),
        lambda: Attachment(name="a", subcircuit="a", definition="", nodes=(text,)),
        lambda: Attachment(
            name="a", subcircuit="a", definition="", nodes=("0",), parameters={text: 1.0}
        ),
        lambda: Attachment(
            name="a",
            subcircuit="a",
            definition="",
            nodes=("0",),
            parameters={"p": text},  # type: ignore[dict-item]
        ),
    ]
    for attempt in attempts:
        with pytest.raises(CosimError):
            attempt()


def test_attachments_bring_only_subcircuits() -> None:
    array = Array(Cell(load_model("resistor")), rows=1, cols=1)
    bad = Attachment(
        name="amp",
        subcircuit="amp",
        definition=".subckt amp a\nr1 a 0 1\n.ends\n.control\nshell id\n.endc",
        nodes=("bl_0",),
    )
    bench = Testbench(
        array=array, drives={"bl0": 0.2, "sl0": 0.0}, probes=("i(bl0)",), attachments=(bad,)
    )
    with pytest.raises(NetlistError, match="more than subcircuits"):
        bench.spice()
