"""Testbenches: what is refused, how probes map to vectors, what the text says."""

from __future__ import annotations

import numpy as np
import pytest

from compact_models import load_model
from compact_models.errors import CosimError, NetlistError, ParameterError
from netlists import (
    Array,
    Cell,
    DcSweep,
    OperatingPoint,
    Options,
    Parasitics,
    Testbench,
    Transient,
    Waveform,
    bias,
)


@pytest.fixture(scope="module")
def array() -> Array:
    return Array(Cell(load_model("cmo_hfox")), rows=2, cols=2, parasitics=Parasitics(r_row=1.0))


@pytest.fixture(scope="module")
def bench(array: Array) -> Testbench:
    return Testbench(array=array, drives=bias.read(array, 0.2), probes=("i(bl0)",))


def test_drives_must_be_complete_and_known(bench: Testbench) -> None:
    with pytest.raises(NetlistError, match="bl0"):
        bench.replace(drives={**bench.drives, "bl9": 0.0})
    with pytest.raises(NetlistError, match="1 drivers have no voltage"):
        bench.replace(drives={n: w for n, w in bench.drives.items() if n != "sl1"})


@pytest.mark.parametrize(
    "probe",
    [
        "cell_curent",
        "i(bl7)",
        "i(xr_0_0)",
        "v(bl_5_0)",
        "v(mid_0_0)",
        "v(sl_00)",
        "v(xr_00_0.m)",
        "v(wl_0_0)",
        "v(nowhere)",
        "v(xr_0_0.n)",
        "v(xr_7_0.m)",
        "state:q",
        "word_line_voltage",
        "",
    ],
)
def test_unknown_probes_are_refused(bench: Testbench, probe: str) -> None:
    with pytest.raises(CosimError):
        bench.replace(probes=(probe,))


def test_a_disconnected_driver_has_no_current(bench: Testbench) -> None:
    with pytest.raises(NetlistError, match="connected"):
        bench.replace(drives={**bench.drives, "bl0": None})


def test_no_probes_are_refused(bench: Testbench) -> None:
    with pytest.raises(NetlistError, match="a tuple of names"):
        bench.replace(probes="cell_current")
    with pytest.raises(NetlistError, match="without probes"):
        bench.replace(probes=())


def test_initial_states_are_checked(bench: Testbench) -> None:
    assert bench.replace(initial_states={"c": 0.7}).built_array.initial_state("c").tolist() == [
        [0.7, 0.7],
        [0.7, 0.7],
    ]
    with pytest.raises(ParameterError, match="normalised"):
        bench.replace(initial_states={"c": 1.64e25})
    with pytest.raises(ParameterError):
        bench.replace(initial_states={"c": -1.0})
    with pytest.raises(ParameterError, match="settles"):
        bench.replace(initial_states={"dT": 1.0})
    with pytest.raises(CosimError):
        bench.replace(initial_states={"phi": np.ones((3, 3))})


def test_temperature_reaches_devices_and_options(bench: Testbench) -> None:
    hot = bench.replace(temperature=358.15)
    assert hot.built_array.parameter_array("T_0").tolist() == [[358.15] * 2] * 2
    assert "temp=85.0" in hot.spice()
    with pytest.raises(NetlistError):
        bench.replace(temperature=-1.0)


def test_vectors_follow_the_nodes(bench: Testbench) -> None:
    probes = ("i(sl1)", "v(bl_1_0)", "v(sl_1_0)", "cell_voltage", "state:c", "bit_line_current")
    vectors = bench.replace(probes=probes).vectors()
    assert vectors["i(sl1)"].names == ("i(vsl1)",)
    assert vectors["v(bl_1_0)"].names == ("v(bl_1_0)",)
    # Source lines have no resistance here: one node.
    assert vectors["v(sl_1_0)"].names == ("v(sl_0)",)
    assert vectors["bit_line_current"].shape == (2,)
    assert vectors["state:c"].names == tuple(f"v(xr_{i}_{j}.c)" for i in range(2) for j in range(2))
    values = np.arange(12.0).reshape(2, 6)
    columns = {f"v(bl_{i}_{j})": 2 * i + j for i in range(2) for j in range(2)}
    columns |= {"v(sl_0)": 4, "v(sl_1)": 5}
    across = vectors["cell_voltage"].evaluate(values, columns)
    assert across.tolist() == [[[-4.0, -4.0], [-2.0, -2.0]]] * 2


