"""Where training with the circuit in the loop begins: formed arrays and their calibrated device."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from compact_models import load_model
from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.network.circuit_settings import CircuitConfig
from netlists import Array, Cell, Parasitics

FloatArray = NDArray[np.float64]

# Cells of the row whose reads are calibrated, and the range of their states [1e25/m^3].
LEVELS, STATES = 16, (0.5, 4.0)


def fresh(array: Array, conductance: FloatArray | float, gate: float = 3.3) -> Array:
    """The formed array with its cells at given conductances [S] at 0.2 V, transistor included.

    Parameters
    ----------
    array : Array
    conductance : float or ndarray, shape (rows, columns)
        [S]
    gate : float
        Of the reads [V].

    Raises
    ------
    ParameterError
        A conductance that the device does not reach.
    """
    from cosim.simulators.native import effective_matrix

    states = np.geomspace(0.05, 20.0, 400)
    column = array.replace(
        rows=len(states), cols=1, parasitics=Parasitics(), parameters={}, selector_parameters={}
    ).with_parameters(c_0=states[:, None], phi_0=np.ones((len(states), 1)))
    known = effective_matrix(column, gate=gate, samples=0).ideal[:, 0]
    wanted = np.broadcast_to(np.asarray(conductance, float), array.shape)
    rising = np.append(True, np.diff(known) > 0).cumprod().astype(bool)
    if not (known[0] <= wanted.min() and wanted.max() <= known[rising][-1]):
        raise ParameterError(
            thing="conductances of a formed array [S]",
            value=(float(wanted.min()), float(wanted.max())),
            limit=f"{known[0]:.3g} to {known[rising][-1]:.3g}",
        )
    from scipy.interpolate import PchipInterpolator

    found = PchipInterpolator(known[rising], states[rising])(wanted)
    return array.with_parameters(c_0=found, phi_0=np.ones(array.shape))


def calibrated(array: Array, pulses: int) -> tuple[BehaviouralDevice, float]:
    """The behavioural device of the array's cells, and the error of a predicted train.

    From pulses on one of them, and from reads of a row of them in different states.
    """
    from cosim.calibration import calibrate
    from cosim.experiments.pulse_update import PulseUpdate
    from cosim.experiments.read import Read

    bare = array.replace(rows=1, cols=1, parasitics=Parasitics(), parameters={})
    update = PulseUpdate(fresh(bare, 5e-5), pulses=pulses, alternating=40, cycle_spread=False)
    row = bare.replace(cols=LEVELS).with_parameters(
        c_0=np.linspace(*STATES, LEVELS)[None], phi_0=np.ones((1, LEVELS))
    )
    volts = np.linspace(0.1, 1.0, 10)[:, None] * update.read_voltage
    read = Read(row, inputs=volts, gate=update.read_gate)
    fit = calibrate(*(e.run(simulator="native", seed=0, progress=False) for e in (update, read)))
    return fit.device, fit.report.trajectory_error


def tiles(c: CircuitConfig) -> tuple[list[Array], BehaviouralDevice, float]:
    """Arrays at the start, the device calibrated on one of their cells and its error.

    Every array has a row and a column of references more than its matrix. One tile starts at
    the symmetry point. Two would learn nothing from there: their weights
    are drawn uniformly in +-1 / sqrt(rows), so that hidden neurons differ.
    """
    sizes = [c.side * c.side, *([c.hidden] if c.hidden else []), len(c.classes)]
    cell = Cell(load_model("cmo_hfox", c.parameters), load_model("nmos_3v3"))
    wires = Parasitics(r_row=c.wire, r_col=c.wire)
    bare = [
        Array(cell, rows=rows + 1, cols=columns + 1, parasitics=wires)
        for rows, columns in itertools.pairwise(sizes)
    ]
    device, error = calibrated(bare[0], c.calibration_pulses)
    rng = np.random.default_rng([c.seed, 1])
    unit = device.window / (2.0 * c.weight_range)
    found = []
    for array in bare:
        start = np.full(array.shape, device.symmetry_point)
        if c.hidden:
            rows, columns = array.rows - 1, array.cols - 1
            drawn = rng.uniform(-1.0, 1.0, (rows, columns)) / np.sqrt(rows)
            start[:rows, :columns] += unit * drawn
        found.append(fresh(array, start))
    return found, device, error
