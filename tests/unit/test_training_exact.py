"""Faster kernels must give what plain ones give, bit for bit, and what was published before."""

import os
import subprocess
import sys

import numpy as np
import pytest

from cosim.behavioural import DeviceSpread, PulseResponse, soft_bounds
from cosim.network import pulses
from cosim.network.algorithms import Analog, TransferOptions
from cosim.network.crossbar import DeviceArray, Pulses

FINE = soft_bounds(states=1200.0, skew=0.5, nsr=0.3)
COARSE = soft_bounds(states=22.0, spread=DeviceSpread(step=0.1, up_down=0.1))
# One side with noise that does not scale: it takes more random numbers than the other.
UNEVEN = COARSE.replace(
    up=PulseResponse(polarity=1, steps=COARSE.up.steps, noise=0.3, noise_floor=0.01),
    bounds=(-0.1, 1.2),
)
STILL = soft_bounds(states=60.0, nsr=0.0)


@pytest.mark.parametrize("device", [FINE, COARSE, UNEVEN, STILL])
def test_rows_of_pulses_are_single_pulses_in_turn(device):
    rng = np.random.default_rng(5)
    counts = rng.integers(-4, 5, (9, 21)) * (rng.random((9, 21)) < 0.6)
    one, many = (DeviceArray(device, 9, 21, seed=2) for _ in range(2))
    one.pulse(counts)
    for row in range(9):
        numbers, sides = np.zeros(32, np.int32), np.zeros(32, np.int32)
        numbers[:21], sides[:21] = np.abs(counts[row]), counts[row] < 0
        pulses.pulse_row(
            row, many.w, many.planes, many.law, many.noise, many.bounds, numbers, sides,
            np.int32(0), np.int32(0), many.rng,
        )  # fmt: skip
    assert np.array_equal(one.w, many.w)
    assert one.rng == many.rng


@pytest.mark.slow
def test_any_processor_gives_the_same_numbers(tmp_path):
    # The oldest kind of this processor's family, without its wide vectors.
    plain = {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    wanted = "rows_of_pulses"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        wanted,
    ]
    done = subprocess.run(
        command,
        env={**os.environ, **plain},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def trained(algorithm, read_sigma=0.0):
    """Weights after 40 fixed samples on devices without spread."""
    rng = np.random.default_rng(1)
    x = rng.random((40, 30)).astype(np.float32) * (rng.random((40, 30)) < 0.5)
    d = (0.2 * rng.standard_normal((40, 17))).astype(np.float32)
    options = TransferOptions(sweep=10, fast=2.0, read_sigma=read_sigma)
    analog = Analog(algorithm=algorithm, device=FINE, pulses=Pulses(length=31), transfer=options)
    learner = analog.learner(30, 17, 0.6, np.random.SeedSequence(7))
    learner.update(x.astype(np.float32), d, 0.05)
    return learner


# Sums of all weights and of their squares, from the plain kernels of the first version.
PINNED = {
    ("sgd", 0.0): (0.016039133071899414, 0.32757822931300495),
    ("mixed", 0.0): (0.7407772541046143, 0.31663919981633626),
    ("ttv1", 0.0): (-0.8493233323097229, 0.28611788538957583),
    ("ttv2", 0.0): (-0.1297643780708313, 0.0047978850776608795),
    ("ttv2", 0.01): (-0.06425601243972778, 0.004978128761262468),
    ("cttv2", 0.0): (-0.07999056577682495, 0.00451912247436681),
    ("agad", 0.0): (-0.07986795902252197, 0.0046278975764835195),
    ("agad", 0.01): (-0.014950752258300781, 0.005103063006451691),
}


@pytest.mark.parametrize(("algorithm", "read_sigma"), PINNED)
def test_results_for_a_seed_stay_what_they_were(algorithm, read_sigma):
    w = trained(algorithm, read_sigma).weights().astype(float)
    assert (w.sum(), np.square(w).sum()) == pytest.approx(PINNED[algorithm, read_sigma], rel=1e-6)
