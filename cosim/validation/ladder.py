"""What each rung costs in truth, against the one below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosim.validation.table import Measured

Figures = Mapping[str, Measured | float]
SEED = 7


def _cells(rows: int, cols: int, wire: float, transistor: bool = True) -> Any:
    from compact_models import load_model
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    selector = load_model("nmos_3v3") if transistor else None
    rng = np.random.default_rng(SEED)
    return Array(
        Cell(load_model("cmo_hfox"), selector),
        rows=rows,
        cols=cols,
        parasitics=Parasitics(r_row=wire, r_col=wire),
        parameters={"c_0": rng.uniform(0.7, 3.7, (rows, cols))},
    )


def _currents(array: Any, simulator: str) -> np.ndarray:
    from cosim.experiments.read import Read

    rng = np.random.default_rng(SEED)
    inputs = rng.uniform(0.05, 0.2, (2, array.rows))
    return np.asarray(
        Read(array, inputs=inputs).run(simulator=simulator, seed=SEED, progress=False).current
    )


def _pulsed(array: Any, simulator: str, pulses: int) -> Any:
    from cosim.experiments.pulse_update import PulseUpdate

    return PulseUpdate(array, pulses=pulses, cycle_spread=False).run(
        simulator=simulator, seed=SEED, progress=False
    )


def _worst(ours: Any, other: Any) -> float:
    """Largest difference in percent of the largest value."""
    a, b = np.asarray(ours, dtype=float), np.asarray(other, dtype=float)
    return float(np.abs(a - b).max() / np.abs(b).max()) * 100.0


def circuit_against_exact(quick: bool) -> Figures:
    """One bare device in ngspice against its own equations solved to the end."""
    from compact_models import load_model
    from cosim.experiments.read import Read

    array = _cells(1, 1, 0.0, transistor=False)
    got = Read(array, inputs=np.array([0.2])).run(simulator="ngspice", seed=SEED, progress=False)
    density = float(array.parameters["c_0"][0, 0]) * 1e25
    exact = 0.2 * float(load_model("cmo_hfox").conductance(vacancies=density))
    return {"ladder_circuit_current": _worst(np.abs(np.asarray(got.current)).ravel(), [exact])}


def array_against_circuit(quick: bool) -> Figures:
    """The native solver against ngspice on the same netlists."""
    size = 4 if quick else 8
    array = _cells(size, size, 0.35)
    one = _cells(1, 1, 0.0)
    return {
        "ladder_array_product": _worst(_currents(array, "native"), _currents(array, "ngspice")),
        "ladder_array_state": _worst(
            _pulsed(one, "native", 2).final_c, _pulsed(one, "ngspice", 2).final_c
        ),
    }


def device_against_array(quick: bool) -> Figures:
    """Single-cell pulse maps against the native solver in time, pulse edges and all."""
    from compact_models import load_model
    from cosim.experiments.population import draw_population
    from cosim.experiments.pulse_map import selector

    pulses = 10 if quick else 100
    array = _cells(1, 1, 0.0)
    got = _pulsed(array, "native", pulses).conductance.values.ravel()[:pulses]
    population = draw_population(
        load_model("cmo_hfox"), 1, np.random.default_rng(0), spread=False, cycle=False
    )
    density = np.array([float(array.parameters["c_0"][0, 0])])
    ours = []
    for _ in range(pulses):
        density = population.pulse(density, 1.35, 2.5e-6, selector(1.4))
        ours.append(float(population.conductance(density)[0]))
    transistor = selector(3.3).transistor
    # The array reads through its transistor.
    on = 0.05 / float(transistor.current(gate=3.3, drain=0.05, source=0.0, bulk=0.0))
    through = 1.0 / (1.0 / np.array(ours) + on)
    direct = _worst(ours, got)
    return {"ladder_device_update": min(direct, _worst(through, got))}


def behaviour_against_array(quick: bool) -> Figures:
    """The behavioural tile against the native solver: currents of products through wires."""
    from compact_models import load_model
    from cosim.behavioural.converters import Converter
    from cosim.behavioural.device import soft_bounds
    from cosim.behavioural.read_law import ReadLaw
    from cosim.behavioural.tile import Tile, TileOptions

    size = 16 if quick else 64
    array = _cells(size, size, 0.35)
    rng = np.random.default_rng(SEED)
    inputs = rng.uniform(0.05, 0.2, (2, size))
    reram, nmos = load_model("cmo_hfox"), load_model("nmos_3v3")
    on = 0.01 / float(nmos.current(gate=3.3, drain=0.01, source=0.0, bulk=0.0))
    tile = Tile(
        soft_bounds().replace(read_law=ReadLaw.from_model(reram)),
        reram.conductance(vacancies=array.parameters["c_0"] * 1e25),
        options=TileOptions(
            scheme="offset",
            dac=Converter(bits=None, bound=1.0),
            adc=Converter(bits=None, bound=np.inf),
            parasitics=array.parasitics,
            selector_resistance=on,
            noisy=False,
        ),
    )
    return {
        "ladder_behaviour_product": _worst(
            tile.currents(inputs / 0.2), np.abs(_currents(array, "native"))
        )
    }


def behaviour_update(quick: bool) -> Figures:
    """A calibrated behavioural device against the array it was calibrated on, pulse by pulse."""
    from cosim.calibration import calibrate
    from cosim.experiments.pulse_update import PulseUpdate

    pulses = 100 if quick else 400
    array = _cells(1, 2, 0.0)
    dataset = PulseUpdate(array, pulses=pulses, cycles=1, alternating=20, cycle_spread=False).run(
        simulator="native", seed=SEED, progress=False
    )
    device = calibrate(dataset).device
    got = np.asarray(dataset.conductance)
    start = np.asarray(dataset.initial_conductance)
    ours = device.train(start, np.asarray(dataset.polarity))
    error = np.sqrt(np.mean((ours - got) ** 2)) / device.window
    return {"ladder_behaviour_update": float(error) * 100.0}
