"""3.3 V NMOS of this project; its equations stand in :mod:`compact_models.nmos_3v3_equations`."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.emit.functions import Kernels, compile_model
from compact_models.errors import ModelError
from compact_models.inputs import common_shape, finite
from compact_models.model import Branch, CompactModel, p
from compact_models.nmos_3v3_equations import (
    TERMINALS,
    bulk_charge,
    channel_charge,
    definitions,
)
from compact_models.parameters import ParameterSet

# 3.3 V and the usual ten per cent.
_MAXIMUM_VOLTAGE = 3.63

# Not an attribute: generated functions cannot travel to a worker process with the model.
_KERNELS: WeakKeyDictionary[CompactModel, Kernels] = WeakKeyDictionary()


def _compiled(model: CompactModel) -> Kernels:
    if model not in _KERNELS:
        _KERNELS[model] = compile_model(model)
    return _KERNELS[model]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Nmos3v3(CompactModel):
    """3.3 V NMOS with shortcuts for its direct current."""

    def current(
        self,
        *,
        gate: ArrayLike,
        drain: ArrayLike,
        source: ArrayLike = 0.0,
        bulk: ArrayLike = 0.0,
        **parameters: ArrayLike,
    ) -> NDArray[np.float64]:
        """Return the current into the drain [A]; voltages broadcast.

        Parameters
        ----------
        gate, drain, source, bulk : array_like
            Potentials [V].
        **parameters : array_like
            Parameters that differ from the model's own, e.g. ``threshold_voltage``
            of every transistor of an array (SI); they broadcast with the voltages.

        Raises
        ------
        ModelError
            If a number is not finite, or shapes do not fit together.
        ParameterError
            If there is no parameter of that name.

        Examples
        --------
        >>> from compact_models import load_model
        >>> transistor = load_model("nmos_3v3")
        >>> float(transistor.current(gate=3.0, drain=3.3)).__round__(4)
        0.0024
        """
        self.check_parameters(parameters)
        given = {"drain": drain, "gate": gate, "source": source, "bulk": bulk}
        potentials = {
            n: finite(value, f"{self.name}: potential of the {n} [V]") for n, value in given.items()
        }
        own = {n: finite(value, f"{self.name}: {n}") for n, value in parameters.items()}
        kernels = _compiled(self)
        shape = common_shape(self.name, potentials | own)
        numbers: dict[str, ArrayLike] = {**self.parameters, **own}
        nodes = np.array([np.broadcast_to(potentials[n], shape) for n in kernels.nodes], float)
        values = np.array([np.broadcast_to(numbers[n], shape) for n in kernels.parameters], float)
        states = np.zeros((0, *shape))
        return kernels.call(nodes, states, values).currents[kernels.nodes.index("drain")]

    def on_resistance(
        self, *, gate: ArrayLike, voltage: float = 0.05, **parameters: ArrayLike
    ) -> NDArray[np.float64]:
        """Return V_DS / I_D in triode [Ohm], source at the bulk's potential.

        Parameters
        ----------
        gate : array_like
            Gate voltage [V].
        voltage : float
            Drain-source voltage [V]; not 0.
        """
        if not voltage:
            raise ModelError(
                thing=f"{self.name} has no on-resistance at this voltage [V]",
                value=voltage,
                limit="not 0",
            )
        return voltage / self.current(gate=gate, drain=voltage, **parameters)


def build(parameters: ParameterSet | None = None) -> Nmos3v3:
    """Build the model on `parameters`, by default the fit to GF180MCU ``nfet_03v3``."""
    span = (-_MAXIMUM_VOLTAGE, _MAXIMUM_VOLTAGE)
    return Nmos3v3(
        name="nmos_3v3",
        description="3.3 V NMOS, charge-based, symmetric in drain and source",
        terminals=TERMINALS,
        definitions=definitions(),
        branches=(
            Branch(name="channel", positive="drain", negative="source", current=p("I")),
            Branch(
                name="gate_drain",
                positive="gate",
                negative="drain",
                charge=channel_charge("drain"),
            ),
            Branch(
                name="gate_source",
                positive="gate",
                negative="source",
                charge=channel_charge("source"),
            ),
            Branch(name="gate_bulk", positive="gate", negative="bulk", charge=bulk_charge()),
        ),
        parameters=parameters or ParameterSet.load("nmos_3v3"),
        limits={
            ("drain", "source"): span,
            ("gate", "bulk"): span,
            ("drain", "bulk"): span,
            ("source", "bulk"): span,
        },
    )
