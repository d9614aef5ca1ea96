"""Pulse data from a Dataset or from a measurement's CSV file, in one form."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError, DataError, best_matches

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating[Any]]

# Column -> unit it is converted to; None: a plain number.
COLUMNS: dict[str, str | None] = {
    "pulse": None,
    "device": None,
    "conductance": "siemens",
    "polarity": None,
    "amplitude": "volt",
    "width": "second",
    "gate": "volt",
}


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
    source : str
        Where the data comes from.
    """

    before: FloatArray
    after: FloatArray
    polarity: NDArray[np.int_]
    amplitude: FloatArray
    width: FloatArray
    gate: FloatArray
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
        change = np.diff(self.polarity) != 0
        best, start = (0, 0), 0
        for k in range(change.size + 1):
            if k == change.size or not change[k]:
                if k - start > best[1] - best[0]:
                    best = (start, k)
                start = k + 1
        return np.arange(best[0], best[1] + 1) if best[1] > best[0] else np.empty(0, dtype=int)

    def windows(self, notes: list[str]) -> tuple[FloatArray, FloatArray]:
        """Ends of every device's window [S], from the ends of its full trains."""
        turns = np.flatnonzero(np.diff(self.polarity) != 0)
        turns = np.append(turns, self.polarity.size - 1)
        length = np.diff(np.concatenate([[-1], turns]))
        full = turns[length >= 20]
        up, down = full[self.polarity[full] > 0], full[self.polarity[full] < 0]
        if up.size and down.size:
            low, high = self.after[down].mean(axis=0), self.after[up].mean(axis=0)
        else:
            notes.append("no full trains of both polarities: window is the range of the data")
            low, high = self.after.min(axis=0), self.after.max(axis=0)
        if not (high > low * 1.001).all():
            raise CalibrationError(
                thing="conductance window of the pulse data [S]",
                value=(float(low.min()), float(high.max())),
                limit="maximum above minimum on every device",
                next_step="Check that the pulses move the devices and that polarity is right.",
            )
        return low, high

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
        )

    @classmethod
    def from_csv(cls, path: str | Path) -> PulseData:
        """From a CSV file of conductance against pulse number.

        The first row names the columns, each with its unit in brackets, for example
        ``pulse, device, conductance [uS], polarity, amplitude [V], width [us], gate [V]``.
        ``pulse`` and ``conductance`` are required, and ``polarity`` or ``amplitude`` (whose
        sign is then the polarity). A row with polarity 0 is a read before the first pulse.
        All devices must have seen the same pulses.
        """
        path = Path(path)
        try:
            with path.open(newline="") as file:
                rows = [r for r in csv.reader(file) if r and not r[0].lstrip().startswith("#")]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                thing="measurement file",
                value=str(path),
                limit="a readable CSV",
                next_step=str(error),
            ) from error
        if len(rows) < 3:
            raise DataError(
                thing=f"rows in {path}", value=len(rows), limit="a header and two or more rows"
            )
        scale = _read_header(rows[0], path)
        table: dict[str, FloatArray] = {}
        try:
            numbers = np.array([[float(x) for x in row] for row in rows[1:]])
        except ValueError as error:
            raise DataError(
                thing=f"a value in {path}", limit="numbers only", next_step=str(error)
            ) from error
        for k, (name, factor) in enumerate(scale.items()):
            table[name] = numbers[:, k] * factor
        return cls._from_columns(table, path)

    @classmethod
    def _from_columns(cls, table: dict[str, FloatArray], path: Path) -> PulseData:
        count = table["pulse"].size
        device = table.get("device", np.zeros(count))
        polarity = table.get("polarity", np.sign(table.get("amplitude", np.full(count, np.nan))))
        blocks = []
        for name in np.unique(device):
            rows = np.flatnonzero(device == name)
            blocks.append(rows[np.argsort(table["pulse"][rows], kind="stable")])
        first = blocks[0]
        if any(b.size != first.size or (polarity[b] != polarity[first]).any() for b in blocks):
            raise DataError(thing=f"devices in {path}", limit="the same pulses on every device")
        values = np.stack([table["conductance"][b] for b in blocks], axis=1)
        missing = np.full(first.size, np.nan)
        amplitude, width, gate = (
            table[n][first] if n in table else missing for n in ("amplitude", "width", "gate")
        )
        start = values[0] if polarity[first][0] == 0 else None
        skip = 0 if start is None else 1
        return cls._build(
            values[skip:],
            polarity[first][skip:],
            amplitude[skip:],
            width[skip:],
            gate[skip:],
            start,
            f"measurement {path.name}",
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
    ) -> PulseData:
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
            polarity, amplitude, width, gate = (a[1:] for a in (polarity, amplitude, width, gate))
        return cls(
            before=values[:-1],
            after=values[1:],
            polarity=polarity.astype(int),
            amplitude=amplitude,
            width=width,
            gate=gate,
            source=source,
        )


def _read_header(header: list[str], path: Path) -> dict[str, float]:
    """Column name -> factor to SI."""
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry()
    out: dict[str, float] = {}
    for cell in header:
        name, _, rest = cell.strip().partition("[")
        name, unit = name.strip().lower(), rest.rstrip("] ").strip()
        if name not in COLUMNS:
            raise DataError(
                thing=f"column of {path}", value=name, next_step=best_matches(name, COLUMNS)
            )
        wanted = COLUMNS[name]
        if wanted is None:
            out[name] = 1.0
            continue
        try:
            out[name] = float(registry.Quantity(1.0, unit).to(wanted).magnitude)
        except (pint.errors.PintError, AttributeError, ValueError) as error:
            raise DataError(
                thing=f"unit of column {name!r} in {path}",
                value=unit,
                limit=f"a unit of {wanted}, in brackets, as in 'conductance [uS]'",
            ) from error
    for name in ("pulse", "conductance"):
        if name not in out:
            raise DataError(thing=f"column {name!r} of {path}", limit="required")
    if "polarity" not in out and "amplitude" not in out:
        raise DataError(thing=f"columns of {path}", limit="polarity or amplitude is required")
    return out
