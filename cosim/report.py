"""One HTML page per result: figures beside the published ones, plots, provenance.

The page carries its pictures and its style inside, needs no network, and every text that comes
from a study or a result is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from cosim.published import Figure

PAGE = "index.html"


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture: an object with ``savefig``, the file it goes to, and what it shows."""

    name: str
    caption: str
    figure: Any = field(repr=False)
    wide: bool = False

    @property
    def file(self) -> str:
        """File name of the picture in the result folder."""
        return f"{self.name}.png"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    title, text : str
    figures : tuple of Figure
    plots : tuple of Plot
    tables : mapping of str to (head, rows)
        Further tables under their captions.
    provenance : mapping
        Attributes of the data behind the section.
    problems : tuple of str
        Why its data are not to be trusted.
    """

    title: str
    text: str = ""
    figures: tuple[Figure, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[object]]]] = field(
        default_factory=dict
    )
    provenance: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def write_page(
    folder: Path, *, title: str, sections: Sequence[Section], problems: Sequence[str] = ()
) -> Path:
    """Write the plots as PNG files and the page which holds them all.

    Returns
    -------
    Path
        Of the page.
    """
    pictures: dict[str, bytes] = {}
    for plot in (p for s in sections for p in s.plots):
        path = folder / plot.file
        plot.figure.savefig(path, dpi=140, metadata={"Software": None})
        pictures[plot.name] = path.read_bytes()
    page = folder / PAGE
    page.write_text(_page(title, sections, problems, pictures), encoding="utf-8")
    return page


def _page(
    title: str,
    sections: Sequence[Section],
    problems: Sequence[str],
    pictures: Mapping[str, bytes],
) -> str:
    from cosim.dataset import package_version

    compared = [f for s in sections for f in s.figures if f.verdict]
    passed = sum(f.verdict == "pass" for f in compared)
    if problems:
        items = "".join(f"<li>{escape(p)}</li>" for p in problems)
        banner = f'<div class="banner bad">Not to be trusted:<ul>{items}</ul></div>'
    elif compared:
        banner = (
            f'<div class="banner {"good" if passed == len(compared) else "part"}">'
            f"{passed} of {len(compared)} figures lie in their bands.</div>"
        )
    else:
        banner = ""
    links = "".join(
        f'<a href="#s{k}">{escape(s.title)}</a>' for k, s in enumerate(sections) if s.title
    )
    body = "\n".join(_section(k, s, pictures) for k, s in enumerate(sections))
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{style}</style></head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>"
        f"<p>reram-cosim {escape(package_version())}</p></header>\n"
        f"{banner}\n<nav>{links}</nav>\n<main>\n{body}\n</main>\n</body></html>\n"
    )


def _section(number: int, section: Section, pictures: Mapping[str, bytes]) -> str:
    parts = [f'<section id="s{number}">', f"<h2>{escape(section.title)}</h2>"]
    if section.text:
        parts.append(f"<p>{escape(section.text)}</p>")
    for problem in section.problems:
        parts.append(f'<p class="problem">Not to be trusted: {escape(problem)}</p>')
    if section.figures:
        parts.append(_figures(section.figures))
    if section.plots:
        parts.append('<div class="plots">')
        for plot in section.plots:
            data = base64.b64encode(pictures[plot.name]).decode("ascii")
            wide = ' class="wide"' if plot.wide else ""
            parts.append(
                f'<figure{wide}><img alt="{escape(plot.caption)}" '
                f'src="data:image/png;base64,{data}">'
                f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
            )
        parts.append("</div>")
    for caption, (head, rows) in section.tables.items():
        parts.append(_table(caption, head, rows))
    if section.provenance:
        rows = [(k, str(v)) for k, v in section.provenance.items() if str(v)]
        table = _table("", ("", ""), rows, css="provenance")
        parts.append(f"<details><summary>Where this comes from</summary>{table}</details>")
    parts.append("</section>")
    return "\n".join(parts)


def _figures(figures: Sequence[Figure]) -> str:
    rows = []
    for item in figures:
        mark = f'<span class="{item.verdict}">{item.verdict}</span>' if item.verdict else ""
        rows.append(
            f"<tr><td>{escape(item.name)}</td><td class='number'>{escape(item.ours)}</td>"
            f"<td class='number'>{escape(item.beside)}</td><td>{mark}</td>"
            f"<td class='source'>{escape(item.source)}{_why(item)}</td></tr>"
        )
    return (
        "<table class='figures'><thead><tr><th>figure</th><th class='number'>here</th>"
        "<th class='number'>published or required</th><th></th><th>source</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _why(item: Figure) -> str:
    return f"<br>Why: {escape(item.reason)}" if item.reason else ""


def _table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[object]], css: str = ""
) -> str:
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    header = f"<thead><tr>{top}</tr></thead>" if any(head) else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table class='{css}'>{title}{header}<tbody>{body}</tbody></table>"
