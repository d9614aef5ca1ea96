"""A linear resistor in the place of the memory device.

I = (v_top - v_bottom) / resistance. It has no state. An array of it is a passive linear
crossbar, whose exact solution is one sparse linear system.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import ModelError
from compact_models.inputs import common_shape, finite
from compact_models.model import Branch, CompactModel, p, v
from compact_models.parameters import ParameterSet


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Resistor(CompactModel):
    """Linear resistor between ``top`` and ``bottom``."""

    def current(
        self, *, voltage: ArrayLike, resistance: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Current [A] at a voltage [V], and a resistance [Ohm] where it is not the model's own.

        Arrays broadcast.

        Raises
        ------
        ModelError
            If a number is not finite, a resistance is not positive, or shapes do not fit together.
        """
        chosen = self.parameters["resistance"] if resistance is None else resistance
        given = {
            "voltage": finite(voltage, f"{self.name}: voltage [V]"),
            "resistance": finite(chosen, f"{self.name}: resistance [Ohm]"),
        }
        if (given["resistance"] <= 0).any():
            raise ModelError(
                thing=f"{self.name}: resistance [Ohm]", value=chosen, limit="more than 0"
            )
        common_shape(self.name, given)
        return np.asarray(given["voltage"] / given["resistance"])

    def conductance(self, *, resistance: ArrayLike | None = None) -> NDArray[np.float64]:
        """Conductance [S]."""
        return self.current(voltage=1.0, resistance=resistance)


def build(parameters: ParameterSet | None = None) -> Resistor:
    """Build the model on `parameters`, by default the shipped file."""
    chosen = parameters or ParameterSet.load("resistor")
    return Resistor(
        name="resistor",
        description="linear resistor",
        terminals=("top", "bottom"),
        branches=(
            Branch(
                name="resistor",
                positive="top",
                negative="bottom",
                current=(v("top") - v("bottom")) / p("resistance"),
            ),
        ),
        parameters=chosen,
        limits={("top", "bottom"): (-1e3, 1e3)},
    )
