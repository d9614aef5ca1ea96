"""The models of the suite, with biases and states inside their limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from compact_models import CompactModel, load_model, model_names

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model: how to draw terminal voltages and held states for it."""

    model: CompactModel

    def voltages(self, rng: np.random.Generator, count: int) -> dict[str, Array]:
        """Terminal voltages [V] within the limits, the last terminal at zero."""
        reference = self.model.terminals[-1]
        drawn = {reference: np.zeros(count)}
        for terminal in self.model.terminals[:-1]:
            low, high = self._range(terminal)
            drawn[terminal] = rng.uniform(low, high, count)
        return drawn

    def _range(self, terminal: str) -> tuple[float, float]:
        spans = [s for pair, s in self.model.limits.items() if terminal in pair]
        reach = min((min(abs(low), abs(high)) for low, high in spans), default=1.0)
        # Half the reach each, so that no pair of terminals exceeds its own limit.
        share = 0.5 if len(self.model.terminals) > 2 else 1.0
        return -share * min(reach, 3.0), share * min(reach, 3.0)

    def held(self, rng: np.random.Generator, count: int) -> dict[str, Array]:
        """Held states spread over what the devices of the project use."""
        spans = {"c": (0.3, 6.0), "phi": (0.0, 1.0)}
        return {
            s.name: rng.uniform(*spans.get(s.name, (s.lower, s.upper)), count)
            for s in self.model.states
            if s.held
        }


@pytest.fixture(scope="session", params=model_names())
def case(request: pytest.FixtureRequest) -> Case:
    """Every registered model in turn."""
    return Case(model=load_model(request.param))


@pytest.fixture(scope="session")
def draw() -> Callable[[int], np.random.Generator]:
    """Seeded generators."""
    return np.random.default_rng
