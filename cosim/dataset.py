"""Results as labelled arrays with units and provenance, in netCDF files.

Every variable of a dataset carries ``units`` (and may carry ``long_name``); the dataset carries
what is needed to make it again: version, parameter fingerprint, seed, simulator and its version,
netlist hash and citations.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Hashable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cosim.errors import DataError, DiskFull

if TYPE_CHECKING:
    import xarray as xr

# What a netCDF file holds besides its values [bytes].
_OVERHEAD = 1_000_000
REQUIRED_ATTRIBUTES = ("experiment", "version", "seed", "simulator", "parameter_fingerprint")

Variable = tuple[Sequence[str], ArrayLike, str, str]
"""Dimensions, values, units, long name."""


def package_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("reram-cosim")
    except PackageNotFoundError:
        return "0+unknown"


def _plain(value: Any) -> Any:
    """Attribute as netCDF can hold it; anything nested becomes JSON text."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float | np.integer | np.floating):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(v, int | float) for v in value):
        return list(value)
    if value is None:
        return ""
    return json.dumps(value, sort_keys=True, default=str)


def build_dataset(
    variables: Mapping[str, Variable],
    *,
    coordinates: Mapping[str, Variable] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Make a dataset whose variables all have units.

    Parameters
    ----------
    variables, coordinates : mapping of str to (dimensions, values, units, long_name)
        Units as UDUNITS writes them: ``"V"``, ``"S"``, ``"m-3"``, ``"1"`` for a pure number.
    attributes : mapping
        None, bools and nested values are turned into what netCDF can hold.

    Raises
    ------
    DataError
        A variable has no unit, or does not fit its dimensions.
    """
    import xarray as xr

    def make(name: str, given: Variable) -> xr.Variable:
        dims, values, units, long_name = given
        if not units:
            raise DataError(
                thing=f"variable {name!r} has no unit", next_step="Give one; '1' for a pure number"
            )
        try:
            return xr.Variable(
                tuple(dims), np.asarray(values), {"units": units, "long_name": long_name}
            )
        except ValueError as error:
            raise DataError(
                thing=f"variable {name!r} does not fit its dimensions",
                value=np.shape(values),
                limit=", ".join(dims),
            ) from error

    try:
        return xr.Dataset(
            {name: make(name, given) for name, given in variables.items()},
            coords={name: make(name, given) for name, given in (coordinates or {}).items()},
            attrs={key: _plain(value) for key, value in (attributes or {}).items()},
        )
    except ValueError as error:
        raise DataError(thing=f"variables do not fit together: {error}") from error


def check_dataset(dataset: xr.Dataset) -> None:
    """Refuse a dataset that lacks units or provenance.

    Raises
    ------
    DataError
    """
    import xarray as xr

    if not isinstance(dataset, xr.Dataset):
        raise DataError(
            thing="this is no dataset",
            value=type(dataset).__name__,
            limit="an xarray.Dataset, as experiments return it",
        )
    # Text and axis labels that xarray makes itself carry no unit.
    bare = [
        str(name)
        for name, variable in dataset.variables.items()
        if not variable.attrs.get("units") and variable.dtype.kind not in "OUSTmM"
    ]
    if bare:
        raise DataError(thing="variables have no units", value=bare)
    missing = [key for key in REQUIRED_ATTRIBUTES if key not in dataset.attrs]
    if missing:
        raise DataError(
            thing="the dataset does not say where it comes from",
            value=missing,
            limit=", ".join(REQUIRED_ATTRIBUTES),
            next_step="Add the attributes, or run the experiment again",
        )


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a dataset as netCDF; the file appears whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        With units on every variable and the attributes that say where it comes from.
    path : str or Path
        Its folder is made when missing.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    DataError
        Units or provenance are missing, or the file cannot be written.
    DiskFull
        The disk has less room than the data take.
    """
    check_dataset(dataset)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    compressed: dict[Hashable, dict[str, Any]] = {
        name: {"zlib": True, "complevel": 4}
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind in "fiu" and variable.size > 1000
    }
    # The tempfile module would make the result readable by its owner alone.
    _check_space(path, dataset.nbytes)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=compressed)
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            thing=f"results cannot be written: {error}",
            value=str(path),
            next_step="Free space or name another folder",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _check_space(path: Path, needed: int) -> None:
    """Refuse to begin a file that may not fit: HDF5 crashes the process on a full disk."""
    free = shutil.disk_usage(path.parent).free
    needed += _OVERHEAD
    if free < needed:
        raise DiskFull(
            thing=f"no room for {path}",
            value=f"{free / 1e6:.1f} MB free",
            limit=f"at least {needed / 1e6:.1f} MB",
            next_step="Free space or name another folder with -o; what was finished is kept",
        )


def load(path: str | Path) -> xr.Dataset:
    """Read a dataset written by :func:`save` into memory.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    DataError
        The file is missing, damaged, or not one of ours.
    """
    import xarray as xr

    if not isinstance(path, str | os.PathLike) or not Path(path).is_file():
        raise DataError(
            thing="no such result file",
            value=str(path),
            next_step="Give a folder that `cosim run -o` wrote, or a .nc file in it",
        )
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            dataset = opened.load()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            thing=f"the result file cannot be read: {error}",
            value=str(path),
            limit="a netCDF file written by this project",
            next_step="Run the experiment again",
        ) from error
    check_dataset(dataset)
    return dataset
