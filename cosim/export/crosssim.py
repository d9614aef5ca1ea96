"""A behavioural device as a device model of Sandia's CrossSim (inference).

CrossSim (github.com/sandialabs/cross-sim, 3.x) takes device models as Python classes derived
from its ``EmptyDevice``, with ``programming_error``, ``drift_error`` and ``read_noise`` over
conductances normalised to the largest; its later versions also ``nonlinear_current``. What is
written is such a class with tables of plain numbers; importing it makes it known to CrossSim,
which finds models among the subclasses. A drift model includes programming errors there, and
replaces them from a time above 0 on. The package is on no registry: what this was written to
is its source, ``simulator/devices/idevice.py`` and ``device.py`` (as of commit 20c408a, 3.0),
``base_device.py`` (9ac2c26, where ``EmptyDevice`` is called ``BaseDevice``), and the read-me of
its devices with ``nonlinear_IV``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.read_law import ReadLaw

FloatArray = NDArray[np.float64]

TARGETS = 33
# One second (what comes earlier was not measured) to ten years.
TIMES = tuple(float(t) for t in np.geomspace(1.0, 3.156e8, 18))


@dataclass(frozen=True, kw_only=True)
class CrossSimModel:
    """A translated device.

    Parameters
    ----------
    minimum, maximum : float
        Window [S].
    targets, times : ndarray, shapes (n,), (m,)
        Grids: conductance over the largest, seconds after programming.
    programmed : ndarray, shape (n,)
        Standard deviation after programming, over the largest conductance.
    drift_mean, drift_sigma, read_sigma : ndarray, shape (n, m)
        Shift and standard deviation (programming included) at a time, and standard deviation
        of a read, over the largest conductance.
    errors : dict of str to float
        Largest difference of each table, interpolated, to the law, over its largest value.
    notes : tuple of str
        What the target cannot express.
    read_law : ReadLaw
        Current against voltage, for versions with ``nonlinear_IV``.
    """

    minimum: float
    maximum: float
    targets: FloatArray
    times: FloatArray
    programmed: FloatArray
    drift_mean: FloatArray
    drift_sigma: FloatArray
    read_sigma: FloatArray
    errors: dict[str, float]
    notes: tuple[str, ...]
    read_law: ReadLaw = field(default_factory=ReadLaw)

    def source(self, name: str = "CmoHfox") -> str:
        """The model as a Python module; `name` is that of the class, letters and digits."""
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,40}", name):
            raise ParameterError(
                thing="name of a CrossSim model", value=name, limit="letters and digits"
            )
        notes = "\n".join(f"- {n}" for n in self.notes)
        worst = 100 * max(self.errors.values())

        def show(values: FloatArray) -> str:
            return json.dumps(np.round(values, 9).tolist())

        law, top = self.read_law, self.maximum
        volts, cells = np.array(law.voltages), np.array(law.conductances)
        shapes, weights = np.array(law.shapes), np.array(law.weights)
        return f'''"""CrossSim device model, written by reram-cosim.

