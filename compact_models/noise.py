"""Statistical laws of the CMO/HfOx ReRAM: programming noise, relaxation, read noise.

The published laws are fits to measured spreads of the 130 nm device
[Falcone2025] with the authors' public coefficients [aihwkit]. They are written
there in microsiemens; here everything is SI. Times are counted from the end of
programming.

The published relaxation sigma is the spread of a level *about its target*, so
it already holds the programming noise: at 1 s it is 0.41 uS, against at most
0.10 uS programmed at an acceptance range of 0.2 %. ``relaxed`` therefore adds
only what relaxation contributes beyond the programming noise of the tight
range, and a level programmed with the loose range keeps its wider start.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import ParameterError
from compact_models.parameters import ParameterSet

Floats = NDArray[np.float64]


@lru_cache(maxsize=1)
def noise_parameters() -> ParameterSet:
    """Return the published coefficients (``noise_cmo_hfox``)."""
    return ParameterSet.load("noise_cmo_hfox")


def programming_sigma(
    conductance: ArrayLike,
    acceptance_range: float = 0.002,
    parameters: Mapping[str, float] | None = None,
) -> Floats:
    """Return the spread of conductance left by closed-loop programming.

    Parameters
    ----------
    conductance : array_like
        Target conductance [S].
    acceptance_range : float
        Relative half-width of the accepted band, 0.002 to 0.02. The law is
        published at both ends; between them sigma is interpolated linearly in
        the range, which is assumed.
    parameters : mapping, optional
        Coefficients; the published ones when left out.

    Returns
    -------
    ndarray
        Standard deviation [S], the shape of `conductance`.

    Raises
    ------
    ParameterError
        If the range lies outside the published two.
    """
    p = noise_parameters() if parameters is None else parameters
    tight, loose = p["programming_range_tight"], p["programming_range_loose"]
    if not tight * (1 - 1e-9) <= acceptance_range <= loose * (1 + 1e-9):
        raise ParameterError(
            thing="programming noise is not known for this acceptance range",
            value=acceptance_range,
            limit=f"{tight:g} to {loose:g}, as a fraction of the target",
            next_step=f"Give a fraction (0.002 is 0.2 %) from {tight:g} to {loose:g}, "
            "or calibrate with data of closed-loop programming at this range",
        )
    g = np.asarray(conductance, dtype=np.float64)
    at_tight = p["programming_slope_tight"] * g + p["programming_offset_tight"]
    at_loose = p["programming_slope_loose"] * g + p["programming_offset_loose"]
    share = (acceptance_range - tight) / (loose - tight)
    return np.asarray(at_tight + share * (at_loose - at_tight))


def programmed(
    target: ArrayLike,
    rng: np.random.Generator,
    acceptance_range: float = 0.002,
    parameters: Mapping[str, float] | None = None,
) -> Floats:
    """Draw conductances [S] left by closed-loop programming to `target` [S]."""
    g = np.asarray(target, dtype=np.float64)
    sigma = programming_sigma(g, acceptance_range, parameters)
    return np.asarray(g + sigma * rng.standard_normal(g.shape))


def relaxation_mean(time: ArrayLike, parameters: Mapping[str, float] | None = None) -> Floats:
    """Return the shift of the mean conductance [S] at `time` [s] after programming.

    The law is logarithmic and zero at 1 s; before 1 s it is held at zero, since
    nothing was measured there.

    Raises
    ------
    ParameterError
        If a time is negative or not finite.
    """
    p = noise_parameters() if parameters is None else parameters
    return np.asarray(p["relaxation_mean_slope"] * _log_seconds(time))


def relaxation_sigma(time: ArrayLike, parameters: Mapping[str, float] | None = None) -> Floats:
    """Return the spread of a level about its target [S] at `time` [s].

    Programming noise of the tight acceptance range is part of it. Before 1 s it
    is held at its value at 1 s.

    Raises
    ------
    ParameterError
        If a time is negative or not finite.
    """
    p = noise_parameters() if parameters is None else parameters
    slope, offset = p["relaxation_sigma_slope"], p["relaxation_sigma_offset"]
    return np.asarray(slope * _log_seconds(time) + offset)


def relaxed(
    conductance: ArrayLike,
    time: float,
    deviate: ArrayLike,
    parameters: Mapping[str, float] | None = None,
) -> Floats:
    """Return programmed conductances after `time`.

    Parameters
    ----------
    conductance : array_like
        Programmed conductance [S], programming noise included.
    time : float
        Since programming [s]; 0 returns `conductance` unchanged.
    deviate : array_like
        One standard normal number a device, drawn once and kept, so that a
        device moves along one path through time rather than jumping. That a
        path is straight in ln(t) is assumed: only the ensemble is published.
    parameters : mapping, optional

    Returns
    -------
    ndarray
        Conductance [S], not below zero.

    Notes
    -----
    The published spread is about the target. What relaxation adds on top of the
    tight programming noise is the difference of the variances.
    """
    p = noise_parameters() if parameters is None else parameters
    g = np.asarray(conductance, dtype=np.float64)
    if time == 0.0:
        return g.copy()
    start = programming_sigma(g, p["programming_range_tight"], p)
    spread = np.sqrt(np.maximum(relaxation_sigma(time, p) ** 2 - start**2, 0.0))
    return np.asarray(np.maximum(g + relaxation_mean(time, p) + spread * np.asarray(deviate), 0.0))


def read_sigma(
    conductance: ArrayLike,
    time: ArrayLike,
    parameters: Mapping[str, float] | None = None,
) -> Floats:
    """Return the 1/f read noise of a device.

    Parameters
    ----------
    conductance : array_like
        Conductance [S].
    time : array_like
        Since programming [s]: noise slower than this has not shown yet.
    parameters : mapping, optional

    Returns
    -------
    ndarray
        Standard deviation [S], zero for times up to the read time t_r and for
        conductances up to 1 uS, where the published logarithm would turn negative.

    Raises
    ------
    ParameterError
        If a time is negative or not finite, or a conductance is not finite.
    """
    p = noise_parameters() if parameters is None else parameters
    g = np.asarray(conductance, dtype=np.float64)
    t = _checked_time(time)
    if not np.all(np.isfinite(g)):
        raise ParameterError(
            thing="conductance for read noise [S]",
            value=float(g[~np.isfinite(g)][0]),
            limit="finite",
        )
    microsiemens = np.maximum(g / 1e-6, 1.0)
    growth = np.log(np.maximum((t + p["read_time"]) / (2.0 * p["read_time"]), 1.0))
    return np.asarray(p["read_coefficient"] * np.log10(microsiemens) * np.sqrt(growth))


def read(
    conductance: ArrayLike,
    time: ArrayLike,
    rng: np.random.Generator,
    parameters: Mapping[str, float] | None = None,
) -> Floats:
    """Draw one noisy reading [S] of every conductance [S]."""
    g = np.asarray(conductance, dtype=np.float64)
    sigma = read_sigma(g, time, parameters)
    return np.asarray(g + sigma * rng.standard_normal(np.broadcast_shapes(g.shape, sigma.shape)))


def level_targets(
    levels: int | None = None, parameters: Mapping[str, float] | None = None
) -> Floats:
    """Return equally spaced target conductances [S] over the published window."""
    p = noise_parameters() if parameters is None else parameters
    count = int(p["levels"]) if levels is None else levels
    if count < 2:
        raise ParameterError(thing="too few levels", value=count, limit="2 or more")
    return np.linspace(p["conductance_lowest"], p["conductance_highest"], count)


def adjacent_overlap(
    spacing: float, sigma_lower: ArrayLike, sigma_upper: ArrayLike | None = None
) -> Floats:
    """Return the overlap of the distributions of two neighbouring levels.

    Both are taken as normal; the overlap is the common area of the two
    densities, 1 for the same level and 0 for levels far apart. For unequal
    spreads it is integrated on a grid (error below 1e-6 up to a ratio of 20).

    Parameters
    ----------
    spacing : float
        Distance of the means [S].
    sigma_lower, sigma_upper : array_like
        Spreads [S]; equal when the second is left out.
    """
    from scipy.special import ndtr

    spacing = abs(spacing)
    lower = np.asarray(sigma_lower, dtype=np.float64)
    if sigma_upper is None:
        # Levels without any spread do not overlap.
        with np.errstate(divide="ignore"):
            return np.asarray(2.0 * ndtr(-0.5 * spacing / lower))
    lower, upper = np.broadcast_arrays(lower, np.asarray(sigma_upper, dtype=np.float64))
    sharp = (lower <= 0) | (upper <= 0)
    if sharp.any():
        # What has no width shares no area with anything.
        found = np.zeros(sharp.shape)
        if not sharp.all():
            found[~sharp] = adjacent_overlap(spacing, lower[~sharp], upper[~sharp])
        return found
    widest = float(max(lower.max(), upper.max()))
    grid = np.linspace(-8.0 * widest, spacing + 8.0 * widest, 20001)
    densities = [
        np.exp(-0.5 * ((grid - mean) / s[..., None]) ** 2) / (s[..., None] * np.sqrt(2.0 * np.pi))
        for mean, s in ((0.0, lower), (spacing, upper))
    ]
    return np.asarray(np.trapezoid(np.minimum(*densities), grid, axis=-1))


def _log_seconds(time: ArrayLike) -> Floats:
    return np.asarray(np.log(np.maximum(_checked_time(time), 1.0)))


def _checked_time(time: ArrayLike) -> Floats:
    t = np.asarray(time, dtype=np.float64)
    if not np.all(np.isfinite(t)) or np.any(t < 0.0):
        raise ParameterError(
            thing="time since programming is negative or not finite",
            value=time,
            limit="0 s or more",
        )
    return t
