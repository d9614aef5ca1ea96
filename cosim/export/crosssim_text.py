"""Text of the Python module that `cosim.export.crosssim` writes; values go in at every ``$``."""

MODULE = '''"""CrossSim device model, written by reram-cosim.

Tables differ from the laws behind them by at most $worst % of their largest value.
Importing this module registers the model; `configure(params)` selects it.
$notes
"""

import math

from simulator.backend import ComputeBackend
from simulator.devices.idevice import EmptyDevice

xp = ComputeBackend()

# Siemens.
G_MIN = $minimum
G_MAX = $maximum
# Seconds after programming: column k of a table is at LAST ** (k / (columns - 1)).
LAST = $last
# Conductance over G_MAX.
TARGETS = $targets
# Over G_MAX; rows are targets, columns times.
PROGRAMMED = $programmed
DRIFT_MEAN = $drift_mean
DRIFT_SIGMA = $drift_sigma
READ_SIGMA = $read_sigma
$curves


def _at(table, time):
    """Column of a table at a time; held before the first second."""
    if time > LAST:
        raise ValueError(f"the laws end {LAST:g} s after programming; the time is {time:g} s")
    table = xp.asarray(table)
    last = table.shape[1] - 1
    place = last * math.log(max(time, 1.0)) / math.log(LAST)
    k = min(int(place), last - 1)
    return table[:, k] + (place - k) * (table[:, k + 1] - table[:, k])


def _interpolate(values, grid, table):
    found = xp.interp(xp.asarray(values).ravel(), xp.asarray(grid), xp.asarray(table))
    return found.reshape(values.shape).astype(values.dtype)


def _add_noise(values, sigma):
    return values + sigma * xp.random.normal(size=values.shape).astype(values.dtype)


class $name(EmptyDevice):
    """Programming noise, relaxation and read noise of a calibrated ReRAM."""

    def programming_error(self, input_):
        return _add_noise(input_, _interpolate(input_, TARGETS, PROGRAMMED))

    def drift_error(self, input_, time):
        if time <= 0:
            return self.programming_error(input_)
        shift = _interpolate(input_, TARGETS, _at(DRIFT_MEAN, time))
        return _add_noise(input_ + shift, _interpolate(input_, TARGETS, _at(DRIFT_SIGMA, time)))

    def _read_sigma(self, input_):
        return _interpolate(input_, TARGETS, _at(READ_SIGMA, self.time))

    def read_noise(self, input_):
        return _add_noise(input_, self._read_sigma(input_))

    def read_noise_variance(self, input_):
        """For versions that add the noise of all reads of a line at once."""
        return self._read_sigma(input_) ** 2
$methods

def configure(params, time=0.0, read_noise=True):
    """Select this model in a CrossSimParameters object, `time` seconds after programming."""
    device = params.xbar.device
    device.Rmin, device.Rmax, device.infinite_on_off_ratio = 1.0 / G_MAX, 1.0 / G_MIN, False
    device.time = time
    for kind in (device.programming_error, device.drift_error, device.read_noise):
        kind.model, kind.enable = "$name", True
    device.read_noise.enable = read_noise
$select    return params
'''

# What only a curved read law needs.
CURVES = """# Current over G_MAX and volts: sum of WEIGHTS(G over G_MAX) times SHAPES(|volts|).
VOLTS = $volts
SHAPES = $shapes
CELLS = $cells
WEIGHTS = $weights
"""

METHODS = '''
    def _weights(self, conductances):
        """One factor of every term of the current; beyond the grid in proportion."""
        inside = xp.clip(conductances, CELLS[0], CELLS[-1])
        for table in WEIGHTS:
            yield _interpolate(inside, CELLS, table) * (conductances / inside)

    def _shapes(self, inputs):
        """The other factor, from inputs over Vread."""
        for table in SHAPES:
            volts = xp.abs(inputs) * self.device_params.Vread
            yield xp.sign(inputs) * _interpolate(volts, VOLTS, table) / self.device_params.Vread

    def nonlinear_current(self, Gmat, Vmat):
        """Current of every cell over G_MAX and Vread."""
        more = (None,) * (Vmat.ndim - Gmat.ndim)
        pairs = zip(self._weights(Gmat), self._shapes(Vmat))
        return sum(weight[(..., *more)] * shape for weight, shape in pairs)

    def nonlinear_current_sum(self, Gmat, Vterm):
        """Currents of all lines, without wires."""
        return sum(w @ shape for w, shape in zip(self._weights(Gmat), self._shapes(Vterm)))
'''

SELECT = """    if hasattr(device, "nonlinear_IV"):
        device.nonlinear_IV.model, device.nonlinear_IV.enable = "$name", True
        device.Vread = $vread
"""
