"""Matrix-vector product 64 x 64 on the behavioural rung."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosim.validation.table import Measured

Floats = NDArray[np.float64]
Scheme = Literal["offset", "reference", "differential"]
TEN_YEARS = 3.156e8
TIMES = {"1s": 1.0, "1h": 3600.0, "1d": 86400.0, "10y": TEN_YEARS}
SEED = 20250704
# Spread of the devices of Wan et al., Nature 2022, about their target after 1 s and 1 day, in uS of
# a 40 uS window: polynomial coefficients published with the analog hardware kit [aihwkit].
WAN_2022 = {
    1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
    86400.0: (0.701, 22.086, -50.773, 47.095, -16.458),
}


def published_wire_loss(
    weights: Floats, inputs: Floats, wire: float, conductance: float = 100e-6
) -> Floats:
    """Return what the wires take from products, by the closed formula of [aihwkit].

    The formula sees the magnitude of each weight alone: a weight of zero draws no current,
    though its device sits in the middle of the window.

    Parameters
    ----------
    weights : ndarray, shape (rows, columns)
        -1 to 1.
    inputs : ndarray, shape (batch, rows)
        -1 to 1.
    wire : float
        Resistance of a segment [Ohm].
    conductance : float
        Of a weight of 1 [S]; 100 uS in the authors' example.
    """
    rows = weights.shape[0]
    a = rows * wire * conductance * (np.abs(inputs) @ np.abs(weights))
    share = a * (a * (0.05 * a - 0.2) + 0.5)
    far = 1.0 - np.arange(rows) / rows
    return np.asarray(share * ((inputs * (1.0 - far**2)) @ weights))


def product_error(
    *,
    size: int = 64,
    time: float = 1.0,
    acceptance_range: float = 0.002,
    wire: float = 0.35,
    wire_law: Literal["network", "published"] = "network",
    draws: int = 4,
    output_bound: float = 15.0,
    scheme: Scheme = "offset",
    calibrated_gain: bool = False,
    ends: Literal["start", "both"] = "start",
    read_noise: bool = True,
    rounded_inputs: bool = False,
    scale_bound: bool = True,
    seed: int = SEED,
) -> Floats:
    """Return the RMSE of products of uniform weights and inputs, one value a draw.

    Parameters
    ----------
    size : int
        Rows and columns.
    time : float
        Since programming [s].
    acceptance_range : float
        Of the programming loop, relative.
    wire : float
        Resistance per segment [Ohm].
    wire_law : {"network", "published"}
        The whole network of wires and devices, or :func:`published_wire_loss`.
    draws : int
        Matrices; each multiplies 100 inputs.
    output_bound : float
        Full scale of the 8-bit output in units of the largest weight times the
        largest input, for 64 rows. 15 is the authors' public example.
    scheme : {"offset", "reference", "differential"}
        One device a weight and the middle of the window subtracted as a number
        (the authors' public example), by a column of devices, or two devices a weight.
    calibrated_gain : bool
        Scale every output by the one factor that fits it best, as a digital
        post-scaling would.
    ends : {"start", "both"}
        Ends of the lines that are driven and sensed.
    read_noise : bool
    rounded_inputs : bool
        Compare with the product of the inputs as the 6-bit converter rounds them.
    scale_bound : bool
        Let the full scale of the output grow with the square root of the rows.
    """
    from cosim.behavioural.converters import Converter
    from cosim.behavioural.device import soft_bounds
    from cosim.behavioural.noise import NoiseLaws
    from cosim.behavioural.tile import Tile, TileOptions
    from netlists import Drive, Parasitics

    laws = NoiseLaws(acceptance_range=acceptance_range, read=read_noise)
    device = soft_bounds().replace(noise=laws)
    ohms = wire if wire_law == "network" else 0.0
    options = TileOptions(
        scheme=scheme,
        dac=Converter(bits=6, bound=1.0),
        adc=Converter(bits=None, bound=np.inf),
        parasitics=Parasitics(r_row=ohms, r_col=ohms),
        drive=Drive(bit_line=ends, source_line=ends),
    )
    adc = Converter(bits=8, bound=output_bound * (np.sqrt(size / 64.0) if scale_bound else 1.0))
    rng = np.random.default_rng(seed)
    errors = np.empty(draws)
    for draw in range(draws):
        weights = rng.uniform(-1.0, 1.0, (size, size))
        inputs = rng.uniform(-1.0, 1.0, (100, size))
        tile = Tile.program(
            weights, device, weight_max=1.0, options=options, seed=int(rng.integers(2**31))
        )
        seen = np.asarray(options.dac.convert(inputs), dtype=float)
        got = np.asarray(tile.multiply(inputs, time=time), dtype=float)
        if wire_law == "published":
            got = got - published_wire_loss(np.asarray(tile.weights(time), float), seen, wire)
        errors[draw] = rms_error(
            adc.convert(got), (seen if rounded_inputs else inputs) @ weights, calibrated_gain
        )
    return errors


def rms_error(got: Any, wanted: Floats, calibrated_gain: bool) -> float:
    """Return the RMSE of outputs, with the best gain a column if asked for."""
    output = np.asarray(got, dtype=float)
    if calibrated_gain:
        output = output * (output * wanted).sum(axis=0) / (output * output).sum(axis=0)
    return float(np.sqrt(np.mean((output - wanted) ** 2)))


def product_error_wan(time: float = 1.0, draws: int = 4, seed: int = SEED) -> float:
    """Return the RMSE with the published device spread of Wan et al. 2022, pairs of devices."""
    coefficients = np.array(WAN_2022[time])
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(draws):
        weights = rng.uniform(-1.0, 1.0, (64, 64))
        inputs = rng.uniform(-1.0, 1.0, (100, 64))
        pair = np.array([np.maximum(weights, 0.0), np.maximum(-weights, 0.0)])
        sigma = np.polynomial.polynomial.polyval(pair, coefficients) / 40.0
        noisy = np.maximum(pair + sigma * rng.standard_normal(pair.shape), 0.0)
        quantised = np.round(inputs * 31.0) / 31.0
        output = quantised @ (noisy[0] - noisy[1])
        step = 15.0 / 127.0
        errors.append(rms_error(np.round(output / step) * step, inputs @ weights, False))
    return float(np.mean(errors))


def _over(errors: Floats) -> Measured:
    return Measured(value=float(errors.mean()), note=f"{errors.std():.1g} over {errors.size}")


def products(quick: bool) -> Mapping[str, Measured | float]:
    """RMSE against time and acceptance range, without wires and with the published formula."""
    draws = 32
    found: dict[str, Measured | float] = {}
    for name, time in TIMES.items():
        found[f"product_code_{name}"] = _over(
            product_error(time=time, draws=draws, wire_law="published")
        )
    for name in ("1s", "10y"):
        found[f"product_{name}"] = _over(product_error(time=TIMES[name], draws=draws, wire=0.0))
    found["product_rounded_inputs"] = _over(
        product_error(draws=draws, wire=0.0, read_noise=False, rounded_inputs=True)
    )
    found["product_reference_10y"] = _over(
        product_error(time=TEN_YEARS, draws=draws, wire=0.0, scheme="reference")
    )
    found["product_code_loose"] = _over(
        product_error(acceptance_range=0.02, draws=draws, wire_law="published")
    )
    for size in (128, 256):
        found[f"product_code_{size}"] = _over(
            product_error(size=size, draws=2, wire_law="published", scale_bound=False)
        )
    now, later = (product_error(time=t, draws=4, wire=0.0).mean() for t in (1.0, TEN_YEARS))
    found["product_against_wan"] = float(product_error_wan() / now)
    found["product_against_wan_10y"] = float(product_error_wan(86400.0) / later)
    return found


def products_through_wires(quick: bool) -> Mapping[str, Measured | float]:
    """RMSE with the whole network of wires between drivers, devices and sense inputs."""
    draws = 2 if quick else 8
    pairs: dict[str, Any] = {"scheme": "differential", "calibrated_gain": True}
    return {
        "product_wires": _over(product_error(draws=draws)),
        "product_wires_reference": _over(
            product_error(draws=draws, scheme="reference", calibrated_gain=True)
        ),
        "product_wires_pairs": _over(product_error(draws=draws, **pairs)),
        "product_wires_pairs_10y": _over(product_error(draws=draws, time=TEN_YEARS, **pairs)),
    }
