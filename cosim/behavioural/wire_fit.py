"""Wires of a tile from products of an array, and what is left of the error then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import CalibrationError
from netlists import Parasitics

if TYPE_CHECKING:
    import xarray

    from cosim.behavioural.device import BehaviouralDevice

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class WireFit:
    """Fitted resistances of a segment of line, and errors of products.

    Parameters
    ----------
    parasitics : Parasitics
        For `TileOptions`.
    without, rms, worst : float
        Errors of the currents relative to the largest: root mean square when wires are left
        out, and root mean square and largest with them.
    products : int
        Number of currents.
    """

    parasitics: Parasitics
    without: float
    rms: float
    worst: float
    products: int


def fit_wires(dataset: xarray.Dataset, device: BehaviouralDevice) -> WireFit:
    """Fit the line resistances of a tile of `device` to a Dataset of the read experiment.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of a whole array with several rows; currents out of the source lines.

    Raises
    ------
    CalibrationError
        Rows and columns are not bit and source lines.
    """
    from scipy.optimize import least_squares

    g = np.asarray(dataset["conductance"].values, float)
    voltage = np.asarray(dataset["input_voltage"].values, float)
    current = np.asarray(dataset["current"].values, float)
    if voltage.shape[1] != g.shape[0] or current.shape[1] != g.shape[1]:
        raise CalibrationError(
            thing="lines of the array read",
            value=(g.shape, voltage.shape[1], current.shape[1]),
            limit="bit lines along rows, source lines along columns (Layout.CROSSING)",
        )
    top = float(np.abs(current).max())

    def errors(logs: FloatArray) -> FloatArray:
        row, col = np.exp(logs)
        wires = Parasitics(r_row=float(row), r_col=float(col))
        return np.ravel(tile_currents(device, g, voltage, wires) - current) / top

    plain = np.ravel(tile_currents(device, g, voltage, Parasitics()) - current) / top
    # Both lines lengthen the same way, so each is looked for from the same start, in ohms.
    found = least_squares(errors, np.log([1.0, 1.0]), bounds=(np.log(1e-3), np.log(1e3)))
    row, col = np.exp(found.x)
    return WireFit(
        parasitics=Parasitics(r_row=float(row), r_col=float(col)),
        without=float(np.sqrt(np.mean(plain**2))),
        rms=float(np.sqrt(np.mean(found.fun**2))),
        worst=float(np.abs(found.fun).max()),
        products=int(current.size),
    )


def tile_currents(
    device: BehaviouralDevice, conductance: FloatArray, voltage: FloatArray, wires: Parasitics
) -> FloatArray:
    """Column currents [A] of a quiet tile of cells `conductance` [S] for `voltage` [V]."""
    from cosim.behavioural.converters import Converter
    from cosim.behavioural.tile import Tile
    from cosim.behavioural.tile_options import TileOptions

    unit = float(np.abs(voltage).max())
    tile = Tile(
        device,
        conductance,
        options=TileOptions(
            scheme="offset",
            read_voltage=unit,
            dac=Converter(bits=None, bound=1.0),
            adc=Converter(bits=None, bound=np.inf),
            parasitics=wires,
            noisy=False,
        ),
    )
    return tile.currents(voltage / unit)
