"""From the brightness of pixels to the address events of a serial bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosim.errors import ConfigError, DataError

Coding = Literal["poisson", "regular", "latency"]
CODES: dict[str, int] = {"poisson": 0, "regular": 1, "latency": 2}


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Turns an image into the address events of a serial bus.

    Parameters
    ----------
    coding : {"poisson", "regular", "latency"}
        Rate coding with random or regular intervals, or time to first spike.
    rate : float
        Spike rate of a pixel of brightness 1 [1/s]; in latency coding 1 / the time in
        which every pixel has fired once.
    slot : float
        Least time between two events on the bus [s].
    jitter : float
        Relative standard deviation of a regular interval.
    limit : int
        Events after which an image counts as undecided.
    """

    coding: Coding = "poisson"
    rate: float = 2e5
    slot: float = 60e-9
    jitter: float = 0.1
    limit: int = 2000

    def __post_init__(self) -> None:
        if self.coding not in CODES:
            raise ConfigError(thing="spike coding", value=self.coding, limit=", ".join(CODES))
        if not (self.rate > 0 and self.slot > 0 and self.limit > 0 and self.jitter >= 0):
            raise ConfigError(
                thing="encoder needs positive rate, slot and limit",
                value=(self.rate, self.slot, self.limit),
            )

    def train(
        self, image: ArrayLike, *, seed: int = 0, number: int = 0, events: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Spike train of one image.

        Parameters
        ----------
        image : array_like
            Brightness 0..1, any shape; pixels are counted in C order.
        seed, number : int
            The same two give the same train, whatever else is computed.
        events : int, optional
            Length; `limit` when not given.

        Returns
        -------
        times : ndarray, shape (events,)
            [s], ascending.
        pixels : ndarray of int64, shape (events,)
        """
        from cosim.network.spiking import kernels

        flat = brightness(image).ravel()
        room = self.limit if events is None else events
        times, pixels = np.empty(room), np.empty(room, dtype=np.int64)
        count = kernels.train(
            flat,
            CODES[self.coding],
            self.rate,
            self.slot,
            self.jitter,
            seed,
            number,
            times,
            pixels,
        )
        return times[:count], pixels[:count]


def brightness(images: ArrayLike) -> NDArray[np.float64]:
    """The images as floats; DataError unless every pixel is between 0 and 1."""
    x = np.asarray(images, dtype=float)
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise DataError(
            thing="brightness of an image", value=(float(x.min()), float(x.max())), limit="0 to 1",
            next_step="Divide bytes by 255",
        )  # fmt: skip
    return x
