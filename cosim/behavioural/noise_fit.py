"""Coefficients of the statistical laws from programming and retention data.

The laws keep their form (`compact_models.noise`); what is fitted are their coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from compact_models.noise import noise_parameters

if TYPE_CHECKING:
    import xarray

FloatArray = NDArray[np.float64]

FEWEST = 8


@dataclass(frozen=True, kw_only=True)
class NoiseFit:
    """Fitted coefficients, by their names in ``noise_cmo_hfox``, and how well they fit.

    Parameters
    ----------
    coefficients : dict
    residuals : dict
        By law: root mean square of fitted over measured spread, minus 1.
    acceptance_range : float, optional
        The tightest one of the data.
    """

    coefficients: dict[str, float]
    residuals: dict[str, float]
    acceptance_range: float | None = None


def is_programming(dataset: xarray.Dataset) -> bool:
    """Whether this is a Dataset of closed-loop programming, of cells or of an array."""
    return ("conductance" in dataset and "acceptance_range" in dataset["conductance"].dims) or (
        "target" in dataset and "error" in dataset
    )


def is_retention(dataset: xarray.Dataset) -> bool:
    """Whether levels were followed through time."""
    return any(
        name in dataset and {"time", "level"} <= set(dataset[name].dims)
        for name in ("conductance", "relaxed")
    )


def fit_noise(dataset: xarray.Dataset) -> NoiseFit:
    """Whatever of programming noise, relaxation and read noise the Dataset tells.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of ``program_verify``, ``array_program`` or ``retention``.
    """
    coefficients: dict[str, float] = {}
    residuals: dict[str, float] = {}
    acceptance = None
    if is_programming(dataset):
        found, residuals["programming"], acceptance = _programming(dataset)
        coefficients |= found
    if is_retention(dataset):
        name = "relaxed" if "relaxed" in dataset else "conductance"
        relaxed, errors = _retention(dataset, name)
        coefficients |= relaxed
        residuals |= errors
    return NoiseFit(coefficients=coefficients, residuals=residuals, acceptance_range=acceptance)


def _programming(dataset: xarray.Dataset) -> tuple[dict[str, float], float, float]:
    sets = []
    if "target" in dataset:
        ok = np.asarray(dataset["reached"].values, bool).ravel()
        g = np.asarray(dataset["target"].values, float).ravel()[ok]
        order = np.argsort(g)
        error = np.asarray(dataset["error"].values, float).ravel()[ok][order]
        parts = np.array_split(np.arange(g.size), max(g.size // FEWEST, 1))
        level = np.array([g[order][p].mean() for p in parts])
        spread = np.array([error[p].std(ddof=1) for p in parts if p.size > 1])
        sets.append((float(dataset.attrs["acceptance_range"]), level[: spread.size], spread))
    else:
        g = np.asarray(dataset["level"].values, float)
        for acceptance in np.asarray(dataset["acceptance_range"].values, float):
            one = dataset.sel(acceptance_range=acceptance)
            kept = one["conductance"].where(one["reached"].astype(bool))
            spread = kept.std("device", ddof=1).transpose("level").values
            sets.append((float(acceptance), g, np.asarray(spread, float)))
    sets.sort(key=lambda item: item[0])
    published = noise_parameters()
    middle = np.sqrt(published["programming_range_tight"] * published["programming_range_loose"])
    sides = ("tight", "loose") if len(sets) > 1 else ("tight" if sets[0][0] < middle else "loose",)
    out: dict[str, float] = {}
    errors = []
    for side, (acceptance, g, spread) in zip(sides, (sets[0], sets[-1]), strict=False):
        usable = np.isfinite(spread) & (spread > 0)
        if usable.sum() < 2:
            raise CalibrationError(
                thing=f"programming data at an acceptance range of {acceptance:g}",
                value=int(usable.sum()),
                limit="two or more levels, each with several cells that reached it",
            )
        slope, offset = _line(g[usable], spread[usable])
        out[f"programming_range_{side}"] = acceptance
        out[f"programming_slope_{side}"] = slope
        out[f"programming_offset_{side}"] = offset
        errors.append((slope * g[usable] + offset) / spread[usable] - 1.0)
    return out, float(np.sqrt(np.mean(np.concatenate(errors) ** 2))), sets[0][0]


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and offset of least relative error, neither below 0."""
    from scipy.optimize import nnls

    scale = float(x.max())
    design = np.stack([x / scale, np.ones_like(x)], axis=1) / y[:, None]
    slope, offset = nnls(design, np.ones_like(y))[0]
    return float(slope) / scale, float(offset)


