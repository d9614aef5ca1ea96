"""A behavioural device as a preset of IBM's Analog Hardware Acceleration Kit (aihwkit).

What is written is a small Python module of plain numbers that imports aihwkit and nothing
of this project. The window becomes weights -1 to 1. aihwkit 1.1.0 is what it was tested
with.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compact_models.errors import DataError, ParameterError
from compact_models.noise import noise_parameters, programming_sigma
from cosim.behavioural.device import BehaviouralDevice
from cosim.behavioural.noise import NoiseLaws
from cosim.export import aihwkit_text as text
from cosim.export import class_name

FloatArray = NDArray[np.floating[Any]]
Form = Literal["piecewise", "soft_bounds"]
# aihwkit limits the nodes to below 64 on a GPU.
NODES = 33


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
    tight : tuple of float
        Spread after programming with the tight acceptance range: offset [uS], slope.
    step_error : float
        Largest difference of the mean steps, translated against original, over the window,
        relative to the largest step.
    spread_error : float
        Likewise of the standard deviation of a step from pulse to pulse.
    notes : tuple of str
        What the target cannot express.
    """

    form: Form
    fields: dict[str, Any]
    inference: dict[str, Any]
    tight: tuple[float, float]
    step_error: float
    spread_error: float
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

        def arguments(values: dict[str, Any], indent: int) -> str:
            return "\n".join(f"{indent * ' '}{k}={v!r}," for k, v in values.items())

        return Template(text.MODULE).substitute(
            name=class_name(name),
            device_class=self.device_class,
            step_error=f"{100 * self.step_error:.3f}",
            spread_error=f"{100 * self.spread_error:.3f}",
            notes="\n".join(f"- {n}" for n in self.notes),
            tight=repr(self.tight),
            fields=arguments(self.fields, 8),
            inference=arguments(self.inference, 12),
        )

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


def _line(sigma: Any) -> tuple[float, float]:
    """Offset [uS] and slope of a spread that is linear in the conductance."""
    at_zero, at_top = (float(s) for s in sigma(np.array([0.0, 1e-4])))
    return at_zero * 1e6, (at_top - at_zero) / 1e-4


def _inference(noise: NoiseLaws) -> tuple[dict[str, Any], tuple[float, float]]:
    """Coefficients of aihwkit's laws, which are written in microsiemens; zero for one left out."""
    p = {**noise_parameters(), **dict(noise.coefficients)}
    relaxation, read = 1e6 * noise.relaxation, 1e6 * noise.read
    tight = _line(lambda g: programming_sigma(g, p["programming_range_tight"], p))
    return {
        "coeff_dict": {noise.acceptance_range: list(_line(noise.programming_sigma))},
        "acceptance_range": noise.acceptance_range,
        "decay_dict": {
            "mean": [p["relaxation_mean_slope"] * relaxation],
            "std": [
                p["relaxation_sigma_slope"] * relaxation,
                p["relaxation_sigma_offset"] * relaxation,
            ],
        },
        "read_dict": {"K": p["read_coefficient"] * read, "t_read": p["read_time"]},
    }, tight


def _steps(
    device: BehaviouralDevice, form: Form, dw_min: float, u: FloatArray
) -> tuple[dict[str, Any], FloatArray, FloatArray]:
    """Fields of the form, and its mean steps up and down (magnitudes, weights) at `u`."""
    if form == "piecewise":
        nodes = np.linspace(*device.bounds, NODES)
        up, down = 2.0 * device.up.step(nodes), -2.0 * device.down.step(nodes)
        fields = {
            "dw_min": dw_min,
            "piecewise_up": [float(x) for x in up / dw_min],
            "piecewise_down": [float(x) for x in down / dw_min],
        }
        return fields, np.interp(u, nodes, up), np.interp(u, nodes, down)
    # up = a (1 - u), down = b u, by least squares.
    up, down = 2.0 * device.up.step(u), -2.0 * device.down.step(u)
    a = float(np.sum(up * (1 - u)) / np.sum((1 - u) ** 2))
    b = float(np.sum(down * u) / np.sum(u**2))
    # aihwkit's steps at w = 0: dw_min for the larger side, dw_min (1 - |up_down|) for the
    # other, which is up where up_down is negative (measured with 1.1.0).
    fields = {
        "dw_min": 0.5 * max(a, b),
        "up_down": a / b - 1.0 if a < b else 1.0 - b / a,
        "mult_noise": True,
    }
    return fields, a * (1 - u), b * u


