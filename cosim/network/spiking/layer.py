"""One layer of integrate-and-fire neurons, event by event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError, DataError
from cosim.network.spiking.encoder import CODES, Encoder, brightness


@dataclass(frozen=True, kw_only=True)
class NeuronTiming:
    """What the neuron does in time; thresholds are in units of one weight step.

    Parameters
    ----------
    threshold : float
        Of both comparators: one event of weight 4 must reach it, one of 3 must not.
    rail : float
        Where the membrane stops, at the supply.
    pulse : float
        Length of a read pulse [s].
    refractory : float
        Time after a spike in which it integrates and does not fire [s].
    reset : float
        Time the membrane is held at rest after a spike [s]; longer than `pulse`, so
        that the rest of the event that fired is swallowed.
    delay : float
        From crossing to spike [s].
    latency : float
        From an event to the pulse on the membrane [s].
    """

    threshold: float = 3.5
    rail: float = 6.0
    pulse: float = 20e-9
    refractory: float = 200e-9
    reset: float = 25e-9
    delay: float = 0.3e-9
    latency: float = 1.1e-9

    def __post_init__(self) -> None:
        if not (self.pulse > 0 and min(self.refractory, self.delay, self.latency) >= 0):
            raise ConfigError(thing="times of a neuron must not be negative", value=self)
        if not self.reset >= self.pulse:
            raise ConfigError(
                thing="reset of the membrane is shorter than a read pulse",
                value=self.reset,
                limit=f"{self.pulse:g} s or more",
                next_step="Otherwise the end of the event that fired is integrated again",
            )
        if not 0 < self.threshold < self.rail:
            raise ConfigError(
                thing="threshold of a neuron", value=self.threshold, limit=f"0 to {self.rail:g}"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class OutputSpikes:
    """What a layer answered to one train.

    Parameters
    ----------
    times : ndarray, shape (spikes,)
        [s], ascending.
    neurons, signs : ndarray of int64, shape (spikes,)
    events : int
        Input events used.
    decided : bool
    """

    times: NDArray[np.float64]
    neurons: NDArray[np.int64]
    signs: NDArray[np.int64]
    events: int
    decided: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Classified:
    """What a layer made of many images; one value an image.

    Parameters
    ----------
    choice : ndarray of int64
        Neuron with the highest signed count.
    events : ndarray of int64
        Input spikes until the decision.
    output_spikes : ndarray of int64
    decided : ndarray of bool
        False: the train ended before a neuron led by enough.
    duration : ndarray
        Time of the last event [s].
    """

    choice: NDArray[np.int64]
    events: NDArray[np.int64]
    output_spikes: NDArray[np.int64]
    decided: NDArray[np.bool_]
    duration: NDArray[np.float64]

    def accuracy(self, labels: ArrayLike) -> float:
        """Fraction of right choices; an undecided image counts by its highest count."""
        return float(np.mean(self.choice == np.asarray(labels)))


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikingLayer:
    """Integrate-and-fire neurons with signed spikes, one weight per input and neuron.

    Parameters
    ----------
    weights : ndarray, shape (neurons, inputs)
        Membrane step of one event in units of the nominal step of weight 1; real
        numbers when the cells are not ideal.
    timing : NeuronTiming
    upper, lower : ndarray, shape (neurons,), optional
        Thresholds of every comparator (lower is negative), same unit.
    drift : ndarray, shape (neurons,), optional
        Membrane drift by leakage [weight steps / s].
    """

    weights: NDArray[np.float64]
    timing: NeuronTiming = field(default_factory=NeuronTiming)
    upper: NDArray[np.float64] | None = None
    lower: NDArray[np.float64] | None = None
    drift: NDArray[np.float64] | None = None

    def _arguments(self, lead: float) -> tuple[Any, ...]:
        weights = np.ascontiguousarray(self.weights, dtype=float)
        t = self.timing
        n = len(weights)
        full = np.full(n, t.threshold)
        upper = full if self.upper is None else np.asarray(self.upper, dtype=float)
        lower = -full if self.lower is None else np.asarray(self.lower, dtype=float)
        drift = np.zeros(n) if self.drift is None else np.asarray(self.drift, dtype=float)
        if not (weights.ndim == 2 and upper.shape == lower.shape == drift.shape == (n,)):
            raise ConfigError(
                thing="shapes of a spiking layer do not agree",
                value=(weights.shape, upper.shape, lower.shape, drift.shape),
            )
        if not (np.all(np.isfinite(weights)) and np.all(upper > 0) and np.all(lower < 0)):
            raise ConfigError(thing="a spiking layer needs finite weights and signed thresholds")
        times = (t.refractory, t.reset, t.delay, t.latency)
        return weights, upper, lower, drift, t.rail, t.pulse, times, float(lead)

    def respond(self, times: ArrayLike, pixels: ArrayLike, *, lead: float = np.inf) -> OutputSpikes:
        """Answer one train; with no `lead` it is played to its end."""
        from cosim.network.spiking import kernels

        t = np.ascontiguousarray(times, dtype=float)
        p = np.ascontiguousarray(pixels, dtype=np.int64)
        arguments = self._arguments(lead)
        self._check_train(t, p)
        score = np.zeros(len(arguments[0]))
        log = np.empty((len(score) * (8 + 16 * len(t)), 3))
        events, count, decided = kernels.present(t, p, len(t), *arguments, log, score)
        if count >= len(log):
            raise DataError(
                thing="a layer fired more often than there is room for",
                value=int(count),
                limit=f"{len(log) - 1} output spikes",
                next_step="Raise the refractory time, or check the drift",
            )
        log = log[:count]
        log = log[np.argsort(log[:, 0], kind="stable")]
        return OutputSpikes(
            times=log[:, 0],
            neurons=log[:, 1].astype(np.int64),
            signs=log[:, 2].astype(np.int64),
            events=int(events),
            decided=bool(decided),
        )

    def _check_train(self, times: NDArray[np.float64], pixels: NDArray[np.int64]) -> None:
        inputs = np.shape(self.weights)[1]
        if times.shape != pixels.shape or times.ndim != 1:
            raise DataError(thing="times and pixels of a train differ in length")
        if len(pixels) and (pixels.min() < 0 or pixels.max() >= inputs):
            raise DataError(
                thing="input of a train", value=int(pixels.max()), limit=f"0 to {inputs - 1}"
            )
        if len(times) > 1 and np.min(np.diff(times)) < self.timing.pulse * (1 - 1e-9):
            raise DataError(
                thing="events of a train overlap",
                value=float(np.min(np.diff(times))),
                limit=f"{self.timing.pulse:g} s apart, the read pulse",
                next_step="Raise the slot of the encoder",
            )

    def classify(
        self,
        images: ArrayLike,
        encoder: Encoder | None = None,
        *,
        lead: float = 10,
        seed: int = 0,
        first: int = 0,
    ) -> Classified:
        """Classify images of brightness 0..1, in parallel on all cores numba may use.

        Parameters
        ----------
        images : array_like, shape (n, ...)
        encoder : Encoder, optional
        lead : float
            Spikes the first neuron must be ahead of the second.
        seed, first : int
            Image k uses the train of (seed, first + k).
        """
        from cosim.network.spiking import kernels

        e = encoder or Encoder()
        x = brightness(images)
        x = np.ascontiguousarray(x.reshape(len(x), -1))
        if x.shape[1] != np.shape(self.weights)[1]:
            raise DataError(
                thing="pixels of an image", value=x.shape[1], limit=f"{self.weights.shape[1]}"
            )
        if e.slot < self.timing.pulse:
            raise ConfigError(
                thing="slot of the bus is shorter than a read pulse",
                value=e.slot,
                limit=f"{self.timing.pulse:g} s or more",
            )
        arguments = self._arguments(lead)
        if len(arguments[0]) < 2:
            raise ConfigError(thing="neurons of a layer that decides", value=1, limit="2 or more")
        n = len(x)
        choice, used, fired = (np.zeros(n, dtype=np.int64) for _ in range(3))
        decided, span = np.zeros(n, dtype=np.bool_), np.zeros(n)
        kernels.classify(
            x, np.arange(first, first + n), CODES[e.coding], e.rate, e.slot, e.jitter, seed,
            e.limit, *arguments, choice, used, fired, decided, span,
        )  # fmt: skip
        return Classified(
            choice=choice, events=used, output_spikes=fired, decided=decided, duration=span
        )
