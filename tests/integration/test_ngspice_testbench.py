"""Testbenches in ngspice: probes come back, and a result that breaks the equations is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from compact_models import load_model
from cosim.errors import InconsistentResult, NetlistError
from cosim.simulators.ngspice import NgspiceSimulator, RawRun
from netlists.analysis import DcSweep, OperatingPoint, Options, Transient
from netlists.array import Array
from netlists.bias import every_cell, read
from netlists.cell import Cell
from netlists.parasitics import Parasitics
from netlists.testbench import Testbench
from netlists.waveform import Waveform

pytestmark = pytest.mark.ngspice

GEAR = Options(method="gear", reltol=1e-3)


def passive(rows: int = 1, cols: int = 1, resistance: float = 0.0) -> Array:
    return Array(
        Cell(load_model("cmo_hfox"), None),
        rows=rows,
        cols=cols,
        parasitics=Parasitics(r_row=resistance, r_col=resistance),
    )


def pulse(array: Array, amplitude: float = 1.0) -> Testbench:
    wave = Waveform.pulse(amplitude, 1e-6, after=1e-7)
    return Testbench(
        array=array,
        drives=every_cell(array, wave),
        analysis=Transient(stop=wave.duration, step=1e-7),
        probes=("cell_current", "state:c", "i(bl0)", "v(bl_0)"),
        options=GEAR,
    )


class Tampering(NgspiceSimulator):
    """Runs a netlist that is not the one it was given."""

    def run_text(
        self, netlist: str, *, expect: Sequence[str] = (), stop: float | None = None
    ) -> RawRun:
        return super().run_text(tamper(netlist), expect=expect, stop=stop)


def tamper(netlist: str) -> str:
    """Make the dome 10 % more conductive, behind the back of the model."""
    changed, count = re.subn(r"(?m)^(bdome m bottom i=)", r"\g<1>1.1*", netlist)
    assert count == 1
    return changed


def test_probes_come_back(ngspice: NgspiceSimulator) -> None:
    result = ngspice.run(pulse(passive()))
    assert set(result.data) == {"cell_current", "state:c", "i(bl0)", "v(bl_0)"}
    assert result["state:c"].shape == (len(result.axis), 1, 1)
    assert result.axis[-1] == pytest.approx(1.12e-6)
    assert result["v(bl_0)"].max() == pytest.approx(1.0)
    assert result.provenance.version == ngspice.version
    assert len(result.provenance.netlist_sha256) == 64
    # The capacitance of the device takes current on the edges only.
    top = (result.axis > 2e-7) & (result.axis < 1e-6)
    np.testing.assert_allclose(result["i(bl0)"][top], result["cell_current"][top, 0, 0], rtol=2e-3)


@pytest.mark.parametrize("inputs", [None, [[0.2, 0.1], [0.05, 0.2], [0.2, 0.2]]])
def test_reads_agree_with_the_model(
    ngspice: NgspiceSimulator, inputs: list[list[float]] | None
) -> None:
    array = passive(2, 3)
    model = array.cell.reram
    voltages = 0.2 if inputs is None else np.array(inputs)
    bench = Testbench(
        array=array,
        drives=read(array, voltages),
        analysis=OperatingPoint() if inputs is None else DcSweep(stop=2.0),
        probes=("cell_current", "source_line_current"),
    )
    result = ngspice.run(bench)
    at_cells = np.broadcast_to(np.atleast_3d(voltages), (1 if inputs is None else 3, 2, 3))
    expected = model.current(voltage=at_cells, vacancies=1.64e25)
    np.testing.assert_allclose(result["cell_current"], expected, rtol=1e-4)
    np.testing.assert_allclose(-result["source_line_current"], expected.sum(axis=1), rtol=1e-4)


def test_result_that_breaks_the_equations_is_refused(ngspice: NgspiceSimulator) -> None:
    for bench in (
        pulse(passive()),
        Testbench(array=(a := passive(2, 2)), drives=read(a, 0.2), probes=("i(bl0)",)),
    ):
        with pytest.raises(InconsistentResult, match="vanishes at node m") as caught:
            Tampering(keep="never", devices="subcircuit").run(bench)
        assert "cell (0, 0)" in str(caught.value)
        Tampering(keep="never", check=False, devices="subcircuit").run(bench)


def test_state_that_does_not_start_where_it_was_put(ngspice: NgspiceSimulator) -> None:
    class Other(NgspiceSimulator):
        def run_text(
            self, netlist: str, *, expect: Sequence[str] = (), stop: float | None = None
        ) -> RawRun:
            changed = netlist.replace("1.64 - v(c)", "1.5 - v(c)")
            assert changed != netlist
            return super().run_text(changed, expect=expect, stop=stop)

    with pytest.raises(InconsistentResult, match="state c of cell"):
        Other(keep="never", devices="subcircuit").run(pulse(passive()))


def test_broken_rule_is_found_before_anything_runs() -> None:
    array = passive()
    with pytest.raises(NetlistError):
        NgspiceSimulator(executable="/nowhere").run(
            Testbench(array=array, drives={"bl0": None, "sl0": None}, probes=("cell_current",))
        )
