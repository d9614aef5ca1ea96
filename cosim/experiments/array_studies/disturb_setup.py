"""What a disturb study pulses: its settings, roles of cells, drives and testbench."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError, best_matches
from cosim.experiments.array_studies import common
from cosim.experiments.array_studies.conductances import check_conductances
from cosim.experiments.base import check_range, with_spread
from netlists import Array, Layout
from netlists.analysis import Transient
from netlists.bias import one_cell, parallel_update
from netlists.testbench import Testbench
from netlists.waveform import Waveform

if TYPE_CHECKING:
    from netlists.bias import Drives

SCHEMES = ("half", "third", "gate", "parallel")
ROLES = ("unselected", "half-selected row", "half-selected column", "selected")
_MOST = 10_000_000


@dataclass(frozen=True, eq=False)
class DisturbSetup:
    """Settings of :class:`cosim.experiments.array_studies.ArrayDisturb`, and what it applies."""

    array: Array
    _: KW_ONLY
    schemes: tuple[str, ...] = SCHEMES
    up: float = 1.35
    down: float = -1.3
    width: float = 2.5e-6
    rise: float = 1e-8
    set_gate: float = 3.3
    reset_gate: float = 3.3
    gate_off: float = 0.0
    counts: tuple[int, ...] = (1, 1_000, 10_000, 100_000, 1_000_000)
    highest: float | None = None
    lowest: float | None = None
    middle: float | None = None
    hold_selected: bool = True
    device_spread: bool = True
    cycle_spread: bool = False
    tolerance: float = 1e-4
    compare_size: int = 3

    def __post_init__(self) -> None:
        """Check everything before anything runs."""
        array = self.array
        if array.cell.selector is None:
            raise ConfigError(
                thing="disturb in an array without selectors",
                next_step="Give the cell a selector; 'leakage' has the passive case",
            )
        if not hasattr(array.cell.reram, "vacancies_at"):
            raise ConfigError(
                thing="nothing of this device can be disturbed",
                value=array.cell.reram.name,
                limit="cmo_hfox",
            )
        if min(array.shape) < 2:
            raise ConfigError(thing="size of the array", value=array.shape, limit="2 x 2 or more")
        if not self.schemes or len(set(self.schemes)) != len(self.schemes):
            raise ConfigError(thing="schemes of a disturb study", value=self.schemes)
        for scheme in self.schemes:
            if scheme not in SCHEMES:
                raise ConfigError(
                    thing="no bias scheme of that name",
                    value=scheme,
                    next_step=best_matches(scheme, dict.fromkeys(SCHEMES)),
                )
            if scheme != "gate" and array.layout is Layout.PARALLEL:
                raise ConfigError(
                    thing=f"scheme '{scheme}' on parallel bit and source lines",
                    limit="gate",
                    next_step="Take crossing lines",
                )
        check_range("up", self.up, 1e-3, 3.0, "V")
        check_range("down", self.down, -3.0, -1e-3, "V")
        check_range("width", self.width, 1e-10, 1.0, "s")
        check_range("rise", self.rise, 1e-12, 1e-3, "s")
        check_range("tolerance", self.tolerance, 1e-8, 1e-2, "(relative)")
        for name in ("set_gate", "reset_gate", "gate_off"):
            check_range(name, getattr(self, name), 0.0, 3.63, "V")
        counts = list(self.counts)
        if not counts or counts != sorted(set(counts)) or not 1 <= counts[0] <= counts[-1] <= _MOST:
            raise ConfigError(
                thing="numbers of pulses of a disturb study",
                value=self.counts,
                limit=f"rising, 1 to {_MOST}",
            )
        common.check_beside(self.compare_size)
        given = [g for g in (self.lowest, self.middle, self.highest) if g is not None]
        if given:
            check_conductances(array, given)
        if len(given) == 3 and given != sorted(set(given)):
            raise ConfigError(
                thing="conductances of a disturb study do not rise",
                value=given,
                limit="lowest < middle < highest",
            )

    def role(self, scheme: str, array: Array | None = None) -> NDArray[np.int64]:
        """What every cell is: the position in ``ROLES``, shape (rows, cols)."""
        rows, cols = (array or self.array).shape
        if scheme == "parallel":
            row, col = np.arange(rows) % 2 == 0, np.arange(cols) % 2 == 0
        else:
            row, col = np.arange(rows) == rows // 2, np.arange(cols) == cols // 2
        return np.asarray(row[:, None] + 2 * col[None, :], dtype=np.int64)

    def drives(self, array: Array, scheme: str, wave: Waveform) -> Drives:
        """Voltages of all drivers while the selected cells see `wave`."""
        gate = self.set_gate if max(wave.values) > 0 else self.reset_gate
        if scheme == "parallel":
            half, idle = wave * 0.5, Waveform.constant(0.0)
            found = parallel_update(
                array,
                [half if i % 2 == 0 else idle for i in range(array.rows)],
                [half if j % 2 == 0 else idle for j in range(array.cols)],
                gate=gate,
            )
        else:
            middle = (array.rows // 2, array.cols // 2)
            found = one_cell(
                array, middle, wave, gate=gate, gate_off=self.gate_off,
                scheme=scheme,  # type: ignore[arg-type]
            )  # fmt: skip
        return common.lifted(found)

    def pulse(self, amplitude: float) -> Waveform:
        """One pulse."""
        return Waveform.pulse(amplitude, self.width, rise=self.rise, fall=self.rise)

    def testbench(self, array: Array, scheme: str, amplitude: float) -> Testbench:
        """One period of the train."""
        wave = self.pulse(amplitude)
        return Testbench(
            array=array,
            drives=self.drives(array, scheme, wave),
            analysis=Transient(stop=wave.duration, step=wave.duration / 16,
                               max_step=wave.duration / 16),
            probes=("state:c", "state:phi"),
            options=common.OPTIONS,
            title="disturb",
        )  # fmt: skip

    def netlist(self, seed: int = 0) -> str:
        """Complete netlist of one SET pulse in the first scheme, cells as the array has them."""
        array = with_spread(self.array, seed) if self.device_spread else self.array
        return self.testbench(array, self.schemes[0], self.up).spice()
