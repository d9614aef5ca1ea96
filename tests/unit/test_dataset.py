"""Datasets: units and provenance are asked for, files come back as they were."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from cosim.dataset import build_dataset, load, save
from cosim.errors import DataError, DiskFull

ATTRIBUTES = {
    "experiment": "Test",
    "version": "0",
    "seed": 1,
    "simulator": "none",
    "parameter_fingerprint": "f",
    "nested": {"b": [1, "x"], "a": None},
    "nothing": None,
    "flag": True,
    "numbers": (1.0, 2.0),
}


def example() -> xr.Dataset:
    return build_dataset(
        {
            "current": (("pulse", "row"), np.array([[1e-6, np.nan], [3e-6, 4e-6]]), "A", "current"),
            "status": (("row",), np.array(["ok", "NotConverged"]), "1", "how the run ended"),
        },
        coordinates={"pulse": (("pulse",), [0, 1], "1", "pulse number")},
        attributes=ATTRIBUTES,
    )


def test_saved_and_loaded_are_identical(tmp_path: Path) -> None:
    path = save(example(), tmp_path / "sub" / "a.nc")
    again = load(path)
    xr.testing.assert_equal(again, example())
    assert again["current"].attrs["units"] == "A"
    assert again.attrs["nested"] == '{"a": null, "b": [1, "x"]}'
    assert again.attrs["flag"] == 1
    assert list(again.attrs["numbers"]) == [1.0, 2.0]
    assert [p.name for p in path.parent.iterdir()] == ["a.nc"]


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'x' has no unit"):
        build_dataset({"x": (("a",), [1.0], "", "")})
    with pytest.raises(DataError, match="does not fit its dimensions"):
        build_dataset({"x": (("a", "b"), [1.0], "V", "")})
    with pytest.raises(DataError, match="do not fit together"):
        build_dataset({"x": (("a",), [1.0], "V", ""), "y": (("a",), [1.0, 2.0], "V", "")})
    with pytest.raises(DataError, match="does not say where it comes from"):
        save(build_dataset({"x": (("a",), [1.0], "V", "")}), tmp_path / "a.nc")
    with pytest.raises(DataError, match="have no units"):
        save(xr.Dataset({"x": ("a", [1.0])}, attrs=ATTRIBUTES), tmp_path / "a.nc")
    with pytest.raises(DataError, match="no such result file"):
        load(tmp_path / "none.nc")
    damaged = tmp_path / "damaged.nc"
    damaged.write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        load(damaged)


def test_a_full_disk_is_known_before_the_file_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 ends the whole process when it cannot write what it has begun."""
    path = save(example(), tmp_path / "a.nc")
    before = path.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(DiskFull, match="no room"):
        save(example(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
