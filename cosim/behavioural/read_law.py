"""Current of a cell against read voltage and conductance, as a short separable sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from cosim.behavioural.validity import outside, warn_outside

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class ReadLaw:
    """``I(V, G) = sum_r a_r(G) b_r(|V|) sign(V)``; without tables, ``I = G V``.

    A separable sum keeps a matrix product a matrix product: one product per term.

    Parameters
    ----------
    voltages : tuple of float
        Grid of |V| [V], rising from 0.
    shapes : tuple of tuple of float
        b_r on that grid [V].
    conductances : tuple of float
        Grid of G [S], rising.
    weights : tuple of tuple of float
        a_r on that grid [S].
    residual : float
        Largest error of the sum relative to the largest current of the fit.
    """

    voltages: tuple[float, ...] = ()
    shapes: tuple[tuple[float, ...], ...] = ()
    conductances: tuple[float, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    residual: float = 0.0

    @property
    def linear(self) -> bool:
        """True when the law is Ohm's."""
        return not self.voltages

    @property
    def rank(self) -> int:
        """Number of terms."""
        return max(len(self.shapes), 1)

    @property
    def read_voltage(self) -> tuple[float, float] | None:
        """Fitted range of |V| [V]; None for Ohm's law."""
        return None if self.linear else (0.0, self.voltages[-1])

    def shape(self, term: int, voltage: FloatArray) -> FloatArray:
        """b_r(V) [V] with the sign of V; any shape.

        Beyond the fitted range it is held, with an `OutsideCalibration` warning.
        """
        if self.linear:
            return voltage
        highest = float(np.abs(voltage).max(initial=0.0))
        if highest > self.voltages[-1] * (1.0 + 1e-6):
            known = (0.0, self.voltages[-1])
            warn_outside("read voltage", highest, known, "V", "current held at the range's end")
        magnitude = np.interp(np.abs(voltage), self.voltages, self.shapes[term])
        return np.sign(voltage) * magnitude

    def weight(self, term: int, conductance: FloatArray) -> FloatArray:
        """a_r(G) [S].

        Outside the fitted range it scales with the nearest end's G, and an
        `OutsideCalibration` warning is given.
        """
        if self.linear:
            return conductance
        low, high = self.conductances[0], self.conductances[-1]
        beyond = outside(conductance, (low, high))
        if beyond.any():
            far = float(np.asarray(conductance)[beyond].flat[0])
            warn_outside("conductance", far, (low, high), "S", "its curve is that at the end")
        inside = np.clip(conductance, low, high)
        # Scaling by the conductance keeps a(G)/G, the shape, constant beyond the fitted range.
        return np.interp(inside, self.conductances, self.weights[term]) * (conductance / inside)

    def current(self, voltage: FloatArray, conductance: FloatArray) -> FloatArray:
        """Current [A] at `voltage` [V] and `conductance` [S], broadcasting."""
        voltage, conductance = np.asarray(voltage, float), np.asarray(conductance, float)
        return sum(
            (self.shape(r, voltage) * self.weight(r, conductance) for r in range(1, self.rank)),
            self.shape(0, voltage) * self.weight(0, conductance),
        )

    @classmethod
    def fit(
        cls, voltages: FloatArray, conductances: FloatArray, currents: FloatArray, rank: int = 2
    ) -> ReadLaw:
        """Fit by singular value decomposition of a table of currents.

        Parameters
        ----------
        voltages : ndarray, shape (n,)
            Rising, positive [V].
        conductances : ndarray, shape (m,)
            Rising [S], as defined at the read voltage.
        currents : ndarray, shape (n, m)
            [A].
        rank : int
            Terms to keep.
        """
        voltages, conductances = np.asarray(voltages, float), np.asarray(conductances, float)
        currents = np.asarray(currents, float)
        if (
            currents.shape != (voltages.size, conductances.size)
            or not np.isfinite(currents).all()
            or min(currents.shape) < max(rank, 2)
            or voltages[0] <= 0
            or (np.diff(voltages) <= 0).any()
            or (np.diff(conductances) <= 0).any()
        ):
            raise CalibrationError(
                thing="table of read currents",
                value=currents.shape,
                limit="finite, shape (voltages, conductances), both rising, voltages above 0",
            )
        left, values, right = np.linalg.svd(currents / conductances, full_matrices=False)
        scale = float(voltages[-1])
        shapes, weights = [], []
        for r in range(rank):
            sign = np.sign(left[-1, r]) or 1.0
            top = max(np.abs(left[:, r]).max(), 1e-300)
            shape = sign * left[:, r] / top * scale
            shapes.append((0.0, *map(float, shape)))
            weight = sign * right[r] * values[r] * top / scale * conductances
            weights.append(tuple(float(w) for w in weight))
        law = cls(
            voltages=(0.0, *map(float, voltages)),
            shapes=tuple(shapes),
            conductances=tuple(float(g) for g in conductances),
            weights=tuple(weights),
        )
        error = np.abs(law.current(voltages[:, None], conductances[None, :]) - currents).max()
        return cls(
            voltages=law.voltages,
            shapes=law.shapes,
            conductances=law.conductances,
            weights=law.weights,
            residual=float(error / np.abs(currents).max()),
        )

    @classmethod
    def from_model(
        cls,
        reram: Any,
        *,
        selector_resistance: float = 0.0,
        voltage_max: float = 0.25,
        window: tuple[float, float] = (5e-6, 1.0e-4),
        rank: int = 2,
    ) -> ReadLaw:
        """The read law of a compact model in series with a selector's on-resistance.

        Parameters
        ----------
        reram : compact model
            With ``current(voltage=, vacancies=)`` and ``vacancies_at(conductance=, ...)``.
        selector_resistance : float
            [Ohm]; the conductance argument of the law stays that of the ReRAM alone.
        voltage_max : float
            Largest read voltage across the cell [V].
        window : tuple of float
            Conductances at the model's read voltage of 0.2 V [S]. It ends where the conductance
            has its first maximum over the density: beyond, one conductance is several states.

        Raises
        ------
        CalibrationError
            The window begins beyond what the model gives on its rising branch.
        """
        conductances, vacancies = _rising(reram, window)
        inner = np.linspace(0.0, voltage_max, 101)
        currents = reram.current(voltage=inner[:, None], vacancies=vacancies[None, :])
        outer = inner[:, None] + currents * selector_resistance
        voltages = np.linspace(voltage_max / 50, voltage_max, 50)
        table = np.stack(
            [np.interp(voltages, v, i) for v, i in zip(outer.T, currents.T, strict=True)], axis=1
        )
        return cls.fit(voltages, conductances, table, rank)

    @classmethod
    def from_dataset(cls, dataset: xarray.Dataset, rank: int = 2) -> ReadLaw:
        """From a Dataset of the read experiment on one row of cells without wires.

        Every source line then carries the current of one cell. The inputs are the voltages of
        the fit, and the cells, in different states, its conductances (at ``read_voltage``).

        Raises
        ------
        CalibrationError
            Several rows, or too few voltages or conductances.
        """
        conductance = np.asarray(dataset["conductance"].values, float)
        voltage = np.asarray(dataset["input_voltage"].values, float)
        if conductance.shape[0] != 1 or voltage.shape[1] != 1:
            raise CalibrationError(
                thing="Dataset for a read law",
                value=conductance.shape,
                limit="one row of cells in different states",
                next_step="Run Read on an Array of one row, with several input voltages.",
            )
        currents = np.asarray(dataset["current"].values, float)
        cells, levels = np.argsort(conductance[0]), np.argsort(voltage[:, 0])
        g, v = conductance[0, cells], voltage[levels, 0]
        kept = np.append(True, np.diff(g) > 1e-6 * g[-1])
        used = v > 0.0
        return cls.fit(v[used], g[kept], currents[levels][:, cells][used][:, kept], rank)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ReadLaw:
        """Inverse of ``dataclasses.asdict``."""
        return cls(
            voltages=tuple(data["voltages"]),
            shapes=tuple(tuple(s) for s in data["shapes"]),
            conductances=tuple(data["conductances"]),
            weights=tuple(tuple(w) for w in data["weights"]),
            residual=float(data["residual"]),
        )


def _rising(reram: Any, window: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Conductances [S] and densities [1/m^3] of a window on the model's rising branch."""
    density = np.geomspace(1e23, 1e26, 2001)
    found = np.asarray(reram.conductance(vacancies=density, read_voltage=0.2))
    falls = np.flatnonzero(np.diff(found) <= 0.0)
    top = int(falls[0]) if falls.size else density.size - 1
    low, high = window[0], min(window[1], float(found[top]))
    if not found[0] <= low < high:
        raise CalibrationError(
            thing="window of a read law [S]",
            value=window,
            limit=f"from {found[0]:.4g} S, below the maximum of {found[top]:.4g} S",
        )
    conductances = np.linspace(low, high, 41)
    logs = np.interp(conductances, found[: top + 1], np.log(density[: top + 1]))
    return conductances, np.exp(logs)