def test_cell_currents_use_the_models_own_relation(array: Array) -> None:
    cells = Array(Cell(load_model("resistor")), rows=1, cols=2, parameters={"resistance": [[2, 4]]})
    bench = Testbench(array=cells, drives=bias.read(cells, 1.0), probes=("cell_current",))
    vector = bench.vectors()["cell_current"]
    values = np.array([[0.0, 3.0, 1.0, 2.0]])
    current = vector.evaluate(values, {"time": 0, "v(bl_0)": 1, "v(sl_0)": 2, "v(sl_1)": 3})
    assert current.tolist() == [[[1.0, 0.25]]]
    reram = Testbench(array=array, drives=bias.read(array, 1.0), probes=("cell_current",))
    names = reram.vectors()["cell_current"].names
    assert {"v(bl_0_1)", "v(xr_0_1.m)", "v(xr_0_1.phi)"} <= set(names)
    assert "v(xr_0_1.c)" not in names


def test_only_what_is_asked_for_is_saved(bench: Testbench) -> None:
    text = bench.spice()
    assert ".save i(vbl0)\n" in text
    assert "savecurrents" not in text


def test_the_header_names_what_it_is(bench: Testbench) -> None:
    text = bench.replace(title="read at 0.2 V", seed=7).spice()
    head = [line for line in text.splitlines() if line.startswith("*")][:7]
    joined = "\n".join(head)
    assert head[0].startswith("* reram-cosim ")
    assert "read at 0.2 V" in head[0]
    assert "2 x 2" in joined
    assert bench.array.cell.reram.parameters.fingerprint in joined
    assert bench.array.fingerprint in joined
    assert "seed: 7" in joined
    assert text == bench.replace(title="read at 0.2 V", seed=7).spice()
    tail = text.splitlines()[-9:]
    assert "set num_threads=1" in tail
    assert tail[-3:] == ["quit 0", ".endc", ".end"]


def test_each_analysis_has_its_command(bench: Testbench) -> None:
    swept = {**bench.drives, "bl0": Waveform((0.0, 2.0), (0.0, 0.4))}
    transient = bench.replace(analysis=Transient(stop=1e-6, step=1e-9, save_from=5e-7))
    assert "\nop\n" in bench.replace(analysis=OperatingPoint()).spice()
    assert "\ntran 1e-09 1e-06 5e-07 2e-08\n" in transient.spice()
    sweep = bench.replace(analysis=DcSweep(stop=2.0, step=0.1), drives=swept)
    assert "\ndc vsweep_value 0.0 2.025 0.1\n" in sweep.spice()
    assert sweep.vectors()["i(bl0)"].names == ("i(bbl0)",)
    gear = bench.replace(options=Options(method="gear", reltol=1e-5, max_iterations=50))
    assert "reltol=1e-05" in gear.spice()
    assert "method=gear" in gear.spice()
    assert "itl4=50" in gear.spice()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Transient(stop=0.0, step=1e-9),
        lambda: Transient(stop=1e-9, step=1e-8),
        lambda: Transient(stop=1e-6, step=1e-9, max_step=0.0),
        lambda: Transient(stop=1e-6, step=1e-9, save_from=1e-6),
        lambda: DcSweep(stop=1.0, step=0.0),
        lambda: DcSweep(stop=-1.0, step=0.1),
        lambda: DcSweep(stop=1.0, step=1e-12),
        lambda: Options(reltol=0.5),
        lambda: Options(abstol=0.0),
        lambda: Options(method="euler"),  # type: ignore[arg-type]
        lambda: Options(max_iterations=0),
    ],
)
def test_impossible_analyses_are_refused(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NetlistError):
        build()


def test_sweep_points_include_the_stop() -> None:
    assert DcSweep(stop=1.5, step=0.1).points.size == 16
    assert DcSweep(start=1.0, stop=-1.0, step=-0.5).points.tolist() == [1.0, 0.5, 0.0, -0.5, -1.0]


def test_channels_carry_the_simulators_gmin() -> None:
    gated = Array(Cell(load_model("cmo_hfox"), load_model("nmos_3v3")), rows=2, cols=2)
    bench = Testbench(
        array=gated,
        drives=bias.read(gated, 0.2),
        probes=("i(bl0)",),
        options=Options(gmin=1e-13),
    )
    assert "\nRg_1_0 mid_1_0 sl_0 10000000000000.0\n" in bench.spice()
