"""Pulse data from Datasets or from a measurement's CSV file, in one form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError, best_matches
from cosim.behavioural.measured import read_table

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating[Any]]

_BY_PULSE = ("before", "after", "polarity", "amplitude", "width", "gate", "current")


@dataclass(frozen=True, kw_only=True)
class PulseData:
    """Steps of one or more devices.

    Parameters
    ----------
    before, after : ndarray, shape (pulses, devices)
        Conductance before and after each pulse [S].
    polarity : ndarray of int, shape (pulses,)
    amplitude, width, gate : ndarray, shape (pulses,)
        [V, s, V]; NaN where not known.
    run : ndarray of int, shape (pulses,)
        Pulses of the same number follow each other without a gap.
    current : ndarray, shape (pulses, devices)
        At the end of each pulse [A], in magnitude; NaN where not known.
    conditions : dict
        Ranges of ``read_voltage`` [V] and ``temperature`` [K] where they are known.
    source : str
        Where the data comes from.
    """

    before: FloatArray
    after: FloatArray
    polarity: NDArray[np.int_]
    amplitude: FloatArray
    width: FloatArray
    gate: FloatArray
    run: NDArray[np.int_]
    current: FloatArray
    conditions: dict[str, tuple[float, float]] = field(default_factory=dict)
    source: str = ""

    @property
    def devices(self) -> int:
        """Number of devices."""
        return int(self.before.shape[1])

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Ranges of conductance, amplitude and width that hold data."""
        out = {}
        for name, values in (
            ("conductance", self.before),
            ("amplitude", self.amplitude),
            ("width", self.width),
        ):
            if np.isfinite(values).any():
                out[name] = (float(np.nanmin(values)), float(np.nanmax(values)))
        return out

    def pulse_of(self, k: int) -> tuple[float | None, float | None, float | None]:
        """Amplitude, width and gate voltage of pulse `k`; None where not known."""
        a, b, c = (
            None if np.isnan(values[k]) else float(values[k])
            for values in (self.amplitude, self.width, self.gate)
        )
        return a, b, c

    def groups(self) -> list[tuple[int, NDArray[np.int_]]]:
        """Pulses of equal polarity, amplitude, width and gate; largest group first."""
        stack = np.stack([self.polarity, self.amplitude, self.width, self.gate], axis=1)
        keys = np.nan_to_num(stack, nan=-1e30)
        _, label = np.unique(keys.round(12), axis=0, return_inverse=True)
        members = [np.flatnonzero(label.ravel() == g) for g in range(int(label.max()) + 1)]
        members.sort(key=len, reverse=True)
        return [(int(self.polarity[m[0]]), m) for m in members]

    def main_group(self, polarity: int) -> NDArray[np.int_]:
        """Indices of the most used pulse of one polarity (empty when there is none)."""
        for sign, members in self.groups():
            if sign == polarity:
                return members
        return np.empty(0, dtype=int)

    def alternating(self) -> NDArray[np.int_]:
        """Indices of the longest run in which the polarity changes at every pulse."""
        change = (np.diff(self.polarity) != 0) & (np.diff(self.run) == 0)
        best, start = (0, 0), 0
        for k in range(change.size + 1):
            if k == change.size or not change[k]:
                if k - start > best[1] - best[0]:
                    best = (start, k)
                start = k + 1
        return np.arange(best[0], best[1] + 1) if best[1] > best[0] else np.empty(0, dtype=int)

    @classmethod
    def joined(cls, parts: Sequence[PulseData]) -> PulseData:
        """Several sets of pulses on the same devices, one after the other.

        Raises
        ------
        CalibrationError
            Their numbers of devices differ.
        """
        if len({p.devices for p in parts}) != 1:
            raise CalibrationError(
                thing="devices of the pulse data",
                value=[p.devices for p in parts],
                limit="the same devices in every Dataset",
                next_step="Calibrate the devices of one chip at a time.",
            )
        if len(parts) == 1:
            return parts[0]
        first = np.concatenate([[0], np.cumsum([int(p.run.max()) + 1 for p in parts])])

        def joint(name: str) -> Any:
            return np.concatenate([getattr(p, name) for p in parts])

        conditions: dict[str, tuple[float, float]] = {}
        for part in parts:
            for name, (low, high) in part.conditions.items():
                known = conditions.get(name, (low, high))
                conditions[name] = (min(low, known[0]), max(high, known[1]))
        return cls(
            **{n: joint(n) for n in _BY_PULSE},
            run=np.concatenate([p.run + n for p, n in zip(parts, first[:-1], strict=True)]),
            conditions=conditions,
            source="; ".join(dict.fromkeys(p.source for p in parts)),
        )

    @classmethod
    def from_dataset(cls, dataset: xarray.Dataset) -> PulseData:
        """From the Dataset of a pulse-update experiment."""
        for name in ("conductance", "polarity"):
            if name not in dataset:
                raise CalibrationError(
                    thing=f"variable {name!r} of the pulse Dataset",
                    limit="conductance(pulse, row, col) and polarity(pulse)",
                    next_step=best_matches(name, [str(v) for v in dataset.variables]),
                )
        conductance = dataset["conductance"].transpose("pulse", ...)
        unit = conductance.attrs.get("units", "S")
        if unit not in ("S", "siemens"):
            raise CalibrationError(thing="unit of the conductance", value=unit, limit="S")
        values = np.asarray(conductance.values, float).reshape(conductance.shape[0], -1)

        def column(name: str) -> FloatArray:
            if name in dataset:
                return np.asarray(dataset[name].values, float)
            return np.full(values.shape[0], np.nan)

        first = None
        if "initial_conductance" in dataset:
            first = np.asarray(dataset["initial_conductance"].values, float).reshape(-1)
        attributes = dataset.attrs
        source = (
            f"{attributes.get('experiment', 'pulse data')}, {attributes.get('simulator', '')}, "
            f"seed {attributes.get('seed', '')}, "
            f"parameters {str(attributes.get('parameter_fingerprint', ''))[:12]}"
        )
        return cls._build(
            values,
            np.asarray(dataset["polarity"].values, float),
            column("amplitude"),
            column("width"),
            column("gate"),
            first,
            source,
            current=None
            if "pulse_current" not in dataset
            else np.asarray(dataset["pulse_current"].values, float).reshape(values.shape),
            conditions={
                name: (float(np.min(attributes[name])), float(np.max(attributes[name])))
                for name in ("read_voltage", "temperature")
                if name in attributes
            },
        )

    @classmethod
    def from_csv(cls, path: str | Path) -> PulseData:
        """From a CSV file of conductance against pulse number; `measured` has the columns.

        Raises
        ------
        DataError
            Something in it cannot be read for sure, with its line, column and value.
        """
        path = Path(path)
        table = read_table(path)
        values = table.values
        polarity, blocks = table.devices()
        first = blocks[0]
        known = {n: values[n][first] if n in values else np.full(first.size, np.nan)
                 for n in ("amplitude", "width", "gate")}  # fmt: skip
        known["amplitude"] = np.abs(known["amplitude"]) * polarity[first]
        conductance = np.stack([values["conductance"][rows] for rows in blocks], axis=1)
        skip = int(polarity[first][0] == 0)
        current = None
        if "current" in values:
            current = np.stack([values["current"][rows] for rows in blocks], axis=1)[skip:]
        return cls._build(
            conductance[skip:],
            polarity[first][skip:],
            known["amplitude"][skip:],
            known["width"][skip:],
            known["gate"][skip:],
            conductance[0] if skip else None,
            f"measurement {path.name}",
            current=current,
            conditions={
                n: (float(np.abs(values[n]).min()), float(np.abs(values[n]).max()))
                for n in ("read_voltage", "temperature")
                if n in values
            },
            number=values["pulse"][first],
        )

    @classmethod
    def _build(
        cls,
        values: FloatArray,
        polarity: FloatArray,
        amplitude: FloatArray,
        width: FloatArray,
        gate: FloatArray,
        first: FloatArray | None,
        source: str,
        *,
        conditions: dict[str, tuple[float, float]],
        current: FloatArray | None = None,
        number: FloatArray | None = None,
    ) -> PulseData:
        current = np.full(values.shape, np.nan) if current is None else np.abs(current)
        if not np.isfinite(values).all() or (values <= 0).any():
            raise CalibrationError(
                thing="conductances of the pulse data",
                value=int(np.sum(~np.isfinite(values) | (values <= 0))),
                limit="all finite and positive (the value counts those that are not)",
                next_step="Drop failed devices before calibrating.",
            )
        if not np.isin(polarity, (-1, 1)).all():
            raise CalibrationError(
                thing="polarity of the pulses",
                value=sorted({float(p) for p in polarity if p not in (-1, 1)})[:4],
                limit="+1 or -1",
            )
        if first is not None:
            values = np.concatenate([first[None], values])
        else:
            polarity, amplitude, width, gate, current = (
                a[1:] for a in (polarity, amplitude, width, gate, current)
            )
        data = cls(
            before=values[:-1],
            after=values[1:],
            polarity=polarity.astype(int),
            amplitude=amplitude,
            width=width,
            gate=gate,
            current=current,
            run=np.zeros(polarity.size, int),
            conditions=conditions,
            source=source,
        )
        return data if number is None else data._without_gaps(number)

    def _without_gaps(self, number: FloatArray) -> PulseData:
        """Without the steps over missing pulse numbers; `number` has one more than pulses."""
        whole = np.diff(number) == 1.0
        if not whole.any():
            raise CalibrationError(
                thing="pulse numbers of the data",
                value=[float(n) for n in number[:4]],
                limit="two or more that follow each other",
                next_step="Number the pulses 0, 1, 2 ...; no step is taken over a gap.",
            )
        return replace(
            self,
            run=np.cumsum(~whole)[whole],
            **{n: getattr(self, n)[whole] for n in _BY_PULSE},
        )
