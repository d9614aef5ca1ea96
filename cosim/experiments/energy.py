"""Energy and time of pulses, programming and products, against the size of the array.

Products are solved with every transistor and wire by the native solver; settling is a transient
of the whole circuit with charged lines up to a size, and the linear network of
:mod:`cosim.experiments.settling` beyond; pulses and closed-loop programming come from the drift
equations of the device.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError, best_matches
from cosim.experiments.energy_array import program_in_array, pulse_in_array
from cosim.experiments.settling import Lines, compiled_cells, settle, settling_time

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["DEFAULTS", "Lines", "pulse_energy", "run_study", "settling_time"]

Floats = NDArray[np.float64]

DEFAULTS: dict[str, Any] = {
    "sizes": [8, 16, 32, 64, 128],
    "transient_up_to": 64,
    "settling_up_to": 128,
    "program_up_to": 64,
    "wire_resistance": 0.35,
    "wire_capacitance": 0.5e-15,
    "driver_resistance": 100.0,
    "vacancies": 1.64e25,
    "read_voltage": 0.2,
    "read_width": 100e-9,
    "output_bits": 8,
    "conversion_energy": 50e-15,
    "width": 2.5e-6,
    "devices": 8,
    "seed": 1,
}


def product_energy(
    size: int, lines: Lines, density: Floats, read_voltage: float, width: float, seed: int
) -> tuple[float, float]:
    """Return the energy of one product from its drivers, and the part left in the wires [J].

    Parameters
    ----------
    size : int
        Rows and columns.
    density : ndarray, shape (size, size)
        C / 1e25 of the devices.
    read_voltage : float
        Of an input of 1 [V]; the inputs of 16 products are uniform in [-1, 1].
    width : float
        For which the inputs are held [s].
    """
    from compact_models import load_model
    from cosim.experiments.read import Read
    from cosim.simulators.base import get_simulator
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    array = Array(
        Cell(load_model("cmo_hfox"), load_model("nmos_3v3")),
        rows=size,
        cols=size,
        parasitics=Parasitics(
            r_row=lines.wire_resistance,
            r_col=lines.wire_resistance,
            r_driver=lines.driver_resistance,
        ),
        parameters={"c_0": density},
    )
    volts = read_voltage * np.random.default_rng(seed).uniform(-1.0, 1.0, (16, size))
    reading = Read(array, inputs=volts)
    wanted = (
        "bit_line_current",
        "bit_line_voltage",
        "source_line_voltage",
        "cell_current",
    )
    bench = reading.testbench(array, volts, seed).replace(probes=wanted)
    result = get_simulator("native").run(bench)
    power = (volts * np.asarray(result["bit_line_current"])).sum(axis=1)
    across = np.asarray(result["bit_line_voltage"]) - np.asarray(result["source_line_voltage"])
    cells = (across * np.asarray(result["cell_current"])).sum(axis=(1, 2))
    return float(power.mean() * width), float((power - cells).mean() * width)


def pulse_energy(density: Floats, amplitude: float, width: float, gate: float) -> dict[str, Floats]:
    """Return the energy of one pulse on a 1T1R [J], as its state moves.

    Parameters
    ----------
    density : ndarray
        C / 1e25 before the pulse.
    amplitude, gate : float
        [V]
    width : float
        [s]

    Returns
    -------
    dict
        ``total`` from the bit line and ``device`` in the ReRAM alone, the latter with the
        share of the voltage before the pulse.
    """
    from compact_models import load_model
    from cosim.experiments.pulse_map import build_map, selector

    given = np.atleast_1d(np.asarray(density, dtype=float))
    table = build_map(load_model("cmo_hfox"), amplitude, selector(gate))
    row = np.zeros(given.size, dtype=np.intp)
    total = table.energy(given, table.apply(given, width, row, 0.0), width, row)
    inside = np.abs(np.interp(np.log(given), table.log_density, table.voltage[0]))
    return {"total": total, "device": total * inside / abs(amplitude)}


def programming_cost(devices: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return mean pulses and energy [J] of closed-loop programming, by acceptance range."""
    from compact_models import load_model
    from cosim.experiments.population import draw_population
    from cosim.experiments.program_verify import ProgramVerify
    from cosim.experiments.pulse_map import selector

    found = {}
    for acceptance in (0.002, 0.02):
        rng = np.random.default_rng(seed)
        cells = draw_population(load_model("cmo_hfox"), devices, rng, rows=8).repeated(35)
        target = np.repeat(np.linspace(10e-6, 90e-6, 35), devices)
        result = ProgramVerify(acceptance_range=acceptance).run(
            cells, target, selector(1.4), selector(3.3), rng
        )
        found[f"{acceptance:g}"] = (float(result.pulses.mean()), float(result.energy.mean()))
    return found


