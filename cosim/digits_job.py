"""Digits on a 64 x 20 array: through the circuit, through the tile, and how far they differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosim import plot
from cosim.errors import CalibrationError
from cosim.published import Figure
from cosim.report import Plot, Section

if TYPE_CHECKING:
    import xarray as xr

    from cosim.behavioural.device import BehaviouralDevice
    from cosim.simulators.base import Simulator
    from netlists import Cell, Parasitics

FloatArray = NDArray[np.float64]
READ_VOLTAGE = 0.2
TABLE_STATES, TABLE_VOLTAGES = 24, 8
# Normalised vacancy densities of the table: a factor of two beyond the published ends.
LOWEST, HIGHEST = 0.2, 8.0


def read_digits(
    device: BehaviouralDevice,
    *,
    cell: Cell | None,
    images: int,
    wire_resistance: float,
    seed: int,
    simulator: str | Simulator,
    get: Callable[[str, Callable[[], xr.Dataset]], xr.Dataset],
    progress: bool = True,
) -> tuple[BehaviouralDevice, Section]:
    """Classify digits on both rungs.

    Parameters
    ----------
    device : BehaviouralDevice
        Calibrated from pulses; its read law is added here.
    cell : Cell, optional
        Needed where `get` has to make a dataset.
    images : int
        How many test images go through the circuit.
    wire_resistance : float
        Per segment [Ohm].
    get : callable
        ``get(name, make)`` returns a dataset that may be kept from an earlier run.

    Returns
    -------
    BehaviouralDevice, Section
        The device with its read law, and the part of the page.
    """
    from cosim.behavioural.converters import Converter
    from cosim.behavioural.tile import TileOptions
    from cosim.network.digits import DigitsClassifier
    from netlists import Parasitics

    states = np.geomspace(LOWEST, HIGHEST, TABLE_STATES)
    table = get("read_table", lambda: _table(cell, states, seed, simulator, progress))
    device = device.replace(read_law=_law(table))
    classifier = DigitsClassifier.train(seed=seed)
    wires = Parasitics(r_row=wire_resistance, r_col=wire_resistance)
    options = TileOptions(parasitics=wires, adc=Converter(bits=8, bound=classifier.output_range()))
    tile = classifier.tile(device, options=options, seed=seed)
    inputs = classifier.test_inputs[:images]
    voltages = np.asarray(options.dac.convert(inputs) * READ_VOLTAGE, dtype=np.float64)

    def read() -> xr.Dataset:
        density = state_of(table, states, tile.programmed)
        return _read(cell, density, wires, voltages, "digits", simulator, seed, progress)

    circuit = get("digits_read", read)
    currents = circuit["current"].values
    return device, _section(classifier, tile, circuit, currents, images)


def _table(
    cell: Cell | None, states: FloatArray, seed: int, simulator: str | Simulator, progress: bool
) -> xr.Dataset:
    """Cell current over read voltage and state, from the same circuit simulator."""
    from netlists import Parasitics

    voltages = READ_VOLTAGE * np.arange(1, TABLE_VOLTAGES + 1)[:, None] / TABLE_VOLTAGES
    return _read(cell, states[None, :], Parasitics(), voltages, "table", simulator, seed, progress)


def _read(
    cell: Cell | None,
    density: FloatArray,
    wires: Parasitics,
    voltages: FloatArray,
    name: str,
    simulator: str | Simulator,
    seed: int,
    progress: bool,
) -> xr.Dataset:
    """Currents of an array whose cells have these normalised vacancy densities."""
    from cosim.experiments import Read
    from netlists import Array

    assert cell is not None
    array = Array(
        cell,
        rows=density.shape[0],
        cols=density.shape[1],
        parasitics=wires,
        parameters={"c_0": density, "phi_0": 1.0},
        name=name,
    )
    return Read(array, inputs=voltages).run(simulator=simulator, seed=seed, progress=progress)


def _law(table: xr.Dataset) -> Any:
    from cosim.behavioural.read_law import ReadLaw

    return ReadLaw.fit(
        table["input_voltage"].values[:, 0],
        table["conductance"].values[0],
        table["current"].values,
    )


def state_of(table: xr.Dataset, states: FloatArray, conductance: FloatArray) -> FloatArray:
    """Normalised vacancy density whose cell reads a conductance [S], from the table.

    Raises
    ------
    CalibrationError
        A conductance lies outside the table.
    """
    from scipy.interpolate import PchipInterpolator

    known = table["conductance"].values[0]
    low, high = float(known[0]), float(known[-1])
    wanted = np.asarray(conductance, dtype=float)
    if not ((wanted >= low) & (wanted <= high)).all():
        raise CalibrationError(
            thing="a weight needs a conductance that the cell does not reach",
            value=(float(wanted.min()), float(wanted.max())),
            limit=f"{low:g} to {high:g} S",
            next_step="Use a narrower conductance window",
        )
    inverse = PchipInterpolator(np.log(known), np.log(states))
    return np.asarray(np.exp(inverse(np.log(wanted))))


def _section(
    classifier: Any, tile: Any, circuit: xr.Dataset, currents: FloatArray, images: int
) -> Section:
    labels = classifier.test_labels[:images]
    inputs = classifier.test_inputs
    from_circuit = classifier.scores_from_currents(currents)
    tile_currents = tile.currents(inputs)
    from_tile = classifier.scores_from_currents(tile_currents[:images])
    whole = classifier.scores_from_currents(tile_currents)
    late = tile.multiply(inputs, time=1.0)
    scale = float(np.abs(from_circuit).max()) or math.nan
    difference = from_tile - from_circuit
    same = np.mean(np.argmax(from_tile, axis=1) == np.argmax(from_circuit, axis=1))
    count, right = len(labels), 100 * classifier.score(from_circuit, labels)
    solver = circuit.attrs.get("simulator", "circuit")
    figures = (
        Figure(key="float_accuracy", name=f"floating point, {len(inputs)} test images",
               value=100 * classifier.accuracy, unit="%", note="the same classifier in software"),
        Figure(key="circuit_accuracy", name=f"{solver}, the first {count} test images", unit="%",
               value=right, note="every cell, transistor and wire segment"),
        Figure(key="tile_accuracy_same", name=f"behavioural tile, the same {count}", unit="%",
               value=100 * classifier.score(from_tile, labels)),
        Figure(key="tile_accuracy", name=f"behavioural tile, {len(inputs)} test images", unit="%",
               value=100 * classifier.score(whole), low=100 * classifier.accuracy - 5.0,
               note="own limit: at most 5 points below floating point"),
        Figure(key="tile_accuracy_read", unit="%", value=100 * classifier.score(late),
               name="the same after 1 s, 8-bit outputs, read noise and relaxation"),
        Figure(key="same_answers", name="images with the same answer on both rungs", unit="%",
               value=100 * float(same), low=95.0, note="own limit"),
        Figure(key="rung_difference", name="difference of the scores, root mean square", unit="%",
               value=100 * float(np.sqrt(np.mean(difference**2))) / scale, high=2.0,
               required=True, note="of the largest score; own limit"),
    )  # fmt: skip
    drop = circuit["voltage_drop"].values
    worst = int(np.argmax(np.abs(drop).max(axis=(1, 2))))
    pictures = inputs[:images].reshape(-1, 8, 8)
    return Section(
        title="Digits",
        text=f"A softmax classifier of scikit-learn's 8 x 8 digits, trained in floating point, on "
        f"a {currents.shape[1]}-column array as differential pairs: {images} images through "
        f"{solver}, all {len(inputs)} through the tile.",
        figures=figures,
        plots=(
            Plot(name="digits", wide=True, caption="Answer in green where right, in red where "
                 "wrong; below, the scores of the ten classes on both rungs, scaled to 0..1.",
                 figure=plot.digit_scores(pictures[:20], labels[:20],
                                          [("circuit", from_circuit), ("tile", from_tile)])),
            Plot(name="digits_drop", caption=f"IR drop at every cell for image {worst}.",
                 figure=plot.cell_map(drop[worst], "V", "IR drop", "IR drop, 64 x 20 array")),
            Plot(name="digits_agreement", caption="Scores (differences of column currents) of the "
                 f"{images} images on both rungs.",
                 figure=plot.agreement(from_circuit, from_tile, "A", ("circuit", "tile"),
                                       "Scores on both rungs")),
        ),
        provenance=dict(circuit.attrs),
    )  # fmt: skip