def _retention(dataset: xarray.Dataset, name: str) -> tuple[dict[str, float], dict[str, float]]:
    values = dataset[name]
    if "acceptance_range" in values.dims:
        values = values.isel(acceptance_range=int(np.argmin(dataset["acceptance_range"].values)))
    times = np.asarray(dataset["time"].values, float)
    target = np.asarray(dataset["level"].values, float)
    g = np.asarray(values.transpose("time", "level", "device").values, float)
    logs = np.log(np.maximum(times, 1.0))
    if g.shape[2] < FEWEST or np.unique(logs).size < 2:
        raise CalibrationError(
            thing="retention data",
            value=(g.shape[2], np.unique(logs).size),
            limit=f"{FEWEST} or more devices a level, two or more times from 1 s on",
        )
    shift = g - target[:, None]
    mean = shift.mean(axis=(1, 2))
    out = {"relaxation_mean_slope": float(np.sum(mean * logs) / np.sum(logs**2))}
    # Readings carry read noise, which a device's straight path in ln t leaves over.
    noisy = name == "conductance"
    read, errors = 0.0, {}
    if noisy and times.size >= 4:
        read, errors["read"] = _read_noise(g, times, logs)
        out["read_coefficient"] = read
    sigma = np.sqrt(
        np.maximum(
            shift.var(axis=2, ddof=1).mean(axis=1)
            - np.square(read) * _read_shape(target, times).mean(axis=1),
            1e-30,
        )
    )
    slope, offset = np.polyfit(logs, sigma, 1)
    out["relaxation_sigma_slope"] = float(slope)
    out["relaxation_sigma_offset"] = float(offset)
    errors["relaxation"] = float(np.sqrt(np.mean(((offset + slope * logs) / sigma - 1.0) ** 2)))
    return out, errors


def _read_shape(target: FloatArray, times: FloatArray) -> FloatArray:
    """Variance of a reading at a coefficient of 1 S, shape (times, levels)."""
    t_r = noise_parameters()["read_time"]
    octaves = np.log(np.maximum((times + t_r) / (2.0 * t_r), 1.0))
    return np.asarray(octaves[:, None] * np.log10(np.maximum(target / 1e-6, 1.0)) ** 2)


def _read_noise(g: FloatArray, times: FloatArray, logs: FloatArray) -> tuple[float, float]:
    """Coefficient, and relative error of the variances of the levels."""
    design = np.stack([np.ones_like(logs), logs], axis=1)
    left = np.eye(logs.size) - design @ np.linalg.pinv(design)
    rest = np.einsum("st,tld->sld", left, g)
    seen = (rest**2).sum(axis=0).mean(axis=1)
    expected = (_read_shape(g.mean(axis=(0, 2)), times) * np.diag(left)[:, None]).sum(axis=0)
    coefficient = float(np.sqrt(seen.sum() / expected.sum()))
    error = coefficient * np.sqrt(expected / np.maximum(seen, 1e-300)) - 1.0
    return coefficient, float(np.sqrt(np.mean(error**2)))


def combined(fits: list[NoiseFit]) -> dict[str, Any]:
    """Fields of `NoiseLaws` from several fits; later ones take precedence."""
    coefficients: dict[str, float] = {}
    out: dict[str, Any] = {}
    for fit in fits:
        coefficients |= fit.coefficients
        if fit.acceptance_range is not None:
            out["acceptance_range"] = fit.acceptance_range
    return out | {"coefficients": tuple(coefficients.items())}