_SETTLING = {
    "settling_time": "s", "update_settling_time": "s", "linear_settling_time": "s",
    "linear_update_settling_time": "s", "product_voltage": "1", "update_voltage": "1",
}  # fmt: skip


def settling_of(density: Floats, lines: Lines, c: dict[str, Any]) -> dict[str, float]:
    """Return the settling of products and parallel updates of one array; see `run_study`."""
    from cosim.experiments.settling_transient import transient_settling

    found = dict.fromkeys(_SETTLING, float("nan"))
    size = max(density.shape)
    if size > c["settling_up_to"]:
        return found
    cases: tuple[tuple[Literal["read", "update"], str, float, float, str], ...] = (
        ("read", "", float(c["read_voltage"]), 0.0, "product"),
        ("update", "update_", 0.675, -0.675, "update"),
    )
    for drive, prefix, bit, source, name in cases:
        cells = compiled_cells(density, bit, source)
        linear = settle(cells, lines, drive, steps=600 if size <= 32 else 200).time
        found[f"linear_{prefix}settling_time"] = found[f"{prefix}settling_time"] = linear
        if size <= c["transient_up_to"]:
            exact = transient_settling(
                density, lines, drive, amplitude=bit - source, stop=max(3.0 * linear, 1.5e-10)
            )
            found[f"{prefix}settling_time"] = exact.time
            found[f"{name}_voltage"] = exact.reached
    return found


