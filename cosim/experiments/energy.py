"""Energy and time of pulses, programming and products, against the size of the array.

Products and parallel updates touch every cell at once, so their time does not
grow with the number of cells as long as the wires settle quickly beside the
read or write pulse. Settling is integrated in time on the network of wire
resistances, wire capacitances, devices with their own capacitance, transistors
and drivers, linearised at the read bias.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ConfigError, best_matches

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

DEFAULTS: dict[str, Any] = {
    "sizes": [8, 16, 32, 64, 128],
    "wire_resistance": 0.35,
    "wire_capacitance": 0.5e-15,
    "driver_resistance": 100.0,
    "conductance": 50e-6,
    "read_voltage": 0.2,
    "read_width": 100e-9,
    "output_bits": 8,
    "conversion_energy": 50e-15,
    "width": 2.5e-6,
}


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What the wires of a product see.

    Parameters
    ----------
    wire_resistance, wire_capacitance : float
        Per segment [Ohm], [F].
    driver_resistance : float
        Of every bit-line driver and every sensing input [Ohm].
    selector_resistance : float
        Of the transistor in series with a device [Ohm].
    device_capacitance : float
        Of the dome, between the electrodes of a formed device [F].
    gate_capacitance : float
        Of the transistor's gate to its drain and to its source, each [F]; that of
        nmos_3v3 at V_G = 3.3 V.
    """

    wire_resistance: float = 0.35
    wire_capacitance: float = 0.5e-15
    driver_resistance: float = 100.0
    selector_resistance: float = 305.0
    device_capacitance: float = 2e-15
    gate_capacitance: float = 4.06e-15


def settling_time(conductance: Floats, lines: Lines, accuracy: float = 0.01) -> float:
    """Return when all outputs of a product have settled after a step on all inputs.

    Parameters
    ----------
    conductance : ndarray, shape (rows, cols)
        Of the devices [S].
    lines : Lines
    accuracy : float
        Relative distance from the final current that counts as settled.

    Returns
    -------
    float
        [s]

    Raises
    ------
    ConfigError
        If a value is not positive.
    """
    from scipy.sparse import coo_array, csc_array, diags_array
    from scipy.sparse.linalg import splu

    g = np.asarray(conductance, dtype=float)
    if g.ndim != 2 or not np.all(g > 0) or not 0 < accuracy < 1:
        raise ConfigError(
            thing="settling of a product",
            value=(g.shape, accuracy),
            limit="a matrix of positive conductances, an accuracy between 0 and 1",
        )
    rows, cols = g.shape
    count = rows * cols
    bit = np.arange(count).reshape(rows, cols)
    middle, source = bit + count, bit + 2 * count
    segment = 1.0 / lines.wire_resistance
    feed = 1.0 / (lines.driver_resistance + lines.wire_resistance)
    pairs: list[tuple[Any, Any, Any]] = [
        (bit[:, :-1], bit[:, 1:], segment),
        (source[:-1], source[1:], segment),
        (bit, middle, g),
        (middle, source, 1.0 / lines.selector_resistance),
    ]
    size = 3 * count
    start = np.concatenate([np.ravel(a) for a, _, _ in pairs])
    stop = np.concatenate([np.ravel(b) for _, b, _ in pairs])
    value = np.concatenate([np.broadcast_to(v, a.shape).ravel() for a, _, v in pairs])
    ends = np.concatenate([bit[:, 0], source[0]])
    index = np.concatenate([start, stop, start, stop, ends])
    other = np.concatenate([stop, start, start, stop, ends])
    entries = np.concatenate([-value, -value, value, value, np.full(ends.size, feed)])
    matrix = csc_array(coo_array((entries, (index, other)), shape=(size, size)))
    ground = np.full(size, lines.wire_capacitance)
    ground[middle.ravel()] = lines.gate_capacitance
    ground[source.ravel()] += lines.gate_capacitance
    device = np.full(count, lines.device_capacitance)
    a, b = bit.ravel(), middle.ravel()
    coupling = coo_array(
        (
            np.concatenate([device, device, -device, -device]),
            (np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])),
        ),
        shape=(size, size),
    )
    capacity = csc_array(coupling + diags_array(ground))
    load = np.zeros(size)
    load[bit[:, 0]] = feed
    final = splu(matrix).solve(load)
    outputs = source[0]
    # Start from the slowest line's own time constant, and refine until it is well resolved.
    per_cell = lines.wire_capacitance + lines.device_capacitance + lines.gate_capacitance
    per_line = max(g.shape) * per_cell
    span = 10.0 * per_line * (lines.driver_resistance + max(g.shape) * lines.wire_resistance)
    for _ in range(12):
        steps = 600
        h = span / steps
        factor = splu(csc_array(capacity + 0.5 * h * matrix))
        half = splu(csc_array(capacity + 0.25 * h * matrix))
        voltage = np.zeros(size)
        late = 0
        for step in range(1, steps + 1):
            if step == 1:
                # Four damped steps: the trapezoidal rule alone rings on a jump.
                for _ in range(4):
                    voltage = half.solve(capacity @ voltage + 0.25 * h * load)
            else:
                right = capacity @ voltage - 0.5 * h * (matrix @ voltage) + h * load
                voltage = factor.solve(right)
            error = np.abs(voltage[outputs] / final[outputs] - 1.0).max()
            if error > accuracy:
                late = step
        if late < steps and late > 30:
            return float((late + 0.5) * h)
        span *= 3.0 if late >= steps else 0.2
    raise ConfigError(thing="the product does not settle within a resolvable time", value=span)


