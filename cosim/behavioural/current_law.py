"""What a cell draws during a pulse, over conductance and amplitude.

A pulse is far above the read voltage: the device is hot, conducts through its barrier, and its
transistor may limit the current. Wires in series take from the pulse what this current drops on
them. The law is the logarithm of current over ``G V`` as a tensor product of B-splines over
normalised conductance and voltage; at the read voltage, where the conductance is stated, it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.splines import Axis, bends

FloatArray = NDArray[np.floating[Any]]

# Pieces of the splines along conductance and voltage.
PIECES = (6, 8)
SMOOTH = 1e-4


@dataclass(frozen=True, kw_only=True)
class CurrentLaw:
    """Currents of one polarity of pulses.

    Parameters
    ----------
    position, voltage : Axis
        Of normalised conductance, and of the magnitude of the voltage across the cell [V].
    logs : tuple of float, shape (position.size * voltage.size,)
        Coefficients of ln(I / G V).
    residual : float
        Largest relative error of the currents of the fit.
    """

    position: Axis
    voltage: Axis
    logs: tuple[float, ...]
    residual: float = 0.0

    def over_ohm(self, u: FloatArray, voltage: FloatArray) -> FloatArray:
        """Current over that of Ohm's law at `u` and magnitude `voltage` [V], broadcasting.

        Beyond the data it is held.
        """
        u, volts = np.broadcast_arrays(np.asarray(u, float), np.asarray(voltage, float))
        table = np.asarray(self.logs).reshape(self.position.size, self.voltage.size)
        along, across = self.position.basis(u.ravel()), self.voltage.basis(volts.ravel())
        return np.asarray(np.exp(np.sum((along @ table) * across, axis=1)).reshape(u.shape))

    @classmethod
    def fit(
        cls,
        u: FloatArray,
        conductance: FloatArray,
        voltage: FloatArray,
        current: FloatArray,
        read_voltage: float | None,
    ) -> CurrentLaw:
        """Fit to currents at known conductances.

        Parameters
        ----------
        u, conductance : ndarray, shape (n,)
            Normalised and in S, at the moment of the current.
        voltage, current : ndarray, shape (n,)
            Magnitudes [V, A].
        read_voltage : float, optional
            At which the conductance is stated [V].
        """
        logs, weights = np.log(current / (conductance * voltage)), np.ones(u.size)
        if read_voltage is not None and read_voltage < voltage.min():
            anchors = np.linspace(u.min(), u.max(), 4 * PIECES[0])
            u = np.concatenate([u, anchors])
            voltage = np.concatenate([voltage, np.full(anchors.size, read_voltage)])
            logs = np.concatenate([logs, np.zeros(anchors.size)])
            weights = np.concatenate([weights, np.full(anchors.size, weights.sum() / 100.0)])
        position, across = Axis.of(u, PIECES[0]), Axis.of(voltage, PIECES[1])
        design = (position.basis(u)[:, :, None] * across.basis(voltage)[:, None, :]).reshape(
            u.size, -1
        )
        smooth = np.kron(bends(position.size), np.eye(across.size))
        smooth += np.kron(np.eye(position.size), bends(across.size))
        normal = design.T @ (weights[:, None] * design)
        normal += SMOOTH * smooth + 1e-9 * np.eye(normal.shape[0])
        found = np.linalg.solve(normal, design.T @ (weights * logs))
        errors = np.expm1(np.abs(design @ found - logs))
        return cls(
            position=position,
            voltage=across,
            logs=tuple(float(c) for c in found),
            residual=float(errors.max()),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CurrentLaw:
        """Inverse of ``dataclasses.asdict``."""
        return cls(
            position=Axis(**data["position"]),
            voltage=Axis(**data["voltage"]),
            logs=tuple(map(float, data["logs"])),
            residual=float(data["residual"]),
        )
