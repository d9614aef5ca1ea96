"""Rules on voltages and stimuli, and what a finding is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from compact_models.errors import NetlistError
from compact_models.model import CompactModel
from netlists.analysis import Transient
from netlists.lines import Layout, LineKind
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.testbench import Testbench

JUNCTION_VOLTAGE = 0.4
"""Forward bias of a bulk junction from which it can no longer be left out [V] (assumed: a
silicon diode conducts about a nanoampere per square micrometre there)."""

_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One broken rule.

    Parameters
    ----------
    rule : str
    severity : {"error", "warning"}
        An error stops the run; a warning goes into its provenance.
    thing : str
    value : object
    limit, next_step : str
    """

    rule: str
    severity: Literal["error", "warning"]
    thing: str
    value: object = None
    limit: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        return str(self.as_error())

    def as_error(self) -> NetlistError:
        """The same as an exception."""
        return NetlistError(
            thing=f"electrical rule '{self.rule}': {self.thing}",
            value=self.value,
            limit=self.limit,
            next_step=self.next_step,
        )


def _distinct(testbench: Testbench, kind: LineKind) -> dict[Waveform | None, str]:
    """Distinct waveforms on the lines of a kind, each with the first driver that has it."""
    lines = testbench.array.line_sets.get(kind)
    if lines is None:
        return {}
    if not lines.drivers:
        return {None: f"{kind}0"}
    found: dict[Waveform | None, str] = {}
    for name in lines.drivers:
        wave = testbench.drives[name]
        found.setdefault(wave if isinstance(wave, Waveform) else None, name)
    return found


def _hull(testbench: Testbench) -> tuple[float, float]:
    """Lowest and highest potential any driver sets, ground included."""
    values = [0.0]
    for wave in testbench.drives.values():
        if isinstance(wave, Waveform):
            values += wave.extremes
    return min(values), max(values)


def _range(
    a: Waveform | None, b: Waveform | None, hull: tuple[float, float]
) -> tuple[float, float]:
    """Extremes of a - b; a floating line may be anywhere between all drivers."""
    if a is not None and b is not None:
        if a.is_constant and b.is_constant:
            single = a.values[0] - b.values[0]
            return single, single
        return (a + (-b)).extremes
    low_a, high_a = hull if a is None else a.extremes
    low_b, high_b = hull if b is None else b.extremes
    return low_a - high_b, high_a - low_b


def _within(
    first: Iterable[Waveform | None],
    second: Iterable[Waveform | None],
    hull: tuple[float, float],
    low: float,
    high: float,
) -> bool:
    """Whether no difference can leave the limits, whatever comes together when.

    It usually cannot, and to follow every pair in time takes rows times columns waveforms.
    """
    a = [hull if wave is None else wave.extremes for wave in first]
    b = [hull if wave is None else wave.extremes for wave in second]
    if not a or not b:
        return True
    lowest = min(x[0] for x in a) - max(x[1] for x in b)
    highest = max(x[1] for x in a) - min(x[0] for x in b)
    return low <= lowest and highest <= high


def voltage_findings(testbench: Testbench) -> list[Finding]:
    """Device limits, and junctions that the transistor model does not have."""
    array, hull = testbench.array, _hull(testbench)
    ground: dict[Waveform | None, str] = {Waveform.constant(0.0): "ground"}
    lines = {kind: _distinct(testbench, kind) for kind in ("bl", "sl", "wl")}
    selector = array.cell.selector
    reram = array.cell.reram
    # What can stand at each terminal: a cell's inner node lies between its two lines.
    nets: dict[str, list[str]] = {reram.terminals[0]: ["bl"], reram.terminals[1]: ["sl"]}
    findings = _limit_findings(reram, nets, lines | {"0": ground}, hull)
    if selector is None:
        return findings
    if isinstance(selector, CompactModel):
        nets = {"drain": ["bl", "sl"], "gate": ["wl"], "source": ["sl", "bl"], "bulk": ["0"]}
        findings += _limit_findings(selector, nets, lines | {"0": ground}, hull)
    for kind in ("bl", "sl"):
        for wave, name in lines[kind].items():
            low = hull[0] if wave is None else wave.extremes[0]
            if low < -JUNCTION_VOLTAGE:
                findings.append(
                    Finding(
                        rule="bulk junction",
                        severity="warning",
                        thing=f"driver {name} goes below the bulk: the transistor's junction, "
                        "which the model leaves out, would conduct",
                        value=low,
                        limit=f">= -{JUNCTION_VOLTAGE:g} V",
                        next_step="Put RESET on the source line as a positive voltage",
                    )
                )
                break
    return findings


def _limit_findings(
    model: CompactModel,
    nets: dict[str, list[str]],
    lines: dict[str, dict[Waveform | None, str]],
    hull: tuple[float, float],
) -> list[Finding]:
    findings = []
    for (first, second), (low, high) in model.limits.items():
        if first not in nets or second not in nets:
            continue
        worst: tuple[float, float, str] | None = None
        for a_net in nets[first]:
            for b_net in nets[second]:
                if a_net == b_net or _within(lines[a_net], lines[b_net], hull, low, high):
                    continue
                for a, a_name in lines[a_net].items():
                    for b, b_name in lines[b_net].items():
                        for value in _range(a, b, hull):
                            excess = max(value - high, low - value)
                            if worst is None or excess > worst[0]:
                                worst = (excess, value, f"{a_name} to {b_name}")
        if worst is not None and worst[0] > _TOLERANCE:
            findings.append(
                Finding(
                    rule="device limit",
                    severity="error",
                    thing=f"voltage {first} to {second} of {model.name} may reach this "
                    f"({worst[2]}, in V)",
                    value=round(worst[1], 9),
                    limit=f"{low:g} to {high:g} V",
                    next_step="Lower the drive, or choose another bias scheme",
                )
            )
    return findings


def stimulus_findings(testbench: Testbench) -> list[Finding]:
    """Values that would silently have no effect."""
    findings = []
    array, wires = testbench.array, testbench.array.parasitics
    unused = []
    if array.layout is Layout.PARALLEL:
        unused += [n for n in ("r_row", "c_row") if getattr(wires, n)]
    if array.cell.selector is None:
        unused += [n for n in ("r_word", "c_word") if getattr(wires, n)]
    if unused:
        findings.append(
            Finding(
                rule="unused parasitics",
                severity="warning",
                thing="the array has no lines that these values belong to",
                value=", ".join(unused),
            )
        )
    if isinstance(testbench.analysis, Transient):
        stop = testbench.analysis.stop
        late = [
            name for name, wave in testbench.drives.items() if wave is not None and _cut(wave, stop)
        ]
        if late:
            findings.append(
                Finding(
                    rule="cut stimulus",
                    severity="warning",
                    thing=f"the run stops before {len(late)} waveforms are over",
                    value=", ".join(late[:5]),
                    limit=f"waveforms that end by {stop:g} s",
                    next_step="Raise the stop time",
                )
            )
    return findings


def _cut(wave: Waveform | float, stop: float) -> bool:
    if not isinstance(wave, Waveform) or wave.is_constant:
        return False
    times, values = wave.breakpoints, np.asarray(wave.values)
    later: Iterable[float] = values[times > stop * (1 + 1e-9)]
    last = float(wave.at(stop))
    return any(value != last for value in later)
