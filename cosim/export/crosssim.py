"""A behavioural device as a device model of Sandia's CrossSim.

CrossSim 3 (github.com/sandialabs/cross-sim) models inference: device models are Python classes
derived from its ``EmptyDevice``, with ``programming_error``, ``drift_error`` and ``read_noise``
over conductances normalised to the largest; its versions of 2026 add ``nonlinear_current`` and
``nonlinear_current_sum``, then ``read_noise_variance``. What is written is such a class with
tables of plain numbers; importing it makes it known to CrossSim, which finds models among the
subclasses. A drift model includes programming errors there, and replaces them from a time above
0 on.

CrossSim is on no registry. The class was run in a copy of the parts of its source that it
meets, as of commits f4fe899, 5fb61d9 and 0a2eb1e (2026), and passes
``tests/integration/test_export_in_crosssim.py`` there; ``read_noise_variance`` was not run in it.
Update laws go into tables for CrossSim 1 and 2: `cosim.export.crosssim_updates`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import ParameterError
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.read_law import ReadLaw
from cosim.export import class_name
from cosim.export import crosssim_text as text
from cosim.export.crosssim_updates import write_tables

FloatArray = NDArray[np.float64]

TARGETS = 33
# One second (what comes earlier was not measured) to ten years.
TIMES = tuple(float(t) for t in np.geomspace(1.0, 3.156e8, 18))
# Conductances are defined at this voltage; an input of 1 is read with it.
READ_VOLTAGE = 0.2


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
    read_law: ReadLaw

    def source(self, name: str = "CmoHfox") -> str:
        """The model as a Python module; `name` is that of the class, letters and digits."""

        def show(values: Any) -> str:
            return json.dumps(np.round(values, 9).tolist())

        law, top = self.read_law, self.maximum
        parts = ("", "", "") if law.linear else (text.CURVES, text.METHODS, text.SELECT)
        module = Template(text.MODULE).safe_substitute(
            curves=parts[0], methods=parts[1], select=parts[2]
        )
        tables = ("targets", "programmed", "drift_mean", "drift_sigma", "read_sigma")
        return Template(module).substitute(
            {table: show(getattr(self, table)) for table in tables},
            name=class_name(name),
            notes="\n".join(f"- {n}" for n in self.notes),
            worst=f"{100 * max(self.errors.values()):.3f}",
            minimum=repr(self.minimum),
            maximum=repr(self.maximum),
            last=repr(float(self.times[-1])),
            volts=show(law.voltages),
            shapes=show(law.shapes),
            cells=show(np.array(law.conductances) / top),
            weights=show(np.array(law.weights) / top),
            vread=repr(READ_VOLTAGE if law.linear else min(READ_VOLTAGE, law.voltages[-1])),
        )


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
        "CrossSim 3 models inference: update laws are for CrossSim 1 and 2, in tables of their own",
        "half-select effects and spreads of devices are left out",
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
    """Write ``<name>_crosssim.py`` and the tables of updates into `output`.

    Returns
    -------
    dict
        ``files``, ``errors`` (see `CrossSimModel` and `write_tables`) and ``notes``.
    """
    model = translate(device)
    source = model.source(name)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    module = output / f"{name.lower()}_crosssim.py"
    module.write_text(source)
    files, errors = write_tables(device, output, name)
    return {
        "files": [str(module), *map(str, files)],
        "errors": model.errors | errors,
        "notes": list(model.notes),
    }
