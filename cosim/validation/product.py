"""Matrix-vector product 64 x 64 on the behavioural rung."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosim.validation.table import Measured

Floats = NDArray[np.float64]
TEN_YEARS = 3.156e8
SEED = 20250704
# Spread of the devices of Wan et al., Nature 2022, about their target after 1 s and 1 day, in uS of
# a 40 uS window: polynomial coefficients published with the analog hardware kit [aihwkit].
WAN_2022 = {
    1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
    86400.0: (0.701, 22.086, -50.773, 47.095, -16.458),
}


def product_error(
    *,
    size: int = 64,
    time: float = 1.0,
    acceptance_range: float = 0.002,
    wire: float = 0.35,
    draws: int = 4,
    output_bound: float = 15.0,
    scheme: Literal["offset", "reference", "differential"] = "offset",
    calibrated_gain: bool = False,
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
    draws : int
        Matrices; each multiplies 100 inputs.
    output_bound : float
        Full scale of the 8-bit output in units of the largest weight times the
        largest input, for 64 rows; grows with the square root of the rows.
        15 is the authors' public example.
    scheme : {"offset", "reference", "differential"}
        One device a weight and the middle of the window subtracted as a number
        (the authors' public example), by a column of devices, or two devices a weight.
    calibrated_gain : bool
        Scale every output by the one factor that fits it best, as a digital
        post-scaling would.
    """
    from cosim.behavioural.converters import Converter
    from cosim.behavioural.device import soft_bounds
    from cosim.behavioural.noise import NoiseLaws
    from cosim.behavioural.tile import Tile, TileOptions
    from netlists import Parasitics

    device = soft_bounds().replace(noise=NoiseLaws(acceptance_range=acceptance_range))
    options = TileOptions(
        scheme=scheme,
        dac=Converter(bits=6, bound=1.0),
        adc=Converter(bits=8, bound=output_bound * np.sqrt(size / 64.0)),
        parasitics=Parasitics(r_row=wire, r_col=wire),
    )
    rng = np.random.default_rng(seed)
    errors = np.empty(draws)
    for draw in range(draws):
        weights = rng.uniform(-1.0, 1.0, (size, size))
        inputs = rng.uniform(-1.0, 1.0, (100, size))
        tile = Tile.program(
            weights, device, weight_max=1.0, options=options, seed=int(rng.integers(2**31))
        )
        got = tile.multiply(inputs, time=time)
        wanted = inputs @ weights
        if calibrated_gain:
            got = got * (got * wanted).sum(axis=0) / (got * got).sum(axis=0)
        errors[draw] = np.sqrt(np.mean((got - wanted) ** 2))
    return errors


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
        errors.append(np.sqrt(np.mean((np.round(output / step) * step - inputs @ weights) ** 2)))
    return float(np.mean(errors))


def products(quick: bool) -> Mapping[str, Measured | float]:
    """RMSE against time, acceptance range, wires and size."""
    draws, wired = 8, 2 if quick else 8
    times = {"1s": 1.0, "1h": 3600.0, "1d": 86400.0, "10y": TEN_YEARS}
    found: dict[str, Measured | float] = {}
    for name, time in times.items():
        errors = product_error(time=time, draws=draws, wire=0.0)
        found[f"product_{name}"] = Measured(
            value=float(errors.mean()), note=f"{errors.std():.1g} over {draws} matrices"
        )
    bare = float(product_error(draws=draws, wire=0.0).mean())
    found["product_reference_10y"] = float(
        product_error(time=TEN_YEARS, draws=draws, wire=0.0, scheme="reference").mean()
    )
    found["product_wires"] = float(product_error(draws=wired).mean())
    found["product_wires_reference"] = float(
        product_error(draws=wired, scheme="reference", calibrated_gain=True).mean()
    )
    loose = float(product_error(acceptance_range=0.02, draws=draws, wire=0.0).mean())
    found["product_loose_over_tight"] = loose / bare
    found["product_against_wan"] = product_error_wan() / bare
    if not quick:
        for size in (128, 256):
            errors = product_error(size=size, draws=2, scheme="reference", calibrated_gain=True)
            found[f"product_wires_{size}"] = float(errors.mean())
    return found


def array_products(quick: bool) -> Mapping[str, Measured | float]:
    """One programmed 64 x 64 matrix, with a reference column, read through the whole array.

    Every cell has its transistor and its wires; the native solver reads ten inputs.
    """
    import time as clock

    from compact_models import load_model, noise
    from cosim.behavioural.converters import Converter
    from cosim.behavioural.device import soft_bounds
    from cosim.behavioural.tile import weights_to_conductances
    from cosim.experiments.read import Read
    from netlists.array import Array
    from netlists.cell import Cell
    from netlists.parasitics import Parasitics

    size, count = 64, 10
    rng = np.random.default_rng(SEED)
    weights = rng.uniform(-1.0, 1.0, (size, size))
    inputs: Floats = np.asarray(
        Converter(bits=6, bound=1.0).convert(rng.uniform(-1.0, 1.0, (count, size))),
        dtype=np.float64,
    )
    target = weights_to_conductances(weights, soft_bounds(), "reference", 1.0)
    programmed = noise.programmed(target, rng)
    g = noise.relaxed(programmed, 1.0, rng.standard_normal(target.shape))
    reram = load_model("cmo_hfox")
    array = Array(
        Cell(reram, load_model("nmos_3v3")),
        rows=size,
        cols=size + 1,
        parasitics=Parasitics(r_row=0.35, r_col=0.35),
        parameters={"c_0": reram.vacancies_at(conductance=g) / 1e25},
    )

    started = clock.monotonic()
    read = Read(array, inputs=inputs * 0.2).run(simulator="native", seed=SEED, progress=False)
    solved = np.asarray(read.current, dtype=float)
    seconds = clock.monotonic() - started
    unit = 0.5 * (88.2e-6 - 9e-6) * 0.2
    products = (solved[:, :-1] - solved[:, -1:]) / unit
    wanted = inputs @ weights
    if float((products * wanted).sum()) < 0:
        products = -products
    output = Converter(bits=8, bound=15.0).convert(products)
    output = output * (output * wanted).sum(axis=0) / (output * output).sum(axis=0)
    error = float(np.sqrt(np.mean((output - wanted) ** 2)))
    return {"product_array": Measured(value=error, note=f"{count} inputs in {seconds:.1f} s")}
