"""What was asked for, read from a solved system: the probes of a testbench."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosim.errors import ConfigError, IncompleteResult

if TYPE_CHECKING:
    from cosim.simulators.native.state import ArrayState
    from netlists.testbench import Testbench

Floats = NDArray[np.float64]
Drives = tuple[Floats, Floats, Floats]
Reader = Callable[["ArrayState", Drives, Floats], Floats | float]


class Recorder:
    """Collects the probes of one run, point by point.

    Parameters
    ----------
    testbench : Testbench
    system : ArrayState
        Whose unknowns are read; another system of the same array may be given to `add`.
    """

    def __init__(self, testbench: Testbench, system: ArrayState) -> None:
        self._testbench = testbench
        self._array = testbench.array
        self._held = system.equations.held
        self._readers = {probe: self._reader(probe) for probe in testbench.probes}
        self._values: dict[str, list[Floats | float]] = {p: [] for p in testbench.probes}
        self._axis: list[float] = []
        self._residual: list[float] = []

    def add(
        self, s: float, system: ArrayState, drives: Drives, held: Floats, residual: float
    ) -> None:
        """Read every probe at axis value `s`."""
        self._axis.append(s)
        self._residual.append(residual)
        for probe, reader in self._readers.items():
            self._values[probe].append(reader(system, drives, held))

    def __len__(self) -> int:
        return len(self._axis)

    def truncate(self, length: int) -> None:
        """Forget everything after the first `length` points."""
        del self._axis[length:], self._residual[length:]
        for values in self._values.values():
            del values[length:]

    def arrays(self) -> tuple[Floats, dict[str, Floats]]:
        """Axis and probes; "residual" is the imbalance of currents at each point.

        Raises
        ------
        IncompleteResult
            If anything is not finite.
        """
        data = {p: np.array(v, dtype=float) for p, v in self._values.items()}
        data["residual"] = np.array(self._residual)
        bad = [p for p, v in data.items() if not np.isfinite(v).all()]
        if bad:
            raise IncompleteResult(thing="probes are not finite", value=bad[:5])
        # Points within a jump over many periods come after those of the period at its end.
        order = np.argsort(self._axis, kind="stable")
        return np.array(self._axis)[order], {p: v[order] for p, v in data.items()}

    def _reader(self, probe: str) -> Reader:
        single = re.fullmatch(r"([iv])\(([A-Za-z0-9_.]+)\)", probe)
        if single and single[1] == "i":
            return self._driver_current(single[2])
        if single:
            return self._node(single[2])
        plain: dict[str, Reader] = {
            "cell_current": lambda s, d, h: s.current[:, : s.cols] - s.displacement,
            "cell_voltage": lambda s, d, h: _bit(s, d) - _bottom(s, d),
            "bit_line_voltage": lambda s, d, h: _bit(s, d),
            "source_line_voltage": lambda s, d, h: _source(s, d),
            "word_line_voltage": lambda s, d, h: _gate(s, d),
            "bit_line_current": lambda s, d, h: s.bit_delivered.sum(axis=1),
            "source_line_current": lambda s, d, h: s.source_delivered.sum(axis=1),
            "word_line_current": lambda s, d, h: s.word_delivered.copy(),
        }
        if probe in plain:
            return plain[probe]
        if probe.startswith("state:"):
            return self._state(probe[len("state:") :])
        raise self._unknown(probe)

    def _unknown(self, probe: str) -> ConfigError:
        return ConfigError(
            thing="the native simulator cannot probe that",
            value=probe,
            next_step="Use simulator='ngspice' for nodes outside the array",
        )

    def _state(self, name: str) -> Reader:
        if name in self._held:
            k = self._held.index(name)
            return lambda s, d, h: h[k].copy()
        key = f"x_reram_{name}"
        return lambda s, d, h: s.y[:, :, s.equations.unknowns.index(key)].copy()

    def _driver_current(self, name: str) -> Reader:
        match = re.fullmatch(r"(bl|sl|wl)(\d+)", name)
        if match is None:
            raise self._unknown(f"i({name})")
        line = int(match[2])
        if match[1] == "bl":
            return lambda s, d, h: float(s.bit_delivered[line].sum())
        if match[1] == "sl":
            return lambda s, d, h: float(s.source_delivered[line].sum())
        return lambda s, d, h: float(s.word_delivered[line])

    def _node(self, name: str) -> Reader:
        if name == "0":
            return lambda s, d, h: 0.0
        at_cell = {"bl": _bit, "sl": _source, "wl": _gate}
        match = re.fullmatch(r"(bl|sl|wl)_(\d+)_(\d+)", name)
        if match:
            read, i, j = at_cell[match[1]], int(match[2]), int(match[3])
            return lambda s, d, h: float(read(s, d)[i, j])
        match = re.fullmatch(r"(bl|sl|wl)(_?)(\d+)", name)
        if match:
            kind, line = match[1], int(match[3])
            if not match[2]:
                position = ("bl", "sl", "wl").index(kind)
                return lambda s, d, h: float(d[position][line])
            along_row = self._array.line_set(kind).along == "row"  # type: ignore[arg-type]
            i, j = (line, 0) if along_row else (0, line)
            read = at_cell[kind]
            return lambda s, d, h: float(read(s, d)[i, j])
        match = re.fullmatch(r"mid_(\d+)_(\d+)", name)
        if match:
            i, j = int(match[1]), int(match[2])
            return lambda s, d, h: float(_bottom(s, d)[i, j])
        match = re.fullmatch(r"x([rm])_(\d+)_(\d+)\.(\w+)", name)
        if match:
            i, j, inner = int(match[2]), int(match[3]), match[4]
            device = "reram" if match[1] == "r" else "selector"
            if device == "reram" and inner in self._held:
                k = self._held.index(inner)
                return lambda s, d, h: float(h[k, i, j])
            keys = (f"y_{device}_{inner}", f"x_{device}_{inner}")

            def read_inner(s: ArrayState, d: Drives, h: Floats) -> float:
                (k,) = (n for n, key in enumerate(s.equations.unknowns) if key in keys)
                return float(s.y[i, j, k])

            return read_inner
        raise self._unknown(f"v({name})")


def _bit(system: ArrayState, drives: Drives) -> Floats:
    return system.node_voltages(drives[0], drives[1])[0]


def _source(system: ArrayState, drives: Drives) -> Floats:
    return system.node_voltages(drives[0], drives[1])[1]


def _gate(system: ArrayState, drives: Drives) -> Floats:
    return system.gate.copy()


def _bottom(system: ArrayState, drives: Drives) -> Floats:
    if "y_mid" not in system.equations.unknowns:
        return _source(system, drives)
    return np.asarray(system.y[:, :, system.equations.unknowns.index("y_mid")].copy())
