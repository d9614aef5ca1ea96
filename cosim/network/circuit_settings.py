"""What a study with the circuit in the loop is made of: fields, limits, digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field

from compact_models.errors import ConfigError
from cosim.network.crossbar import Matrix
from cosim.network.model import Labels
from cosim.network.settings import Strict, once

Digit = Annotated[int, Field(ge=0, le=9)]


class CircuitConfig(Strict):
    """A circuit-in-the-loop study; unknown keys are errors. SI units.

    ``side`` 4 averages the digits of 8 x 8 pixels over 2 x 2; 8 keeps them. With ``hidden``
    neurons (tanh) there are two tiles instead of one. ``wire`` is the resistance of a line
    segment [Ohm].
    """

    what = "circuit study"
    side: Literal[2, 4, 8] = 4
    classes: Annotated[tuple[Digit, ...], Field(min_length=2), AfterValidator(once)] = tuple(
        range(10)
    )
    hidden: int = Field(default=0, ge=0, le=64)
    algorithm: Literal["mixed", "sgd"] = "mixed"
    samples: int = Field(default=600, ge=1)
    batch: int = Field(default=10, ge=1)
    rate: float = Field(default=0.2, gt=0)
    weight_range: float = Field(default=8.0, gt=0)
    wire: float = Field(default=0.35, ge=0)
    parameters: str = "cmo_hfox"
    ngspice_steps: int = Field(default=0, ge=0)
    evaluate_every: int = Field(default=10, ge=1)
    test_samples: int = Field(default=100, ge=1)
    calibration_pulses: int = Field(default=150, ge=20)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Digits as inputs in [0, 1] and labels from 0."""

    x: Matrix
    labels: Labels
    test_x: Matrix
    test_labels: Labels


def task(config: CircuitConfig) -> Task:
    """The chosen digits, averaged to the chosen size.

    Raises
    ------
    ConfigError
        There are fewer than are asked for.
    """
    from cosim.network.datasets import digits

    found = digits(seed=config.seed)
    fold = 8 // config.side

    def part(images: Any, labels: Any, count: int) -> tuple[Matrix, Labels]:
        chosen = np.isin(labels, config.classes)
        blocks = images[chosen].reshape(-1, config.side, fold, config.side, fold)
        x = blocks.mean(axis=(2, 4)).reshape(len(blocks), -1) / 255.0
        return x[:count].astype(np.float32), np.searchsorted(
            np.sort(config.classes), labels[chosen][:count]
        )

    x, labels = part(found.train_images, found.train_labels, config.samples)
    if len(x) < config.samples:
        raise ConfigError(
            thing="circuit study, samples",
            value=config.samples,
            limit=f"at most the {len(x)} training digits of these classes",
        )
    test_x, test_labels = part(found.test_images, found.test_labels, config.test_samples)
    return Task(x=x, labels=labels, test_x=test_x, test_labels=test_labels)