Tables differ from the laws behind them by at most {worst:.3f} % of their largest value.
Importing this module registers the model; `configure(params)` selects it.
{notes}
"""

from simulator.backend import ComputeBackend

try:
    from simulator.devices.idevice import EmptyDevice
except ImportError:
    from simulator.devices.base_device import BaseDevice as EmptyDevice

xp = ComputeBackend()

# Siemens.
G_MIN = {self.minimum!r}
G_MAX = {self.maximum!r}
# Conductance over G_MAX; natural logarithm of seconds after programming.
TARGETS = {show(self.targets)}
LOG_TIMES = {show(np.log(self.times))}
# Over G_MAX; rows are targets, columns times.
PROGRAMMED = {show(self.programmed)}
DRIFT_MEAN = {show(self.drift_mean)}
DRIFT_SIGMA = {show(self.drift_sigma)}
READ_SIGMA = {show(self.read_sigma)}
# Current over G_MAX and volts: sum of WEIGHTS(conductance) times SHAPES(|volts|); empty: linear.
VOLTS = {show(volts)}
SHAPES = {show(shapes)}
CELLS = {show(cells / top)}
WEIGHTS = {show(weights / top)}
READ_VOLTAGE = {law.voltages[-1] if law.voltages else 0.2!r}


def _at(table, time):
    """Column of a table at a time, held before the first second."""
    table, log_times = xp.asarray(table), xp.asarray(LOG_TIMES)
    place = float(xp.log(xp.asarray(max(float(time), 1.0))))
    place = min(max(place, LOG_TIMES[0]), LOG_TIMES[-1])
    k = int(xp.clip(xp.searchsorted(log_times, xp.asarray(place)) - 1, 0, len(LOG_TIMES) - 2))
    share = (place - LOG_TIMES[k]) / (LOG_TIMES[k + 1] - LOG_TIMES[k])
    return table[:, k] + share * (table[:, k + 1] - table[:, k])


class {name}(EmptyDevice):
    """Programming noise, relaxation and read noise of a calibrated ReRAM."""

    def _value(self, column, input_):
        values = xp.interp(xp.asarray(input_).ravel(), xp.asarray(TARGETS), xp.asarray(column))
        return values.reshape(input_.shape).astype(input_.dtype)

    def _spread(self, column, input_):
        draw = xp.random.normal(size=input_.shape).astype(input_.dtype)
        return self._value(column, input_) * draw

    def programming_error(self, input_):
        return input_ + self._spread(PROGRAMMED, input_)

    def drift_error(self, input_, time):
        if time <= 0:
            return self.programming_error(input_)
        shift = self._value(_at(DRIFT_MEAN, time), input_)
        return input_ + shift + self._spread(_at(DRIFT_SIGMA, time), input_)

    def read_noise(self, input_):
        return input_ + self._spread(_at(READ_SIGMA, self.time), input_)

    def nonlinear_current(self, Gmat, Vmat):
        """Current of every cell; conductances and voltages over the largest."""
        scale = self.device_params.Vread
        volts, known = Vmat * scale, xp.abs(Vmat) * scale
        extra = Vmat.ndim - Gmat.ndim
        total = 0.0 if SHAPES else Gmat.reshape(Gmat.shape + (1,) * extra) * volts
        for weight, shape in zip(WEIGHTS, SHAPES):
            factor = xp.interp(Gmat.ravel(), xp.asarray(CELLS), xp.asarray(weight))
            curve = xp.interp(known.ravel(), xp.asarray(VOLTS), xp.asarray(shape))
            factor = factor.reshape(Gmat.shape + (1,) * extra)
            total = total + factor * curve.reshape(volts.shape) * xp.sign(volts)
        return total / scale


def configure(params, time=0.0, read_noise=True):
    """Select this model in a CrossSimParameters object, `time` seconds after programming."""
    device = params.xbar.device
    device.Rmin, device.Rmax, device.infinite_on_off_ratio = 1.0 / G_MAX, 1.0 / G_MIN, False
    device.time = time
    for kind in (device.programming_error, device.drift_error, device.read_noise):
        kind.model, kind.enable = "{name}", True
    device.read_noise.enable = read_noise
    if SHAPES and hasattr(device, "nonlinear_IV"):
        device.nonlinear_IV.model, device.nonlinear_IV.enable = "{name}", True
        device.Vread = READ_VOLTAGE
        params.simulation.fast_nonlinear_IV = False
    return params
'''


def _laws(device: BehaviouralDevice, g: FloatArray, times: FloatArray) -> dict[str, FloatArray]:
    """The laws themselves [S], shapes (targets,) or (targets, times)."""
    noise = device.noise
    programmed = np.asarray(noise.programming_sigma(g))
    middle = np.stack([noise.relax(g, t, np.zeros_like(g)) for t in times], axis=1)
    above = np.stack([noise.relax(g, t, np.ones_like(g)) for t in times], axis=1)
    return {
        "programmed": programmed,
        "drift_mean": middle - g[:, None],
        "drift_sigma": np.hypot(programmed[:, None], above - middle),
        "read_sigma": np.stack([noise.read_sigma(g, t) for t in times], axis=1),
    }


def translate(device: BehaviouralDevice) -> CrossSimModel:
    """Express a behavioural device's statistical laws as CrossSim's tables.

    Parameters
    ----------
    device : BehaviouralDevice
        With a window that does not begin at 0.

    Raises
    ------
    ParameterError
        The lowest conductance is 0: CrossSim takes resistances.
    """
    if device.conductance_min <= 0:
        raise ParameterError(
            thing="lowest conductance for CrossSim", value=device.conductance_min, limit="> 0 S"
        )
    top = device.conductance_max
    g, times = np.linspace(device.conductance_min, top, TARGETS), np.array(TIMES)
    tables = _laws(device, g, times)
    fine = np.linspace(device.conductance_min, top, 501)
    between = np.sqrt(times[1:] * times[:-1])
    truth = _laws(device, fine, between)
    errors = {}
    for key, table in tables.items():
        found = table if table.ndim == 1 else 0.5 * (table[:, 1:] + table[:, :-1])
        columns = found.reshape(len(g), -1)
        again = np.stack([np.interp(fine, g, c) for c in columns.T], axis=1)
        largest = float(np.abs(truth[key]).max())
        gap = float(np.abs(again - truth[key].reshape(len(fine), -1)).max())
        errors[key] = gap / largest if largest > 0 else 0.0
    notes = [
        "update laws of pulses and half-select effects are left out: CrossSim 3 models inference",
        "every time draws anew; here a device relaxes along one path",
    ]
    if not device.read_law.linear:
        notes.append("the curve of the read current needs a CrossSim with nonlinear_IV")
    return CrossSimModel(
        minimum=device.conductance_min,
        maximum=top,
        targets=g / top,
        times=times,
        programmed=tables["programmed"] / top,
        drift_mean=tables["drift_mean"] / top,
        drift_sigma=tables["drift_sigma"] / top,
        read_sigma=tables["read_sigma"] / top,
        errors=errors,
        notes=tuple(notes),
        read_law=device.read_law,
    )


def export(device: BehaviouralDevice, output: Path, *, name: str = "CmoHfox") -> dict[str, Any]:
    """Write ``<name>_crosssim.py`` into `output`.

    Returns
    -------
    dict
        ``files``, ``errors`` (see `CrossSimModel`) and ``notes``.
    """
    model = translate(device)
    source = model.source(name)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    module = output / f"{name.lower()}_crosssim.py"
    module.write_text(source)
    return {"files": [str(module)], "errors": dict(model.errors), "notes": list(model.notes)}
