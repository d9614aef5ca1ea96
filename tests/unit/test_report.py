"""The HTML page and the figures on it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
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


def _pulses(count: int, **changes: Any) -> Any:
    """So many pulses up and down on two cells that saturate."""
    up = np.r_[np.ones(count), -np.ones(count)] > 0
    steps = np.arange(1, count + 1) / count
    rise = 20e-6 + 60e-6 * (1 - np.exp(-3 * steps))
    fall = rise[-1] - 60e-6 * (1 - np.exp(-3 * steps))
    conductance = np.stack([np.r_[rise, fall], 1.01 * np.r_[rise, fall]], axis=1)[:, None, :]
    each = {
        "polarity": (("pulse",), np.where(up, 1, -1), "1", "direction"),
        "amplitude": (("pulse",), np.where(up, 1.35, -1.3), "V", "amplitude"),
        "width": (("pulse",), np.full(2 * count, 2.5e-6), "s", "width"),
        "gate": (("pulse",), np.where(up, 1.4, 3.3), "V", "gate"),
    }
    cells = ("row", "col")
    return build_dataset(
        {
            "conductance": (("pulse", *cells), conductance, "S", "conductance"),
            "initial_conductance": (cells, np.full((1, 2), 20e-6), "S", "before"),
            **each,
            **changes,
        },
        attributes={"experiment": "PulseUpdate", "read_voltage": 0.2, "seed": 1},
    )


def test_published_pulses_are_compared_and_short_trains_are_said() -> None:
    short, whole = (describe(_pulses(n)) for n in (40, 400))
    for section in (short, whole):
        figures = {f.key: f for f in section.figures}
        assert figures["conductance_max"].verdict == "miss"
        assert ("here has 40" in figures["conductance_max"].reason) is (section is short)


@pytest.mark.parametrize(
    "changes",
    [
        {"width": (("pulse",), np.full(80, 1e-6), "s", "width")},
        {"gate": (("pulse",), np.full(80, 3.3), "V", "gate")},
        {"amplitude": (("pulse",), np.r_[np.full(40, 1.4), np.full(40, -1.3)], "V", "amplitude")},
    ],
    ids=["width", "gate", "amplitude"],
)
def test_other_pulses_have_nothing_published_beside_them(changes: dict[str, Any]) -> None:
    section = describe(_pulses(40, **changes))
    assert section.figures
    assert all(f.published is None for f in section.figures)
    texts = [t.get_text() for t in section.plots[0].figure.axes[0].get_legend().get_texts()]
    assert not any("published" in text for text in texts)


def test_bounds_are_said_as_such() -> None:
    row = published("forming_voltage")
    assert str(replace(row, value=3.4, low=-math.inf, high=3.4)) == "at most 3.40 V"
    assert str(replace(row, value=3.4, low=-math.inf, high=3.5)) == "3.40 V (at most 3.50 V)"
    assert str(replace(row, value=3.3, low=3.3, high=math.inf)) == "at least 3.30 V"


def test_another_device_has_nothing_published_beside_it_and_another_transistor_no_reason() -> None:
    dataset = _pulses(400)
    dataset.attrs["reram"] = "cmo_hfox_350nm"
    assert all(f.published is None for f in describe(dataset).figures)
    dataset.attrs |= {"reram": "cmo_hfox", "selector": "nmos_3v3_falcone2025"}
    figures = {f.key: f for f in describe(dataset).figures}
    assert figures["conductance_max"].verdict == "miss"
    assert figures["conductance_max"].reason == ""
