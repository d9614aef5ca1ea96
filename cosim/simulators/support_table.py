"""The record of what is proven as a table for people: models down, simulators across."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cosim.errors import DataError
from cosim.simulators.support import Proven

BEGIN = "<!-- what is proven: cosim list support -o README.md -->"
END = "<!-- end of what is proven -->"
# Simulator and form of its devices -> head of the column.
_COLUMNS = {
    ("ngspice", "subcircuit"): "ngspice",
    ("ngspice", "osdi"): "ngspice, compiled",
    ("native", ""): "native",
    ("vacask", "osdi"): "VACASK",
}
_ANALYSES = {"operating_point": "point", "dc_sweep": "sweep", "transient": "transient", "ac": "ac"}
# In this order; what is not here follows.
_MODELS = ("cmo_hfox", "nmos_3v3", "resistor")


def support_rows(proven: Iterable[Proven]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of the table.

    Parameters
    ----------
    proven : iterable of Proven

    Returns
    -------
    head : tuple of str
    rows : list of tuple of str
        Model, the analyses proven in each simulator, and where its equations alone are proven.
    """
    rows = list(proven)
    models = dict.fromkeys((*_MODELS, *sorted({row.model for row in rows})))
    columns = dict(_COLUMNS)
    for row in sorted(rows):
        if row.analysis in _ANALYSES:
            columns.setdefault((row.simulator, row.devices), row.simulator)
    table = []
    for model in models:
        own = [row for row in rows if row.model == model]
        if not own:
            continue
        cells = []
        for simulator, devices in columns:
            there = {r.analysis for r in own if (r.simulator, r.devices) == (simulator, devices)}
            cells.append(", ".join(word for name, word in _ANALYSES.items() if name in there))
        equations = sorted({r.simulator for r in own if r.analysis == "equations"})
        table.append((model, *cells, ", ".join(equations)))
    return ("model", *columns.values(), "equations alone"), table


def support_markdown(proven: Iterable[Proven]) -> str:
    """The table as markdown, without the comments around it."""
    head, rows = support_rows(proven)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for model, *cells in rows:
        name = model if " " in model else f"`{model}`"
        lines.append(f"| {' | '.join((name, *cells))} |")
    return "\n".join(lines) + "\n"


def put_into(path: Path, proven: Iterable[Proven]) -> None:
    """Replace what stands between the two comments in a file.

    Raises
    ------
    DataError
        The file cannot be read, or lacks the comments.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            thing=f"{path} cannot be read: {error.strerror}", next_step="Name a markdown file"
        ) from error
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise DataError(
            thing=f"{path} does not say where the table goes",
            limit=f"{BEGIN} and {END}, once each",
            next_step="Add the two comments",
        )
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{support_markdown(proven)}{END}{after}", encoding="utf-8")