def run_study(
    config: dict[str, Any] | None = None, output: Any = None, progress: bool = True
) -> xr.Dataset:
    """Energy and time of products against array size, of pulses and of programming.

    Parameters
    ----------
    config : dict, optional
        See ``DEFAULTS``. ``wire_capacitance``, ``driver_resistance``,
        ``read_width`` and ``conversion_energy`` are assumed, not published.
    output : Path, optional
        Folder for ``energy.nc``.
    progress : bool

    Returns
    -------
    xarray.Dataset
        ``settling_time`` of a product and ``update_settling_time`` of a parallel update [s], NaN
        beyond ``settling_up_to``; ``linear_settling_time``, ``linear_update_settling_time`` by
        the linear network; ``product_voltage``, ``update_voltage``: share of the drivers' voltage
        at the worst cell, NaN beyond ``transient_up_to``; ``array_energy``, ``wire_energy`` (its
        part in wires and drivers), ``converter_energy`` [J] and ``energy_per_operation`` [J]
        (multiply and add are two), ``array_pulse_energy`` [J] and ``array_pulse_voltage`` of a SET
        pulse at the farthest cell, ``array_program_pulses`` and ``array_program_energy`` [J] of a
        cell programmed in its array at 2 %, NaN beyond ``program_up_to``, over size; without an
        array, ``pulse_energy`` over (polarity, state);
        ``program_pulses``, ``program_energy`` [J] and ``program_time`` [s] over acceptance range.
    """
    import xarray as xr

    given = dict(config or {})
    for key in given:
        if key not in DEFAULTS:
            raise ConfigError(
                thing="unknown key in an energy study",
                value=key,
                next_step=best_matches(key, DEFAULTS),
            )
    c = {**DEFAULTS, **given}
    lines = Lines(
        wire_resistance=c["wire_resistance"],
        wire_capacitance=c["wire_capacitance"],
        driver_resistance=c["driver_resistance"],
    )
    sizes = np.array(c["sizes"], dtype=int)
    if sizes.size == 0 or sizes.min() < 1:
        raise ConfigError(thing="sizes of an energy study", value=c["sizes"], limit="1 or more")
    rows: list[tuple[float, ...]] = []
    settled: list[dict[str, float]] = []
    for n in map(int, sizes):
        density = np.full((n, n), c["vacancies"] / 1e25)
        settled.append(settling_of(density, lines, c))
        energy = product_energy(
            n, lines, density, c["read_voltage"], c["read_width"], int(c["seed"])
        )
        pulse = pulse_in_array(
            n, lines, density=c["vacancies"] / 1e25, amplitude=1.35, width=c["width"], gate=1.4
        )
        cells = {"pulses": float("nan"), "energy": float("nan")}
        if 9 <= n <= c["program_up_to"]:
            cells = program_in_array(n, lines, 0.02, int(c["seed"]))
        rows.append((*energy, *pulse, cells["pulses"], cells["energy"]))
        if progress:
            read, update = (settled[-1][f"{k}settling_time"] * 1e12 for k in ("", "update_"))
            late = f" and settles in {read:.0f} ps, an update in {update:.0f} ps"
            print(
                f"{n:>4d} x {n}: a product takes {energy[0] * 1e12:.3g} pJ"
                f"{late if np.isfinite(read) else ''}",
                file=sys.stderr,
            )
    array, wires, pulse_array, pulse_share, cell_pulses, cell_energy = np.array(rows).T
    converters = sizes * 2.0 ** c["output_bits"] * c["conversion_energy"]
    density = np.array([0.7, 1.64, 3.77])
    pulses = [
        pulse_energy(density, 1.35, c["width"], 1.4)["total"],
        pulse_energy(density, -1.3, c["width"], 3.3)["total"],
    ]
    cost = programming_cost(int(c["devices"]), int(c["seed"]))
    counts = np.array([pulses for pulses, _ in cost.values()])
    over = ("size",)
    dataset = xr.Dataset(
        {
            **{
                name: (over, [found[name] for found in settled], {"units": unit})
                for name, unit in _SETTLING.items()
            },
            "array_energy": (over, array, {"units": "J"}),
            "wire_energy": (over, wires, {"units": "J"}),
            "converter_energy": (over, converters, {"units": "J"}),
            "array_pulse_energy": (over, pulse_array, {"units": "J"}),
            "array_pulse_voltage": (over, pulse_share, {"units": "1"}),
            "array_program_pulses": (over, cell_pulses, {"units": "1"}),
            "array_program_energy": (over, cell_energy, {"units": "J"}),
            "energy_per_operation": (over, (array + converters) / (2.0 * sizes**2), {"units": "J"}),
            "pulse_energy": (("polarity", "state"), pulses, {"units": "J"}),
            "program_pulses": (("acceptance_range",), counts, {"units": "1"}),
            "program_energy": (
                ("acceptance_range",),
                [energy for _, energy in cost.values()],
                {"units": "J"},
            ),
            "program_time": (
                ("acceptance_range",),
                counts * (c["width"] + c["read_width"]),
                {"units": "s"},
            ),
        },
        coords={
            "size": ("size", sizes, {"units": "1"}),
            "polarity": ("polarity", ["set", "reset"]),
            "state": ("state", density * 1e25, {"units": "1/m**3"}),
            "acceptance_range": ("acceptance_range", [float(k) for k in cost], {"units": "1"}),
        },
        attrs={
            "experiment": "energy",
            "seed": c["seed"],
            "assumed": "wire_capacitance, driver_resistance, read_width, conversion_energy",
        },
    )
    if output is not None:
        from pathlib import Path

        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.to_netcdf(folder / "energy.nc", engine="h5netcdf")
    return dataset
