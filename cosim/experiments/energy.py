"""Energy and time of pulses, programming and products, against the size of the array.

Products are solved with every transistor and wire by the native solver; settling is a transient
of the whole circuit with charged lines up to a size, and the linear network of
:mod:`cosim.experiments.settling` beyond; pulses and closed-loop programming come from the drift
equations of the device.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError
from cosim.experiments.energy_array import (
    LEAST_PROGRAMMED,
    product_energy,
    program_in_array,
    pulse_in_array,
)
from cosim.experiments.job_parts import stamped
from cosim.experiments.settling import Lines, compiled_cells, settle, settling_time

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Lines", "energy_against_size", "pulse_energy", "settling_time"]

Floats = NDArray[np.float64]

OUTPUT_BITS = 8
"""Of the converters of a product, as published."""
PULSE_WIDTH = 2.5e-6
"""Of an update, as published [s]."""


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
    from cosim.experiments.access import selector
    from cosim.experiments.pulse_map import build_map

    given = np.atleast_1d(np.asarray(density, dtype=float))
    table = build_map(load_model("cmo_hfox"), amplitude, selector(gate))
    row = np.zeros(given.size, dtype=np.intp)
    total = table.energy(given, table.apply(given, width, row, 0.0), width, row)
    inside = np.abs(np.interp(np.log(given), table.log_density, table.voltage[0]))
    return {"total": total, "device": total * inside / abs(amplitude)}


def programming_cost(devices: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return mean pulses and energy [J] of closed-loop programming, by acceptance range."""
    from compact_models import load_model
    from cosim.experiments.access import selector
    from cosim.experiments.population import draw_population
    from cosim.experiments.program_verify import ProgramVerify

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


def settling_of(
    density: Floats,
    lines: Lines,
    read_voltage: float,
    *,
    settling_up_to: int,
    transient_up_to: int,
) -> dict[str, float]:
    """Return the settling of one array's products and updates; see `energy_against_size`."""
    from cosim.experiments.settling_transient import transient_settling

    found = dict.fromkeys(_SETTLING, float("nan"))
    size = max(density.shape)
    if size > settling_up_to:
        return found
    cases: tuple[tuple[Literal["read", "update"], str, float, float, str], ...] = (
        ("read", "", read_voltage, 0.0, "product"),
        ("update", "update_", 0.675, -0.675, "update"),
    )
    for drive, prefix, bit, source, name in cases:
        cells = compiled_cells(density, bit, source)
        linear = settle(cells, lines, drive, steps=600 if size <= 32 else 200).time
        found[f"linear_{prefix}settling_time"] = found[f"{prefix}settling_time"] = linear
        if size <= transient_up_to:
            exact = transient_settling(
                density, lines, drive, amplitude=bit - source, stop=max(3.0 * linear, 1.5e-10)
            )
            found[f"{prefix}settling_time"] = exact.time
            found[f"{name}_voltage"] = exact.reached
    return found


def energy_against_size(
    *,
    sizes: Sequence[int],
    transient_up_to: int,
    settling_up_to: int,
    program_up_to: int,
    wire_resistance: float,
    wire_capacitance: float,
    driver_resistance: float,
    vacancies: float,
    read_voltage: float,
    read_width: float,
    conversion_energy: float,
    devices: int,
    seed: int,
    progress: bool = False,
) -> xr.Dataset:
    """Energy and time of products against array size, of pulses and of programming.

    Parameters
    ----------
    sizes, transient_up_to, settling_up_to, program_up_to, devices, seed : int
        See :class:`cosim.experiments.energy_job.Energy`, as for all others.

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

    Raises
    ------
    ConfigError
        There is no size.
    """
    import xarray as xr

    from compact_models import load_model

    lines = Lines(
        wire_resistance=wire_resistance,
        wire_capacitance=wire_capacitance,
        driver_resistance=driver_resistance,
    )
    if not sizes or min(sizes) < 1:
        raise ConfigError(thing="sizes of an energy study", value=sizes, limit="1 or more")
    rows: list[tuple[float, ...]] = []
    settled: list[dict[str, float]] = []
    for n in sizes:
        density = np.full((n, n), vacancies / 1e25)
        settled.append(
            settling_of(
                density,
                lines,
                read_voltage,
                settling_up_to=settling_up_to,
                transient_up_to=transient_up_to,
            )
        )
        energy = product_energy(n, lines, density, read_voltage, read_width, seed)
        pulse = pulse_in_array(
            n, lines, density=vacancies / 1e25, amplitude=1.35, width=PULSE_WIDTH, gate=1.4
        )
        cells = {"pulses": float("nan"), "energy": float("nan")}
        if LEAST_PROGRAMMED <= n <= program_up_to:
            cells = program_in_array(n, lines, 0.02, seed)
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
    columns = np.array(sizes, dtype=float)
    converters = columns * 2.0**OUTPUT_BITS * conversion_energy
    density = np.array([0.7, 1.64, 3.77])
    pulses = [
        pulse_energy(density, 1.35, PULSE_WIDTH, 1.4)["total"],
        pulse_energy(density, -1.3, PULSE_WIDTH, 3.3)["total"],
    ]
    cost = programming_cost(devices, seed)
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
            "energy_per_operation": (
                over,
                (array + converters) / (2.0 * columns**2),
                {"units": "J"},
            ),
            "pulse_energy": (("polarity", "state"), pulses, {"units": "J"}),
            "program_pulses": (("acceptance_range",), counts, {"units": "1"}),
            "program_energy": (
                ("acceptance_range",),
                [energy for _, energy in cost.values()],
                {"units": "J"},
            ),
            "program_time": (
                ("acceptance_range",),
                counts * (PULSE_WIDTH + read_width),
                {"units": "s"},
            ),
        },
        coords={
            "size": ("size", list(sizes), {"units": "1"}),
            "polarity": ("polarity", ["set", "reset"]),
            "state": ("state", density * 1e25, {"units": "1/m**3"}),
            "acceptance_range": ("acceptance_range", [float(k) for k in cost], {"units": "1"}),
        },
        attrs={"assumed": "wire_capacitance, driver_resistance, read_width, conversion_energy"},
    )
    parameters = load_model("cmo_hfox").parameters
    return stamped(
        dataset,
        "energy",
        seed=seed,
        fingerprint=parameters.fingerprint,
        citations=parameters.citation,
        simulator="native",
    )
