"""What users give to the equations, as finite arrays that fit together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compact_models.errors import ModelError


def finite(value: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return `value` as an array of floats.

    Parameters
    ----------
    value : array_like
    what : str
        The quantity with its unit, for the error.

    Raises
    ------
    ModelError
        It holds something that is no finite real number.
    """
    try:
        array = np.asarray(value).astype(np.float64, casting="same_kind")
    except (TypeError, ValueError):
        raise _refused(what, value) from None
    bad = array[~np.isfinite(array)]
    if bad.size:
        raise _refused(what, float(bad[0]))
    return array


def _refused(what: str, value: object) -> ModelError:
    return ModelError(
        thing=f"{what} must be finite real numbers", value=value, next_step="Correct the value"
    )


def common_shape(model: str, arrays: Mapping[str, NDArray[np.float64]]) -> tuple[int, ...]:
    """Return the shape that all of `arrays` broadcast to.

    Raises
    ------
    ModelError
        They do not broadcast.
    """
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = {name: array.shape for name, array in arrays.items() if array.ndim}
        raise ModelError(
            thing=f"{model} is given arrays of shapes that do not fit together",
            value=shapes,
            limit="equal shapes, or shapes that broadcast",
            next_step="Put a new axis where every value shall meet every other: x[:, None]",
        ) from None
