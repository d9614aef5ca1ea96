"""A behavioural device as a preset of IBM's Analog Hardware Acceleration Kit (aihwkit).

What is written is a small Python module of plain numbers that imports aihwkit and nothing
of this project. The window becomes weights -1 to 1. aihwkit 1.1.0 is what it was tested
with.
"""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from compact_models.errors import DataError, ParameterError
from cosim.behavioural.device import BehaviouralDevice

Form = Literal["piecewise", "soft_bounds"]
# aihwkit limits the nodes to below 64 on a GPU.
NODES = 33
# aihwkit knows its two programming-noise fits by these numbers (per cent). Others, such as
# 0.02, it silently replaces by the tighter fit.
ACCEPTANCE = {0.002: 0.2, 0.02: 2}


@dataclass(frozen=True, kw_only=True)
class AihwkitPreset:
    """A translated device.

    Parameters
    ----------
    form : str
        ``"piecewise"`` (PiecewiseStepDevice) or ``"soft_bounds"`` (SoftBoundsDevice).
    fields : dict
        Arguments of the aihwkit device class.
    inference : dict
        Arguments of aihwkit's ReRamCMONoiseModel.
    step_error : float
        Largest difference of the mean steps, translated against original, over the window,
        relative to the largest step.
    notes : tuple of str
        What the target cannot express.
    """

    form: Form
    fields: dict[str, Any]
    inference: dict[str, Any]
    step_error: float
    notes: tuple[str, ...]

    @property
    def device_class(self) -> str:
        """Name of aihwkit's device class."""
        return "PiecewiseStepDevice" if self.form == "piecewise" else "SoftBoundsDevice"

    def source(self, name: str = "CmoHfox") -> str:
        """The preset as a Python module.

        Parameters
        ----------
        name : str
            Prefix of the classes in it; letters and digits.
        """
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,40}", name):
            raise ParameterError(
                thing="name of an aihwkit preset", value=name, limit="letters and digits"
            )
        notes = "\n".join(f"- {n}" for n in self.notes)
        arguments = "\n".join(f"        {k}={v!r}," for k, v in self.fields.items())
        inference = ", ".join(f"{k}={v!r}" for k, v in self.inference.items())
        return f'''"""aihwkit preset, written by reram-cosim.

Largest error of the translated mean step: {100 * self.step_error:.3f} % of the largest step.
{notes}
"""

from aihwkit.inference import ReRamCMONoiseModel
from aihwkit.simulator.configs import InferenceRPUConfig, SingleRPUConfig
from aihwkit.simulator.configs.devices import {self.device_class}


def {name}Device():
    """One device; weights -1 to 1 are the conductance window."""
    return {self.device_class}(
{arguments}
    )


def {name}Training():
    """Configuration for training by stochastic pulses."""
    return SingleRPUConfig(device={name}Device())


def {name}Inference():
    """Configuration for inference with programming noise, relaxation and read noise."""
    config = InferenceRPUConfig()
    config.noise_model = ReRamCMONoiseModel({inference})
    return config
'''

    def build(self) -> Any:
        """The device as an aihwkit object; needs aihwkit.

        Raises
        ------
        DataError
            When aihwkit is not installed.
        """
        try:
            devices = importlib.import_module("aihwkit.simulator.configs.devices")
        except ImportError as error:
            raise DataError(
                thing="aihwkit",
                value="not installed",
                next_step="pip install 'reram-cosim[aihwkit]' (Python 3.11 has a wheel of 1.1.0).",
            ) from error
        return getattr(devices, self.device_class)(**self.fields)


