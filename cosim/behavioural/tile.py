"""A tile: weights as conductances, products as column currents, pulses on its cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.ir_drop import ideal
from cosim.behavioural.tile_options import Scheme, TileOptions, weights_to_conductances
from cosim.behavioural.write_array import Select, Together, Writing, firing, pulse_cells

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

__all__ = ["Scheme", "Tile", "TileOptions", "weights_to_conductances"]


class Tile:
    """A crossbar of behavioural devices, programmed and ready to be read.

    Build with `Tile.program` (weights) or directly from conductances.

    Parameters
    ----------
    device : BehaviouralDevice
    conductances : ndarray, shape (rows, columns)
        Conductances at the end of programming [S].
    weight_max : float
        Weight of a device pair at the two ends of the window.
    options : TileOptions
    seed : int
        Of read noise and relaxation.
    """

    def __init__(
        self,
        device: BehaviouralDevice,
        conductances: FloatArray,
        *,
        weight_max: float = 1.0,
        options: TileOptions | None = None,
        seed: int = 0,
    ) -> None:
        self.device = device
        self.programmed = np.asarray(conductances, float)
        self.options = options or TileOptions()
        self.weight_max = weight_max
        relaxation, read = np.random.SeedSequence(seed).spawn(2)
        self._draw = np.random.default_rng(relaxation).standard_normal(self.programmed.shape)
        self._read_rng = np.random.default_rng(read)
        columns = self.programmed.shape[1]
        if self.options.scheme == "differential" and columns % 2:
            raise ParameterError(
                thing="columns of a differential tile", value=columns, limit="an even number"
            )
        self._cache: dict[str, tuple[float | None, list[FloatArray]]] = {}

    @classmethod
    def program(
        cls,
        weights: FloatArray,
        device: BehaviouralDevice,
        *,
        weight_max: float | None = None,
        options: TileOptions | None = None,
        seed: int = 0,
    ) -> Tile:
        """Program a weight matrix, with the device's programming noise.

        Parameters
        ----------
        weights : ndarray, shape (inputs, outputs)
        weight_max : float, optional
            Weight at the end of the window; by default the largest magnitude in `weights`.
        """
        options = options or TileOptions()
        weights = np.asarray(weights, float)
        if weight_max is None:
            weight_max = float(np.abs(weights).max()) or 1.0
        target = weights_to_conductances(weights, device, options.scheme, weight_max)
        programming, rest = np.random.SeedSequence(seed).generate_state(2)
        if options.noisy:
            target = device.noise.program(target, np.random.default_rng(programming))
        return cls(device, target, weight_max=weight_max, options=options, seed=int(rest))

    @property
    def inputs(self) -> int:
        """Number of rows."""
        return int(self.programmed.shape[0])

    @property
    def outputs(self) -> int:
        """Number of products."""
        columns = int(self.programmed.shape[1])
        share = {"differential": columns // 2, "reference": columns - 1, "offset": columns}
        return share[self.options.scheme]

    def conductances(self, time: float | None = None) -> FloatArray:
        """Device conductances [S] at `time` seconds after programming (None: just after)."""
        if time is None or not self.options.noisy:
            return self.programmed.copy()
        return self.device.noise.relax(self.programmed, time, self._draw)

    def effective(self, time: float | None = None) -> FloatArray:
        """Effective conductances [S] seen through selectors and wires, small signal."""
        return self._through_wires(self.conductances(time))

    def weights(self, time: float | None = None) -> FloatArray:
        """Weights, shape (inputs, outputs), as the conductances stand; no wires."""
        conductance = self.conductances(time)
        if self.options.scheme == "offset":
            return (conductance - self._middle) / self._weight_unit
        return self._subtract(conductance) / self._weight_unit

    def pulse(
        self,
        polarity: int,
        *,
        rows: Mask | None = None,
        columns: Mask | None = None,
        amplitude: float | None = None,
        width: float | None = None,
        together: Together = "cell",
        select: Select = "gate",
        rng: np.random.Generator | None = None,
    ) -> Mask:
        """Pulse the cells where a firing row meets a firing column, through the tile's wires.

        Parameters
        ----------
        polarity : int
            +1 raises the conductance, -1 lowers it.
        rows, columns : ndarray of bool, optional
            Which fire; by default all.
        amplitude, width : float, optional
            At the drivers [V, s]; by default the device's calibrated pulse.
        together, select : str
            What shares a pulse, and how it is selected: `Writing`.
        rng : Generator, optional
            Of the cycle-to-cycle noise; without it, mean steps.

        Returns
        -------
        ndarray of bool, shape (rows, columns)
            Cells whose step the calibration does not cover, an amplitude behind the wires
            among its reasons; an `OutsideCalibration` warning says so too.

        Raises
        ------
        ParameterError
            Wires, and a device without a law over amplitudes.
        """
        writing = Writing(
            together=together,
            select=select,
            parasitics=self.options.parasitics,
            drive=self.options.drive,
        )
        self.programmed, outside = pulse_cells(
            self.device,
            self.programmed,
            polarity,
            firing(self.programmed.shape, rows, columns),
            writing,
            amplitude=amplitude,
            width=width,
            rng=rng,
        )
        self._cache.clear()
        return outside

    def currents(self, inputs: FloatArray, *, time: float | None = None) -> FloatArray:
        """Column currents [A] for inputs in [-1, 1].

        Parameters
        ----------
        inputs : ndarray, shape (batch, rows) or (rows,)
        time : float, optional
            Seconds after programming. With a time, relaxation and read noise apply.

        Returns
        -------
        ndarray, shape (batch, columns) or (columns,)
        """
        voltage = self.options.dac.convert(self._checked(inputs)) * self.options.read_voltage
        law = self.device.read_law
        terms = self._terms(time)
        total = law.shape(0, voltage) @ terms[0]
        for r in range(1, law.rank):
            total += law.shape(r, voltage) @ terms[r]
        if self._reads_are_noisy(time):
            # Independent devices: variances add along the column.
            spread = np.sqrt(np.square(voltage) @ self._variances(time)[0])
            total += spread * self._read_rng.standard_normal(total.shape)
        return total

    def multiply(self, inputs: FloatArray, *, time: float | None = None) -> FloatArray:
        """Products ``inputs @ weights`` through converters, devices and wires.

        Returns
        -------
        ndarray, shape (batch, outputs) or (outputs,)
            In weight units; in single precision where converters are finite and reads
            are not noisy.
        """
        if self.options.scheme != "offset" and not self._reads_are_noisy(time):
            return self._multiply_quietly(inputs, time)
        current = self.currents(inputs, time=time)
        if self.options.scheme == "offset":
            voltage = self.options.dac.convert(np.asarray(inputs, float))
            volts = voltage.sum(axis=-1, keepdims=True) * self.options.read_voltage
            current = current - volts * self._middle
        else:
            current = self._subtract(current)
        unit = self._weight_unit * self.options.read_voltage * self.weight_max
        return self.options.adc.convert(current / unit) * self.weight_max

    def _multiply_quietly(self, inputs: FloatArray, time: float | None) -> FloatArray:
        """`multiply` with the columns of a product subtracted once and for all."""
        matrices = self._folded(time)
        kind = matrices[0].dtype.type
        signals = self.options.dac.convert(self._checked(inputs, kind))
        law = self.device.read_law
        if law.linear:
            total = signals @ matrices[0]
        else:
            voltage = signals * kind(self.options.read_voltage)
            shapes = [law.shape(r, voltage).astype(kind) for r in range(law.rank)]
            total = shapes[0] @ matrices[0]
            for shape, matrix in zip(shapes[1:], matrices[1:], strict=True):
                total += shape @ matrix
        return self.options.adc.convert(total) * kind(self.weight_max)

    def _checked(self, inputs: FloatArray, kind: type[np.floating[Any]] = np.float64) -> FloatArray:
        values: FloatArray = np.asarray(inputs, kind)
        if values.shape[-1:] != (self.inputs,) or values.ndim > 2:
            raise ParameterError(
                thing="inputs of a tile", value=values.shape, limit=f"(batch, {self.inputs})"
            )
        return values

    def _reads_are_noisy(self, time: float | None) -> bool:
        return self.options.noisy and self.device.noise.read and time is not None

    @property
    def _middle(self) -> float:
        middle = float(self.device.conductance(0.5))
        return middle / (1.0 + middle * self.options.selector_resistance)

    @property
    def _weight_unit(self) -> float:
        span = self.device.window / self.weight_max
        return span if self.options.scheme == "differential" else 0.5 * span

    def _subtract(self, columns: FloatArray) -> FloatArray:
        if self.options.scheme == "differential":
            return columns[..., 0::2] - columns[..., 1::2]
        return columns[..., :-1] - columns[..., -1:]

    def _through_wires(self, conductance: FloatArray) -> FloatArray:
        cell = conductance / (1.0 + conductance * self.options.selector_resistance)
        if ideal(self.options.parasitics):
            return cell
        return self.options.solver(cell, self.options.parasitics, self.options.drive)

    def _kept(
        self, name: str, time: float | None, make: Callable[[float | None], list[FloatArray]]
    ) -> list[FloatArray]:
        """What `make` gives at `time`, kept until another time is asked for."""
        known = self._cache.get(name)
        if known is None or known[0] != time:
            known = self._cache[name] = (time, make(time))
        return known[1]

    def _variances(self, time: float | None) -> list[FloatArray]:
        """Variances of single reads [S^2]."""

        def make(at: float | None) -> list[FloatArray]:
            sigma = self.device.noise.read_sigma(self.conductances(at), at or 0.0)
            return [np.square(sigma)]

        return self._kept("variances", time, make)

    def _folded(self, time: float | None) -> list[FloatArray]:
        """Terms with their columns subtracted, per unit of signal and of the ADC."""
        unit = self._weight_unit * self.options.read_voltage * self.weight_max
        # Ohm's law takes signals, others take voltages.
        signal = self.options.read_voltage if self.device.read_law.linear else 1.0
        exact = self.options.dac.bits is None or self.options.adc.bits is None
        kind = np.float64 if exact else np.float32

        def make(at: float | None) -> list[FloatArray]:
            terms = self._terms(at)
            return [(self._subtract(t) * (signal / unit)).astype(kind) for t in terms]

        return self._kept("folded", time, make)

    def _terms(self, time: float | None) -> list[FloatArray]:
        """Factors of the read law's shapes with wires [S], shape (rows, columns) each."""
        return self._kept("terms", time, self._make_terms)

    def _make_terms(self, time: float | None) -> list[FloatArray]:
        conductance = self.conductances(time)
        # The wires' attenuation is taken at small signal and applied to every term.
        safe = np.maximum(conductance, 1e-15)
        attenuation = self._through_wires(safe) / safe
        law = self.device.read_law
        return [law.weight(r, conductance) * attenuation for r in range(law.rank)]
