"""An interrupted experiment runs only the cells that are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import cosim as cs
from cosim.errors import SimulatorError
from cosim.simulators.ngspice import NgspiceSimulator
from netlists.analysis import Transient


@dataclass(frozen=True, kw_only=True)
class Counting(NgspiceSimulator):
    """ngspice that counts the transients it runs, those of cells, and can refuse to go on."""

    runs: list[int] = field(default_factory=list, compare=False)
    stop_after: int | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return "ngspice"

    def run(self, testbench: Any) -> Any:
        if not isinstance(testbench.analysis, Transient):
            return super().run(testbench)
        if self.stop_after is not None and len(self.runs) >= self.stop_after:
            raise KeyboardInterrupt
        result = super().run(testbench)
        self.runs.append(1)
        return result


@pytest.mark.ngspice
def test_finished_cells_are_not_run_again(ngspice, tmp_path):
    array = cs.Array(
        cs.Cell(cs.load_model("cmo_hfox"), cs.load_model("nmos_3v3")),
        rows=3,
        cols=1,
        parasitics=cs.Parasitics(r_row=0.35, r_col=0.35),
    )
    experiment = cs.Forming(cs.with_spread(array, 5), gate=1.2)
    whole = experiment.run(simulator=ngspice, seed=3, progress=False)

    broken = Counting(stop_after=1)
    with pytest.raises((cs.CosimError, KeyboardInterrupt)):
        experiment.run(simulator=broken, seed=3, progress=False, cache=tmp_path)
    kept = len(list(tmp_path.glob("*.npz")))
    assert 1 <= kept < 3

    rest = Counting()
    resumed = experiment.run(simulator=rest, seed=3, progress=False, cache=tmp_path)
    assert len(rest.runs) == 3 - kept
    for name in ("forming_voltage", "forming_current", "final_c", "current"):
        np.testing.assert_array_equal(resumed[name], whole[name])
    assert resumed.attrs["netlist_sha256"] == whole.attrs["netlist_sha256"]

    # Nothing is taken from a damaged file, or for another gate voltage.
    next(iter(tmp_path.glob("*.npz"))).write_bytes(b"not an archive")
    again = Counting()
    experiment.run(simulator=again, seed=3, progress=False, cache=tmp_path)
    assert len(again.runs) == 1
    other = Counting(stop_after=0)
    with pytest.raises((SimulatorError, cs.CosimError, KeyboardInterrupt)):
        cs.Forming(experiment.array, gate=1.3).run(
            simulator=other, seed=3, progress=False, cache=tmp_path
        )
