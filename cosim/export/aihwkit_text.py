"""Text of the Python module that `cosim.export.aihwkit` writes; values go in at every ``$``."""

MODULE = '''"""aihwkit preset, written by reram-cosim.

Largest error of the translated mean step: $step_error % of the largest step; of the standard
deviation of a step: $spread_error % of the largest.
$notes
"""

from math import log, sqrt

from aihwkit.inference import ReRamCMONoiseModel
from aihwkit.simulator.configs import InferenceRPUConfig, SingleRPUConfig
from aihwkit.simulator.configs.devices import $device_class
from torch import log10, randn_like

# Spread of the tight acceptance range: offset in microsiemens, slope.
TIGHT = $tight


def ${name}Device():
    """One device; weights -1 to 1 are the conductance window."""
    return $device_class(
$fields
    )


def ${name}Training():
    """Configuration for training by stochastic pulses."""
    return SingleRPUConfig(device=${name}Device())


class ${name}Noise(ReRamCMONoiseModel):
    """aihwkit's model of the device, in microsiemens, with three corrections.

    aihwkit adds all of the published spread of relaxation to the programming noise, which is
    part of it; it holds conductances within the window, which moves the mean near the ends; and
    it lets weights relax as if the outermost noisy ones were the ends of the window.
    """

    def __init__(self):
        super().__init__(
$inference
        )

    def apply_programming_noise(self, weights):
        """Noisy weights, and which conductances they stand for."""
        noisy, _ = super().apply_programming_noise(weights)
        return noisy, [self.g_converter.convert_to_conductances(weights)[1]]

    def apply_drift_noise(self, weights, drift_noise_parameters, t_inference):
        (scale,) = drift_noise_parameters
        g_prog = (weights - scale["min"]) * scale["scale_ratio"] + self.g_min
        g_drift = self.apply_drift_noise_to_conductance(g_prog, None, t_inference)
        return self.g_converter.convert_back_to_weights(g_drift, scale)

    def apply_drift_noise_to_conductance(self, g_prog, drift_noise_param, t_inference):
        """Relaxation and one read `t_inference` seconds after programming."""
        if t_inference == 0:
            return g_prog
        # Nothing was measured before the first second.
        log_time = log(max(t_inference, 1.0))
        slope, offset = self.decay_dict["std"]
        tight = TIGHT[0] + TIGHT[1] * g_prog
        spread = ((slope * log_time + offset) ** 2 - tight**2).clamp(min=0.0).sqrt()
        drift = self.decay_dict["mean"][0] * log_time + spread * randn_like(g_prog)
        g_drift = (g_prog + self.drift_scale * drift).clamp(min=0.0)
        bands = (t_inference / self.read_dict["t_read"] + 1.0) / 2.0
        # The logarithm of the law would turn negative below 1 microsiemens.
        read = self.read_dict["K"] * log10(g_drift.clamp(min=1.0)) * sqrt(log(max(bands, 1.0)))
        return g_drift + self.read_noise_scale * read * randn_like(g_prog)


def ${name}Inference():
    """Configuration for inference with programming noise, relaxation and read noise.

    aihwkit's compensation of a common drift is off; give one in `drift_compensation`.
    """
    config = InferenceRPUConfig()
    config.noise_model = ${name}Noise()
    config.drift_compensation = None
    return config
'''
