"""From integer weights to the cells of a chip, and from cells to what a neuron sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.parameters import ParameterSet
from cosim.errors import ConfigError, best_matches
from cosim.network.spiking.encoder import Coding, Encoder
from cosim.network.spiking.layer import NeuronTiming, SpikingLayer

CELLS = 4  # a polarity: weights -4..+4 [Valentian2019]
EDGE = 0.5e-9  # s, rise and fall of a word line (assumed)
# Read off the circuit once, for the times of its latches: from a crossing to half of the
# output spike; what the reset lasts beyond its timer; what the refractory time falls short.
SPIKE_DELAY = 0.335e-9
RESET_EXCESS = 0.05e-9
REFRACTORY_DEFICIT = 0.4e-9

EFFECTS = (
    "cell spread",
    "relaxation",
    "stuck cells",
    "comparator offset",
    "injector mismatch",
)


@lru_cache(maxsize=1)
def default_parameters() -> ParameterSet:
    """The parameter set ``oxram_spirit``."""
    return ParameterSet.load("oxram_spirit")


def check_effects(effects: Iterable[str]) -> frozenset[str]:
    """Refuse an unknown effect."""
    chosen = frozenset(effects)
    for name in sorted(chosen - set(EFFECTS)):
        raise ConfigError(
            thing="unknown effect of a chip", value=name, next_step=best_matches(name, EFFECTS)
        )
    return chosen


@dataclass(frozen=True, kw_only=True, eq=False)
class Chip:
    """One fabricated and programmed chip.

    Parameters
    ----------
    weights : ndarray of int64, shape (neurons, inputs)
        What was to be written.
    conductance : ndarray, shape (neurons, inputs, 2, cells)
        What the cells hold [S]; axis 2 is (positive, negative).
    gain : ndarray, shape (neurons, 2)
        Relative gain of the injector polarities.
    offset : ndarray, shape (neurons, 2)
        Comparator offsets [V].
    parameters : mapping
    effects : frozenset of str
        Which of `EFFECTS` are in it.
    """

    weights: NDArray[np.int64]
    conductance: NDArray[np.float64]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    parameters: Mapping[str, float]
    effects: frozenset[str]

    def layer(self, *, drift: ArrayLike | None = None) -> SpikingLayer:
        """The behavioural layer of this chip."""
        p = self.parameters
        step = weight_step(p)
        bit_line = bit_line_charge(self.conductance, p)
        ratio = p["copy_ratio"] / p["membrane_capacitance"] / step
        weights = ratio * (
            bit_line[..., 0] * self.gain[:, None, 0] - bit_line[..., 1] * self.gain[:, None, 1]
        )
        timing = timing_of(p)
        return SpikingLayer(
            weights=weights,
            timing=timing,
            upper=(p["threshold"] + self.offset[:, 0]) / step,
            lower=-(p["threshold"] + self.offset[:, 1]) / step,
            drift=None if drift is None else np.asarray(drift, dtype=float),
        )


def encoder_of(
    parameters: Mapping[str, float], coding: Coding = "poisson", *, limit: int = 2000
) -> Encoder:
    """The bus of a parameter set."""
    if coding not in get_args(Coding):
        raise ConfigError(thing="spike coding", value=coding, limit=", ".join(get_args(Coding)))
    return Encoder(coding=coding, rate=parameters["rate"], slot=parameters["slot"], limit=limit)


def timing_of(parameters: Mapping[str, float]) -> NeuronTiming:
    """Times and thresholds of a parameter set, in weight steps."""
    p = parameters
    step = weight_step(p)
    return NeuronTiming(
        threshold=p["threshold"] / step,
        rail=(p["supply"] / 2) / step,
        pulse=float(effective_pulse(p)),
        refractory=p["refractory"] - REFRACTORY_DEFICIT,
        reset=p["reset_time"] + RESET_EXCESS,
        delay=SPIKE_DELAY,
        latency=pulse_latency(p),
    )


def cell_conductance(
    conductance: ArrayLike, parameters: Mapping[str, float]
) -> NDArray[np.float64]:
    """Conductance of cell and access transistor in series [S]."""
    g = np.asarray(conductance, dtype=float)
    return np.asarray(g / (1.0 + g * parameters["selector_resistance"]))


def effective_pulse(
    parameters: Mapping[str, float], conductance: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Length of a rectangular pulse with the charge of the real word-line pulse [s].

    The access transistor conducts as soon as the word line passes its threshold, so the edges
    count in part. With the overdrive u from 0 to 1 along an edge, its resistance is R / u and
    the cell c passes the share :math:`(c + R) / (c + R / u)` of its full current, whose mean is

    .. math:: (c + R) \left( 1/c - R/c^2 \, \ln(1 + c/R) \right).

    Parameters
    ----------
    conductance : array_like, optional
        Of the cells [S]; a nominal LRS cell when not given.
    """
    p = parameters
    c = 1.0 / np.asarray(p["g_lrs"] if conductance is None else conductance, dtype=float)
    r = p["selector_resistance"]
    share = (c + r) * (1.0 / c - r / c**2 * np.log1p(c / r))
    above = 1.0 - p["selector_threshold"] / p["word_line_voltage"]
    return np.asarray(p["pulse"] - EDGE + 2.0 * EDGE * share * above)


