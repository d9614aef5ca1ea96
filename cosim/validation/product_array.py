"""Matrix-vector products through whole arrays of devices, transistors and wires."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.converters import Converter
from cosim.validation.product import SEED, TIMES, rms_error
from cosim.validation.table import Measured

Floats = NDArray[np.float64]
LOWEST, HIGHEST = 9e-6, 88.2e-6
READ_VOLTAGE = 0.2
BITS = 6


def weighted_bits(current: Floats) -> Floats:
    """Return currents of whole inputs, shape (count, columns), from reads bit by bit."""
    worth = 2.0 ** np.arange(BITS - 1) / (2 ** (BITS - 1) - 1)
    reads = current.reshape(-1, BITS - 1, current.shape[1])
    return np.asarray(np.einsum("b,ibc->ic", worth, reads))


@dataclass(frozen=True, kw_only=True)
class ArrayProduct:
    """One programmed matrix in an array of 1T1R cells, and the inputs it multiplies.

    Parameters
    ----------
    size : int
        Rows, and columns of the matrix.
    time : float
        Since programming [s].
    acceptance_range : float
        Of the programming loop, relative.
    wire : float
        Resistance per segment [Ohm].
    scheme : {"reference", "differential"}
        One device a weight and a column of devices in the middle of the window, or two
        devices a weight.
    coding : {"bits", "amplitude"}
        Inputs bit by bit, each read at the full read voltage and weighted afterwards, or as one
        read at a voltage in proportion, which the curved characteristic of the device distorts.
    count : int
        Inputs.
    read_noise : bool
        Devices are read with their noise.
    seed : int
        The same seed gives the same matrix, inputs and deviations at every time and wire.
    """

    size: int = 64
    time: float = 1.0
    acceptance_range: float = 0.002
    wire: float = 0.35
    scheme: Literal["reference", "differential"] = "reference"
    coding: Literal["bits", "amplitude"] = "bits"
    count: int = 10
    read_noise: bool = True
    seed: int = SEED

    def order(self) -> NDArray[np.intp]:
        """Return the columns of devices in their places; -1 is the last, a reference."""
        return np.arange(self.size + 1 if self.scheme == "reference" else 2 * self.size)

    def draw(self) -> tuple[Floats, Floats, Floats]:
        """Return weights, exact inputs, and conductances of the cells [S] at `time`."""
        from compact_models import noise
        from cosim.behavioural.device import soft_bounds
        from cosim.behavioural.tile import weights_to_conductances

        rng = np.random.default_rng(self.seed)
        weights = rng.uniform(-1.0, 1.0, (self.size, self.size))
        inputs = rng.uniform(-1.0, 1.0, (self.count, self.size))
        target = weights_to_conductances(weights, soft_bounds(), self.scheme, 1.0)[:, self.order()]
        programmed = noise.programmed(target, rng, self.acceptance_range)
        kept = noise.relaxed(programmed, self.time, rng.standard_normal(target.shape))
        seen = noise.read(kept, self.time, rng) if self.read_noise else kept
        return weights, inputs, np.asarray(seen, dtype=float)

    def rounded(self) -> Floats:
        """Return the inputs as the converter rounds them, shape (count, size)."""
        return np.asarray(Converter(bits=BITS, bound=1.0).convert(self.draw()[1]), dtype=float)

    def reading(self) -> Any:
        """Return the `Read` experiment."""
        from compact_models import load_model
        from cosim.experiments.access import selector
        from cosim.experiments.pulse_map import build_map
        from cosim.experiments.read import Read
        from netlists.array import Array
        from netlists.cell import Cell
        from netlists.parasitics import Parasitics

        conductance = self.draw()[2]
        reram = load_model("cmo_hfox")
        # The closed loop reads through the transistor: what it brings to target is the cell.
        table = build_map(reram, READ_VOLTAGE, selector(3.3), points=800)
        curve = np.log(table.current[0] / READ_VOLTAGE)
        bounded = np.maximum(conductance, np.exp(curve[0]))
        density = np.exp(np.interp(np.log(bounded), curve, table.log_density))
        array = Array(
            Cell(reram, load_model("nmos_3v3")),
            rows=conductance.shape[0],
            cols=conductance.shape[1],
            parasitics=Parasitics(r_row=self.wire, r_col=self.wire),
            parameters={"c_0": density},
        )
        return Read(array, inputs=self.voltages())

    def voltages(self) -> Floats:
        """Return the voltages of all reads, one row a read [V]."""
        rounded = self.rounded()
        if self.coding == "amplitude":
            return rounded * READ_VOLTAGE
        whole = np.rint(np.abs(rounded) * (2 ** (BITS - 1) - 1)).astype(int)
        bits = (whole[:, None, :] >> np.arange(BITS - 1)[None, :, None]) & 1
        signed = bits * np.sign(rounded)[:, None, :]
        return np.asarray(READ_VOLTAGE * signed.reshape(-1, self.size), dtype=float)

    def outputs(self, current: Floats) -> Floats:
        """Return products in weight units from source-line currents [A], 8 bits each."""
        if self.coding == "bits":
            current = weighted_bits(current)
        if self.scheme == "reference":
            columns, unit = current[:, :-1] - current[:, -1:], 0.5
        else:
            columns, unit = current[:, 0::2] - current[:, 1::2], 1.0
        values = columns / (unit * (HIGHEST - LOWEST) * READ_VOLTAGE)
        bound = 15.0 * np.sqrt(self.size / 64.0)
        return np.asarray(Converter(bits=8, bound=bound).convert(values), dtype=float)

    def wanted(self) -> Floats:
        """Return the exact products, shape (count, size)."""
        weights, inputs, _ = self.draw()
        return np.asarray(inputs @ weights)

    def solve(self) -> tuple[float, float]:
        """Return the RMSE by the native solver, and its seconds."""
        reading = self.reading()
        started = clock.monotonic()
        found = reading.run(simulator="native", seed=self.seed, progress=False)
        outputs = self.outputs(np.asarray(found.current, dtype=float))
        return rms_error(outputs, self.wanted(), True), clock.monotonic() - started


def array_products(quick: bool) -> Mapping[str, Measured | float]:
    """The array rung: RMSE against time, wires, acceptance range and size."""
    n = 40
    cases = {f"product_array_{name}": ArrayProduct(time=t, count=n) for name, t in TIMES.items()}
    cases["product_array_no_wires"] = ArrayProduct(wire=0.0, count=n)
    cases["product_array_pairs"] = ArrayProduct(scheme="differential", count=n)
    cases["product_array_amplitude"] = ArrayProduct(wire=0.0, coding="amplitude", count=n)
    cases["product_array_loose"] = ArrayProduct(acceptance_range=0.02, count=n)
    cases |= {f"product_array_{size}": ArrayProduct(size=size, count=20) for size in (128, 256)}
    if quick:
        left = ("1s", "10y", "no_wires", "pairs")
        cases = {k: v for k, v in cases.items() if k.removeprefix("product_array_") in left}
    found: dict[str, Measured | float] = {}
    for name, case in cases.items():
        error, seconds = case.solve()
        found[name] = Measured(value=error, note=f"{case.count} inputs in {seconds:.1f} s")
    return found


def circuit_product(quick: bool) -> Mapping[str, Measured | float]:
    """One programmed 64 x 64 matrix and one input in ngspice, with all transistors and wires.

    A second ngspice that loads compiled devices is taken where there is one: it needs
    seconds, behavioural sources need a minute.
    """
    import os

    from cosim.simulators.ngspice import NgspiceSimulator
    from cosim.simulators.osdi import chosen_devices

    case = ArrayProduct(count=20)
    reading = case.reading()
    bench = reading.testbench(reading.array, reading.voltages[: BITS - 1], case.seed)
    simulator = NgspiceSimulator(executable=os.environ.get("COSIM_NGSPICE_OSDI"))
    started = clock.monotonic()
    got = -np.asarray(simulator.run(bench)["source_line_current"], dtype=float)
    seconds = clock.monotonic() - started
    native = reading.run(simulator="native", seed=case.seed, progress=False)
    array = np.asarray(native.current, dtype=float)
    # Gains are calibrated once, on all inputs, and used for the one that ngspice multiplies.
    outputs, wanted = case.outputs(array), case.wanted()
    gain = (outputs * wanted).sum(axis=0) / (outputs * outputs).sum(axis=0)
    error = rms_error(case.outputs(got) * gain, wanted[:1], False)
    how = f"ngspice {simulator.version}, {chosen_devices(simulator)}, {seconds:.0f} s"
    return {
        "product_circuit": Measured(value=error, note=how),
        "ladder_circuit_product": Measured(
            value=float(np.abs(array[: BITS - 1] - got).max() / np.abs(got).max()) * 100.0,
            note=how,
        ),
    }
