"""The native solver as a :class:`cosim.simulators.base.Simulator`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cosim.errors import ConfigError
from cosim.simulators.base import Result, RunProvenance
from cosim.simulators.native.settings import NativeSettings, ParameterChange
from netlists.spice import package_version
from netlists.waveform import as_waveform

if TYPE_CHECKING:
    from netlists.array import Array
    from netlists.testbench import Testbench

__all__ = ["NativeSimulator", "ParameterChange"]

# Above this many cells the circuit's graph costs far more time than solving it.
_LARGEST_GRAPH = 16 * 16
_CHECKED: set[tuple[Any, ...]] = set()
_MOST_CHECKED = 1000
# Step of a floating line's voltage from which on a run says so [V].
_UNSETTLED = 1e-3


@dataclass(frozen=True, kw_only=True)
class NativeSimulator(NativeSettings):
    """Solves arrays of compact models: the same equations as ngspice, in a fraction of the time.

    In a transient, `tolerance` leaves the voltage of a floating line open where it hangs on
    transistors that hardly conduct: a current that small does not decide it.

    Parameters
    ----------
    **settings
        Of :class:`cosim.simulators.native.settings.NativeSettings`.
    """

    @property
    def name(self) -> str:
        """``"native"``."""
        return "native"

    @property
    def version(self) -> str:
        """Version of this project."""
        return package_version()

    def run(self, testbench: Testbench) -> Result:
        """Run a testbench; see :class:`cosim.simulators.base.Simulator`.

        Beside the probes, the result holds ``"residual"``, the imbalance of currents at each
        point over the largest branch current.

        Raises
        ------
        NetlistError
            The circuit breaks an electrical rule, such as a word line that floats.
        ConfigError
            The testbench needs what only ngspice does: attachments, Verilog-A devices, foundry
            cards without a stand-in.
        NotConverged, SimulationTimeout
        """
        from cosim.simulators.native.stand_in import stood_in
        from netlists.testbench import Transient

        start = time.perf_counter()
        if testbench.attachments:
            raise ConfigError(
                thing="the native simulator takes no attachments: they are SPICE text",
                value=[a.name for a in testbench.attachments][:5],
                limit="arrays with their lines, drivers and feeds",
                next_step="Use simulator='ngspice'; a resistance at every driver is "
                "Parasitics(r_driver=...)",
            )
        testbench, notes = stood_in(testbench, self.stand_in)
        warnings = [*notes, *(str(f) for f in _findings(testbench))]
        wires = testbench.array.parasitics
        transient = isinstance(testbench.analysis, Transient)
        charged = max(wires.c_row, wires.c_col, wires.c_word) > 0
        uncharged = charged and not self.line_capacitance
        if transient and (uncharged or getattr(testbench.array, "uncharged", False)):
            warnings.append(
                "line capacitances are left out: wires are quasi-static; "
                "NativeSimulator(line_capacitance=True) charges them, and the devices"
            )
        if transient:
            from cosim.simulators.native.run import run_transient

            axis, data, more = run_transient(self, testbench, start)
        else:
            axis, data, more = self._run_dc(testbench, start)
        return Result(
            axis=axis,
            data=data,
            provenance=RunProvenance(
                simulator=self.name,
                version=self.version,
                netlist_sha256=_sha256(testbench, self.changes),
                wall_time=time.perf_counter() - start,
                warnings=(*warnings, *more),
                residual=float(np.max(data["residual"])),
            ),
        )

    def with_changes(self, changes: Sequence[ParameterChange]) -> Self:
        """A copy whose transients change device parameters at given times."""
        return replace(self, changes=tuple(changes))

    def with_trains(self, train_from: int) -> Self:
        """A copy that takes trains of so many equal pulses and more by jumps."""
        return replace(self, train_from=train_from)

    @staticmethod
    def separate(array: Array, bit_line: np.ndarray, source_line: np.ndarray) -> Array:
        """One array that solves all cells of `array` side by side, each alone on its lines.

        Parameters
        ----------
        bit_line, source_line : ndarray, shape (rows, cols)
            Resistance from each cell to its drivers [Ohm].
        """
        from cosim.simulators.native.separate import separate_cells

        return separate_cells(array, bit_line, source_line)

    def _run_dc(
        self, testbench: Testbench, start: float
    ) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
        from cosim.simulators.native.build import Stimuli, build_system, initial_states
        from cosim.simulators.native.record import Recorder
        from netlists.testbench import DcSweep

        system = build_system(
            testbench.built_array,
            floating=testbench.floating,
            tolerance=self.tolerance,
            threads=self.threads,
        )
        stimuli, held = Stimuli(testbench), initial_states(testbench)
        recorder = Recorder(testbench, system)
        analysis = testbench.analysis
        points = analysis.points if isinstance(analysis, DcSweep) else np.array([0.0])
        direct, unsettled = 0, 0.0
        for s in points:
            bit, source, gate = stimuli.at(float(s))
            done = system.solve(bit=bit, source=source, gate=gate, held=held)
            direct += done.direct
            unsettled = max(unsettled, system.open_voltage())
            recorder.add(float(s), system, (bit, source, gate), held, done.residual)
            self.check_deadline(start)
        axis, data = recorder.arrays()
        notes = [f"{direct} array steps used the sparse direct solver"] if direct else []
        if unsettled > _UNSETTLED:
            notes.append(
                f"the voltage of a line that floats is not settled, by {unsettled:.2g} V or more: "
                "next to nothing flows onto it"
            )
        return axis, data, notes


def _topology(testbench: Testbench) -> tuple[Any, ...]:
    """What decides the graph of a circuit without attachments."""
    array, wires = testbench.array, testbench.array.parasitics
    resistances = wires.r_row, wires.r_col, wires.r_word, wires.r_feed
    return (
        array.shape, array.layout, array.word_lines, array.drive, array.cell.selector is None,
        testbench.floating, *(r > 0 for r in resistances),
    )  # fmt: skip


def _findings(testbench: Testbench) -> list[Any]:
    """Electrical rules; those on the graph once for every topology, and only for small arrays.

    They look for nodes without a path to ground, and for those the solver itself ends with an
    error.
    """
    from netlists.limits import stimulus_findings, voltage_findings
    from netlists.rules import enforce

    key = _topology(testbench)
    if testbench.array.rows * testbench.array.cols <= _LARGEST_GRAPH and key not in _CHECKED:
        enforce(testbench)
        if len(_CHECKED) > _MOST_CHECKED:
            _CHECKED.clear()
        _CHECKED.add(key)
    findings = [*voltage_findings(testbench), *stimulus_findings(testbench)]
    for finding in findings:
        if finding.severity == "error":
            raise finding.as_error()
    return findings


def _sha256(testbench: Testbench, changes: Sequence[ParameterChange] = ()) -> str:
    """Hash of everything that a netlist would say; writing it would cost more than the solution."""
    digest = hashlib.sha256(package_version().encode())
    digest.update(testbench.built_array.fingerprint.encode())
    # A subclass may have more to say than what a testbench builds.
    digest.update(testbench.array.fingerprint.encode())
    digest.update(repr((testbench.analysis, testbench.options, testbench.temperature)).encode())
    waves: dict[int, bytes] = {}
    for name, wave in testbench.drives.items():
        if id(wave) not in waves:
            waves[id(wave)] = b"floating"
            if wave is not None:
                corners = as_waveform(wave)
                waves[id(wave)] = np.array([corners.times, corners.values]).tobytes()
        digest.update(name.encode() + waves[id(wave)])
    for change in changes:
        digest.update(repr(change.time).encode())
        for name in sorted(change.values):
            digest.update(name.encode() + np.asarray(change.values[name]).tobytes())
    return digest.hexdigest()
