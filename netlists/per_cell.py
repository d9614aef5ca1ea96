"""Device parameters that differ from cell to cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError, best_matches
from compact_models.foreign_model import ForeignModel
from compact_models.model import CompactModel


def per_cell(
    values: Mapping[str, Any], device: Any, shape: tuple[int, int]
) -> dict[str, NDArray[np.float64]]:
    """Parameters of a device cell by cell, read-only, every one inside its limits.

    Parameters
    ----------
    values : mapping of str to array_like, scalar or `shape`
        SI.
    device : CompactModel, ForeignModel or ForeignTransistor
    shape : (rows, cols)

    Raises
    ------
    ParameterError
    """
    arrays = {}
    for name, value in values.items():
        if name not in device.parameters:
            raise ParameterError(
                thing=f"{device.name} has no parameter of that name",
                value=name,
                next_step=best_matches(name, device.parameters),
            )
        try:
            array = np.asarray(value).astype(np.float64, casting="same_kind")
        except (TypeError, ValueError) as error:
            raise ParameterError(
                thing=f"parameter {name} of the cells is no array of real numbers",
                value=value,
                limit=f"{shape} or a scalar",
            ) from error
        if array.ndim not in (0, 2) or (array.ndim == 2 and array.shape != shape):
            raise ParameterError(
                thing=f"parameter {name} of the cells has the wrong shape",
                value=array.shape,
                limit=f"{shape} or a scalar",
            )
        if not np.isfinite(array).all():
            raise ParameterError(thing=f"parameter {name} of the cells is not finite")
        if isinstance(device, CompactModel | ForeignModel):
            limits = device.parameters.parameter(name)
            for bound, bad in (
                ("below", array < limits.minimum),
                ("above", array > limits.maximum),
            ):
                if bad.any():
                    raise ParameterError(
                        thing=f"parameter {name} of {bad.sum()} cells is {bound} its limit",
                        value=float(array[bad].flat[0]),
                        limit=f"{limits.minimum:g} to {limits.maximum:g} {limits.unit}",
                    )
        array = np.array(np.broadcast_to(array, shape))
        array.setflags(write=False)
        arrays[name] = array
    return arrays
