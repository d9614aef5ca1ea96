"""Transistors out of libraries of one's own: what is found, and what is said where not."""

from __future__ import annotations

import numpy as np
import pytest

from compact_models.errors import ModelError
from compact_models.library_card import load_card
from netlists.topology import foundry_text

LIBRARY = """* corner file
.lib tt
.param dvt=0
.include models.inc
.endl tt
.lib ss
.param dvt=0.05
.include models.inc
.endl ss
"""
MODELS = """* models
.model nch nmos level=1 vto={0.6+dvt} $ a comment
+ kp=100u lambda=0.02
.model pch pmos level=1 vto=-0.6
.model big.1 nmos level=54
.model psp psp103va type=1
.subckt cell_nmos d g s b w=1u l=0.3u nf=1
m1 d g s b nch w={w} l={l}
.ends
.subckt inverse s g d b w=1u
m1 d g s b nch
.ends
.subckt compiled d g s b w=1u
n1 d g s b psp w={w}
.ends
"""


@pytest.fixture
def library(tmp_path):
    (tmp_path / "models.inc").write_text(MODELS)
    path = tmp_path / "corners.lib"
    path.write_text(LIBRARY)
    return path


def test_a_model_is_wrapped_as_a_subcircuit(library):
    card = load_card(library, "nch", section="tt", level=1, width=2e-6, length=3e-7)
    assert card.parameters == {"w": 2e-6, "l": 3e-7}
    assert foundry_text(card) == [
        f'.lib "{library.resolve()}" tt',
        ".subckt nch_selector d g s b w=2e-06 l=3e-07\n"
        "m1 d g s b nch w={w} l={l}\n.ends nch_selector",
    ]
    wide = card.resized(w=4e-6)
    assert wide.parameters["w"] == 4e-6
    assert wide.fingerprint != card.fingerprint
    assert load_card(library, "big", section="ss", width=1e-6).subcircuit == "big_selector"


def test_a_subcircuit_is_used_as_it_is(library):
    card = load_card(library, "CELL_NMOS", section="tt", width=2e-6, values={"nf": 2})
    assert (card.subcircuit, card.definition) == ("CELL_NMOS", "")
    assert card.parameters == {"w": 2e-6, "nf": 2}


def test_the_content_of_the_library_counts(library):
    before = load_card(library, "nch", section="tt").fingerprint
    library.write_text(LIBRARY.replace("dvt=0\n", "dvt=0.01\n"))
    assert load_card(library, "nch", section="tt").fingerprint != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "nch"}, r"no transistor.*nch.*give a section: tt, ss"),
        ({"model": "nhc", "section": "tt"}, r"no transistor.*Best matches are: 'nch'"),
        ({"model": "nch", "section": "tx"}, r"no section.*'tt'"),
        ({"model": "pch", "section": "tt"}, r"not an n-channel"),
        ({"model": "nch", "section": "tt", "level": 54}, r"another level: 1 \(allowed: 54\)"),
        ({"model": "psp", "section": "tt"}, r"Verilog-A module.*verilog_a"),
        ({"model": "compiled", "section": "tt"}, r"Verilog-A module.*verilog_a"),
        ({"model": "inverse", "section": "tt"}, r"pins.*s g d b.*drain gate source bulk"),
        ({"model": "cell_nmos", "section": "tt", "values": {"ng": 1}}, r"no parameter.*'nf'"),
    ],
)
def test_what_cannot_be_used_says_why(library, arguments, message):
    with pytest.raises(ModelError, match=message):
        load_card(library, **arguments)


def test_hostile_and_broken_libraries(library, tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        load_card(tmp_path / "none.lib", "nch")
    (tmp_path / "evil.lib").write_text(".model n nmos\n.control\nshell ls\n.endc\n")
    with pytest.raises(ModelError, match="commands for the simulator"):
        load_card(tmp_path / "evil.lib", "n")
    (tmp_path / "circle.lib").write_text(".include circle.lib\n")
    with pytest.raises(ModelError, match="circles"):
        load_card(tmp_path / "circle.lib", "n")
    (tmp_path / "my models").mkdir()
    (tmp_path / "my models" / "n.inc").write_text(".model nch nmos level=1\n")
    (tmp_path / "spaced.lib").write_text('.include "my models/n.inc"\n')
    assert load_card(tmp_path / "spaced.lib", "nch", width=np.float64(2e-6)).definition.startswith(
        ".subckt nch_selector d g s b w=2e-06\n"
    )
    with pytest.raises(ModelError, match="nch: w must be finite"):
        load_card(tmp_path / "spaced.lib", "nch", width=float("nan"))
    for line in (".include", ".lib", ".subckt"):
        (tmp_path / "short.lib").write_text(f"{line}\n")
        with pytest.raises(ModelError, match="not complete"):
            load_card(tmp_path / "short.lib", "n")
