"""The runs of a study as one dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

Run = tuple[str, "xr.Dataset | None"]
"""Status of a run, and what it gave."""


def combined(
    results: Sequence[Run],
    *,
    axes: Mapping[str, Sequence[Any]],
    units: Mapping[str, str],
    samples: int,
    seed: int,
) -> xr.Dataset:
    """Put runs together: the axes, ``sample``, then the dimensions of each run.

    Parameters
    ----------
    results : sequence of (status, dataset or None)
        The last axis and the samples change fastest.

    Raises
    ------
    DataError
        Runs do not have the same shape, or do not label their axes alike.
    """
    import xarray as xr

    shape = (*(len(values) for values in axes.values()), samples)
    dims = (*axes, "sample")
    good = [dataset for _, dataset in results if dataset is not None]
    variables: dict[str, xr.Variable] = {}
    coordinates: dict[str, xr.Variable] = {}
    if good:
        template, taken = good[0], {*dims, "status"}
        clash = taken & set(map(str, template.dims))
        if clash:
            raise DataError(
                thing="an axis of the study has the name of a dimension of its runs",
                value=", ".join(sorted(clash)),
                next_step="Give `build` another name for that argument",
            )
        for given, coordinate in template.coords.items():
            shared = _shared(coordinate, good)
            if shared is None:
                shared = _stack(str(given), coordinate, results, dims, shape)
            coordinates[_free(str(given), taken)] = shared
        for given, array in template.data_vars.items():
            stacked = _stack(str(given), array, results, dims, shape)
            variables[_free(str(given), taken)] = stacked
    statuses = np.array([status for status, _ in results]).reshape(shape)
    variables["status"] = xr.Variable(
        dims, statuses, {"units": "1", "long_name": "ok, or why the point is NaN"}
    )
    for name, values in axes.items():
        coordinates[name] = xr.Variable(
            (name,), np.asarray(values), {"units": units.get(name, "1")}
        )
    coordinates["sample"] = xr.Variable(("sample",), np.arange(samples), {"units": "1"})
    attributes = dict(good[0].attrs) if good else {}
    attributes.setdefault("experiment", "none")
    attributes.update(
        seed=seed,
        points=int(np.prod(shape)),
        failed_points=len(results) - len(good),
        netlist_sha256=",".join(
            sorted({str(d.attrs.get("netlist_sha256", "")) for d in good} - {""})
        ),
    )
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def _free(name: str, taken: Collection[str]) -> str:
    """Name of something that runs have of their own, beside what the study names so."""
    return f"run_{name}" if name in taken else name


def _shared(coordinate: xr.DataArray, datasets: Sequence[xr.Dataset]) -> xr.Variable | None:
    """The coordinate, if all points have the same; None where it is one of each point's own.

    Raises
    ------
    DataError
        Points differ in what labels one of their axes.
    """
    name = coordinate.name
    own = coordinate.to_numpy()

    def same(other: xr.DataArray | None) -> bool:
        if other is None or other.dims != coordinate.dims or other.shape != own.shape:
            return False
        theirs = other.to_numpy()
        return bool(((own == theirs) | ((own != own) & (theirs != theirs))).all())

    if all(same(dataset.coords.get(name)) for dataset in datasets):
        return coordinate.variable
    if name in coordinate.dims:
        raise DataError(
            thing=f"points of the study do not have the same {name!r}",
            limit="one axis for all points",
            next_step="Name variables without that axis in `variables`",
        )
    return None


def _stack(
    name: str,
    array: xr.DataArray,
    results: Sequence[Run],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
) -> xr.Variable:
    import xarray as xr

    is_text = array.dtype.kind in "OUST"
    pieces = []
    for _, dataset in results:
        if dataset is None:
            blank = "" if is_text else np.nan
            pieces.append(np.full(array.shape, blank, object if is_text else float))
            continue
        values = dataset[name].to_numpy()
        if values.shape != array.shape:
            raise DataError(
                thing=f"variable {name!r} has a different shape at different points",
                value=values.shape,
                limit=str(array.shape),
                next_step="Name the variables to keep in `variables`",
            )
        pieces.append(values)
    stacked = np.stack(pieces).reshape(shape + array.shape)
    if is_text:
        stacked = stacked.astype(str)
    return xr.Variable((*dims, *map(str, array.dims)), stacked, dict(array.attrs))
