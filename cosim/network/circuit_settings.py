"""What a study with the circuit in the loop is made of: fields, limits, digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from compact_models.errors import ConfigError, best_matches
from cosim.network.crossbar import Matrix
from cosim.network.model import Labels


class CircuitConfig(BaseModel):
    """A circuit-in-the-loop study; unknown keys are errors. SI units.

    ``side`` 4 averages the digits of 8 x 8 pixels over 2 x 2; 8 keeps them. With ``hidden``
    neurons (tanh) there are two tiles instead of one. ``wire`` is the resistance of a line
    segment [Ohm].
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Literal[2, 4, 8] = 4
    classes: tuple[int, ...] = tuple(range(10))
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

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> CircuitConfig:
        """Check a table from a study file."""
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            first = error.errors()[0]
            extra = first["type"] == "extra_forbidden"
            raise ConfigError(
                thing=f"circuit study, {'.'.join(str(p) for p in first['loc'])}",
                value=first.get("input"),
                limit=first["msg"],
                next_step=best_matches(str(first["loc"][-1]), cls.model_fields) if extra else "",
            ) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Digits as inputs in [0, 1] and labels from 0."""

    x: Matrix
    labels: Labels
    test_x: Matrix
    test_labels: Labels


def task(config: CircuitConfig) -> Task:
    """The chosen digits, averaged to the chosen size."""
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
    test_x, test_labels = part(found.test_images, found.test_labels, config.test_samples)
    return Task(x=x, labels=labels, test_x=test_x, test_labels=test_labels)
