"""The update law of a behavioural device as the look-up tables of CrossSim 1 and 2.

Those versions train (``update_model = "DG_LOOKUP"``) with two files, ``dG_increasing.txt`` and
``dG_decreasing.txt``: a line of text, one of conductances [S], one of cumulative probabilities,
then the step [S] at every probability (rows) and conductance (columns). CrossSim draws the row
and takes the nearest column; a grid of equal distances spares it an interpolation. Its
``Gmin_relative`` and ``Gmax_relative`` make weights of a part of the conductances; the line of
text says which of them are the window. Version 3 has no update models.

The format is that of ``dGLookupParams`` in
``cross_sim/cross_sim/xbar_simulator/parameters/numeric_params.py`` (commit 39fd461, version 2).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.response import PulseResponse

FloatArray = NDArray[np.float64]

CONDUCTANCES = 501
PROBABILITIES = 101


def update_table(device: BehaviouralDevice, response: PulseResponse) -> FloatArray:
    """Steps of one pulse [S], shape (PROBABILITIES, CONDUCTANCES), between the bounds."""
    from scipy.special import ndtri

    # CrossSim rounds a drawn probability to a row, so that the rows at the ends come half as
    # often, and its mean counts the first of them only: without noise they bias neither.
    normal = ndtri(np.linspace(0.0, 1.0, PROBABILITIES))
    normal[[0, -1]] = 0.0
    normal /= np.sqrt(np.sum(normal**2) / (PROBABILITIES - 1))
    mean = response.step(np.linspace(*device.bounds, CONDUCTANCES))
    sigma = np.hypot(response.noise * mean, response.noise_floor)
    return np.asarray((mean + normal[:, None] * sigma) * device.window)


def _error(device: BehaviouralDevice, response: PulseResponse) -> float:
    """Largest error of the mean step at the nearest column, over the largest step."""
    place = np.linspace(0.0, CONDUCTANCES - 1.0, 20 * CONDUCTANCES)
    low, high = device.bounds
    step = (high - low) / (CONDUCTANCES - 1)
    mean, nearest = (np.abs(response.step(low + step * p)) for p in (place, np.rint(place)))
    return float(np.abs(nearest - mean).max() / mean.max())


def write_tables(
    device: BehaviouralDevice, output: Path, name: str
) -> tuple[list[Path], dict[str, float]]:
    """Write the two files into ``<name>_crosssim_updates`` within `output`.

    Returns
    -------
    files : list of Path
    errors : dict of str to float
        Largest error of the mean step of either direction over its largest step, which comes
        of taking the nearest conductance.
    """
    folder = output / f"{name.lower()}_crosssim_updates"
    folder.mkdir(parents=True, exist_ok=True)
    low, high = device.bounds
    conductances = device.conductance(np.linspace(low, high, CONDUCTANCES))
    window = [f"{(end - low) / (high - low):.7g}" for end in (0, 1)]
    ends = f"Gmin_relative {window[0]}, Gmax_relative {window[1]}"
    files, errors = [], {}
    for direction, response in (("increasing", device.up), ("decreasing", device.down)):
        file = folder / f"dG_{direction}.txt"
        # CrossSim finds out whether the grids are even: they keep all their digits.
        grids = (conductances, np.linspace(0.0, 1.0, PROBABILITIES))
        lines = [",".join(map(repr, grid.tolist())) for grid in grids]
        lines += [",".join(f"{x:.7g}" for x in row) for row in update_table(device, response)]
        header = f"conductances [S]; cumulative probabilities; steps [S]; window: {ends}"
        file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        files.append(file)
        errors[f"{direction}_step"] = _error(device, response)
    return files, errors
