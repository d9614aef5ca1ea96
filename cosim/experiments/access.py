"""What is in series with a ReRAM: a resistor or a transistor, and the voltage that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ModelError

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Access:
    """What is in series with the ReRAM: a resistor, or a transistor at a gate voltage.

    Parameters
    ----------
    resistance : float
        [Ohm]; the published selector has 800 Ohm at V_G = 1.2 V. Used without a transistor.
    transistor : CompactModel, optional
        With ``current(gate=, drain=, source=, bulk=)``; its drain is the ReRAM's bottom.
    gate : float
        [V]

    Notes
    -----
    A RESET pulse is a positive voltage on the source line, as in the arrays: it takes gate
    overdrive and adds body effect, so the same gate conducts less than under SET.
    """

    resistance: float = 0.0
    transistor: Any = None
    gate: float = 3.3

    def current(self, drop: Floats, amplitude: float = 0.0) -> Floats:
        """Return the current through the access element towards the source line [A].

        Parameters
        ----------
        drop : ndarray
            Voltage across the element, with the sign of the current [V].
        amplitude : float
            Bit line minus source line [V]; a negative one stands on the source line.
        """
        if self.transistor is None:
            return drop / max(self.resistance, 1e-9)
        line = max(-amplitude, 0.0)
        return np.asarray(
            self.transistor.current(gate=self.gate, drain=line + drop, source=line, bulk=0.0)
        )


@lru_cache(maxsize=8)
def selector(gate: float, parameters: str = "nmos_3v3") -> Access:
    """Return the 1T1R's own transistor at a gate voltage [V]."""
    from compact_models import load_model

    return Access(transistor=load_model("nmos_3v3", parameters), gate=gate)


def access_drop(
    model: Any,
    amplitude: float,
    access: Access,
    density: Floats,
    radius: Floats | None = None,
) -> Floats:
    """Return the voltage across the access element, towards the amplitude [V].

    Parameters
    ----------
    density : ndarray, shape (k,)
        C / 1e25.
    radius : ndarray, shape (k,), optional
        Of the filaments [m]; the model's own by default.
    """
    from scipy.optimize.elementwise import find_root

    from compact_models.steady import solve_steady

    sign = np.sign(amplitude)

    def miss(drop: Floats, density: Floats, radius: Floats) -> Floats:
        device = solve_steady(
            model,
            voltages={"top": amplitude - sign * drop, "bottom": 0.0},
            held={"c": density, "phi": 1.0},
            parameters={"r": radius},
        ).current("top")
        return np.asarray(access.current(sign * drop, amplitude) - device) * sign

    radii = np.full(density.shape, model.parameters["r"]) if radius is None else radius
    bracket = (np.zeros(density.shape), np.full(density.shape, abs(amplitude)))
    found = find_root(miss, bracket, args=(density, radii), tolerances={"xatol": 1e-9})
    if not np.all(found.success):
        raise ModelError(
            thing="the cell has no operating point between its access element and ReRAM",
            value=int(np.sum(~found.success)),
            limit="0 points without a solution",
        )
    return np.asarray(found.x)
