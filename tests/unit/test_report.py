"""The HTML page and the figures on it."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosim.dataset import build_dataset
from cosim.errors import ConfigError
from cosim.published import Figure, published
from cosim.report import Plot, Section, write_page
from cosim.sections import describe


class _Picture:
    """Stands for a matplotlib figure."""

    def savefig(self, path: Path, **_: Any) -> None:
        path.write_bytes(b"\x89PNG not really")


class _Outline(HTMLParser):
    void = frozenset({"meta", "img", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.void:
            self.open.append(tag)
        self.sources += [v or "" for k, v in attrs if k in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _figure(value: float, **changes: Any) -> Figure:
    fields = {"key": "k", "name": "forming voltage", "value": value, "unit": "V"} | changes
    return Figure(**fields)


def test_page_is_well_formed_self_contained_and_escaped(tmp_path: Path) -> None:
    section = Section(
        title="<script>alert(1)</script>",
        figures=(_figure(3.4, published=published("forming_voltage")),),
        plots=(Plot(name="forming", caption='a "caption"', figure=_Picture()),),
        tables={"t": (("a", "b"), (("<b>", 1),))},
        provenance={"seed": 1},
    )
    page = write_page(tmp_path, title="A & B", sections=[section])
    text = page.read_text(encoding="utf-8")
    outline = _Outline()
    outline.feed(text)
    assert outline.open == []
    assert "<script>" not in text
    assert "A &amp; B" in text
    assert all(s.startswith(("data:image/png;base64,", "#")) for s in outline.sources)
    assert "1 of 1 figures" in text
    assert (tmp_path / "forming.png").exists()


def test_problems_stand_at_the_top(tmp_path: Path) -> None:
    page = write_page(tmp_path, title="t", sections=[Section(title="s")], problems=["no current"])
    text = page.read_text(encoding="utf-8")
    assert "Not to be trusted" in text
    assert text.index("no current") < text.index("<main>")


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (_figure(3.40, published=published("forming_voltage")), "pass"),
        (_figure(2.80, published=published("forming_voltage")), "miss"),
        (_figure(math.nan, published=published("forming_voltage")), "miss"),
        (_figure(0.5), ""),
        (_figure(0.5, high=1.0), "pass"),
        (_figure(1.5, high=1.0), "miss"),
        (_figure(math.nan, low=0.0), "miss"),
    ],
)
def test_verdicts(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_published_figures_are_in_si_and_say_how_they_are_known() -> None:
    current = published("forming_current")
    assert (current.unit, current.value, current.low) == ("A", 258e-6, 245e-6)
    sigma = published("forming_sigma")
    assert (sigma.unit, sigma.value) == ("V", 75e-3)
    beside = _figure(75e-3, published=sigma)
    assert "calibrated to it" in beside.source
    with pytest.raises(ConfigError, match="'forming_sigma'"):
        published("forming_sgma")


def test_unknown_experiment_gets_a_table_of_its_variables() -> None:
    dataset = build_dataset(
        {"current": (("bit_line",), np.array([1e-6, 2e-6]), "A", "bit line current")},
        attributes={"experiment": "mine", "seed": 0},
    )
    section = describe(dataset)
    assert section.title == "Mine"
    head, rows = section.tables["variables"]
    assert rows == [("current", "bit line current", "bit_line 2", "1.00 uA", "2.00 uA")]
    assert len(head) == 5


def test_numbers_on_the_page_are_escaped_once(tmp_path: Path) -> None:
    page = write_page(
        tmp_path, title="t", sections=[Section(title="s", figures=(_figure(1.0, spread=0.1),))]
    )
    assert re.search(r"1\.00 V ± 0?100? ?mV|1\.00 V ± 100 mV", page.read_text(encoding="utf-8"))
