"""The README's table of what is proven is the record's."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosim.cli import run
from cosim.errors import DataError
from cosim.simulators.support import Proven, load_support
from cosim.simulators.support_table import BEGIN, END, put_into, support_markdown, support_rows

ROOT = Path(__file__).parents[2]


def test_the_table_in_the_readme_is_up_to_date():
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == support_markdown(load_support()).strip(), "run: cosim list support -o README.md"


def test_every_proof_is_a_test_of_the_suite():
    for row in load_support():
        path, _, name = row.proof.partition("::")
        file = ROOT / "tests" / "conformance" / Path(path).name
        assert f"def {name}(" in file.read_text(encoding="utf-8"), row


def test_rows_and_order(tmp_path, capsys):
    def row(model, simulator, devices, analysis):
        return Proven(
            model=model, simulator=simulator, devices=devices, analysis=analysis, proof="t::t"
        )

    proven = [
        row("a file", "ngspice", "osdi", "transient"),
        row("cmo_hfox", "native", "", "transient"),
        row("cmo_hfox", "native", "", "operating_point"),
        row("cmo_hfox", "numpy", "", "equations"),
        row("cmo_hfox", "xyce", "", "ac"),
    ]
    head, rows = support_rows(proven)
    assert head[1:] == (
        "ngspice", "ngspice, compiled", "native", "VACASK", "xyce", "equations alone",
    )  # fmt: skip
    assert rows == [
        ("cmo_hfox", "", "", "point, transient", "", "ac", "numpy"),
        ("a file", "", "transient", "", "", "", ""),
    ]
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_into(path, proven)
    put_into(path, proven)
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| `cmo_hfox` |" in text
    assert "| a file |" in text
    path.write_text("nothing\n")
    with pytest.raises(DataError, match="where the table goes"):
        put_into(path, proven)
    assert run(["list", "support"]) == 0
    assert "cmo_hfox" in capsys.readouterr().out
    assert run(["list", "-o", str(path)]) == 2
