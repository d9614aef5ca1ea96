"""Raw files: what is written is read, and damage is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cosim.errors import IncompleteResult
from cosim.simulators.raw import Plot, read_raw, write_raw

names = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=8)


@st.composite
def plots(draw: st.DrawFn) -> Plot:
    columns = draw(st.lists(names, min_size=1, max_size=5, unique_by=str.lower))
    points = draw(st.integers(1, 6))
    dtype = draw(st.sampled_from([np.float64, np.complex128]))
    values = draw(hnp.arrays(dtype, (points, len(columns)), elements={"allow_nan": False}))
    return Plot(
        title="t",
        name=draw(st.sampled_from(["Transient Analysis", "AC Analysis"])),
        names=tuple(columns),
        kinds=("voltage",) * len(columns),
        values=values,
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=st.lists(plots(), min_size=1, max_size=3))
def test_round_trip(tmp_path: Path, written: list[Plot]) -> None:
    path = tmp_path / "a.raw"
    write_raw(path, written)
    read = read_raw(path)
    assert len(read) == len(written)
    for a, b in zip(read, written, strict=True):
        assert a.names == b.names
        assert a.name == b.name
        assert a.values.dtype == b.values.dtype
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.axis, b.values[:, 0].real)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(plot=plots(), data=st.data())
def test_any_truncation_is_noticed(tmp_path: Path, plot: Plot, data: st.DataObject) -> None:
    path = tmp_path / "a.raw"
    write_raw(path, [plot])
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(IncompleteResult, match=r"a\.raw"):
        read_raw(path)


def test_unfinished_run_has_no_point_count(tmp_path: Path) -> None:
    plot = Plot(
        title="t", name="p", names=("time",), kinds=("time",), values=np.arange(4.0)[:, None]
    )
    path = tmp_path / "a.raw"
    write_raw(path, [plot])
    path.write_bytes(path.read_bytes().replace(b"No. Points: 4", b"No. Points: 0") + b"\x01\x02")
    with pytest.raises(IncompleteResult, match="cut off"):
        read_raw(path)
    (part,) = read_raw(path, partial=True)
    assert not part.complete
    np.testing.assert_array_equal(part.axis, np.arange(4.0))


def test_missing_and_damaged(tmp_path: Path) -> None:
    with pytest.raises(IncompleteResult, match="not written"):
        read_raw(tmp_path / "none.raw")
    bad = tmp_path / "bad.raw"
    bad.write_bytes(b"Title: x\nNo. Variables: two\nNo. Points: 1\nVariables:\nBinary:\n")
    with pytest.raises(IncompleteResult, match="damaged header"):
        read_raw(bad)
    bad.write_bytes(
        b"Title: x\nFlags: real\nNo. Variables: 2\nNo. Points: 1\nVariables:\n\t0\ta\tv\nBinary:\n"
    )
    with pytest.raises(IncompleteResult, match="announces 2 variables and lists 1"):
        read_raw(bad)
