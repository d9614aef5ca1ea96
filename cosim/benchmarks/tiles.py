"""The matrix that a tile computes, once per tile, and images through a network of such tiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import pairwise, product

import numpy as np

from cosim.benchmarks.arrays import array_1t1r
from cosim.benchmarks.rows import NATIVE, Floats, Goal, Row, in_turns

LAYERS = (784, 256, 128, 10)
IMAGES = 100
# Images a second of CrossSim for this network with wires, as stated with the goal; where
# CrossSim is installed, the rows "linear" measure it on one array.
STATED_CROSSSIM = 13.0
GOAL = 1000.0


def _tiles(size: int) -> list[tuple[int, int]]:
    """Tiles (inputs, outputs) of a network; every weight is a pair of cells on two columns."""
    found = []
    for inputs, outputs in pairwise(LAYERS):
        for _ in product(range(math.ceil(inputs / size)), range(math.ceil(2 * outputs / size))):
            found.append((inputs, outputs))
    return found


def matrix(size: int, full: bool, threads: int) -> Iterator[Row]:
    """Effective conductances of a 1T1R tile with wires, then images through a network of them."""
    from cosim.simulators.native import effective_matrix

    array = array_1t1r(size)
    build = in_turns({NATIVE: partial(effective_matrix, array, samples=0)}, 3)[NATIVE]
    checked = effective_matrix(array, samples=4)
    tiles = _tiles(size)
    matrices = [build.result.matrix.copy() for _ in tiles]
    v = np.random.default_rng(1).uniform(0, 0.2, (IMAGES, size))

    def images() -> list[Floats]:
        return [v @ m for m in matrices]

    rate = IMAGES / in_turns({"images": images}, 9)["images"].cpu
    goal = Goal(
        what=f"images/s of {'-'.join(map(str, LAYERS))} over CrossSim's {STATED_CROSSSIM:g} "
        "(stated, not measured here)",
        wanted=f">= {GOAL:g} x",
        measured=f"{rate / STATED_CROSSSIM:.3g} x",
        reached=rate >= GOAL * STATED_CROSSSIM,
    )
    yield build.row(
        work="matrix", size=size, solver=NATIVE, accuracy=checked.nonlinearity,
        goals=(goal,) if size == 128 else (),
        note=f"time: one tile, once; then {rate:.4g} images/s of processor time through "
        f"{len(tiles)} tiles, {IMAGES} at a time; accuracy: nonlinearity left out",
    )  # fmt: skip