def pulse_energy(density: Floats, amplitude: float, width: float, gate: float) -> dict[str, Floats]:
    """Return the energy of one pulse on a 1T1R at constant state [J].

    Parameters
    ----------
    density : ndarray
        C / 1e25.
    amplitude, gate : float
        [V]
    width : float
        [s]

    Returns
    -------
    dict
        ``total`` from the bit line and ``device`` in the ReRAM alone.
    """
    from compact_models import load_model
    from cosim.experiments.pulse_map import build_map, selector

    table = build_map(load_model("cmo_hfox"), amplitude, selector(gate))
    current = np.abs(np.interp(np.log(density), table.log_density, table.current[0]))
    inside = np.abs(np.interp(np.log(density), table.log_density, table.voltage[0]))
    return {"total": abs(amplitude) * current * width, "device": inside * current * width}


def run_study(
    config: dict[str, Any] | None = None, output: Any = None, progress: bool = True
) -> xr.Dataset:
    """Energy and time of products against array size, and of pulses against state.

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
        ``settling_time`` [s], ``array_energy``, ``converter_energy`` [J] and
        ``energy_per_operation`` [J] (multiply and add are two) over size;
        ``pulse_energy`` over (polarity, state).
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
    times = []
    for n in sizes:
        times.append(settling_time(np.full((n, n), c["conductance"]), lines))
        if progress:
            print(f"{n:>4d} x {n}: settles in {times[-1] * 1e12:.0f} ps", file=sys.stderr)
    # Inputs uniform in [-1, 1] have a mean square of 1/3.
    array = sizes**2 * c["conductance"] * c["read_voltage"] ** 2 / 3.0 * c["read_width"]
    converters = sizes * 2.0 ** c["output_bits"] * c["conversion_energy"]
    density = np.array([0.7, 1.64, 3.77])
    pulses = [
        pulse_energy(density, 1.35, c["width"], 1.4)["total"],
        pulse_energy(density, -1.3, c["width"], 3.3)["total"],
    ]
    dataset = xr.Dataset(
        {
            "settling_time": (("size",), times, {"units": "s"}),
            "array_energy": (("size",), array, {"units": "J"}),
            "converter_energy": (("size",), converters, {"units": "J"}),
            "energy_per_operation": (
                ("size",),
                (array + converters) / (2.0 * sizes**2),
                {"units": "J"},
            ),
            "pulse_energy": (("polarity", "state"), pulses, {"units": "J"}),
        },
        coords={
            "size": ("size", sizes, {"units": "1"}),
            "polarity": ("polarity", ["set", "reset"]),
            "state": ("state", density * 1e25, {"units": "1/m**3"}),
        },
        attrs={
            "experiment": "energy",
            "assumed": "wire_capacitance, driver_resistance, read_width, conversion_energy",
        },
    )
    if output is not None:
        from pathlib import Path

        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        dataset.to_netcdf(folder / "energy.nc", engine="h5netcdf")
    return dataset