def _relative_noise(device: BehaviouralDevice) -> float:
    """The noise with which two opposite pulses at the symmetry point keep their spread."""
    sides, u = (device.up, device.down), device.symmetry_position
    steps = np.array([float(side.step(u)) for side in sides])
    sigma = [np.hypot(n.noise * s, n.noise_floor) for n, s in zip(sides, steps, strict=True)]
    return float(np.linalg.norm(sigma) / np.linalg.norm(steps))


def _notes(device: BehaviouralDevice, noise: float, spread_error: float) -> tuple[str, ...]:
    notes, spread = [], device.spread
    if spread_error > 0.01:
        notes.append(
            f"one relative noise for both directions and all conductances: {noise:.4g} keeps the "
            "spread of two opposite pulses at the symmetry point"
        )
    if device.half_select > 0:
        notes.append(f"half-select ratio {device.half_select:g} is left out")
    if max(spread.conductance_min, spread.conductance_max) > 0:
        notes.append("a device with a wider window has wider steps here, the same ones in aihwkit")
    return tuple(notes)


def translate(device: BehaviouralDevice, form: Form = "piecewise") -> AihwkitPreset:
    """Express a behavioural device in aihwkit's terms.

    Parameters
    ----------
    device : BehaviouralDevice
    form : str
        ``"piecewise"`` keeps the shape of the update law on 33 nodes; ``"soft_bounds"`` fits
        the nearest linear law, and its error is stated.
    """
    if form not in ("piecewise", "soft_bounds"):
        raise ParameterError(
            thing="form of an aihwkit preset", value=form, limit="'piecewise' or 'soft_bounds'"
        )
    dw_min = 2.0 / device.figures["states"]
    if not np.isfinite(dw_min) or dw_min <= 0:
        raise ParameterError(
            thing="step at the symmetry point", value=dw_min, limit="finite and above 0"
        )
    bounds = device.bounds if form == "piecewise" else (0.0, 1.0)
    u = np.linspace(0.0, 1.0, 2001)
    steps, up, down = _steps(device, form, float(dw_min), u)
    found = np.stack([up, down])
    mean = np.abs(2.0 * np.stack([device.up.step(u), device.down.step(u)]))
    floors = np.array([[device.up.noise_floor], [device.down.noise_floor]])
    sigma = np.hypot(np.array([[device.up.noise], [device.down.noise]]) * mean, 2.0 * floors)
    noise = _relative_noise(device)
    spread_error = float(np.abs(noise * found - sigma).max() / max(sigma.max(), 1e-300))
    spread, low, high = device.spread, 2.0 * bounds[0] - 1.0, 2.0 * bounds[1] - 1.0
    inference, tight = _inference(device.noise)
    window = {"g_min": device.conductance_min * 1e6, "g_max": device.conductance_max * 1e6}
    return AihwkitPreset(
        form=form,
        fields={
            "w_min": low,
            "w_max": high,
            "dw_min_std": noise,
            "dw_min_dtod": spread.step,
            "dw_min_dtod_log_normal": True,
            "up_down_dtod": spread.up_down,
            "w_min_dtod": 2.0 * spread.conductance_min / abs(low),
            "w_max_dtod": 2.0 * spread.conductance_max / abs(high),
            **steps,
        },
        inference=window | inference,
        tight=tight,
        step_error=float(np.abs(found - mean).max() / mean.max()),
        spread_error=spread_error,
        notes=_notes(device, noise, spread_error),
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
        ``files``, ``form``, ``step_error``, ``spread_error`` and ``notes``.
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
        "spread_error": preset.spread_error,
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