def translate(device: BehaviouralDevice, form: Form = "piecewise") -> AihwkitPreset:
    """Express a behavioural device in aihwkit's terms.

    Parameters
    ----------
    device : BehaviouralDevice
    form : str
        ``"piecewise"`` keeps the shape of the update law on 33 nodes; ``"soft_bounds"`` fits
        the nearest linear law, and its error is stated.
    """
    u = np.linspace(0.0, 1.0, NODES)
    fine = np.linspace(0.0, 1.0, 2001)
    up, down = 2.0 * device.up.step(fine), -2.0 * device.down.step(fine)
    dw_min = 2.0 / device.figures["states"]
    if not np.isfinite(dw_min) or dw_min <= 0:
        raise ParameterError(
            thing="step at the symmetry point", value=dw_min, limit="finite and above 0"
        )
    noise = 0.5 * (device.up.noise + device.down.noise)
    notes = []
    if abs(device.up.noise - device.down.noise) > 0.02 * max(noise, 1e-12):
        notes.append(
            f"one noise for both directions: {noise:.4g} stands for {device.up.noise:.4g} up, "
            f"{device.down.noise:.4g} down"
        )
    if device.half_select > 0:
        notes.append(f"half-select ratio {device.half_select:g} is left out")
    if max(device.up.noise_floor, device.down.noise_floor) > 1e-3 * dw_min:
        notes.append("noise that does not scale with the step is left out")
    spread = device.spread
    fields: dict[str, Any] = {
        "w_min": -1.0,
        "w_max": 1.0,
        "dw_min": float(dw_min),
        "dw_min_std": float(noise),
        "dw_min_dtod": spread.step,
        "dw_min_dtod_log_normal": True,
        "up_down_dtod": spread.up_down,
        "w_min_dtod": 2.0 * spread.conductance_min,
        "w_max_dtod": 2.0 * spread.conductance_max,
    }
    if form == "piecewise":
        nodes_up, nodes_down = 2.0 * device.up.step(u), -2.0 * device.down.step(u)
        fields["piecewise_up"] = [float(x) for x in nodes_up / dw_min]
        fields["piecewise_down"] = [float(x) for x in nodes_down / dw_min]
        again_up, again_down = np.interp(fine, u, nodes_up), np.interp(fine, u, nodes_down)
    elif form == "soft_bounds":
        # up = a (1 - u), down = b u, by least squares.
        a = float(np.sum(up * (1 - fine)) / np.sum((1 - fine) ** 2))
        b = float(np.sum(down * fine) / np.sum(fine**2))
        # aihwkit's steps at w = 0: dw_min for the larger side, dw_min (1 - |up_down|) for the
        # other, which is up where up_down is negative (measured with 1.1.0).
        fields["dw_min"] = 0.5 * max(a, b)
        fields["up_down"] = a / b - 1.0 if a < b else 1.0 - b / a
        fields["mult_noise"] = True
        again_up, again_down = a * (1 - fine), b * fine
    else:
        raise ParameterError(
            thing="form of an aihwkit preset", value=form, limit="'piecewise' or 'soft_bounds'"
        )
    error = max(np.abs(again_up - up).max(), np.abs(again_down - down).max())
    range_ = device.noise.acceptance_range
    if range_ not in ACCEPTANCE:
        raise ParameterError(
            thing="acceptance range for aihwkit", value=range_, limit="0.002 or 0.02"
        )
    return AihwkitPreset(
        form=form,
        fields=fields,
        inference={
            "g_min": device.conductance_min * 1e6,
            "g_max": device.conductance_max * 1e6,
            "acceptance_range": ACCEPTANCE[range_],
        },
        step_error=float(error / max(up.max(), down.max())),
        notes=tuple(notes),
    )


def export(
    device: BehaviouralDevice,
    output: Path,
    *,
    form: Form = "piecewise",
    name: str = "CmoHfox",
) -> dict[str, Any]:
    """Write ``<name>_aihwkit.py`` and ``<name>_aihwkit.json`` into `output`.

    Returns
    -------
    dict
        ``files``, ``form``, ``step_error`` and ``notes``.
    """
    preset = translate(device, form)
    source = preset.source(name)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    module = output / f"{name.lower()}_aihwkit.py"
    module.write_text(source)
    numbers = output / f"{name.lower()}_aihwkit.json"
    summary = {
        "form": preset.form,
        "step_error": preset.step_error,
        "notes": list(preset.notes),
    }
    content = summary | {
        "device_class": preset.device_class,
        "fields": preset.fields,
        "inference": preset.inference,
        "source": device.source,
    }
    numbers.write_text(json.dumps(content, indent=1) + "\n")
    return summary | {"files": [str(module), str(numbers)]}
