"""What each rung costs in truth, against the one below it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import pairwise
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


def _currents(array: Any, simulator: str, inputs: np.ndarray | None = None) -> np.ndarray:
    from cosim.experiments.read import Read

    if inputs is None:
        inputs = np.random.default_rng(SEED).uniform(0.05, 0.2, (2, array.rows))
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
    """ngspice against the equations solved to the end: a device, its drift, a small product."""
    from compact_models import load_model
    from cosim.experiments.read import Read

    bare = _cells(1, 1, 0.0, transistor=False)
    got = Read(bare, inputs=np.array([0.2])).run(simulator="ngspice", seed=SEED, progress=False)
    density = float(bare.parameters["c_0"][0, 0])
    exact = 0.2 * float(load_model("cmo_hfox").conductance(vacancies=density * 1e25))
    array = _cells(3, 3, 0.35)
    return {
        "ladder_circuit_current": _worst(np.abs(np.asarray(got.current)).ravel(), [exact]),
        # Of the change: the state itself hardly moves.
        "ladder_circuit_state": _worst(
            _pulsed_in_ngspice(bare) - density, _drifted(density) - density
        ),
        "ladder_circuit_product_exact": _worst(_currents(array, "ngspice"), _kirchhoff(array)),
    }


# One SET and one RESET pulse on a bare device: corners [s], [V].
_PULSES = ((0.0, 1e-8, 1.01e-6, 1.03e-6, 2.03e-6, 2.04e-6), (0.0, 1.2, 1.2, -1.2, -1.2, 0.0))


def _pulsed_in_ngspice(array: Any) -> np.ndarray:
    """C / 1e25 at the ends of both pulses."""
    from cosim.simulators.base import get_simulator
    from netlists.analysis import Options, Transient
    from netlists.bias import every_cell
    from netlists.testbench import Testbench
    from netlists.waveform import Waveform

    wave = Waveform(*_PULSES)
    result = get_simulator("ngspice").run(
        Testbench(
            array=array,
            drives=every_cell(array, wave),
            analysis=Transient(stop=wave.duration, step=1e-8, max_step=1e-8),
            probes=("state:c",),
            options=Options(method="gear", reltol=1e-5),
            title="two pulses on a bare device",
        )
    )
    return np.array([float(result.at("state:c", _PULSES[0][k])[0, 0]) for k in (2, 4)])


def _drifted(density: float) -> np.ndarray:
    """The same from the drift equation, heat settled, integrated to 1e-9."""
    from scipy.integrate import solve_ivp

    from compact_models import load_model

    reram = load_model("cmo_hfox")
    times, volts = _PULSES

    def rate(time: float, c: np.ndarray) -> np.ndarray:
        voltage = float(np.interp(time, times, volts))
        if voltage == 0.0:
            return np.zeros_like(c)
        return np.asarray(reram.rate(voltage=voltage, vacancies=c * 1e25)) / 1e25

    state, ends = np.array([density]), []
    for start, stop in pairwise(times):
        found = solve_ivp(rate, (start, stop), state, method="LSODA", rtol=1e-9, atol=1e-12)
        state = found.y[:, -1]
        ends.append(float(state[0]))
    return np.array([ends[1], ends[3]])


def _kirchhoff(array: Any) -> np.ndarray:
    """Product currents from Kirchhoff's law at every node of the array's graph.

    Neither of the solvers' own assembly is used: a dense root search over the device functions.
    """
    from scipy.optimize import root

    from compact_models import load_model
    from compact_models.errors import ModelError

    reram, nmos = load_model("cmo_hfox"), load_model("nmos_3v3")
    edges = [(u, v, e) for u, v, e in array.graph().edges(data=True) if e["conducts"]]
    names = sorted({n for u, v, _ in edges for n in (u, v) if "_" in n})
    place = {name: k for k, name in enumerate(names)}
    density = np.asarray(array.parameters["c_0"]) * 1e25
    cells = [tuple(map(int, name.split("_")[1:])) for name in names if name.startswith("mid")]
    c = np.array([density[cell] for cell in cells])
    ends = [[place[f"{kind}_{i}_{j}"] for i, j in cells] for kind in ("bl", "mid", "sl")]
    wires = [(u, v, 1.0 / e["value"]) for u, v, e in edges if e["kind"] == "resistor"]

    def product(inputs: np.ndarray) -> list[float]:
        fixed = {f"bl{i}": v for i, v in enumerate(inputs)}
        fixed |= {f"sl{j}": 0.0 for j in range(array.cols)}

        def potential(name: str, x: np.ndarray) -> float:
            return float(x[place[name]]) if name in place else float(fixed[name])

        def leaving(x: np.ndarray) -> np.ndarray:
            top, middle, source = (x[e] for e in ends)
            total = np.zeros(len(names))
            through = reram.current(voltage=top - middle, vacancies=c)
            below = nmos.current(gate=3.3, drain=middle, source=source, bulk=0.0)
            np.add.at(total, ends[0], through)
            np.add.at(total, ends[1], below - through)
            np.add.at(total, ends[2], -below)
            for u, v, g in wires:
                flow = g * (potential(u, x) - potential(v, x))
                for name, sign in ((u, 1.0), (v, -1.0)):
                    if name in place:
                        total[place[name]] += sign * flow
            return total * 1e6

        guess = np.array(
            [0.0 if n.startswith("sl") else inputs[int(n.split("_")[1])] for n in names]
        )
        guess[ends[1]] *= 0.02
        found = root(leaving, guess, tol=1e-12)
        if not found.success:
            raise ModelError(
                thing="Kirchhoff's law finds no potentials of the array", value=found.message
            )
        return [
            sum(
                g * (potential(u, found.x) - potential(v, found.x)) * (1 if v == f"sl{j}" else -1)
                for u, v, g in wires
                if f"sl{j}" in (u, v)
            )
            for j in range(array.cols)
        ]

    rng = np.random.default_rng(SEED)
    return np.array([product(row) for row in rng.uniform(0.05, 0.2, (2, array.rows))])


def array_against_circuit(quick: bool) -> Figures:
    """The native solver against ngspice on the same netlists."""
    size = 4 if quick else 8
    array = _cells(size, size, 0.35)
    one, row = _cells(1, 1, 0.0), _cells(1, 8, 0.0)
    return {
        "ladder_array_current": _worst(_currents(row, "native"), _currents(row, "ngspice")),
        "ladder_array_product": _worst(_currents(array, "native"), _currents(array, "ngspice")),
        "ladder_array_state": _worst(
            _pulsed(one, "native", 2).final_c, _pulsed(one, "ngspice", 2).final_c
        ),
    }


def device_against_array(quick: bool) -> Figures:
    """Single-cell pulse maps against the native solver in time, pulse edges and all."""
    from compact_models import load_model
    from cosim.experiments.access import selector
    from cosim.experiments.population import draw_population
    from cosim.experiments.pulse_map import build_map

    pulses = 10 if quick else 100
    array = _cells(1, 1, 0.0)
    got = _pulsed(array, "native", pulses)
    reram = load_model("cmo_hfox")
    population = draw_population(reram, 1, np.random.default_rng(0), spread=False, cycle=False)
    # The array reads through its transistor.
    read = build_map(reram, 0.2, selector(3.3), points=400)
    density = np.array([float(array.parameters["c_0"][0, 0])])
    ours = []
    for amplitude in got.amplitude.values.tolist():
        density = population.pulse(
            density, amplitude, 2.5e-6, selector(1.4 if amplitude > 0 else 3.3)
        )
        ours.append(np.interp(np.log(density[0]), read.log_density, read.current[0]) / 0.2)
    return {"ladder_device_update": _worst(ours, got.conductance.values.ravel())}


def behaviour_against_array(quick: bool) -> Figures:
    """Behavioural read law and tile against the native solver: cells, products through wires."""
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
    row = _cells(1, 16, 0.0)
    cells = ReadLaw.from_model(reram, selector_resistance=on).current(
        inputs[:, :1], reram.conductance(vacancies=row.parameters["c_0"] * 1e25)
    )
    return {
        "ladder_behaviour_current": _worst(cells, np.abs(_currents(row, "native", inputs[:, :1]))),
        "ladder_behaviour_product": _worst(
            tile.currents(inputs / 0.2), np.abs(_currents(array, "native"))
        ),
    }


def behaviour_update(quick: bool) -> Figures:
    """A calibrated behavioural device against the array it was calibrated on, pulse by pulse."""
    from cosim.behavioural import OutsideCalibration
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
    # At the ends of the window a step of the law may lead a hair beyond all that was measured.
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", OutsideCalibration)
        ours = device.train(start, np.asarray(dataset.polarity))
    error = np.sqrt(np.mean((ours - got) ** 2)) / device.window
    note = "; ".join(dict.fromkeys(str(w.message) for w in said))
    return {"ladder_behaviour_update": Measured(value=float(error) * 100.0, note=note)}
