"""The written device model in CrossSim itself, against a tile of the same device.

CrossSim is on no registry: put a checkout of github.com/sandialabs/cross-sim on PYTHONPATH.
Last passed with a copy of the parts of its source that a core of one array needs (parameters,
`AnalogCore`, balanced, offset and numeric cores, devices, arrays without and with wires; no
converters), as of commits f4fe899, 5fb61d9 and 0a2eb1e of 2026; the base of its parameters as of
089c1a7, its backend as of 4907281.
"""

import importlib.util

import numpy as np
import pytest

from cosim.behavioural import ReadLaw, Tile, TileOptions, soft_bounds
from cosim.behavioural.converters import Converter
from cosim.export.crosssim import export

crosssim = pytest.importorskip(
    "simulator", reason="CrossSim (import name 'simulator') is not on PYTHONPATH"
)

YEARS = 3.156e8
WEIGHTS = np.linspace(-1.0, 1.0, 9)
MANY = 20000
EXACT = Converter(bound=np.inf)


def curved_device():
    volts, cells = np.linspace(0.01, 0.2, 20), np.linspace(2e-6, 1e-4, 40)
    bend = 4.0 + 3e4 * cells
    law = ReadLaw.fit(volts, cells, cells * np.sinh(volts[:, None] * bend) / bend)
    return soft_bounds().replace(read_law=law)


def load(device, folder, name):
    """The written module; classes stay known to CrossSim, so each test takes a name."""
    export(device, folder, name=name)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name.lower()}_crosssim.py")
    written = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(written)
    return written


def core(written, weights, time, *, style="BALANCED", read_noise=False):
    params = crosssim.CrossSimParameters()
    params.core.style = style
    return crosssim.AnalogCore(weights, written.configure(params, time, read_noise))


def tile(device, weights, scheme="differential", **options):
    """Ours; outputs are the columns, where CrossSim's are the rows."""
    options = TileOptions(scheme=scheme, dac=EXACT, adc=EXACT, **options)
    return Tile.program(weights.T, device, weight_max=1.0, options=options)


@pytest.mark.parametrize("time", [0.0, 1.0, 3600.0, 86400.0, YEARS])
def test_levels_have_the_mean_and_spread_of_a_tile(time, tmp_path):
    """Nine levels, one device a weight: programming alone at 0 s, then relaxation."""
    device = soft_bounds()
    np.random.seed(1)  # noqa: NPY002 - CrossSim draws from the global generator
    matrix = np.repeat(WEIGHTS[:, None], MANY, axis=1)
    written = load(device, tmp_path, "Levels")
    found = core(written, matrix, time, style="OFFSET").get_matrix()
    ours = tile(device, matrix, "offset").weights(time).T
    spread = ours.std(axis=1)
    # Five standard errors, of two samples.
    assert found.mean(axis=1) == pytest.approx(
        ours.mean(axis=1), abs=5 * spread.max() * (2 / MANY) ** 0.5
    )
    assert found.std(axis=1) == pytest.approx(spread, rel=5 / MANY**0.5)


@pytest.mark.parametrize("time", [1.0, 3600.0, 86400.0, YEARS])
@pytest.mark.parametrize("together", [False, True])
def test_reads_are_as_noisy_as_those_of_a_tile(time, together, tmp_path):
    """Of one matrix, vector after vector and as a batch; spread of every output."""
    device, rng = soft_bounds(), np.random.default_rng(0)
    weights, x = rng.uniform(-1, 1, (6, 24)), rng.uniform(-1, 1, 24)
    weights[0, 0] = 1.0
    np.random.seed(2)  # noqa: NPY002
    analog = core(load(device, tmp_path, "Reads"), weights, time, read_noise=True)
    reads = 2000
    if together:
        found = (analog @ np.repeat(x[:, None], reads, axis=1)).T
    else:
        found = np.array([analog @ x for _ in range(reads)])
    ours = tile(device, weights).multiply(np.repeat(x[None, :], reads, axis=0), time=time)
    assert found.std(axis=0) == pytest.approx(ours.std(axis=0), rel=5 / reads**0.5)


@pytest.mark.parametrize("curved", [False, True])
@pytest.mark.parametrize("time", [1.0, 86400.0, YEARS])
def test_products_err_as_those_of_a_tile(time, curved, tmp_path):
    """Root mean square of the error of a product of differential pairs."""
    device, rng = curved_device() if curved else soft_bounds(), np.random.default_rng(3)
    weights, x = rng.uniform(-1, 1, (200, 64)), rng.uniform(-1, 1, (64, 50))
    weights[0, 0] = 1.0
    np.random.seed(4)  # noqa: NPY002
    analog = core(load(device, tmp_path, f"Products{curved}"), weights, time, read_noise=True)
    errors = analog @ x - weights @ x
    ours = tile(device, weights).multiply(x.T, time=time).T - weights @ x
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(np.sqrt(np.mean(ours**2)), rel=0.04)
    assert errors.mean() == pytest.approx(ours.mean(), abs=5 * ours.std() / ours.size**0.5)


@pytest.mark.parametrize("way", ["sums", "cells", "wires"])
def test_currents_of_curved_cells_are_those_of_a_tile(way, tmp_path):
    """Without noise, through every way in which CrossSim sums them; wires of almost nothing."""
    device, rng = curved_device(), np.random.default_rng(5)
    weights, x = rng.uniform(-1, 1, (7, 12)), rng.uniform(-1, 1, (12, 5))
    weights[0, 0] = 1.0
    written = load(device, tmp_path, f"Curved{way}")
    params = written.configure(crosssim.CrossSimParameters(), read_noise=False)
    params.xbar.device.programming_error.enable = False
    params.simulation.disable_fast_nonlinear_IV = way != "sums"
    wires = params.xbar.array.parasitics
    wires.enable, wires.Rp_row, wires.Rp_col = way == "wires", 1e-4, 1e-4
    analog = crosssim.AnalogCore(weights, params)
    ours = tile(device, weights, noisy=False).multiply(x.T).T
    assert np.abs(ours - weights @ x).max() > 0.05
    assert analog @ x == pytest.approx(ours, abs=1e-5)
    assert analog @ x[:, 0] == pytest.approx(ours[:, 0], abs=1e-5)


def test_times_beyond_the_laws_are_refused(tmp_path):
    written = load(soft_bounds(), tmp_path, "Late")
    with pytest.raises(ValueError, match="the laws end"):
        core(written, np.eye(2), 2 * YEARS)