def bit_line_charge(conductance: ArrayLike, parameters: Mapping[str, float]) -> NDArray[np.float64]:
    """Charge of one event on a synapse's bit line [C]; cells are on the last axis.

    The clamp's own resistance takes its share: four cells carry less than four times one.
    """
    p = parameters
    cells = cell_conductance(conductance, p)
    flat = p["read_voltage"] / (1.0 + p["clamp_resistance"] * cells.sum(axis=-1))
    return np.asarray(flat * (cells * effective_pulse(p, conductance)).sum(axis=-1))


def pulse_latency(parameters: Mapping[str, float]) -> float:
    """From the foot of a word-line pulse to the rectangular pulse that stands for it [s].

    The pulse is as much shorter than foot to foot at both ends, and the mirror delays it by
    its time constant.
    """
    p = parameters
    return float(p["pulse"] + EDGE - effective_pulse(p)) / 2.0 + p["copy_lag"]


def weight_step(parameters: Mapping[str, float]) -> float:
    """Membrane step of weight 1 with nominal cells [V]."""
    p = parameters
    low = bit_line_charge(np.full(CELLS, p["g_hrs"]), p)
    one = bit_line_charge(np.r_[p["g_lrs"], np.full(CELLS - 1, p["g_hrs"])], p)
    return p["copy_ratio"] * float(one - low) / p["membrane_capacitance"]


def nominal_states(weights: ArrayLike) -> NDArray[np.bool_]:
    """Which cells are to be in LRS, shape (neurons, inputs, 2, cells).

    Weight +w sets w cells of the positive side, -w of the negative one; the rest is HRS.
    """
    w = np.asarray(weights, dtype=np.int64)
    if w.ndim != 2 or np.any(np.abs(w) > CELLS):
        raise ConfigError(
            thing="weights of a chip", value=w.shape, limit=f"a matrix of -{CELLS}..+{CELLS}"
        )
    wanted = np.stack([np.maximum(w, 0), np.maximum(-w, 0)], axis=-1)
    return np.asarray(wanted[..., None] > np.arange(CELLS))


def build_chip(
    weights: ArrayLike,
    parameters: ParameterSet | None = None,
    *,
    effects: Iterable[str] = (),
    seed: int = 0,
) -> Chip:
    """Fabricate and program a chip.

    Parameters
    ----------
    weights : array_like of int, shape (neurons, inputs)
    parameters : ParameterSet, optional
        `oxram_spirit` when not given.
    effects : iterable of str
        Which of `EFFECTS`; none gives the ideal chip.
    seed : int
        Every effect draws from a stream of its own: the same seed gives the same stuck
        cells whether or not the comparators have offsets.
    """
    p = parameters or default_parameters()
    chosen = check_effects(effects)
    low = nominal_states(weights)
    streams = dict(
        zip(
            EFFECTS,
            map(np.random.default_rng, np.random.SeedSequence(seed).spawn(len(EFFECTS))),
            strict=True,
        )
    )
    if "stuck cells" in chosen:
        draw = streams["stuck cells"].random(low.shape)
        low = (low & (draw >= p["stuck_hrs"])) | (draw > 1.0 - p["stuck_lrs"])
    if "cell spread" in chosen:
        sample = p.sample(streams["cell spread"], low.shape)
        g = np.where(low, sample["g_lrs"], sample["g_hrs"])
    else:
        g = np.where(low, p["g_lrs"], p["g_hrs"])
    if "relaxation" in chosen:
        g = relaxed(g, p["relaxation_time"], streams["relaxation"])
    neurons = low.shape[0]
    gain, offset = np.ones((neurons, 2)), np.zeros((neurons, 2))
    if "injector mismatch" in chosen:
        drawn = p.sample(streams["injector mismatch"], (neurons, 2))["copy_ratio"]
        gain = drawn / p["copy_ratio"]
    if "comparator offset" in chosen:
        drawn = p.sample(streams["comparator offset"], (neurons, 2))["threshold"]
        offset = drawn - p["threshold"]
    return Chip(
        weights=np.asarray(weights, dtype=np.int64), conductance=g, gain=gain, offset=offset,
        parameters=p, effects=chosen,
    )  # fmt: skip


def relaxed(conductance: ArrayLike, time: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Conductances after `time` seconds, by the relaxation law of ``noise_cmo_hfox`` [S].

    Mean shift and spread grow with ln(t); the law was measured on CMO/HfOx devices and
    stands in for the unpublished one of the binary cells.
    """
    law = ParameterSet.load("noise_cmo_hfox")
    g = np.asarray(conductance, dtype=float)
    age = np.log(max(time, 1.0))
    mean = law["relaxation_mean_slope"] * age
    sigma = law["relaxation_sigma_slope"] * age + law["relaxation_sigma_offset"]
    return np.asarray(np.maximum(g + mean + sigma * rng.standard_normal(g.shape), 1e-9))
