"""Which algorithm is biased by a symmetry point that is not zero.

A linear map with noisy targets has a known answer: the true weights. With a symmetry
point away from zero, noisy gradients pull plain analog SGD towards that point [Gokmen and
Haensch 2020]. Tiki-Taka version 2 with its fast array's zero shifted to the symmetry
points has no such bias [Gokmen 2021]; without shifting it has; AGAD needs no shifting
[Rasch et al. 2024].
"""

import numpy as np
import pytest

from cosim.behavioural import DeviceSpread, soft_bounds
from cosim.network.algorithms import Analog, TransferOptions

DEVICE = soft_bounds(states=100.0, skew=0.7, nsr=0.3, spread=DeviceSpread(step=0.2, up_down=0.3))
INPUTS, OUTPUTS, NOISE, RATE = 20, 10, 0.3, 0.01
TRUE = np.random.default_rng(0).uniform(-0.3, 0.3, (INPUTS, OUTPUTS)).astype(np.float32)


def bias_of(algorithm, fast_reference="middle", batches=1500):
    """Root mean square of (time-averaged weights - true weights)."""
    analog = Analog(
        algorithm=algorithm, device=DEVICE, reference="middle", fast_reference=fast_reference,
        transfer=TransferOptions(lift=0.03),
    )  # fmt: skip
    learner = analog.learner(INPUTS, OUTPUTS, 1.0, np.random.SeedSequence(1))
    rng = np.random.default_rng(1)
    total = np.zeros(TRUE.shape)
    for n in range(batches):
        x = rng.standard_normal((10, INPUTS)).astype(np.float32)
        noise = NOISE * rng.standard_normal((10, OUTPUTS))
        d = (x @ (TRUE - learner.weights()) + noise).astype(np.float32)
        learner.update(x, d, RATE)
        if n >= batches // 2:
            total += learner.weights()
    return float(np.sqrt(np.mean((total / (batches - batches // 2) - TRUE) ** 2)))


def test_floating_point_finds_the_answer():
    assert bias_of("fp") < 0.01


def test_plain_sgd_is_biased_and_its_weights_are_nearly_lost():
    assert bias_of("sgd") > 0.15


def test_tiki_taka_2_is_not_biased_when_shifted_and_is_when_not():
    assert bias_of("ttv2", "shifted") < 0.04
    assert bias_of("ttv2", "middle") > 0.3


@pytest.mark.parametrize("algorithm", ["agad", "mixed"])
def test_agad_and_mixed_precision_need_no_shifting(algorithm):
    assert bias_of(algorithm) < 0.045


def test_tiki_taka_1_and_chopped_2_are_far_better_than_sgd():
    assert bias_of("ttv1", "shifted") < 0.05
    assert bias_of("cttv2", "shifted") < 0.07
